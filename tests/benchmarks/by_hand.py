"""What is copied without a search, and what it does. ``python -P tests/benchmarks/by_hand.py DIR``, DIR a finished run.

People copy the whole network of a cheap task and go on training, or freeze it and train a new head. Here both meet the
run's own tuned direct learning, with its recipe and its source networks, on seeds and examples that the run never saw.
"""

import sys
from pathlib import Path

from graft.search.kinds.transfer.mapping import changed, recipes
from graft.search.tasks.base import Request
from graft.spaces.plan import Plan, Span

sys.path.insert(0, str(Path(__file__).parent))  # ``python -P`` leaves it out
from finished import asked, opened, unseen  # noqa: E402


def main() -> None:
    """Measure, print a table, and write ``by-hand.json``."""
    options = asked(__doc__)
    with opened(options.folder, options.workers) as line:
        study, (own, _) = line.study, recipes(line.run, line.study)
        sources = line.source_networks(own)
        whole, body = Span(1, study.blocks), Span(1, study.blocks - 1)
        plans = {"direct learning, tuned": Plan(own)}
        for name in sources:
            plans |= {
                f"all of {name}, then trained on": Plan.span(own, study.blocks, name, whole),
                f"all but the head of {name}, then trained on": Plan.span(own, study.blocks, name, body),
                f"all but the head of {name}, frozen": Plan.span(own, study.blocks, name, body, copied_rate=0.0),
            }
        phase, seeds = unseen(line, sources), range(options.seeds)
        asking = {f"{name}/{i}": (phase, Request(plan, i)) for i in seeds for name, plan in plans.items()}
        errors = line.measure("by-hand", asking)
    found = {name: [errors[f"{name}/{i}"] for i in seeds] for name in plans}
    line.run.write("by-hand.json", {"recipe": own, "errors": found})
    first = next(iter(found))
    print(f"{study.name}: {options.seeds} fresh seeds, {study.rows.test} fresh examples of {study.target}")
    print("| what is copied | error | beside direct learning (95 % interval) |\n|---|---|---|")
    for name, values in found.items():
        known = [error for error in values if error is not None]
        told = changed(found[first], values, study) if name != first else None
        beside = "" if told is None else f"{told[0]:+.0%} ({told[1][0]:+.0%} to {told[1][1]:+.0%})"
        print(f"| {name} | {study.learned.scale.mean(known):.1%} | {beside} |".replace("%", " %"))


if __name__ == "__main__":
    main()
