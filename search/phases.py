"""The two searches of a run, as ledgers: direct learning first, then plans that start from what it found."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from search.journal import Journal
from search.ledger import Ledger, OnClose, Rules, best_trial
from search.seeds import Role
from search.study import Study
from spaces import baseline, blocks, transfer
from spaces.plan import Recipe
from spaces.ranges import EDGE, Ranges

SPACE: dict[str, Any] = {"span": transfer, "blocks": blocks}
WIDEN = (0.5, 0.75)
"""Shares of the baseline's budget after which a range is widened where the best recipe touches its edge."""


class NothingFinished(RuntimeError):
    """Every trial of a search failed or was stopped."""


def baseline_ledger(study: Study, journal: Journal, until: float, on_close: OnClose) -> Ledger:
    """The search for the best recipe of direct learning."""
    return Ledger(
        journal,
        Rules("baseline", study.seed, Role.BASELINE_SAMPLER, study.budget.trainings, study.budget.seeds, WIDEN, until),
        partial(baseline.suggest, start=study.start),
        study.ranges,
        baseline.first_guesses(study.ranges, study.start),
        partial(transfer.constraints, rows=study.rows.training, steps=study.budget.steps),
        on_close,
    )


def plans_ledger(
    study: Study,
    journal: Journal,
    until: float,
    on_close: OnClose,
    start: Recipe,
    ranges: Ranges,
    trainings: int,
    favourites: Sequence[transfer.Favourite] = (),
) -> Ledger:
    """The search for the best plan of transfer, from the tuned baseline's recipe and with its ranges.

    It gets no more trainings than the baseline search had, also where time cut that short.
    """
    space = SPACE[study.space]
    return Ledger(
        journal,
        Rules("plans", study.seed, Role.PLANS_SAMPLER, trainings, study.budget.seeds, (), until),
        partial(space.suggest, start=start, sources=study.bases, blocks=study.blocks),
        ranges,
        space.first_guesses(ranges, start, study.bases, study.blocks, favourites),
        partial(transfer.constraints, rows=study.rows.training, steps=study.budget.steps),
        on_close,
        transfer.family,
    )


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
