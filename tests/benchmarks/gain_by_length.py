"""The gain of transfer against the length of training, both arms trained equally long: is the baseline just too short?

    python tests/benchmarks/gain_by_length.py runs/film10-film8-paper

Takes the recipes that a finished run found, and measures direct learning and the confirmed candidates on new seeds and
the run's fresh test examples. Writes length.json beside the result and prints a Markdown table.
"""

import argparse
import math
from dataclasses import replace
from pathlib import Path

from graft.cluster.connect import connection
from graft.cluster.preflight import cpus
from graft.search.engine.progress import Progress
from graft.search.kinds.transfer.pipeline import Pipeline
from graft.search.proof.statistics import log_ratios, reduction
from graft.search.run.folder import Run
from graft.search.run.resources import Resources
from graft.search.run.seeds import Role
from graft.search.study import reopened
from graft.search.tasks.base import Request
from graft.spaces.plan import Plan

FACTORS = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0)


def main() -> None:
    """Measure, write, print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder", type=Path)
    options.add_argument("--seeds", type=int, default=3)
    asked = options.parse_args()
    run = Run(asked.folder.resolve())
    result = run.read("result.json")
    found = next(t for t in result["baseline"]["trials"] if t["number"] == result["baseline"]["best"])
    plans = {"direct": Plan.from_dict(found["plan"])}
    for candidate in result["confirmation"]["candidates"]:
        plan = Plan.from_dict(candidate["plan"])
        plans[plan.describe()] = plan
    longer = {
        f"{name}/{factor}": replace(
            plan, recipe=replace(plan.recipe, epochs=max(1, round(factor * plans["direct"].recipe.epochs)))
        )
        for name, plan in plans.items()
        for factor in FACTORS
    }
    with run.held(), connection(cpus(), run.folder):
        line = Pipeline(reopened(run.read("study.json")), run, Resources(cpus()), Progress())
        line.prepare()
        sources = line.source_networks(plans["direct"].recipe)
        test = line.task.of_test(line.examples(line.study.target, Role.TEST, line.study.rows.test))
        task = line.shared(Role.REGRET, sources, test)
        seeds = range(asked.seeds)
        with line.phase("length of training", len(longer) * asked.seeds):
            trainings = {f"{key}/{i}": (task, Request(plan, 1000 + i)) for i in seeds for key, plan in longer.items()}
            errors = line.measure("length", trainings)
    rows = []
    for factor in FACTORS:
        row: dict[str, object] = {"epochs": round(factor * plans["direct"].recipe.epochs)}
        direct = [errors[f"direct/{factor}/{i}"] or math.nan for i in seeds]
        row["direct"] = direct
        for name in list(plans)[1:]:
            ours = [errors[f"{name}/{factor}/{i}"] or math.nan for i in seeds]
            gain = reduction(log_ratios(direct, ours), 0.05)
            row[name] = {"errors": ours, "reduction": gain.value, "interval": gain.interval}
        rows.append(row)
    run.write("length.json", {"batch": plans["direct"].recipe.batch, "rows": rows})
    print("| epochs | direct | " + " | ".join(list(plans)[1:]) + " |")
    print("|---" * (len(plans) + 1) + "|")
    for row in rows:
        cells = [f"{sum(row['direct']) / len(row['direct']):.2%}"]  # type: ignore[arg-type, index]
        for name in list(plans)[1:]:
            entry = row[name]
            low, high = entry["interval"]  # type: ignore[index]
            cells.append(f"{entry['reduction']:.0%} ({low:.0%} to {high:.0%})")  # type: ignore[index]
        print(f"| {row['epochs']} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
