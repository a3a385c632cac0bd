"""Steps of matrices along the orthogonal part of their momentum: all their directions advance alike.

Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks" (kellerjordan.github.io/posts/muon), as
`torch.optim.Muon` has it, but in single precision, and with all matrices of one shape made orthogonal in one product,
those of stacked networks too: of small ones the calling is what costs.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

MOMENTUM = 0.95
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the Newton-Schulz iteration: steep at 0, so that five rounds bring even small singular values near 1."""
ROUNDS = 5
LEAST = 1e-7
"""Added to the norm by which an update is divided."""
SIZE = 0.2
"""Root mean square of a step in units of the rate, which is AdamW's: so its rates and decays suit (Liu et al. 2025,
arXiv:2502.16982, section 2.2)."""


class Muon:
    """Steps some matrices, all at one rate.

    Args:
        weights: (..., rows, columns), changed in place; leading axes count networks.
        decay: Decoupled weight decay.
    """

    def __init__(self, weights: Sequence[Tensor], decay: float) -> None:
        self.weights = [weight.reshape(-1, *weight.shape[-2:]) for weight in weights]
        self.momenta = [torch.zeros_like(weight) for weight in self.weights]
        self.decay = decay

    def step(self, gradients: Sequence[Tensor | None], rate: float) -> None:
        """Take one step; a matrix without a gradient stays as it is."""
        by_shape: dict[torch.Size, list[tuple[Tensor, Tensor, Tensor]]] = {}
        for weight, momentum, gradient in zip(self.weights, self.momenta, gradients, strict=True):
            if gradient is not None:
                alike = by_shape.setdefault(weight.shape[1:], [])
                alike.append((weight, momentum, gradient.reshape(weight.shape)))
        for shape, alike in by_shape.items():
            weights, momenta, slopes = (list(each) for each in zip(*alike, strict=True))
            torch._foreach_lerp_(momenta, slopes, 1 - MOMENTUM)
            ahead = torch._foreach_lerp(slopes, momenta, MOMENTUM)  # Nesterov's
            steps = orthogonal(torch.cat(ahead)).split([len(weight) for weight in weights])
            torch._foreach_mul_(weights, 1 - rate * self.decay)
            torch._foreach_add_(weights, steps, alpha=-rate * SIZE * math.sqrt(max(shape)))


def orthogonal(matrices: Tensor) -> Tensor:
    """Bring all singular values of matrices (number, rows, columns) near 1, their directions kept."""
    tall = matrices.shape[1] > matrices.shape[2]
    found = matrices.mT if tall else matrices
    found = found / (found.norm(dim=(1, 2), keepdim=True) + LEAST)
    a, b, c = COEFFICIENTS
    for _ in range(ROUNDS):
        square = found @ found.mT
        found = torch.baddbmm(found, torch.baddbmm(square, square, square, beta=b, alpha=c), found, beta=a)
    return found.mT if tall else found
