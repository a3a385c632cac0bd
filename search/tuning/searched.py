"""What a search found: its best plan, and what the result records of it."""

from typing import Any

from search.tuning.ledger import Ledger, best_trial
from spaces.ranges import EDGE


class NothingFinished(RuntimeError):
    """Every trial of a search failed or was stopped."""


def best_plan(ledger: Ledger) -> Any:
    """The best complete trial's plan.

    Raises:
        NothingFinished: If there is none, with the last trial's reason.
    """
    records = ledger.records()
    best = best_trial(records)
    if best is None:
        last = records[-1]["reason"] if records else "no trial was started"
        raise NothingFinished(f"no trial of the {ledger.rules.phase} search finished ({len(records)} tried): {last}")
    return ledger.read(best["plan"])


def searched(ledger: Ledger, study: Any) -> dict[str, Any]:
    """What the result records of a search."""
    records = ledger.records()
    best = best_trial(records)
    edges: list[str] = []
    ranges = ledger.ranges_at(len(records))
    if best is not None:
        plan = ledger.read(best["plan"])
        edges = ranges.edges(plan.recipe)
        if ledger.constraints(plan)["optimiser steps"] > -EDGE * study.budget.steps:
            edges.append("optimiser steps")
    return {
        "trials": records,
        "best": best["number"] if best else None,
        "edges": edges,
        "ranges": {name: list(ends) for name, ends in vars(ranges).items()},
    }
