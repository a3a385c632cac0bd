"""The statistics of the certificate: paired tests on ratios or differences of errors, Holm, power, intervals."""

import math
import statistics as stdlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from graft.search.run.scale import logs

MOST = 100.0
"""How many times the trainings of a search an extrapolation of it may reach; beyond, it says no more than that."""


def log_ratios(arm: Sequence[float], candidate: Sequence[float]) -> NDArray[np.float64]:
    """Log(error of arm / error of candidate), seed by seed: d, positive where the candidate is better."""
    return np.log(np.asarray(arm, np.float64)) - np.log(np.asarray(candidate, np.float64))


def paired_p_value(ratios: NDArray[np.float64], margin: float) -> float:
    """One-sided p-value of E[d] <= ``margin`` by the paired t-test.

    Differences that do not vary at all carry no evidence of being drawn from seeds: their p-value is 1.
    """
    deviation = float(ratios.std(ddof=1))
    if deviation <= 1e-12:
        return 1.0
    statistic = (float(ratios.mean()) - margin) / (deviation / math.sqrt(len(ratios)))
    return float(stats.t.sf(statistic, len(ratios) - 1))


def drawn_p_value(differences: NDArray[np.float64], networks: int) -> float:
    """One-sided p-value of a network being one more draw of those that an arm's networks are draws of.

    Seeds of the arm take turns with several networks, the candidate keeps one. Networks of one kind differ, so one of
    them may well be better than their mean, on any further seeds: it must be better by more than they differ. With m_k
    the mean difference over the seeds of network k, t = mean(m) / (deviation(m) sqrt(1 + 1/K)) has K - 1 degrees of
    freedom (the interval of prediction for one more draw).

    Args:
        differences: Arm less candidate, seed by seed (of logarithms, where errors are compared by ratios).
        networks: How many take turns.

    Returns:
        The p-value; 1 for fewer than three networks, or where they do not differ at all.
    """
    means = np.array([differences[k::networks].mean() for k in range(min(networks, len(differences)))])
    if len(means) < 3 or (deviation := float(means.std(ddof=1))) <= 1e-12:
        return 1.0
    statistic = float(means.mean()) / (deviation * math.sqrt(1 + 1 / len(means)))
    return float(stats.t.sf(statistic, len(means) - 1))


def sign_p_value(ratios: NDArray[np.float64], margin: float) -> float:
    """One-sided p-value of the exact sign test that d exceeds ``margin`` no more often than not; ties count against."""
    return float(stats.binomtest(int((ratios > margin).sum()), len(ratios), 0.5, alternative="greater").pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values, in the order given (Holm 1979, Scandinavian Journal of Statistics 6, 65)."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, largest = [1.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = largest
    return adjusted


@dataclass(frozen=True)
class Reduction:
    """Relative reduction of the error, with a two-sided interval and a one-sided lower bound."""

    value: float
    interval: tuple[float, float]
    lower: float


def reduction(ratios: NDArray[np.float64], alpha: float, family: int = 1) -> Reduction:
    """Estimate the relative reduction 1 - exp(-E[d]), bounds simultaneous over a ``family`` (Bonferroni)."""
    n, mean = len(ratios), float(ratios.mean())
    error = float(ratios.std(ddof=1)) / math.sqrt(n)
    two, one = (float(stats.t.ppf(1 - alpha / (sides * family), n - 1)) for sides in (2, 1))
    low, high = mean - two * error, mean + two * error
    return Reduction(
        1 - math.exp(-mean), (1 - math.exp(-low), 1 - math.exp(-high)), 1 - math.exp(-(mean - one * error))
    )


@dataclass(frozen=True)
class Paired:
    """An arm against a candidate by log-ratios d, one for each seed that both were trained with."""

    ratios: NDArray[np.float64]

    @classmethod
    def of(cls, arm: Sequence[float], candidate: Sequence[float]) -> Self:
        """Compare errors seed by seed."""
        return cls(log_ratios(arm, candidate))

    @property
    def deviation(self) -> float:
        """Standard deviation of one seed."""
        return stdlib.stdev(self.ratios.tolist())

    @staticmethod
    def effect(gain: float, margin: float) -> float:
        """How far a gain, a fraction, lies beyond the margin."""
        return -math.log(1 - gain) - math.log(1 + margin)

    def p_value(self, margin: float) -> float:
        """As `paired_p_value`, of E[d] <= log(1 + ``margin``)."""
        return paired_p_value(self.ratios, math.log1p(margin))

    def sign_p_value(self, margin: float) -> float:
        """As `sign_p_value`, of the same."""
        return sign_p_value(self.ratios, math.log1p(margin))

    def reduction(self, alpha: float, family: int = 1) -> Reduction:
        """As `reduction`."""
        return reduction(self.ratios, alpha, family)


@dataclass(frozen=True)
class Differences:
    """An arm against a candidate by d = e_arm - (1 + margin) e_candidate, one for each seed; any error may be 0."""

    arm: NDArray[np.float64]
    candidate: NDArray[np.float64]

    @classmethod
    def of(cls, arm: Sequence[float], candidate: Sequence[float]) -> Self:
        """Compare errors seed by seed."""
        return cls(np.asarray(arm, np.float64), np.asarray(candidate, np.float64))

    @property
    def deviation(self) -> float:
        """Standard deviation of one seed, in the arm's mean errors; 0 where it never erred."""
        mean = float(self.arm.mean())
        return stdlib.stdev((self.arm - self.candidate).tolist()) / mean if mean else 0.0

    @staticmethod
    def effect(gain: float, margin: float) -> float:
        """How far a gain, a fraction, lies beyond the margin, in the arm's mean errors."""
        return 1 - (1 + margin) * (1 - gain)

    def p_value(self, margin: float) -> float:
        """As `paired_p_value`, of E[d] <= 0."""
        largest = max(self.arm.max(), self.candidate.max())
        return paired_p_value(self._beyond(margin) / (largest or 1.0), 0.0)

    def sign_p_value(self, margin: float) -> float:
        """As `sign_p_value`, of d > 0."""
        return sign_p_value(self._beyond(margin), 0.0)

    def reduction(self, alpha: float, family: int = 1) -> Reduction:
        """As `ratio_of_means`."""
        both = np.stack([self.arm, self.candidate])
        return ratio_of_means(both.mean(1), np.cov(both) / both.shape[1], both.shape[1] - 1, alpha, family)

    def _beyond(self, margin: float) -> NDArray[np.float64]:
        return self.arm - (1 + margin) * self.candidate


PAIRED: dict[str, type[Paired] | type[Differences]] = {"ratio": Paired, "difference": Differences}
"""Seed by seed, on every scale."""


def ratio_of_means(
    means: NDArray[np.float64], covariance: NDArray[np.float64], freedom: float, alpha: float, family: int = 1
) -> Reduction:
    """Estimate the relative reduction 1 - E[e_candidate] / E[e_arm], bounds by Fieller simultaneous over a ``family``.

    Without an end below where the arm's mean is not clearly above 0: then nothing bounds how many times as much the
    candidate may err.

    Args:
        means: Of arm and candidate.
        covariance: Of these means.
        freedom: Degrees of freedom of that.
        alpha: Level.
        family: Over how many candidates the bounds hold together (Bonferroni).
    """
    arm, candidate = means.tolist()
    two, one = (float(stats.t.ppf(1 - alpha / (sides * family), freedom)) for sides in (2, 1))
    low, high = fieller(means, covariance, two)
    value = 1 - candidate / arm if arm else -math.inf if candidate else 0.0
    return Reduction(value, (1 - high, 1 - low), 1 - fieller(means, covariance, one)[1])


def fieller(means: NDArray[np.float64], covariance: NDArray[np.float64], quantile: float) -> tuple[float, float]:
    """Interval of the ratio of two means, neither of them negative (Fieller 1954, J. R. Stat. Soc. B 16, 175).

    Args:
        means: Of denominator and numerator.
        covariance: Of these means.
        quantile: How many standard errors numerator - ratio x denominator may lie from 0 for a ratio to be possible.

    Returns:
        The least and the largest possible ratio; the latter infinite where the denominator may be 0.
    """
    (a, b), (_, c) = np.outer(means, means) - quantile**2 * covariance  # possible: a ratio^2 - 2 b ratio + c <= 0
    inside = b * b - a * c
    end = b + math.sqrt(max(inside, 0.0))
    if end > 0:
        low = max(0.0, c / end) if a > 0 or inside >= 0 else 0.0
    else:  # a denominator that never differs from 0 below a numerator that clearly does
        low = math.inf if a <= 0 < c else 0.0
    return float(low), float(max(end, 0.0) / a) if a > 0 else math.inf


def power(deviation: float, effect: float, seeds: int, alpha: float) -> float:
    """Power of the one-sided paired t-test at a true mean ``effect`` above the margin.

    Args:
        deviation: Standard deviation of d.
        effect: E[d] minus the margin.
        seeds: Pairs.
        alpha: Level.
    """
    critical = stats.t.ppf(1 - alpha, seeds - 1)
    shift = effect / max(deviation, 1e-9) * math.sqrt(seeds)
    missed = float(stats.nct.cdf(critical, seeds - 1, shift))
    return 1.0 - missed if math.isfinite(missed) else float(shift > critical)


def seeds_needed(deviation: float, effect: float, alpha: float, least: int, most: int, wanted: float = 0.9) -> int:
    """Fewest seeds in [least, most] with the ``wanted`` power, or ``most`` if none reaches it."""
    return next((n for n in range(least, most) if power(deviation, effect, n, alpha) >= wanted), most)


def equivalent_rows(rows: Sequence[int], errors: Sequence[float], wanted: float) -> float | None:
    """Examples at which a learning curve reaches the error ``wanted``, by log-log interpolation.

    Args:
        rows: Examples, increasing.
        errors: Error at each.
        wanted: The error to reach.

    Returns:
        The number of examples, or None if the last point is still above ``wanted``.
    """
    if wanted >= errors[0]:
        return float(rows[0])
    for i in range(1, len(rows)):
        if errors[i] <= wanted:
            above, here, goal = logs([errors[i - 1], errors[i], wanted]).tolist()
            share = (above - goal) / (above - here)
            return float(math.exp(math.log(rows[i - 1]) + share * math.log(rows[i] / rows[i - 1])))
    return None


def trainings_needed(trainings: Sequence[int], errors: Sequence[float], reduced: float, most: float = MOST) -> float:
    """How many times the trainings of its last point a search would need to reduce its error by so much.

    The error is continued as a power of the number of trainings, by least squares of logarithms. A search that finds
    ever less by and by falls slower than that, so the number is a lower one.

    Args:
        trainings: Spent by each point, increasing.
        errors: Of the best recipe by then.
        reduced: Error to reach over that of the last point.
        most: Returned if it would take more, or if errors do not fall.
    """
    if reduced >= 1:
        return 1.0
    slope = float(np.polyfit(np.log(np.asarray(trainings, np.float64)), logs(errors), 1)[0])
    wanted = math.log(reduced) if reduced > 0 else -math.inf
    return min(most, math.exp(min(wanted / slope, math.log(most)))) if slope < -1e-9 else most


def clopper_pearson(said: int, n: int, level: float) -> tuple[float, float]:
    """One-sided bounds of a rate, lower and upper, each at ``level``: Clopper and Pearson 1934 (Biometrika 26, 404)."""
    lower = 0.0 if said == 0 else float(stats.beta.ppf(1 - level, said, n - said + 1))
    upper = 1.0 if said == n else float(stats.beta.ppf(level, said + 1, n - said))
    return lower, upper
