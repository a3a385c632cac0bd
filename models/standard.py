"""Standardised outputs, for a metric that zero does not trouble."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from graft.spaces.errors import InputError


@dataclass(frozen=True)
class Standard:
    """Mean and mean absolute deviation of each output, float64 (outputs,).

    The metric ``normalised-l1`` is the mean of |predicted - exact| / deviation: 1 for a network that always answers
    with the mean. Both are measured on the unlocked rows and then belong to the metric, the same for every seed.
    """

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]

    @classmethod
    def of(cls, outputs: NDArray, where: str) -> Self:
        """Measure outputs (examples, outputs).

        Raises:
            InputError: If one never varies.
        """
        exact = np.asarray(outputs, np.float64)
        mean = exact.mean(0)
        deviation = np.abs(exact - mean).mean(0)
        still = np.flatnonzero(deviation <= 1e-12 * np.abs(mean))
        if still.size:
            raise InputError(f"{where}: output {still[0] + 1} never varies; allowed: outputs that do")
        return cls(mean, deviation)

    def __call__(self, outputs: ArrayLike) -> NDArray[np.float32]:
        """Standardise outputs (examples, outputs)."""
        return ((np.asarray(outputs, np.float64) - self.mean) / self.deviation).astype(np.float32)

    def undo(self, outputs: ArrayLike) -> NDArray[np.float64]:
        """Inverse of calling it."""
        return np.asarray(outputs, np.float64) * self.deviation + self.mean
