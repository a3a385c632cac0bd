"""What came of a training: a network as it will be used, and how far it is off."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from graft.models.scaling import Scaling
from graft.spaces.plan import Recipe

Shape = tuple[int, ...]
"""Of one example's inputs or outputs."""


@dataclass(frozen=True)
class Fitted:
    """A trained network.

    Attributes:
        network: Its blocks.
        recipe: With which it was built.
        inputs: Shape of an example's inputs.
        outputs: Shape of its outputs.
        scaling: How inputs are standardised; None where they are not.
    """

    network: nn.Module
    recipe: Recipe
    inputs: Shape
    outputs: Shape
    scaling: Scaling | None = None

    def seen(self, inputs: Tensor) -> Tensor:
        """Inputs as the network takes them."""
        if self.scaling is not None:
            return self.scaling(inputs)
        return inputs.float() if inputs.dtype == torch.float64 else inputs


@dataclass(frozen=True)
class Errors:
    """How far a network is off: the metric (a fraction), the same of each example, and each output's in its unit."""

    value: float
    by_example: NDArray[np.float64] | None = None
    in_units: NDArray[np.float64] | None = None
