"""Two arms compared on every pair of a refit and a locked example, both drawn from many: crossed random effects.

Holdout mode has no new examples to average over, so the few locked ones are a sample too, as the refits are. With X the
error of an arm on one example after one refit, the claim is about theta = log(E[X of arm] / E[X of candidate]).
Its estimate is the log of the ratio of the two mean errors, and the variance of that is the sum of what each factor
brings, less what both count:

    var = V_R + V_E - V_I,

V_R and V_E by leaving out one refit, one example at a time (jackknife; Efron and Stein 1981, Annals of Statistics 9,
586), V_I = sum (z_re - z_r. - z_.e + z)^2 / ((R - 1)(m - 1) R m), the part of single cells, from the linearised
z = X of arm / its mean - X of candidate / its mean. For small variations V_R and V_E are the mean squares of z over
refits and over examples divided by R m, and the sum is the analysis of variance of a two-way table without replicates
(Searle, Casella and McCulloch 1992, Variance Components, ch. 4). Where it falls below V_R or V_E, one component would
be negative: it is taken as 0 and the larger stands alone. Degrees of freedom are Satterthwaite's (1946, Biometrics
Bulletin 2, 110); the ratio is the quasi-F of Clark 1973 (J. Verbal Learning and Verbal Behavior 12, 335). If one factor
does nothing, this is the t-test over the other.

With heavy tails and a dozen examples the level is a little above its name (tests: 0.07 for 0.05 where the errors of
the two arms scatter by a factor of 2 and independently): p-values of holdout mode are approximate.
"""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from graft.search.proof.statistics import Reduction, ratio_of_means, sign_p_value


@dataclass(frozen=True)
class Crossed:
    """What a crossed table of errors says of an arm and a candidate.

    Attributes:
        mean: Estimate of theta, positive where the candidate is better.
        error: Its standard error.
        freedom: Degrees of freedom of that.
        by_example: Log of the ratio of mean errors on each example, for the sign test (examples,).
    """

    mean: float
    error: float
    freedom: float
    by_example: NDArray[np.float64]

    @classmethod
    def of(cls, arm: ArrayLike, candidate: ArrayLike) -> Self:
        """Compare errors (refits, examples), both at least two, none negative and no mean 0."""
        ours, theirs = np.asarray(candidate, np.float64), np.asarray(arm, np.float64)
        error, freedom = standard_error(theirs, ours)
        with np.errstate(divide="ignore", invalid="ignore"):  # an example met exactly: infinitely better, or a tie
            by_example = np.nan_to_num(np.log(theirs.mean(0)) - np.log(ours.mean(0)), posinf=math.inf, neginf=-math.inf)
        return cls(math.log(theirs.mean() / ours.mean()), error, freedom, by_example)

    def p_value(self, margin: float) -> float:
        """One-sided p-value of theta <= log(1 + ``margin``); without any variation, 1: nothing was drawn."""
        if self.error <= 1e-12:
            return 1.0
        return float(stats.t.sf((self.mean - math.log1p(margin)) / self.error, self.freedom))

    def sign_p_value(self, margin: float) -> float:
        """One-sided p-value of the sign test over examples, of errors averaged over refits."""
        return sign_p_value(self.by_example, math.log1p(margin))

    def reduction(self, alpha: float, family: int = 1) -> Reduction:
        """Relative reduction of the error, 1 - exp(-theta); bounds simultaneous over a ``family`` (Bonferroni)."""
        two, one = (float(stats.t.ppf(1 - alpha / (sides * family), self.freedom)) for sides in (2, 1))
        low, high, lower = (self.mean + by * self.error for by in (-two, two, -one))
        return Reduction(1 - math.exp(-self.mean), (1 - math.exp(-low), 1 - math.exp(-high)), 1 - math.exp(-lower))


@dataclass(frozen=True)
class CrossedDifferences:
    """The same by d = e_arm - (1 + margin) e_candidate, of which each cell has one: any error may be 0.

    Attributes:
        tables: Errors of arm and candidate (2, refits, examples).
    """

    tables: NDArray[np.float64]

    @classmethod
    def of(cls, arm: ArrayLike, candidate: ArrayLike) -> Self:
        """Compare errors (refits, examples), both at least two, none negative."""
        return cls(np.stack([np.asarray(arm, np.float64), np.asarray(candidate, np.float64)]))

    def p_value(self, margin: float) -> float:
        """One-sided p-value of E[d] <= 0; without any variation, 1: nothing was drawn."""
        direction = np.array([1.0, -(1 + margin)])
        covariance, freedom = self._covariance(direction)
        error = math.sqrt(max(float(direction @ covariance @ direction), 0.0))
        if error <= 1e-12 * self.tables.max():
            return 1.0
        return float(stats.t.sf(float(direction @ self.tables.mean((1, 2))) / error, freedom))

    def sign_p_value(self, margin: float) -> float:
        """One-sided p-value of the sign test over examples, of errors averaged over refits."""
        arm, candidate = self.tables.mean(1)
        return sign_p_value(arm - (1 + margin) * candidate, 0.0)

    def reduction(self, alpha: float, family: int = 1) -> Reduction:
        """Relative reduction of the mean error; bounds as of `ratio_of_means`."""
        means = self.tables.mean((1, 2))
        covariance, freedom = self._covariance(np.array([means[1], -means[0]]))
        return ratio_of_means(means, covariance, freedom, alpha, family)

    def _covariance(self, direction: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
        """Covariance of the mean errors of arm and candidate, and the degrees of freedom of that combination of them.

        Of the components by refits, by examples and by single cells those count that do for the combination.
        """
        _, refits, examples = self.tables.shape
        rows, columns = self.tables.mean(2), self.tables.mean(1)
        inner = self.tables - rows[:, :, None] - columns[:, None] + self.tables.mean((1, 2), keepdims=True)
        cells = (refits - 1) * (examples - 1)
        parts = (
            np.cov(rows) / refits,
            np.cov(columns) / examples,
            np.einsum("ire,jre->ij", inner, inner) / (cells * refits * examples),
        )
        by_refit, by_example, neither = (float(direction @ part @ direction) for part in parts)
        total, freedom = combined(by_refit, by_example, neither, (refits - 1, examples - 1))
        if total > max(by_refit, by_example):
            return parts[0] + parts[1] - parts[2], freedom
        return parts[0 if by_refit > by_example else 1], freedom


def standard_error(arm: NDArray[np.float64], candidate: NDArray[np.float64]) -> tuple[float, float]:
    """Standard error of the log of the ratio of mean errors (refits, examples), and its degrees of freedom."""
    freedoms = tuple(size - 1 for size in arm.shape)
    by_refit, by_example = (
        n / (n + 1) * float(((left := left_out(arm, candidate, axis)) - left.mean()) @ (left - left.mean()))
        for axis, n in enumerate(freedoms)
    )
    z = arm / arm.mean() - candidate / candidate.mean()
    inner = z - z.mean(1, keepdims=True) - z.mean(0) + z.mean()
    neither = float((inner**2).sum()) / (freedoms[0] * freedoms[1] * z.size)
    variance, freedom = combined(by_refit, by_example, neither, (freedoms[0], freedoms[1]))
    return math.sqrt(variance), freedom


def combined(by_refit: float, by_example: float, neither: float, freedoms: tuple[int, int]) -> tuple[float, float]:
    """Variance from what each factor brings, less what both count, and its degrees of freedom."""
    total = by_refit + by_example - neither
    if total > max(by_refit, by_example):
        parts = zip((by_refit, by_example, neither), (*freedoms, freedoms[0] * freedoms[1]), strict=True)
        return total, max(1.0, total**2 / sum(part**2 / freedom for part, freedom in parts))
    return max(by_refit, by_example), float(freedoms[0 if by_refit > by_example else 1])


def left_out(arm: NDArray[np.float64], candidate: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """The estimate without each refit (axis 0) or each example (axis 1) in turn."""
    rest = (sums.sum() - sums for sums in (arm.sum(1 - axis), candidate.sum(1 - axis)))
    return np.subtract(*map(np.log, rest))
