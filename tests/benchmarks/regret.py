"""Is the search worth it, and is it safe? Twelve studies, each mapped once by brute force and searched three times.

    python tests/benchmarks/regret.py OUT --workers 2        # goes on where it stopped; ends with the table

Every search has its own pool, source network and seeds. Its verdict is compared with the truth on seeds that neither
search nor map saw: does what was certified harm, is a gain that is there found, how far is the chosen plan from the
map's best, what share of the map's trainings did it take. The network is small (six hidden blocks of 48, all 28 spans)
and the pool has 200 examples, so that all of it takes about an hour.
"""

import argparse
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from graft.search.engine.executor import LocalExecutor
from graft.search.engine.processes import carried_out
from graft.search.engine.progress import Progress
from graft.search.engine.searched import best_plan, recorded
from graft.search.kinds.transfer import mapping
from graft.search.kinds.transfer.kind import decided
from graft.search.kinds.transfer.phases import catching_up
from graft.search.kinds.transfer.pipeline import Pipeline
from graft.search.kinds.transfer.strangers import entries_permuted
from graft.search.kinds.transfer.study import Study
from graft.search.run.folder import Run, strict, write_json
from graft.search.run.resources import Resources
from graft.search.run.seeds import Role, sequence, stream
from graft.search.tasks.base import Examples, Request
from graft.spaces.plan import Plan, Recipe, Span

CASES = (
    ("film-10", "film-8"), ("film-8", "film-10"), ("film-12", "film-8"), ("film-6", "film-8"), ("film-8", "film-14"),
    ("film-7", "film-6"), ("nano-8", "film-8"), ("film-8", "nano-8"), ("nano-10", "nano-8"), ("nano-4", "nano-6"),
    ("permuted film-10", "film-8"), ("permuted nano-8", "nano-6"),
)  # fmt: skip
SEARCHES = 3
TRUTH = 12
"""Seeds on which direct learning, the chosen plan and the map's best are compared at last."""
UNSEEN = 1000
"""Their first number: the map has the ones below."""
SIZES: dict[str, Any] = {
    "rows": {"source": 4000, "pool": 200, "locked": 20, "validation": 40, "test": 2000},
    "network": {"depth": 6, "width": 48},
    "source_training": {"rate": 6e-3, "decay": 0.05, "batch": 100, "epochs": 30, "head": "constant"},
    "start": {
        "rate": 1e-2,
        "decay": 0.2,
        "batch": 70,
        "epochs": 120,
        "activation": "gelu",
        "warmup": 20,
        "head": "constant",
    },
    "ranges": {"epochs": [60, 140], "batch": [35, 140], "activation": ["gelu"]},
    "budget": {"trainings": 30, "seeds": 3, "steps": 280, "curve": 1, "map": 10},
    "proof": {"seeds": 8, "most_seeds": 8},
}


class World(Pipeline):
    """One search with a pool, a source network and seeds of its own; rows are drawn on the spot."""

    scrambled = False

    def examples(self, name: str, role: Role, rows: int) -> Examples:
        """Rows of a simulator; those of a source without knowledge have their labels permuted."""
        drawn = self.task.sample(name, rows, stream(self.study.seed, role))
        if role == Role.SOURCE and self.scrambled:
            rng = np.random.default_rng(sequence(self.study.seed, Role.SOURCE_NETWORK, 1))
            return entries_permuted(drawn, drawn, rng)
        return drawn

    def fourfold(self) -> Plan:
        """Direct learning searched on, with four times the trainings of the plans: after the verdict, so beside it."""
        search = self._direct_search(catching_up(self.study.budget, recorded(self.run, "direct.json")), 4)
        self.explore(search, self.shared(Role.BASELINE, {}), "direct learning, four times", "fourfold")
        plan: Plan = best_plan(search)
        return plan


def study_of(case: tuple[str, str], seed: int) -> Study:
    """The study of a case."""
    source, target = case
    given = {"name": f"{source.split()[-1]}-{target}", "sources": [source.split()[-1]], "target": target, "seed": seed}
    return Study.from_dict(SIZES | given)


def world(case: tuple[str, str], seed: int, folder: Path) -> World:
    """The run of one search, its data drawn."""
    run = Run(folder)
    study = study_of(case, seed)
    run.begin(study)
    line = World(study, run, Resources(1), Progress(quiet=True), executor=LocalExecutor())
    line.scrambled = case[0].startswith("permuted")
    line.prepare()
    return line


def search(case: tuple[str, str], seed: int, folder: Path) -> None:
    """Search, confirm, and write the verdict with its cost."""
    line = world(case, seed, folder)
    with line.run.held():
        ended = decided(line)
        rival, confirmed = ended.rival.plan, ended.confirmed
        found = confirmed.comparison.to_dict() | {"baseline": rival.to_dict()}
        recipes = [one.plan.recipe for one in confirmed.fixed.candidates]
        found["recipe"] = (recipes or [rival.recipe])[0].to_dict()
        spent = line.baseline_search.spent + line.plans_search.spent
        found["trainings"] = spent + sum(map(len, confirmed.arms.values()))
        line.run.write("verdict.json", strict(found))


def chart(case: tuple[str, str], folder: Path) -> None:
    """The map, in the world of the first search and with the recipes that it found."""
    line = world(case, 0, folder)
    found = line.run.read("verdict.json")
    direct, transfer = Plan.from_dict(found["baseline"]).recipe, Recipe.from_dict(found["recipe"])
    line.run.write("map.json", mapping.measured(line, direct, transfer).to_dict())


def truth(case: tuple[str, str], seed: int, folder: Path, drawn: dict[str, Any]) -> None:
    """Direct learning, the chosen plan and the map's best on seeds that nobody saw, in this search's own world."""
    line = world(case, seed, folder)
    found = line.run.read("verdict.json")
    direct = Plan.from_dict(found["baseline"])
    sources = line.source_networks(direct.recipe)
    plans = {"direct": direct, "chosen": Plan.from_dict(found["plan"]) if found["plan"] else direct}
    plans |= {"best": best_of(drawn, direct, line.study), "fourfold": line.fourfold()}
    task = line.shared(Role.REGRET, sources, line.examples(case[1], Role.TRUTH, line.study.rows.test))
    asked = {
        f"{name}/{i}": (task, Request(plan, i)) for i in range(UNSEEN, UNSEEN + TRUTH) for name, plan in plans.items()
    }
    errors = line.measure("truth", asked)
    by_arm = {name: [errors[f"{name}/{i}"] for i in range(UNSEEN, UNSEEN + TRUTH)] for name in plans}
    line.run.write("truth.json", by_arm)


def best_of(drawn: dict[str, Any], direct: Plan, study: Study) -> Plan:
    """The plan that the map recommends: its span of lowest error, or direct learning where none is better."""
    means = {(cell["n1"], cell["n2"]): mean_log(cell["errors"]) for cell in drawn["cells"]}
    top = min(means, key=lambda where: means[where])
    if means[top] >= mean_log(drawn["direct"]):
        return direct
    return Plan.span(Recipe.from_dict(drawn["recipe"]), study.blocks, study.sources[0], Span(*top))


def mean_log(errors: list[float | None]) -> float:
    """Mean logarithm, infinite where a seed diverged."""
    return sum(math.log(e) if e else math.inf for e in errors) / len(errors)


def gain(a: list[float | None], b: list[float | None]) -> tuple[float, float]:
    """Mean log-ratio of the errors a over b, and its standard error."""
    ratios = np.array([math.log(x / y) if x and y else math.nan for x, y in zip(a, b, strict=True)])
    return float(ratios.mean()), float(ratios.std(ddof=1) / math.sqrt(len(ratios)))


def whole_case(case: tuple[str, str], folder: Path) -> str:
    """All that is missing of one case."""
    place = folder / f"{case[0].replace(' ', '-')}-{case[1]}"
    for seed in range(SEARCHES):
        if not (place / str(seed) / "verdict.json").exists():
            search(case, seed, place / str(seed))
    if not (place / "0" / "map.json").exists():
        chart(case, place / "0")
    drawn = json.loads((place / "0" / "map.json").read_text())
    for seed in range(SEARCHES):
        if not (place / str(seed) / "truth.json").exists():
            truth(case, seed, place / str(seed), drawn)
    return place.name


def rows_of(folder: Path) -> list[dict[str, Any]]:
    """One row for each search that is done."""
    rows = []
    for case in CASES:
        place = folder / f"{case[0].replace(' ', '-')}-{case[1]}"
        for seed in range(SEARCHES):
            if not (place / str(seed) / "truth.json").exists():
                continue
            arms = json.loads((place / str(seed) / "truth.json").read_text())
            found = json.loads((place / str(seed) / "verdict.json").read_text())
            drawn = json.loads((place / "0" / "map.json").read_text())
            (chosen, error), (best, _) = gain(arms["direct"], arms["chosen"]), gain(arms["direct"], arms["best"])
            beyond, _ = gain(arms["fourfold"], arms["chosen"])
            noise = min(np.std([math.log(e) for e in c["errors"]], ddof=1) for c in drawn["cells"] if all(c["errors"]))
            rows.append(
                {"case": " -> ".join(case), "seed": seed, "decision": found["decision"], "gain": 1 - math.exp(-chosen)}
                # A certified plan that diverged on a seed has done harm.
                | {"harm": found["decision"] == "transfer" and not chosen >= -2 * error, "best": 1 - math.exp(-best)}
                | {"holds": chosen > math.log(1.02), "beyond": beyond > 0}
                | {"regret": math.expm1(best - chosen), "noise": float(noise) / math.sqrt(drawn["seeds"])}
                | {"cost": found["trainings"] / drawn["trainings"]}
            )
    return rows


def main() -> None:
    """Carry out what is missing, and print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("out", type=Path)
    options.add_argument("--workers", type=int, default=2)
    asked = options.parse_args()
    for _, name in carried_out(whole_case, {case: (case, asked.out) for case in CASES}, asked.workers):
        print(name, flush=True)
    rows = rows_of(asked.out)
    write_json(asked.out / "regret.json", rows)
    print("| case | verdicts | true gain of the choice | of the map's best | regret | share of the map's trainings |")
    print("|---|---|---|---|---|---|")
    for case in dict.fromkeys(row["case"] for row in rows):
        mine = [row for row in rows if row["case"] == case]
        said = ", ".join(row["decision"] for row in mine)
        told = " | ".join(", ".join(f"{100 * row[key]:+.0f} %" for row in mine) for key in ("gain", "best", "regret"))
        print(f"| {case} | {said} | {told} | {mine[0]['cost']:.0%} |")
    there = [row for row in rows if max(row["best"], row["gain"]) >= 0.1]
    found = sum(row["decision"] == "transfer" for row in there)
    regret, noise, cost = (float(np.median([row[key] for row in rows])) for key in ("regret", "noise", "cost"))
    told = [row for row in rows if row["decision"] == "transfer"]
    for key, words in (("holds", "true gain over direct with 2N above the margin"), ("beyond", "over 4N above 0")):
        print(f"of verdicts that say transfer, {words}: {sum(row[key] for row in told)} of {len(told)}")
    print(f"certified and harmful: {sum(row['harm'] for row in rows)} of {len(rows)} searches")
    print(f"said transfer where 10 % or more was to be had: {found} of {len(there)}")
    print(f"median regret {regret:+.1%}, noise of the map {noise:.1%}, share of its trainings {cost:.0%}")


if __name__ == "__main__":
    main()
