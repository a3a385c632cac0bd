"""Which trials are stopped. No error rate is spent here: nothing that a pruner sees is used to confirm."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import optuna
from optuna.pruners import BasePruner
from optuna.trial import FrozenTrial, TrialState
from scipy.special import stdtrit

from graft.search.engine.trials import Told, all_errors, further_seeds
from graft.search.run.scale import RATIO, Scale

LEVEL = 0.95
"""Confidence at which a trial is clearly behind: 1.645 standard errors where many trials are complete, more where the
deviation of a seed is known from few."""
LEAST = 2
"""Seeds before anything is stopped."""


class GroupedPruner(BasePruner):
    """Compares trials of one group.

    Args:
        group: Names the group of a trial's plan; None belongs to all of them.
    """

    def __init__(self, group: Callable[[FrozenTrial], str | None]) -> None:
        self._group, self._known = group, dict[int, str | None]()

    def group(self, trial: FrozenTrial) -> str | None:
        """The group of a trial's plan, which is read once."""
        if trial.number not in self._known:
            self._known[trial.number] = self._group(trial)
        return self._known[trial.number]


class PairedRacePruner(GroupedPruner):
    """Stops a trial that is clearly behind the best complete one on the same seeds; the first is never stopped.

    Args:
        seeds: That make a trial complete.
        group: A trial is raced against its own group and against those of no group.
        scale: On which errors are compared.
    """

    def __init__(self, seeds: int, group: Callable[[FrozenTrial], str | None], scale: Scale = RATIO) -> None:
        super().__init__(group)
        self.seeds, self.scale = seeds, scale

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Whether the trial stops here."""
        further = further_seeds(study)
        errors = all_errors(trial, further)
        if trial.number == 0 or len(errors) < LEAST:
            return False
        ended, groups = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)), (None, self.group(trial))
        rivals = [all_errors(other, further) for other in ended if self.group(other) in groups]
        return behind(errors, [rival for rival in rivals if len(rival) >= self.seeds], scale=self.scale)


class GroupedHalvingPruner(GroupedPruner):
    """Stops a trial that is not among the best ``1 / factor`` of its group that reached the same report.

    The asynchronous rule of Li et al. 2020 (ASHA, arXiv:1810.05934): nobody waits for a rung to fill, so the first
    to arrive always go on.
    """

    factor = 2

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Whether the trial stops here."""
        scores, group = Told.by(trial).errors, self.group(trial)
        rung = len(scores) - 1
        others = [other for other in study.get_trials(deepcopy=False) if other.number != trial.number]
        told = [(other, Told.by(other).errors) for other in others]
        rivals = [errors[rung] for other, errors in told if len(errors) > rung and self.group(other) == group]
        return falls_behind(scores[rung], rivals, self.factor)


def falls_behind(score: float, reached: Sequence[float], factor: int) -> bool:
    """Whether a trial with this score, small being good, stops at the rung that others ``reached`` with theirs."""
    kept = max(1, (len(reached) + 1) // factor)
    return sum(other < score for other in reached) >= kept


def leader(complete: Sequence[Sequence[float]], scale: Scale = RATIO) -> int | None:
    """Which of the complete trials has the lowest mean error, or None if there is none.

    Args:
        complete: Errors of each complete trial, seed by seed, all on the same seeds.
        scale: On which errors are averaged.
    """
    return int(scale.of(complete).mean(1).argmin()) if len(complete) else None


def pooled_deviation(complete: Sequence[Sequence[float]], best: int, scale: Scale = RATIO) -> tuple[float, int] | None:
    """Standard deviation of one seed's paired difference to the leader, pooled over the other complete trials.

    Returns:
        The deviation and its degrees of freedom, or None while fewer than two complete trials can be compared.
    """
    held = scale.of(complete)
    beyond = held - held[best]
    freedom = (held.shape[0] - 1) * (held.shape[1] - 1)
    squares = float(np.square(beyond - beyond.mean(1, keepdims=True)).sum())
    return (math.sqrt(squares / freedom), freedom) if freedom else None


def behind(
    errors: Sequence[float],
    complete: Sequence[Sequence[float]],
    reference: int | None = None,
    scale: Scale = RATIO,
) -> bool:
    """Whether a trial with these errors so far is clearly behind a complete one on the same seeds.

    Args:
        errors: Of the trial, seeds 0, 1, ...
        complete: Of every complete trial (the baseline is one of them).
        reference: Which of them it is compared with; the best if None.
        scale: On which errors are compared.
    """
    best = (leader(complete, scale) if reference is None else reference) if len(errors) >= LEAST else None
    if best is None:
        return False
    pooled = pooled_deviation(complete, best, scale)
    if pooled is None:
        return False
    deviation, freedom = pooled
    beyond = scale.of(errors) - scale.of(complete[best][: len(errors)])
    return float(beyond.mean()) > float(stdtrit(freedom, LEVEL)) * deviation / math.sqrt(len(beyond))
