"""The scale on which errors are compared: as ratios, or as differences where they may be 0 (rates, accuracies)."""

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEAST = 1e-12
"""An error below which float32 tells nothing: where logarithms are taken, 0 counts as this."""


def logs(errors: ArrayLike) -> NDArray[np.float64]:
    """Natural logarithms of errors, none of them negative; an error of exactly 0 counts as `LEAST`."""
    return np.log(np.maximum(np.asarray(errors, np.float64), LEAST))


def geometric_mean(errors: Sequence[float]) -> float:
    """Geometric mean of errors, infinite for none."""
    return math.exp(sum(math.log(max(error, LEAST)) for error in errors) / len(errors)) if errors else math.inf


class Scale:
    """Ratios of errors: their logarithms are averaged and compared, and an error of 0 has none."""

    name: ClassVar[str] = "ratio"

    def of(self, errors: ArrayLike) -> NDArray[np.float64]:
        """Errors as they are averaged and compared: seed by seed, differences of these tell who is better."""
        return logs(errors)

    def back(self, value: float) -> float:
        """An error from such an average."""
        return math.exp(value)

    def mean(self, errors: Sequence[float]) -> float:
        """Mean error, infinite for none."""
        return geometric_mean(errors)

    def change(self, errors: Sequence[float], reference: Sequence[float]) -> float:
        """Relative change of errors against a reference on the same seeds; negative is better."""
        return math.expm1(float((self.of(errors) - self.of(reference)).mean()))

    def unusable(self, errors: Sequence[float | None]) -> str:
        """What is wrong with errors that are to be compared, in words; '' if nothing is."""
        if not all(error is not None and math.isfinite(error) and error >= 0 for error in errors):
            return "diverged"
        return "" if all(errors) else "erred by exactly 0"


class Difference(Scale):
    """Differences of errors: they are averaged and compared as they are, and 0 is an error like any other."""

    name = "difference"

    def of(self, errors: ArrayLike) -> NDArray[np.float64]:
        """Errors as they are."""
        return np.asarray(errors, np.float64)

    def back(self, value: float) -> float:
        """The average itself."""
        return value

    def mean(self, errors: Sequence[float]) -> float:
        """Arithmetic mean, infinite for none."""
        return math.fsum(errors) / len(errors) if errors else math.inf

    def change(self, errors: Sequence[float], reference: Sequence[float]) -> float:
        """Relative change of the mean error; infinite where the reference never errs and these do."""
        ours, theirs = self.mean(errors), self.mean(reference)
        return ours / theirs - 1 if theirs else math.inf if ours else 0.0

    def unusable(self, errors: Sequence[float | None]) -> str:
        """As of `Scale`, 0 allowed."""
        return "diverged" if super().unusable(errors) == "diverged" else ""


RATIO, DIFFERENCE = Scale(), Difference()
SCALES = {scale.name: scale for scale in (RATIO, DIFFERENCE)}
