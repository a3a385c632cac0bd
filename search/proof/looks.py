"""Looks at a confirmation: after how many seeds one may stop, and how small a p-value must be then.

Whoever looks several times has several chances to be misled. The p-value of a look is therefore compared with those
that looks at nothing would have given: its adjusted value is the probability that the least p-value over all looks of
its stage falls as low although there is no effect. The looks of the study itself may spend most of the level; the rest
is kept for a second stage, which a run that remains undecided may be asked for later (`graft confirm DIR --more`). Both
are fixed before the first seed. Probabilities are simulated: paired t-tests on growing samples of normal differences.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from graft.search.proof.statistics import holm
from graft.search.run.seeds import looking

KEPT = 0.2
"""Share of the level that is kept for the second stage, if there is one."""
SIMULATED = 200_000
"""Confirmations without an effect from which levels are taken: to about one part in a hundred."""
COUNTED = 100
"""Simulated cases below which a probability is bounded (by the sum over looks) instead of counted."""


@dataclass(frozen=True)
class Looks:
    """When a confirmation is looked at, fixed beforehand.

    Attributes:
        seeds: After how many, increasing.
        more: The same of the second stage, beyond those; none if empty.
        alpha: Level of both stages together.
        glances: After how many seeds, before all looks, claims may be given up; nothing is proved there.
    """

    seeds: tuple[int, ...]
    more: tuple[int, ...]
    alpha: float
    glances: tuple[int, ...] = ()

    @property
    def first(self) -> float:
        """Level of the first stage."""
        return self.alpha * (1 - KEPT) if self.more else self.alpha

    def p_value(self, p: float, seeds: int, family: int = 1) -> float:
        """Adjust a p-value for all looks of its stage.

        Args:
            p: As it is, at this look.
            seeds: Of the look.
            family: Claims that share the level.

        Returns:
            The probability, without an effect, that a look of the stage gives as small a one; in the second stage of
            doing so after none of the first has proved anything.
        """
        if seeds in self.more:
            return _falls(p, self._later(family), len(self.more))
        return p if len(self.seeds) == 1 else max(p, _falls(p, least(self.seeds), len(self.seeds)))

    def level(self, seeds: int, alpha: float) -> float:
        """The p-value that some look, up to the end of this one's stage, falls below with probability ``alpha``."""
        looks = self.seeds + self.more if seeds in self.more else self.seeds
        return _quantile(looks, alpha) if len(looks) > 1 else alpha

    @property
    def levels(self) -> dict[int, float]:
        """For the record: the p-value that proves a single claim, by look."""
        found = {seeds: self.level(seeds, self.first) for seeds in self.seeds}
        if self.more:
            found |= dict.fromkeys(self.more, float(np.quantile(self._later(1), self.alpha - self.first)))
        return found

    def _later(self, family: int) -> NDArray[np.float64]:
        """Least p-values over the second stage; 1 where one of so many claims was proved in the first already."""
        before = self.level(self.seeds[0], self.first / family)
        return np.where(least(self.seeds) > before, least(self.more), 1.0)


@dataclass(frozen=True)
class Look:
    """One of several looks at a confirmation.

    Attributes:
        looks: All of them.
        seeds: After how many this one is.
    """

    looks: Looks
    seeds: int

    @property
    def limit(self) -> float:
        """What an adjusted p-value must not exceed: the level that is spent when the stage of this look ends."""
        if self.seeds in self.looks.glances:
            return -1.0
        return self.looks.alpha if self.seeds in self.looks.more else self.looks.first

    def adjusted(self, p_values: Sequence[float]) -> list[float]:
        """Adjust the p-values of several claims for all of them (Holm) and for all looks."""
        family = max(1, len(p_values))
        before = self.looks.first if self.seeds in self.looks.more else 0.0
        return [min(1.0, before + p) for p in holm([self.looks.p_value(p, self.seeds, family) for p in p_values])]

    def wide(self, alpha: float, family: int) -> float:
        """Level of an interval at this look, so that those of all looks hold together at ``alpha``."""
        return 2 * family * self.looks.level(self.seeds, alpha / (2 * family))


def _falls(p: float, found: NDArray[np.float64], looks: int) -> float:
    """Probability that a least p-value over so many looks is at most ``p``."""
    count = int((found <= p).sum())
    return min(1.0, looks * p) if count < COUNTED else count / len(found)


@cache
def _quantile(looks: tuple[int, ...], alpha: float) -> float:
    """The least p-value over looks that is fallen below with probability ``alpha``; sorting takes milliseconds."""
    return float(np.quantile(least(looks), alpha))


@cache
def least(looks: tuple[int, ...]) -> NDArray[np.float64]:
    """Least one-sided p-values over looks at the same differences, which have no effect (simulated confirmations,)."""
    statistics = simulated(max(looks))
    return np.min([stats.t.sf(statistics[seeds], seeds - 1) for seeds in looks], axis=0)


@cache
def simulated(most: int) -> dict[int, NDArray[np.float64]]:
    """Student's t of differences without an effect, after each number of seeds from two on (confirmations,)."""
    generator = looking()
    total, squares = np.zeros(SIMULATED), np.zeros(SIMULATED)
    found = {}
    for seeds in range(1, most + 1):
        drawn = special.ndtri(generator.random(SIMULATED))  # by the inverse: a stream that no version of numpy changes
        total += drawn
        squares += drawn**2
        if seeds > 1:
            found[seeds] = total / np.sqrt(seeds * (squares - total**2 / seeds) / (seeds - 1))
    return found
