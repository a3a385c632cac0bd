"""The race: a trial that is clearly behind is stopped. It spends no error rate: nothing it sees is used to confirm."""

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

from graft.search.run.scale import logs

LEVEL = 0.95
"""Confidence at which a trial is clearly behind: 1.645 standard errors where many trials are complete, more where the
deviation of a seed is known from few."""
LEAST = 2
"""Seeds before anything is stopped."""


def leader(complete: Sequence[Sequence[float]]) -> int | None:
    """Which of the complete trials has the lowest geometric mean error, or None if there is none.

    Args:
        complete: Errors of each complete trial, seed by seed, all on the same seeds.
    """
    return int(logs(complete).mean(1).argmin()) if len(complete) else None


def pooled_deviation(complete: Sequence[Sequence[float]], best: int) -> tuple[float, int] | None:
    """Standard deviation of one seed's paired log-ratio to the leader, pooled over the other complete trials.

    Returns:
        The deviation and its degrees of freedom, or None while fewer than two complete trials can be compared.
    """
    held = logs(complete)
    ratios = held - held[best]
    freedom = (held.shape[0] - 1) * (held.shape[1] - 1)
    squares = float(np.square(ratios - ratios.mean(1, keepdims=True)).sum())
    return (math.sqrt(squares / freedom), freedom) if freedom else None


def behind(errors: Sequence[float], complete: Sequence[Sequence[float]], reference: int | None = None) -> bool:
    """Whether a trial with these errors so far is clearly behind a complete one on the same seeds.

    Args:
        errors: Of the trial, seeds 0, 1, ...
        complete: Of every complete trial (the baseline is one of them).
        reference: Which of them it is compared with; the best if None.
    """
    best = (leader(complete) if reference is None else reference) if len(errors) >= LEAST else None
    if best is None:
        return False
    pooled = pooled_deviation(complete, best)
    if pooled is None:
        return False
    deviation, freedom = pooled
    ratios = logs(errors) - logs(complete[best][: len(errors)])
    return float(ratios.mean()) > float(stats.t.ppf(LEVEL, freedom)) * deviation / math.sqrt(len(ratios))
