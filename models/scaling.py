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

    def beginning(self, told: "Scaling") -> "Scaling":
        """The same with the first inputs, as many as both have, standardised as ``told`` says."""
        mean, deviation = self.mean.clone(), self.deviation.clone()
        shared = min(len(mean), len(told.mean))
        mean[:shared], deviation[:shared] = told.mean[:shared], told.deviation[:shared]
        return Scaling(mean, deviation)
