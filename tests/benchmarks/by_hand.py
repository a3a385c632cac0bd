"""What is copied without a search, and what it does. ``python -P tests/benchmarks/by_hand.py DIR``, DIR a finished run.

People copy the whole network of a cheap task and go on training, or freeze it and train a new head. Here both meet the
run's own tuned direct learning, with its recipe and its source networks, on seeds and examples that the run never saw.
"""

import argparse
from pathlib import Path

from graft.cluster.connect import connection
from graft.search.engine.progress import Progress
from graft.search.kinds.transfer.mapping import changed, recipes
from graft.search.kinds.transfer.pipeline import Pipeline
from graft.search.run.folder import Run
from graft.search.run.resources import Resources
from graft.search.run.seeds import Role
from graft.search.study import reopened
from graft.search.tasks.base import Request
from graft.spaces.plan import Plan, Span


def main() -> None:
    """Measure, print a table, and write ``by-hand.json``."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder", type=Path)
    options.add_argument("--seeds", type=int, default=12)
    options.add_argument("--workers", type=int, default=2)
    asked = options.parse_args()
    run = Run(asked.folder.resolve())
    with run.held(), connection(asked.workers, run.folder):
        line = Pipeline(reopened(run.read("study.json")), run, Resources(asked.workers), Progress(quiet=True))
        line.prepare()
        study, (own, _) = line.study, recipes(run, line.study)
        sources = line.source_networks(own)
        whole, body = Span(1, study.blocks), Span(1, study.blocks - 1)
        plans = {"direct learning, tuned": Plan(own)}
        for name in sources:
            plans |= {
                f"all of {name}, then trained on": Plan.span(own, study.blocks, name, whole),
                f"all but the head of {name}, then trained on": Plan.span(own, study.blocks, name, body),
                f"all but the head of {name}, frozen": Plan.span(own, study.blocks, name, body, copied_rate=0.0),
            }
        test = line.task.of_test(line.examples(study.target, Role.TRUTH, study.rows.test))
        phase, seeds = line.shared(Role.TRUTH, sources, test), range(asked.seeds)
        asking = {f"{name}/{i}": (phase, Request(plan, i)) for i in seeds for name, plan in plans.items()}
        errors = line.measure("by-hand", asking)
    found = {name: [errors[f"{name}/{i}"] for i in seeds] for name in plans}
    run.write("by-hand.json", {"recipe": own, "errors": found})
    first = next(iter(found))
    print(f"{study.name}: {asked.seeds} fresh seeds, {study.rows.test} fresh examples of {study.target}")
    print("| what is copied | error | beside direct learning (95 % interval) |\n|---|---|---|")
    for name, values in found.items():
        known = [error for error in values if error is not None]
        told = changed(found[first], values, study) if name != first else None
        beside = "" if told is None else f"{told[0]:+.0%} ({told[1][0]:+.0%} to {told[1][1]:+.0%})"
        print(f"| {name} | {study.learned.scale.mean(known):.1%} | {beside} |".replace("%", " %"))


if __name__ == "__main__":
    main()
