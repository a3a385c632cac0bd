"""Examples of a task: what is put in, what comes out, and which of them belong together."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from graft.search.run.results import DataCard
from graft.simulators.data.dataset import Dataset


@dataclass(frozen=True)
class Examples:
    """Inputs (examples, ...) and outputs (examples, ...), of any shape.

    Attributes:
        groups: Which belong together, a number for each group (examples,), a group's rows one after another; None:
            each stands for itself.
    """

    inputs: NDArray
    outputs: NDArray
    groups: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.inputs)

    def first(self, rows: int) -> "Examples":
        """The first ``rows`` examples."""
        return self.take(slice(rows))

    def last(self, rows: int) -> "Examples":
        """The last ``rows`` examples."""
        return self.take(slice(len(self) - rows, None))

    def take(self, rows: NDArray | slice) -> "Examples":
        """The chosen rows."""
        groups = None if self.groups is None else self.groups[rows]
        return Examples(self.inputs[rows], self.outputs[rows], groups)

    def without(self, rows: NDArray[np.int64]) -> "Examples":
        """All but the chosen rows."""
        return self.take(np.delete(np.arange(len(self)), rows))

    def followed_by(self, others: "Examples") -> "Examples":
        """These examples, then others; which belong together is no longer known."""
        return Examples(np.concatenate([self.inputs, others.inputs]), np.concatenate([self.outputs, others.outputs]))

    @property
    def range(self) -> dict[str, list[float]] | None:
        """Between which values each input lies; None where inputs are no list of numbers."""
        if self.inputs.ndim != 2:
            return None
        return {"low": self.inputs.min(0).tolist(), "high": self.inputs.max(0).tolist()}

    def tensors(self, device: str = "cpu") -> tuple[Tensor, Tensor]:
        """Both as tensors, copied; outputs that training has to reach in single precision."""
        outputs = torch.tensor(self.outputs, device=device)
        single = outputs.float() if outputs.dtype == torch.float64 else outputs
        return torch.tensor(self.inputs, device=device), single


class Data(Protocol):
    """Where a task may keep what it generates, and with what."""

    def place(self, name: str) -> Path:
        """The folder of a data set, or a file that holds its address."""

    def folder(self, name: str) -> Path:
        """The folder of a data set that stays with the run."""

    @property
    def actors(self) -> int:
        """How many may generate at a time."""

    def count(self, done: int, wanted: int) -> None:
        """Told how many rows there are."""


def cards(folder: Path) -> dict[str, DataCard]:
    """Each data set of a folder by name, rows and the digest of its manifest."""
    held = {place.name: Dataset.open(place) for place in sorted(folder.iterdir())}
    return {
        name: DataCard(simulator=data.manifest.simulator, rows=data.rows, digest=data.digest)
        for name, data in held.items()
    }
