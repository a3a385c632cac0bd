"""Holdout mode: all there is is the pool, so what confirms a plan was locked away before anything else.

Recipes and candidates come from inside the unlocked rows: each seed of a search redraws which of them train and which
validate, that is Monte Carlo cross-validation (Picard and Cook 1984, J. Am. Stat. Assoc. 79, 575). Its splits overlap,
so it ranks plans and proves nothing. Confirmation cross-fits (`graft.search.tasks.crossfit`): each row is judged by
fits that learned from the other folds, the folds drawn anew in each repeat, and the locked rows decide. They are few,
so both repeats and rows, or groups of rows that belong together, count as samples (`graft.search.proof.crossed`); what
few rows or refits may hide is allowed for (`graft.search.proof.influence`). The claim is about the pool at hand, as it
is in fresh mode.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from graft.search.kinds.transfer.study import Study
from graft.search.proof import influence
from graft.search.proof.claims import SEED_BY_SEED, Claim, Compare, Comparison, Doubted, Errors, Rival
from graft.search.proof.crossed import Crossed, CrossedDifferences
from graft.search.run.evidence import Evidence
from graft.search.run.folder import Run
from graft.search.run.scale import SCALES
from graft.search.tasks.crossfit import Folds

CROSSED: dict[str, type[Crossed] | type[CrossedDifferences]] = {"ratio": Crossed, "difference": CrossedDifferences}
"""By repeats and groups of locked rows, on every scale."""
TOLD = 5
"""Rows that are told by number, at most."""


def compare(run: Run, study: Study, folds: int) -> Compare:
    """How this run's arms are compared: seed by seed in fresh mode, by repeats and locked rows in holdout mode.

    Args:
        run: The run.
        study: Its study.
        folds: Of each repeat; 0 in folders from before rows were cross-fitted.
    """
    scale = study.learned.metric.scale
    if study.mode == "fresh":
        return SEED_BY_SEED[scale]
    if not folds:
        return Compare(SCALES[scale], lambda rival, claim: _refitted(run, scale, rival, claim))
    arms = CrossFitted(run, study, study.cut(folds))
    doubted = arms.doubted if scale == "ratio" else None  # errors that may be 0 are rates, of at most 1 a row
    return Compare(SCALES[scale], arms.compared, doubted)


def _refitted(run: Run, scale: str, rival: Rival, claim: Claim) -> Comparison:
    held = Evidence(run.path("evidence", "confirmation.jsonl"))
    arms = ((rival.key, rival.errors), (claim.key, claim.candidate))
    return CROSSED[scale].of(*(np.array(_by_example(held, *arm)) for arm in arms))


def _by_example(
    held: Evidence, arm: str, errors: Errors, judging: Callable[[int], int] | None = None
) -> list[tuple[float, ...]]:
    """Errors of an arm, fit by fit.

    Args:
        held: By now: it grows from look to look.
        arm: Its name there.
        errors: Of its fits, as told.
        judging: How many examples of a fit decide, from the first; all if None.

    Raises:
        ValueError: If their means are not the errors told.
    """
    found = [held.done[f"{arm}/{fit}"].by_example for fit in range(len(errors))]
    means = [np.mean(one[: None if judging is None else judging(fit)]) for fit, one in enumerate(found)]
    if not np.allclose(means, np.array(errors, np.float64), rtol=1e-9):
        raise ValueError(f"the errors of {arm} by example are not those of its refits")
    return found


@dataclass(frozen=True)
class CrossFitted:
    """The arms of a run whose rows were cross-fitted.

    Attributes:
        run: The run.
        study: Its study.
        folds: How its pool was cut.
    """

    run: Run
    study: Study
    folds: Folds

    @cached_property
    def units(self) -> tuple[NDArray[np.int64], int]:
        """Where the groups begin, locked rows first, and how many of them are locked."""
        locked, unlocked = (np.flatnonzero(np.diff(g, prepend=-1)) for g in (self.folds.locked, self.folds.unlocked))
        return np.concatenate([locked, len(self.folds.locked) + unlocked]), len(locked)

    def table(self, arm: str, errors: Errors) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Errors of an arm (repeats, rows), locked rows first, and by which fit each was made.

        Raises:
            ValueError: If their means are not the errors told.
        """
        held = Evidence(self.run.path("evidence", "confirmation.jsonl"))
        judged = [self.folds.judged(fit) for fit in range(len(errors))]
        found = _by_example(held, arm, errors, lambda fit: len(judged[fit][0]))
        count, locked = self.folds.count, len(self.folds.locked)
        table = np.full((len(errors) // count, locked + len(self.folds.unlocked)), math.nan)
        fits = np.zeros(table.shape, np.int64)
        for fit, (ours, others) in enumerate(judged):
            rows = np.concatenate([ours, locked + others])
            table[fit // count, rows], fits[fit // count, rows] = found[fit], fit
        return table, fits

    def compared(self, rival: Rival, claim: Claim) -> Comparison:
        """What the locked rows say."""
        starts, locked = self.units
        sums = (np.add.reduceat(self.table(*arm)[0], starts, 1)[:, :locked] for arm in _arms(rival, claim))
        return CROSSED[self.study.learned.metric.scale].of(*sums)

    def doubted(self, rival: Rival, claim: Claim) -> Doubted:
        """The p-value that is left if rows and refits that are off by far are as many as they may be."""
        starts, locked = self.units
        (arm, _), (candidate, fits) = (self.table(*one) for one in _arms(rival, claim))
        theirs, ours = (np.add.reduceat(table, starts, 1) for table in (arm, candidate))
        rows = influence.doubt_of_rows(theirs.mean(0), ours.mean(0), locked)
        refits = influence.doubt_of_refits(candidate, fits)
        margin = (1 + rival.margin) * math.exp(rows.allowance + refits.allowance) - 1
        p_value = Crossed.of(theirs[:, :locked], ours[:, :locked]).p_value(margin)
        return Doubted(p_value, self._why(rows, refits))

    def _why(self, rows: influence.Doubt, refits: influence.Doubt) -> str:
        """What a proof does not outweigh, in words."""
        if rows.worst:
            numbers = [self.study.pool_rows[self.units[0][unit]] for unit in rows.worst[:TOLD]]
            told = ("row " if len(numbers) == 1 else "rows ") + ", ".join(map(str, numbers))
            more = f" and {len(rows.worst) - TOLD} more" if len(rows.worst) > TOLD else ""
            return (
                f"not proved: {told}{more} (counted from 0) carry so much of its error that as many more like them as "
                "there may be would undo the gain"
            )
        if refits.worst:
            return f"not proved: {len(refits.worst)} of its {refits.seen} refits failed, and more of them may"
        guard, seen, what = influence.ROWS, rows.seen, "rows or groups"
        if not rows.allowance:
            guard, seen, what = influence.REFITS, refits.seen, "refits"
        return (
            f"not proved: among {seen} {what}, {guard.share:.0%} with {guard.times:.0f} times its error could have "
            f"gone unseen (among {guard.enough} hardly), and the gain does not outweigh them"
        )


def _arms(rival: Rival, claim: Claim) -> tuple[tuple[str, Errors], tuple[str, Errors]]:
    """Where the errors of both stand, and what is told of them."""
    return (rival.key, rival.errors), (claim.key, claim.candidate)
