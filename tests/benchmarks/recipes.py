"""How good a recipe of direct learning does a search find with 18 to 60 trainings? Samplers and seeds, pool by pool.

    python -P tests/benchmarks/recipes.py OUT --workers 2        # goes on where it stopped; ends with the table

Each search has a pool, splits and seeds of its own; heads, batches and ranges are the same for all. What it found is
trained with twelve further seeds, splits redrawn, on 4,000 newly drawn examples: its true error. ``race`` is the search
of before (multivariate TPE, every trial with all seeds unless the race stops it, long recipes refused), ``GP`` is the
product's.
"""

import argparse
import json
import math
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from graft.models.train import prepare_process
from graft.search.engine.budget import SearchBudget
from graft.search.engine.executor import LocalExecutor
from graft.search.engine.journal import Journal, storage
from graft.search.engine.processes import carried_out
from graft.search.engine.sampler import Sampling
from graft.search.engine.search import Search, Space
from graft.search.engine.searched import best_plan
from graft.search.kinds.transfer.phases import direct_budget, direct_search
from graft.search.kinds.transfer.study import Study
from graft.search.run.folder import Run, write_json
from graft.search.run.seeds import Role, sequence
from graft.search.study import resolve
from graft.search.tasks.base import Examples, Phase, Request, fit
from graft.spaces import baseline, transfer
from graft.spaces.plan import Plan
from graft.spaces.ranges import shortened, widened

sys.path.insert(0, str(Path(__file__).parent))
from small import DEEP  # noqa: E402

POOLS = 10
TRUTH = 12
TEST = 4000


def demo(seed: int, trainings: int) -> Study:
    """The demo's direct learning, which trains with Muon now: films of 8 layers, 400 training rows."""
    return resolve("film10-film8", "demo", {"seed": seed, "budget.trainings": trainings})


def deep(seed: int, trainings: int) -> Study:
    """Films of 9 layers, 84 training rows, a smaller network."""
    given = {"name": "deep", "sources": ["film-12"], "target": "film-9", "seed": seed}
    return Study.from_dict(DEEP | given | {"budget": DEEP["budget"] | {"trainings": trainings}})


def tiny(seed: int, trainings: int) -> Study:
    """The calibration's: films of 5 layers, 60 training rows, one hidden layer."""
    return resolve("calibration", "demo", {"seed": seed, "budget.trainings": trainings})


def race(study: Study, journal: Journal) -> Search:
    """The search of before."""
    space = Space(
        Plan,
        partial(baseline.suggest, start=study.start),
        study.ranges,
        baseline.first_guesses(study.ranges, study.start),
        partial(transfer.constraints, rows=study.rows.training, steps=study.budget.steps),
        widened=widened,
    )
    budget = SearchBudget(study.budget.trainings, study.budget.seeds, widen=(0.5, 0.75))
    return Search(journal, "baseline", space, budget, Sampling(study.seed, Role.BASELINE_SAMPLER))


def one_seed(study: Study, journal: Journal) -> Search:
    """One seed a trial and finalists, but the sampler of before."""
    rows, steps = study.rows.training, study.budget.steps
    space = Space(
        Plan,
        partial(shortened, space=partial(baseline.suggest, start=study.start), rows=rows, steps=steps),
        study.ranges,
        baseline.first_guesses(study.ranges, study.start),
        widened=widened,
    )
    sampling = Sampling(study.seed, Role.BASELINE_SAMPLER)
    return Search(journal, "baseline", space, direct_budget(study.budget, math.inf), sampling)


def product(study: Study, journal: Journal) -> Search:
    """The search that runs have."""
    budget, rows = direct_budget(study.budget, math.inf), study.rows.training
    return direct_search(journal, "baseline", study.seed, budget, study.start, study.ranges, rows, study.budget.steps)


SEARCHES: dict[str, Callable[[Study, Journal], Search]] = {"race": race, "TPE": one_seed, "GP": product}
CASES: dict[str, tuple[Callable[[int, int], Study], tuple[int, ...]]] = {
    "film-8, 400 rows": (demo, (30,)),
    "film-9, 84 rows": (deep, (24, 60)),
    "film-5, 60 rows": (tiny, (24, 60)),
}


def drawn(study: Study, role: Role, rows: int) -> Examples:
    """Examples of the target, drawn on the spot."""
    return study.learned.sample(study.target, rows, np.random.default_rng(sequence(study.seed, role)))


def found(case: str, name: str, seed: int, trainings: int, folder: Path) -> dict[str, Any]:
    """One search and the truth of what it found."""
    prepare_process()
    study = CASES[case][0](100 + seed, trainings)
    run = Run(folder)
    folder.mkdir(parents=True, exist_ok=True)
    search = SEARCHES[name](study, storage(run.path("optuna.journal")))
    pool = drawn(study, Role.POOL, study.rows.pool).first(study.rows.pool - study.rows.locked)
    phase = Phase(study.learned, study.seed, Role.BASELINE, pool, study.rows.validation)
    LocalExecutor().explore(search, phase)
    plan = best_plan(search)
    judged = replace(phase, role=Role.REGRET, test=drawn(study, Role.TEST, TEST))
    errors = [fit(judged, Request(plan, i))[1].value for i in range(TRUTH)]
    told = {"plan": plan.to_dict(), "spent": search.spent, "trials": len(search.records()), "errors": errors}
    write_json(folder / "found.json", told)
    return told


def main() -> None:
    """Carry out what is missing, and print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("out", type=Path)
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--pools", type=int, default=POOLS)
    options.add_argument("--only", default="", help="part of a case's name")
    options.add_argument("--searches", default=",".join(SEARCHES))
    asked = options.parse_args()
    jobs: dict[tuple[Any, ...], tuple[Any, ...]] = {
        (case, search, trainings, seed): (
            case,
            search,
            seed,
            trainings,
            place(asked.out, case, search, trainings, seed),
        )
        for seed in range(asked.pools)
        for case, (_, budgets) in CASES.items()
        if asked.only in case
        for search in asked.searches.split(",")
        for trainings in budgets
    }
    missing = {key: job for key, job in jobs.items() if not (job[-1] / "found.json").exists()}
    for key, _ in carried_out(found, missing, asked.workers):
        print(*key, flush=True)
    print("| task | trainings | " + " | ".join(SEARCHES) + " |")
    print("|---|---|" + "---|" * len(SEARCHES))
    for case, (_, budgets) in CASES.items():
        for trainings in budgets:
            by_pool: dict[str, list[float]] = {}
            for key, (*_, folder) in jobs.items():
                if key[0] == case and key[2] == trainings:
                    errors = json.loads((folder / "found.json").read_text())["errors"]
                    by_pool.setdefault(key[1], []).append(float(np.log(errors).mean()))
            if by_pool:
                print(f"| {case} | {trainings} | " + " | ".join(told(by_pool, search) for search in SEARCHES) + " |")


def place(out: Path, case: str, search: str, trainings: int, seed: int) -> Path:
    """The folder of one search."""
    return out / case / search / f"{trainings}-{seed}"


def told(by_pool: dict[str, list[float]], search: str) -> str:
    """Geometric mean of the true errors, and what it is of those of the race with its standard error."""
    if search not in by_pool:
        return "-"
    logs = np.array(by_pool[search])
    text = f"{math.exp(logs.mean()):.2%}"
    if search == "race" or "race" not in by_pool:
        return text
    ratios = logs - np.array(by_pool["race"])
    return f"{text} ({math.exp(ratios.mean()):.2f} +- {ratios.std(ddof=1) / math.sqrt(len(ratios)):.2f})"


if __name__ == "__main__":
    main()
