"""Does a chain of sources, a prior, a loss term or thawing beat the best single span? Three films, three pools each.

    python -P tests/benchmarks/beyond_spans.py OUT --workers 2     # goes on where it stopped; ends with the table

Every way is searched with the same budget, pools, source examples and seeds as spans alone, so what it adds has to earn
the trials that it costs. The plan that a search would certify, or take to confirmation first, is trained with twelve
further seeds and judged on 2,000 new films.
"""

import argparse
import json
import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from graft.search.engine.executor import LocalExecutor
from graft.search.engine.processes import carried_out
from graft.search.engine.progress import Progress
from graft.search.kinds.transfer.kind import decided
from graft.search.kinds.transfer.pipeline import Pipeline
from graft.search.kinds.transfer.study import Study
from graft.search.run.folder import Run, strict, write_json
from graft.search.run.resources import Resources
from graft.search.run.seeds import Role, stream
from graft.search.tasks.base import Examples, Request

sys.path.insert(0, str(Path(__file__).parent))
from small import SIZES  # noqa: E402

CASES = (("film-12", "film-10", "film-8"), ("film-4", "film-6", "film-8"), ("film-6", "film-8", "film-10"))
"""What a chain begins with, the source, the target."""
WAYS: dict[str, dict[str, Any]] = {
    "spans": {},
    "chains": {},
    "priors": {"ranges": {"pull": [1e-5, 1e-2], "prior": ["flat", "fisher"]}},
    "terms": {"terms": {"feature": [1e-3, 1.0]}},
    "thawing": {"ranges": {"thaw": [0.0, 0.6]}},
}
POOLS, TRUTH = 3, 12


class Drawn(Pipeline):
    """A run whose films are drawn on the spot: too few to be worth shards."""

    def examples(self, name: str, role: Role, rows: int) -> Examples:
        """As of `Pipeline`; each source has films of its own."""
        path = (int(name.removeprefix("film-")),) if role == Role.SOURCE else ()
        return self.task.sample(name, rows, stream(self.study.seed, role, *path))


def study_of(case: tuple[str, str, str], way: str, seed: int) -> Study:
    """The study of a case in one of the ways."""
    first, source, target = case
    added = WAYS[way] | ({"chains": [[first, source]]} if way == "chains" else {})
    given = {"name": f"{source}-{target}", "sources": [source], "target": target, "seed": seed}
    return Study.from_dict(SIZES | given | added | {"ranges": SIZES["ranges"] | added.get("ranges", {})})


def found(case: tuple[str, str, str], way: str, seed: int, folder: Path) -> dict[str, Any]:
    """One search with its verdict, and the truth of what it found."""
    study, run = study_of(case, way, seed), Run(folder)
    run.begin(study)
    line = Drawn(study, run, Resources(1), Progress(quiet=True), executor=LocalExecutor())
    line.prepare()
    with run.held():
        ended = decided(line)
        fixed = ended.confirmed.fixed.candidates
        plan = fixed[0].plan if fixed else ended.rival.plan
        test = line.examples(study.target, Role.TRUTH, study.rows.test)
        phase = replace(line.shared(Role.REGRET, ended.sources, test), crossed=False)
        measured = line.measure("truth", {str(i): (phase, Request(plan, i)) for i in range(TRUTH)})
        told = {"decision": ended.confirmed.comparison.decision, "plan": plan.describe(rates=True)}
        told |= {"errors": [measured[str(i)] for i in range(TRUTH)]}
        run.write("found.json", strict(told))
    return told


def place(out: Path, case: tuple[str, str, str], way: str, seed: int) -> Path:
    """The folder of one search."""
    return out / f"{case[1]}-{case[2]}" / way / str(seed)


def logs(out: Path, case: tuple[str, str, str], way: str, pools: int) -> np.ndarray:
    """Mean logarithm of the true error of what was found in each pool; infinite where a seed diverged."""
    read = (json.loads((place(out, case, way, seed) / "found.json").read_text()) for seed in range(pools))
    return np.array([np.mean([math.log(e) if e else math.inf for e in one["errors"]]) for one in read])


def main() -> None:
    """Carry out what is missing, and print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("out", type=Path)
    options.add_argument("--pools", type=int, default=POOLS)
    options.add_argument("--workers", type=int, default=2)
    asked = options.parse_args()
    jobs = {
        (case, way, seed): (case, way, seed, place(asked.out, case, way, seed))
        for seed in range(asked.pools)
        for case in CASES
        for way in WAYS
    }
    missing = {key: job for key, job in jobs.items() if not (job[-1] / "found.json").exists()}
    for key, told in carried_out(found, missing, asked.workers):
        print(*key, told["decision"], told["plan"], flush=True)
    print("| way | " + " | ".join(f"{source} -> {target}" for _, source, target in CASES) + " | beside spans | p |")
    print("|---|" + "---|" * (len(CASES) + 2))
    rows = {}
    for way in WAYS:
        mine = np.concatenate([logs(asked.out, case, way, asked.pools) for case in CASES])
        beside = mine - np.concatenate([logs(asked.out, case, "spans", asked.pools) for case in CASES])
        errors = [f"{math.exp(logs(asked.out, case, way, asked.pools).mean()):.2%}" for case in CASES]
        told = ["", ""]
        if way != "spans":
            p = stats.ttest_1samp(beside, 0.0, alternative="less").pvalue
            told = [f"{np.expm1(beside.mean()):+.1%} +- {beside.std(ddof=1) / len(beside) ** 0.5:.1%}", f"{p:.2f}"]
        rows[way] = [*errors, *told]
        print(f"| {way} | " + " | ".join(rows[way]) + " |")
    write_json(asked.out / "beyond_spans.json", rows)


if __name__ == "__main__":
    main()
