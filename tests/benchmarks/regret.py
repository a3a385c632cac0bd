"""Is the search worth it, and is it safe? Twelve studies, each mapped once by brute force and searched three times.

    python -P tests/benchmarks/regret.py OUT --workers 2     # goes on where it stopped; ends with the table

Every search has its own pool, source network and seeds. Its verdict is compared with the truth on seeds that neither
search nor map saw: does what was certified harm, is a gain that is there found, how far is the chosen plan from the
map's best, what share of the map's trainings did it take. The network is small (six hidden blocks of 48, all 28 spans)
and the pool has 200 examples, so that all of it takes about an hour.

Eight studies of other sizes, which certified sources that know nothing when the rival was weaker, are searched as
often, without a map. The true gain of all is measured against direct learning as the run had it (searched with twice
the trainings of the plans) and as it is after four times as many.
"""

import argparse
import json
import math
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from graft.search.kinds.transfer.strangers import (
    Labels,
    as_they_are,
    columns_permuted,
    constant,
    entries_permuted,
    unrelated,
)
from graft.search.kinds.transfer.study import Study
from graft.search.run.folder import Run, strict, write_json
from graft.search.run.resources import Resources
from graft.search.run.seeds import Role, sequence, stream
from graft.search.tasks.base import Examples, Request
from graft.spaces.plan import Plan, Recipe, Span

sys.path.insert(0, str(Path(__file__).parent))
from small import DEEP, SIZES  # noqa: E402

SEARCHES = 3
TRUTH = 12
"""Seeds on which direct learning, the chosen plan and the map's best are compared at last."""
UNSEEN = 1000
"""Their first number: the map has the ones below."""
TINY: dict[str, Any] = {
    "rows": {"source": 2000, "pool": 100, "locked": 10, "validation": 30, "test": 2000},
    "network": {"depth": 1, "width": 48},
    "budget": {"trainings": 18, "seeds": 3, "steps": 80},
}
"""A small one of the same sort."""
SCARCE: dict[str, Any] = TINY | {"rows": TINY["rows"] | {"pool": 30, "validation": 5}}
"""The same with twenty rows to learn from."""


@dataclass(frozen=True)
class Case:
    """A study and what its sources are taught.

    Attributes:
        words: What is told of it.
        target: The task that matters.
        taught: What each source learns, by its task.
        sizes: Settings of the study.
        mapped: Whether its spans are mapped by brute force.
    """

    words: str
    target: str
    taught: Mapping[str, Labels]
    sizes: Mapping[str, Any]
    mapped: bool = False

    @property
    def folder(self) -> str:
        """The folder of its runs."""
        return re.sub("[^a-z0-9]+", "-", self.words)

    def study(self, seed: int) -> Study:
        """Its study, with a seed."""
        given = {"name": self.folder, "sources": list(self.taught), "target": self.target, "seed": seed}
        return Study.from_dict({**self.sizes, **given})


def pair(source: str, target: str, taught: Labels = as_they_are, words: str = "") -> Case:
    """A case of the twelve."""
    return Case(f"{words}{source} -> {target}", target, {source: taught}, SIZES, mapped=True)


CASES = (
    pair("film-10", "film-8"),
    pair("film-8", "film-10"),
    pair("film-12", "film-8"),
    pair("film-6", "film-8"),
    pair("film-8", "film-14"),
    pair("film-7", "film-6"),
    pair("nano-8", "film-8"),
    pair("film-8", "nano-8"),
    pair("nano-10", "nano-8"),
    pair("nano-4", "nano-6"),
    pair("film-10", "film-8", entries_permuted, "permuted "),
    pair("nano-8", "nano-6", entries_permuted, "permuted "),
    Case("film-12 -> film-9", "film-9", {"film-12": as_they_are}, DEEP),
    Case("a random teacher -> film-8", "film-8", {"film-10": unrelated}, SIZES),
    Case("a random teacher -> film-5", "film-5", {"film-6": unrelated}, TINY),
    Case("one constant with noise -> film-5", "film-5", {"film-6": constant}, TINY),
    Case("film-6, columns permuted -> film-5", "film-5", {"film-6": columns_permuted}, TINY),
    Case("film-6 -> film-5", "film-5", {"film-6": as_they_are}, TINY),
    Case("film-5 -> film-5, 20 rows", "film-5", {"film-5": as_they_are}, SCARCE),
    Case(
        "film-5 among two poisoned -> film-5, 20 rows",
        "film-5",
        {"film-6": entries_permuted, "film-7": unrelated, "film-5": as_they_are},
        SCARCE,
    ),
)


class World(Pipeline):
    """One search with a pool, a source network and seeds of its own; rows are drawn on the spot."""

    taught: Mapping[str, Labels] = {}

    def examples(self, name: str, role: Role, rows: int) -> Examples:
        """Rows of a simulator."""
        return self.task.sample(name, rows, stream(self.study.seed, role))

    def prepare(self) -> None:
        """As of `Pipeline`; sources then learn what the case teaches them."""
        super().prepare()
        rng = np.random.default_rng(sequence(self.study.seed, Role.SOURCE_NETWORK, 1))
        self.sources = {name: made(self.sources[name], self.pool, rng) for name, made in self.taught.items()}

    def fourfold(self) -> Plan:
        """Direct learning searched on, with four times the trainings of the plans: after the verdict, so beside it."""
        search = self._direct_search(catching_up(self.study.budget, recorded(self.run, "direct.json")), 4)
        self.explore(search, self.shared(Role.BASELINE, {}), "direct learning, four times", "fourfold")
        plan: Plan = best_plan(search)
        return plan


def world(case: Case, seed: int, folder: Path) -> World:
    """The run of one search, its data drawn."""
    run = Run(folder)
    study = case.study(seed)
    run.begin(study)
    line = World(study, run, Resources(1), Progress(quiet=True), executor=LocalExecutor())
    line.taught = case.taught
    line.prepare()
    return line


def search(case: Case, seed: int, folder: Path) -> None:
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


def chart(case: Case, folder: Path) -> None:
    """The map, in the world of the first search and with the recipes that it found."""
    line = world(case, 0, folder)
    found = line.run.read("verdict.json")
    direct, transfer = Plan.from_dict(found["baseline"]).recipe, Recipe.from_dict(found["recipe"])
    line.run.write("map.json", mapping.measured(line, direct, transfer).to_dict())


def truth(case: Case, seed: int, folder: Path, drawn: dict[str, Any] | None) -> None:
    """Direct learning, the chosen plan and the map's best on seeds that nobody saw, in this search's own world."""
    line = world(case, seed, folder)
    found = line.run.read("verdict.json")
    direct = Plan.from_dict(found["baseline"])
    sources = line.source_networks(direct.recipe)
    plans = {"direct": direct, "chosen": Plan.from_dict(found["plan"]) if found["plan"] else direct}
    if drawn is not None:
        plans["best"] = best_of(drawn, direct, line.study)
    plans["fourfold"] = line.fourfold()
    task = line.shared(Role.REGRET, sources, line.examples(case.target, Role.TRUTH, line.study.rows.test))
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


def whole_case(case: Case, folder: Path) -> str:
    """All that is missing of one case."""
    place = folder / case.folder
    for seed in range(SEARCHES):
        if not (place / str(seed) / "verdict.json").exists():
            search(case, seed, place / str(seed))
    if case.mapped and not (place / "0" / "map.json").exists():
        chart(case, place / "0")
    drawn = json.loads((place / "0" / "map.json").read_text()) if case.mapped else None
    for seed in range(SEARCHES):
        if not (place / str(seed) / "truth.json").exists():
            truth(case, seed, place / str(seed), drawn)
    return case.words


def row_of(case: Case, place: Path, seed: int) -> dict[str, Any]:
    """What one search said, and what is true."""
    arms = json.loads((place / str(seed) / "truth.json").read_text())
    found = json.loads((place / str(seed) / "verdict.json").read_text())
    (chosen, error), (beyond, _) = gain(arms["direct"], arms["chosen"]), gain(arms["fourfold"], arms["chosen"])
    said = found["decision"] == "transfer"
    row = {"case": case.words, "mapped": case.mapped, "seed": seed, "decision": found["decision"]}
    # A certified plan that diverged on a seed has done harm.
    row |= {"gain": 1 - math.exp(-chosen), "beyond": 1 - math.exp(-beyond), "harm": said and not chosen >= -2 * error}
    row["claimed"] = found["relative_reduction"] if said else None
    if case.mapped:
        drawn = json.loads((place / "0" / "map.json").read_text())
        best, _ = gain(arms["direct"], arms["best"])
        noise = min(np.std([math.log(e) for e in c["errors"]], ddof=1) for c in drawn["cells"] if all(c["errors"]))
        row |= {"best": 1 - math.exp(-best), "regret": math.expm1(best - chosen)}
        row |= {"noise": float(noise) / math.sqrt(drawn["seeds"]), "cost": found["trainings"] / drawn["trainings"]}
    return row


def rows_of(folder: Path) -> list[dict[str, Any]]:
    """One row for each search that is done."""
    return [
        row_of(case, folder / case.folder, seed)
        for case in CASES
        for seed in range(SEARCHES)
        if (folder / case.folder / str(seed) / "truth.json").exists()
    ]


def tell(rows: Sequence[dict[str, Any]]) -> None:
    """Print the table and what follows from it."""
    print("| case | verdicts | true gain of the choice | over 4N | of the map's best | regret | share of the map |")
    print("|---|---|---|---|---|---|---|")
    for case in dict.fromkeys(row["case"] for row in rows):
        mine = [row for row in rows if row["case"] == case]
        keys = ("gain", "beyond") + (("best", "regret") if mine[0]["mapped"] else ())
        told = [", ".join(row["decision"] for row in mine)]
        told += [", ".join(f"{100 * row[key]:+.0f} %" for row in mine) for key in keys]
        told += [f"{mine[0]['cost']:.0%}"] if mine[0]["mapped"] else ["", "", ""]
        print(f"| {case} | {' | '.join(told)} |")
    certified = [row for row in rows if row["decision"] == "transfer"]
    for key, least, words in (
        ("gain", 0.02, "over direct learning above the margin"),
        ("beyond", 0, "over 4N above 0"),
    ):
        print(f"of verdicts that say transfer, true gain {words}: {sum(r[key] > least for r in certified)}", end=" ")
        print(f"of {len(certified)}")
    print(f"certified and harmful: {sum(row['harm'] for row in rows)} of {len(rows)} searches")
    mapped = [row for row in rows if row["mapped"]]
    there = [row for row in mapped if max(row["best"], row["gain"]) >= 0.1]
    found = sum(row["decision"] == "transfer" for row in there)
    print(f"said transfer where 10 % or more was to be had: {found} of {len(there)}")
    if mapped:
        regret, noise, cost = (float(np.median([row[key] for row in mapped])) for key in ("regret", "noise", "cost"))
        print(f"median regret {regret:+.1%}, noise of the map {noise:.1%}, share of its trainings {cost:.0%}")


def main() -> None:
    """Carry out what is missing, and print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("out", type=Path)
    options.add_argument("--workers", type=int, default=2)
    asked = options.parse_args()
    jobs = {case.folder: (case, asked.out) for case in CASES}
    for _, words in carried_out(whole_case, jobs, asked.workers):
        print(words, flush=True)
    rows = rows_of(asked.out)
    write_json(asked.out / "regret.json", rows)
    tell(rows)


if __name__ == "__main__":
    main()
