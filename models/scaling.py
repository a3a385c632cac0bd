"""Standardised inputs: mean 0 and deviation 1 over the training rows, and over no others."""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor


@dataclass(frozen=True)
class Scaling:
    """Mean and standard deviation of each input (inputs,), in the precision of the rows that they were measured on.

    Tables come in double precision, and are standardised before they are rounded: a time in seconds since 1970 or a
    total energy varies in digits that single precision does not have.
    """

    mean: Tensor
    deviation: Tensor

    @classmethod
    def of(cls, rows: Tensor) -> Self:
        """Measure ``rows`` (examples, inputs); an input that does not vary keeps deviation 1."""
        exact = rows.double()
        deviation = exact.std(dim=0, unbiased=False)
        deviation = torch.where(deviation > 0, deviation, torch.ones_like(deviation))
        return cls(exact.mean(dim=0).to(rows.dtype), deviation.to(rows.dtype))

    @classmethod
    def none(cls, rows: Tensor) -> Self:
        """Leave ``rows`` (examples, inputs) as they are."""
        return cls(torch.zeros_like(rows[0]), torch.ones_like(rows[0]))

    def __call__(self, rows: Tensor) -> Tensor:
        """Standardise ``rows`` (examples, inputs), in single precision."""
        return ((rows - self.mean) / self.deviation).float()

    def beginning(self, told: "Scaling") -> "Scaling":
        """The same with the first inputs, as many as both have, standardised as ``told`` says."""
        mean, deviation = self.mean.clone(), self.deviation.clone()
        shared = min(len(mean), len(told.mean))
        mean[:shared], deviation[:shared] = told.mean[:shared], told.deviation[:shared]
        return Scaling(mean, deviation)
