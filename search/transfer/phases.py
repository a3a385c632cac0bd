"""The two searches of a run, as ledgers: direct learning first, then plans that start from what it found."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from search.seeds import Role
from search.transfer.study import Study
from search.tuning.journal import Journal
from search.tuning.ledger import Ledger, OnClose, Rules
from spaces import baseline, blocks, transfer
from spaces.plan import Recipe
from spaces.ranges import Ranges

SPACE: dict[str, Any] = {"span": transfer, "blocks": blocks}
WIDEN = (0.5, 0.75)
"""Shares of the baseline's budget after which a range is widened where the best recipe touches its edge."""


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
