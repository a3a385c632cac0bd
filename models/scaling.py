"""Standardised inputs: mean 0 and deviation 1 over the training rows, and over no others."""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor


@dataclass(frozen=True)
class Scaling:
    """Mean and standard deviation of each input, float32 (inputs,)."""

    mean: Tensor
    deviation: Tensor

    @classmethod
    def of(cls, rows: Tensor) -> Self:
        """Measure ``rows`` (examples, inputs); an input that does not vary keeps deviation 1."""
        exact = rows.double()
        deviation = exact.std(dim=0, unbiased=False)
        deviation = torch.where(deviation > 0, deviation, torch.ones_like(deviation))
        return cls(exact.mean(dim=0).float(), deviation.float())

    def __call__(self, rows: Tensor) -> Tensor:
        """Standardise ``rows`` (examples, inputs)."""
        return (rows - self.mean) / self.deviation
