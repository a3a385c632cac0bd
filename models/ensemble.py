"""Several networks as one: the mean of what they predict, and intervals that hold the truth as often as they say.

CV+ of Barber, Candès, Ramdas & Tibshirani 2021, Ann. Stat. 49, 486, eq. (10); where no network has learned from any of
the held rows this is split conformal prediction (Lei et al. 2018, J. Am. Stat. Assoc. 113, 1094). NumPy, float64.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load, save
from torch import Tensor, nn

from graft.models.scaling import Scaling
from graft.spaces.errors import InputError

Floats = NDArray[np.float64]
ALL = -1
"""In place of a network's number: the mean of all predicted a row, for none had learned from it."""


class Averaged(nn.Module):
    """The mean of what networks predict from the same inputs, each after its own scaling."""

    def __init__(self, members: Sequence[tuple[nn.Module, Scaling | None]]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(network for network, _ in members)
        self.scalings = [scaling for _, scaling in members]

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs (examples, ...) from inputs (examples, ...)."""
        told = zip(self.networks, self.scalings, strict=True)
        each = [network(inputs if scaling is None else scaling(inputs)) for network, scaling in told]
        return torch.stack(each).mean(0)


class Intervals(NamedTuple):
    """Predictions with bounds, each (examples, outputs), every output by itself."""

    mean: Floats
    lower: Floats
    upper: Floats


@dataclass(frozen=True)
class Held:
    """What networks predicted of rows from which they had not learned.

    Attributes:
        residuals: |exact - predicted| (rows, outputs).
        members: Number of the network that predicted each row (rows,), or `ALL`.
    """

    residuals: Floats
    members: NDArray[np.int64]

    def pack(self) -> bytes:
        """As safetensors bytes."""
        return save({"residuals": self.residuals, "members": self.members})

    @classmethod
    def unpack(cls, data: bytes) -> "Held":
        """Inverse of `pack`."""
        return cls(**load(data))


def intervals(predicted: Floats, held: Held, coverage: float) -> Intervals:
    """Return intervals that hold the exact value of an output in this share of new examples.

    The share is that of examples like those held, on average over draws of them: exactly so where no network had
    learned from a held row, and within about 2 % in practice where networks take turns (the bound that is proved for
    these is 2 * coverage - 1).

    Args:
        predicted: By each network (networks, examples, outputs).
        held: What these networks predicted of rows from which they had not learned.
        coverage: Share of the exact values that the intervals are to hold.

    Raises:
        InputError: If so few rows were held that no interval holds that share.
    """
    rows = len(held.residuals)
    outside = math.floor((1 - coverage) * (rows + 1) + 1e-9)  # 0.1 * 10 is 1, whatever its last bit says
    if not 0 < coverage < 1 or outside < 1:
        most = math.floor(1000 * rows / (rows + 1)) / 1000
        raise InputError(f"coverage is {coverage:g}; allowed: above 0, at most {most:g} with {rows} held rows")
    mean = predicted.mean(0)
    lower, upper = np.empty_like(mean), np.empty_like(mean)
    place = rows - outside
    for i in range(mean.shape[0]):  # an example at a time: rows times outputs numbers each
        by = np.concatenate([predicted[:, i], mean[None, i]])[held.members]  # ALL, -1, is the last: the mean
        lower[i] = -np.partition(held.residuals - by, place, 0)[place]
        upper[i] = np.partition(by + held.residuals, place, 0)[place]
    return Intervals(mean, lower, upper)
