"""What a network is trained on and judged by."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from graft.models.fidelity import image_error
from graft.spaces.errors import InputError


class Batch(NamedTuple):
    """Rows of one step: inputs as the network takes them, and exact outputs, or the inputs where there are none."""

    inputs: Tensor
    outputs: Tensor


Loss = Callable[[Tensor, Tensor], Tensor]
"""From a prediction and exact outputs to one number."""
Objective = Callable[[nn.Module, Batch], Tensor]
"""What training makes small, from a network and a batch to one number."""
SMALLEST = 1e-6
ORDER = (0.01, 100.0)
"""Mean size of outputs that a network starting from common initial weights can learn as they are."""


def relative_l1(prediction: Tensor, target: Tensor) -> Tensor:
    """Eq. 1 of Qu et al. 2018: the mean of |prediction - target| / |target|."""
    inverse = target.reciprocal()
    return F.l1_loss(prediction * inverse, target * inverse)


LOSS: dict[str, Loss] = {
    "relative-l1": relative_l1,
    "l1": F.l1_loss,
    "mse": F.mse_loss,
    "huber": F.smooth_l1_loss,
    "cross-entropy": F.cross_entropy,  # of logits and one-hot classes, or probabilities of them
}


def supervised(loss_of: Loss) -> Objective:
    """The loss of what a network predicts of a batch."""
    return lambda network, batch: loss_of(network(batch.inputs), batch.outputs)


@dataclass(frozen=True)
class Metric:
    """What an error is.

    Attributes:
        name: Registered as this.
        words: In a sentence, as in "the ... falls".
        phrase: What it is, exactly.
        deviations: From predicted and exact outputs (examples, ...) to what is averaged.
        scale: How errors are compared: as a ``ratio``, or by their ``difference`` where they may be 0.
    """

    name: str
    words: str
    phrase: str
    deviations: Callable[[NDArray, NDArray], NDArray[np.float64]]
    scale: Literal["ratio", "difference"] = "ratio"


def relative(prediction: NDArray, target: NDArray) -> NDArray[np.float64]:
    """|predicted - exact| / |exact|, in float64."""
    return distance(prediction, target) / np.abs(np.asarray(target, np.float64))


def distance(prediction: NDArray, target: NDArray) -> NDArray[np.float64]:
    """|predicted - exact|, in float64."""
    return np.abs(np.asarray(prediction, np.float64) - np.asarray(target, np.float64))


def wrong(prediction: NDArray, target: NDArray) -> NDArray[np.float64]:
    """1 where the largest of the predicted logits (examples, classes, ...) is of another class than the exact one's."""
    return (np.argmax(prediction, 1) != np.argmax(target, 1)).astype(np.float64)


def surprise(prediction: NDArray, target: NDArray) -> NDArray[np.float64]:
    """-log p(exact) by predicted logits (examples, classes, ...), in shares of uniform guessing's, in float64."""
    logits = np.asarray(prediction, np.float64)
    logits = logits - logits.max(1, keepdims=True)
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    return -(np.asarray(target, np.float64) * log_p).sum(1) / np.log(logits.shape[1])


METRICS = {
    metric.name: metric
    for metric in (
        Metric(
            "relative-l1",
            "mean spectrum error",
            "mean over examples and spectrum points of |predicted - exact| / exact (Qu et al. 2018, Eq. 1)",
            relative,
        ),
        Metric(
            "normalised-l1",
            "mean error, in mean absolute deviations of each output,",
            "mean over examples and outputs of |predicted - exact| / mean absolute deviation of the output",
            distance,  # of outputs that are standardised beforehand (`graft.models.standard.Standard`)
        ),
        Metric(
            "information-missed",
            "information missed",
            "Kullback-Leibler divergence from the exact distribution, as a share of uniform guessing's",
            distance,  # of logarithms of probabilities
        ),
        Metric(
            "error-rate",
            "misclassification rate",
            "share of examples whose most probable class is not the exact one (outputs are one-hot)",
            wrong,
            "difference",
        ),
        Metric(
            "log-loss",
            "log loss, in shares of uniform guessing's,",
            "mean over examples of -log p(exact class) / log(number of classes), p by logits (outputs are one-hot)",
            surprise,
            "difference",
        ),
        Metric(
            "image-error",
            "error of an image, in deviations of the true one,",
            "mean over images of the root mean square of predicted - exact, over the deviation of the exact image",
            image_error,
        ),
    )
}


def relative_error(prediction: NDArray, target: NDArray) -> float:
    """Spectrum error, Eq. 1 of Qu et al. 2018, as a fraction, averaged over examples and spectrum points.

    Args:
        prediction: (examples, points).
        target: (examples, points), away from zero.
    """
    return float(np.mean(relative(prediction, target)))


NORMALISED = 'metric = "normalised-l1"'


def away_from_zero(target: NDArray, where: str, instead: str = f"{NORMALISED}, which zero does not trouble") -> None:
    """Refuse outputs that a relative error cannot judge.

    Args:
        target: (examples, outputs).
        where: What they are of.
        instead: What else is allowed.

    Raises:
        InputError: Naming the first rows with a value nearer to zero than 1e-6.
    """
    rows = np.flatnonzero((np.abs(target) < SMALLEST).any(axis=1))
    if rows.size:
        shown = ", ".join(map(str, rows[:5])) + (", ..." if rows.size > 5 else "")
        raise InputError(
            f"{where}: outputs of rows {shown} (counted from 0) come within {SMALLEST:g} of zero; allowed: outputs "
            f"away from it, or {instead}"
        )


def of_order_one(target: NDArray, where: str, instead: str = NORMALISED) -> None:
    """Refuse outputs that a network cannot reach from where it starts.

    Args:
        target: (examples, outputs), learned as they are.
        where: What they are of.
        instead: What else is allowed.

    Raises:
        InputError: Naming their mean size.
    """
    size = float(np.abs(target).mean())
    if not ORDER[0] <= size <= ORDER[1]:
        raise InputError(
            f"{where}: outputs are of size {size:.3g}; allowed: about 1, from {ORDER[0]:g} to {ORDER[1]:g} (choose "
            f"another unit), or {instead}"
        )


def varying(target: NDArray, where: str) -> None:
    """Refuse outputs (examples, outputs) with one that is the same in every row.

    Raises:
        InputError: Naming the first such output, counted from 1.
    """
    still = np.flatnonzero((target == target[0]).all(axis=0))
    if still.size:
        raise InputError(
            f"{where}: output {still[0] + 1} of {target.shape[1]} is {target[0, still[0]]:g} in all {len(target)} "
            "rows; allowed: outputs to be learned"
        )


def finite(loss: Tensor, step: int) -> None:
    """Raise `NonFiniteLoss` if the loss is no number."""
    if not bool(torch.isfinite(loss)):
        raise NonFiniteLoss(f"the loss is {float(loss)} at step {step}")


class NonFiniteLoss(ArithmeticError):
    """Training diverged."""
