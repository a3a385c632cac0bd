"""Few rows, or few refits, that carry the error: what a t-test on mean errors cannot see, and what is made of it.

A candidate may be better on nearly all rows and ten times worse on 3 % of them, so that nothing is gained in the mean.
Of 20 rows none is such a one in 54 % of all cases; then no test of the mean can know. The same holds of refits, 5 % of
which may fail. A proof is therefore doubted, and the answer is `undecided`,

- if so few units (rows, or groups of them; refits) were seen that those shares could have gone unseen with a
  probability of more than 5 %, and the gain is too small to outweigh them: below 99 rows a gain must be significant
  beyond a margin of 1.27 = 1 + 3 % (10 - 1), below 59 refits beyond 1.25 = 1 + 5 % (6 - 1);
- if units like that were seen, and as many as there may be (upper 95 % limit of Clopper and Pearson 1934, Biometrika
  26, 404) would undo the gain.

A unit is like that if the candidate errs there more than `TIMES` as much as its typical ratio to the rival says, by
more than `CUT` robust standard deviations (of the median absolute deviation) of what it errs beyond that elsewhere.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Array = NDArray[np.float64]
TIMES, CUT = 3.0, 6.0
UNSEEN = 0.05
"""Probability with which what is guarded against may go unseen."""
MAD = 1.4826
"""From the median absolute deviation to a standard deviation, of a normal law."""


@dataclass(frozen=True)
class Guard:
    """What is guarded against: a share of units on which the candidate errs so many times as much."""

    share: float
    times: float

    @property
    def enough(self) -> int:
        """Units of which one like that would hardly go unseen."""
        return math.ceil(math.log(UNSEEN) / math.log1p(-self.share))


ROWS, REFITS = Guard(0.03, 10.0), Guard(0.05, 6.0)


@dataclass(frozen=True)
class Doubt:
    """What a proof has to outweigh.

    Attributes:
        allowance: Natural logarithm of the factor by which the candidate's error may be larger than was seen.
        worst: Numbers of the units where it errs far too much; empty if there are none.
        seen: Units.
    """

    allowance: float
    worst: tuple[int, ...]
    seen: int


def doubt_of_rows(arm: Array, candidate: Array, judging: int) -> Doubt:
    """What rows that are off by far may hide.

    Args:
        arm: Mean errors of a rival (units,); those that decide come first.
        candidate: The candidate's.
        judging: How many decide; the others only tell how often a unit is off by far.
    """
    if arm.mean() <= 0 or candidate.mean() <= 0:
        return Doubt(0.0, (), len(arm))
    usable = arm > 0
    ratio = float(np.median(candidate[usable] / arm[usable])) or float(candidate.mean() / arm.mean())
    scale = ratio * float(arm.mean())
    excess = (candidate - ratio * arm) / scale
    far = (candidate > TIMES * ratio * arm) & _far(excess)
    return _doubt(ROWS, excess, far, float(candidate[:judging].mean()) / scale, far[:judging].sum() / judging)


def doubt_of_refits(candidate: Array, judged: NDArray[np.int64]) -> Doubt:
    """What refits that failed may hide.

    Args:
        candidate: Errors (repeats, rows).
        judged: By which refit each was made (repeats, rows), numbered from 0.
    """
    count = int(judged.max()) + 1
    typical = np.broadcast_to(np.median(candidate, 0), candidate.shape)
    off, usual = (np.bincount(judged.ravel(), part.ravel(), count) for part in (candidate, typical))
    times = off / np.maximum(usual, 1e-12 * max(float(usual.max()), 1e-300))
    if (middle := float(np.median(times))) <= 0:
        return Doubt(0.0, (), count)
    times = times / middle
    far = (times > TIMES) & _far(np.log(np.maximum(times, 1e-12)))
    excess = times - 1
    return _doubt(REFITS, excess, far, 1 + float((excess * far).mean()), float(far.mean()))


def _far(values: Array) -> NDArray[np.bool_]:
    """Which are above the middle by more than `CUT` robust standard deviations."""
    beyond = values - np.median(values)
    return beyond > CUT * MAD * float(np.median(np.abs(beyond)))


def _doubt(guard: Guard, excess: Array, far: NDArray[np.bool_], mean: float, held: float) -> Doubt:
    """What the units that are far off, as many as there may be, add to a mean error that holds a share of them."""
    found, seen = np.flatnonzero(far), len(far)
    if not len(found):
        unseen = seen < guard.enough
        return Doubt(math.log1p(guard.share * (guard.times - 1)) if unseen else 0.0, (), seen)
    most = float(stats.beta.ppf(1 - UNSEEN, len(found) + 1, max(seen - len(found), 0.5)))
    more = max(0.0, most - held) * float(excess[found].mean())
    worst = found[np.argsort(-excess[found])]
    return Doubt(math.log1p(more / mean), tuple(worst.tolist()), seen)
