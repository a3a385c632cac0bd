"""The race: a trial that is clearly behind is stopped. It spends no error rate: nothing it sees is used to confirm."""

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

from graft.search.run.scale import RATIO, Scale

LEVEL = 0.95
"""Confidence at which a trial is clearly behind: 1.645 standard errors where many trials are complete, more where the
deviation of a seed is known from few."""
LEAST = 2
"""Seeds before anything is stopped."""


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
    return float(beyond.mean()) > float(stats.t.ppf(LEVEL, freedom)) * deviation / math.sqrt(len(beyond))
