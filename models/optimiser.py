"""Steps of an optimiser, by PyTorch's own fused kernels.

The classes of `torch.optim` end in the same kernels and give the same bits (a test holds this). They are passed by for
two reasons: the first of them that a process makes imports PyTorch's compiler, 1.5 s of processor time, and what they
do around a kernel takes longer than the kernel where networks are small (0.25 ms against 0.10 ms a step for six layers
of 48 neurons).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from graft.models.muon import Muon
from graft.spaces.plan import Recipe

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
"""Of Adam and AdamW (Kingma and Ba 2015, arXiv:1412.6980), as PyTorch has them."""
MOMENTUM = 0.9
"""Of stochastic gradient descent."""


class Optimiser:
    """Steps some weights, all at one rate.

    Args:
        recipe: Names the optimiser and the decay.
        weights: Changed in place; each with its own count of steps.
        peak: The rate before the schedule.
        leading: Axes of each weight that count networks; none by default.
    """

    def __init__(
        self, recipe: Recipe, weights: Sequence[Tensor], peak: float, leading: Sequence[int] | None = None
    ) -> None:
        self.recipe, self.peak = recipe, peak
        # Muon is for matrices; kernels of a convolution are rows of one. All else is AdamW's.
        before = leading or [0] * len(weights)
        muon = recipe.optimiser == "muon"
        each = [
            muon and not one.is_complex() and one.ndim - axes >= 2 for one, axes in zip(weights, before, strict=True)
        ]
        self.matrices = [place for place, matrix in enumerate(each) if matrix]
        self.muon = Muon([weights[place].detach().flatten(before[place] + 1) for place in self.matrices], recipe.decay)
        self.others = [place for place, matrix in enumerate(each) if not matrix]
        self.weights = [_real(weights[place].detach()) for place in self.others]
        self.first = [torch.zeros_like(weight) for weight in self.weights]
        self.second = [] if recipe.optimiser == "sgd" else [torch.zeros_like(weight) for weight in self.weights]
        self.steps = [torch.zeros((), device=weight.device) for weight in self.weights]

    def step(self, gradients: Sequence[Tensor | None], factor: float) -> None:
        """Take one step.

        Args:
            gradients: Of the weights, in their order; a weight without one stays as it is.
            factor: Of the schedule, on the rate.
        """
        rate, decay = self.peak * factor, self.recipe.decay
        self.muon.step([gradients[place] for place in self.matrices], rate)
        others = [gradients[place] for place in self.others]
        moved = [place for place, gradient in enumerate(others) if gradient is not None]
        if not moved:
            return
        slopes = [_real(gradient) for gradient in others if gradient is not None]
        weights, first = [self.weights[place] for place in moved], [self.first[place] for place in moved]
        if self.recipe.optimiser == "sgd":
            torch._fused_sgd_(
                weights, slopes, first, weight_decay=decay, momentum=MOMENTUM, lr=rate, dampening=0.0, nesterov=False,
                maximize=False, is_first_step=False,
            )  # fmt: skip
            return
        steps = [self.steps[place] for place in moved]
        torch._foreach_add_(steps, 1)
        kernel = torch._fused_adam_ if self.recipe.optimiser == "adam" else torch._fused_adamw_
        kernel(
            weights, slopes, first, [self.second[place] for place in moved], [], steps, lr=rate, beta1=BETA1,
            beta2=BETA2, weight_decay=decay, eps=EPSILON, amsgrad=False, maximize=False,
        )  # fmt: skip


def _real(tensor: Tensor) -> Tensor:
    """Real and imaginary parts of complex numbers as numbers of their own, which is how `torch.optim` steps them."""
    return torch.view_as_real(tensor) if tensor.is_complex() else tensor
