"""Ridge regression: the strength of its penalty tuned by predicting each example from all others."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Deviations = Callable[[NDArray, NDArray], Array]
"""From predicted and exact outputs (examples, outputs) to what an error is the mean of."""
STRENGTHS = tuple(map(float, np.logspace(-10, 0, 21)))
"""Penalties that are tried, in shares of the largest squared singular value of the inputs."""
TINY = 1e-12
"""Keeps a penalty finite where no input varies."""


@dataclass(frozen=True)
class LinearMap:
    """Outputs as weighted sums of inputs.

    Attributes:
        weights: (inputs, outputs).
        constant: (outputs,).
    """

    weights: Array
    constant: Array

    def __call__(self, inputs: ArrayLike) -> Array:
        """Predict outputs (examples, outputs)."""
        return np.asarray(inputs, np.float64) @ self.weights + self.constant


def ridge(inputs: ArrayLike, outputs: ArrayLike, *strengths: float) -> list[LinearMap]:
    """For each strength the map with the lowest squared error plus strength s^2 |weights|^2.

    Args:
        inputs: (examples, inputs); they are centred. s is their largest singular value.
        outputs: (examples, outputs); they too.
        strengths: Of the penalty.
    """
    rows, exact = np.asarray(inputs, np.float64), np.asarray(outputs, np.float64)
    mean, middle = rows.mean(0), exact.mean(0)
    left, singular, right = np.linalg.svd(rows - mean, full_matrices=False)
    projected, found = left.T @ (exact - middle), []
    for strength in strengths:
        shrunk = singular / (singular**2 + strength * max(singular[0] ** 2, TINY))
        weights = right.T @ (shrunk[:, None] * projected)
        found.append(LinearMap(weights, middle - mean @ weights))
    return found


def tuned_ridge(inputs: ArrayLike, outputs: ArrayLike, deviations: Deviations) -> LinearMap:
    """The ridge regression whose strength predicts each example best from all others."""
    exact = np.asarray(outputs, np.float64)
    errors = {s: float(np.mean(deviations(found, exact))) for s, found in leaving_one_out(inputs, exact)}
    (best,) = ridge(inputs, exact, min(errors, key=errors.__getitem__))
    return best


def leaving_one_out(inputs: ArrayLike, outputs: ArrayLike) -> Iterator[tuple[float, Array]]:
    """What each strength of `STRENGTHS` predicts of every example from all others.

    Leaving one out needs no refit: its residual is r / (1 - h), h its leverage (Allen 1974, Technometrics 16, 125).

    Args:
        inputs: (examples, inputs).
        outputs: (examples, outputs).

    Yields:
        Strength, and predictions (examples, outputs).
    """
    rows, exact = np.asarray(inputs, np.float64), np.asarray(outputs, np.float64)
    x, y = rows - rows.mean(axis=0), exact - exact.mean(axis=0)
    left, singular, _ = np.linalg.svd(x, full_matrices=False)
    projected = left.T @ y
    for strength in STRENGTHS:
        shrink = singular**2 / (singular**2 + strength * max(singular[0] ** 2, TINY))
        leverage = (left**2) @ shrink + 1 / len(x)
        residual = (y - left @ (shrink[:, None] * projected)) / np.maximum(1 - leverage, TINY)[:, None]
        yield strength, exact - residual
