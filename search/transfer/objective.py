"""One training of a plan: build, initialise, copy, train, judge."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.head import initialise, set_head
from models.loss import deviations
from models.mlp import drawing
from models.network import Network, OwnNetwork, Shape
from models.scaling import Scaling
from models.standard import Standard
from models.surgery import shuffle, transplant
from models.train import predict, train
from models.weights import no_gradient, pack, unpack
from search.seeds import Draws, Role
from spaces.plan import Plan


@dataclass(frozen=True)
class Examples:
    """Inputs (examples, inputs) and outputs (examples, outputs), float32."""

    inputs: NDArray
    outputs: NDArray

    def __len__(self) -> int:
        return len(self.inputs)

    def first(self, rows: int) -> "Examples":
        """The first ``rows`` examples."""
        return Examples(self.inputs[:rows], self.outputs[:rows])

    def last(self, rows: int, standard: Standard | None = None) -> "Examples":
        """The last ``rows`` examples."""
        return Examples(self.inputs[-rows:], self.outputs[-rows:]).standardised(standard)

    def standardised(self, standard: Standard | None) -> "Examples":
        """The examples with standardised outputs, or as they are."""
        return self if standard is None else Examples(self.inputs, standard(self.outputs))

    def tensors(self, rows: NDArray | None = None, device: str = "cpu") -> tuple[Tensor, Tensor]:
        """The chosen rows as tensors."""
        chosen = slice(None) if rows is None else rows
        return tuple(torch.tensor(part[chosen], device=device) for part in (self.inputs, self.outputs))  # type: ignore


@dataclass(frozen=True)
class Task:
    """All that the trainings of one phase share; it reaches each worker once.

    Attributes:
        seed: The study's.
        role: Which seeds this phase draws.
        pool: Unlocked examples of the target, in every phase the same.
        validation: Rows set aside by each seed.
        network: What learns.
        bases: Base networks as safetensors bytes, by source name.
        judge: Examples that score a training. None in the searches: there, the seed's validation rows do.
        device: ``cpu`` or ``cuda``.
        metric: What the error is, as of `models.loss.deviations`.
        crossed: Whether a training tells the error of each judging example too.
        scalings: How a base network's inputs were standardised, where a source tells that: so are the target's inputs
            where its first block is copied, and otherwise by the training rows.
    """

    seed: int
    role: Role
    pool: Examples
    validation: int
    network: Network | OwnNetwork
    bases: Mapping[str, bytes] = field(default_factory=dict)
    judge: Examples | None = None
    device: str = "cpu"
    metric: str = "relative-l1"
    crossed: bool = False
    scalings: Mapping[str, Scaling] = field(default_factory=dict)

    @cached_property
    def sources(self) -> dict[str, nn.Module]:
        """The base networks, opened once in each process."""
        return {name: no_gradient(open_network(data)[0]) for name, data in self.bases.items()}

    def sources_for(self, index: int) -> dict[str, nn.Module]:
        """The base networks that seed ``index`` copies from: the same for every seed."""
        return self.sources

    def shape(self, activation: str) -> Shape:
        """What the target's network is built from."""
        return Shape(self.pool.inputs.shape[1], self.pool.outputs.shape[1], self.network, activation)

    def scaling(self, inputs: Tensor, first: str | None) -> Scaling:
        """How inputs (training rows, inputs) are standardised if the first block is copied from ``first``."""
        measured = Scaling.of(inputs)
        told = self.scalings.get(first or "")
        return measured if told is None else measured.beginning(told)

    def read(self, plan: Mapping[str, Any]) -> Plan:
        """A plan for this task from plain values."""
        return Plan.from_dict(plan)

    def training(self, plan: Plan, index: int) -> "Training":
        """What a search asks for: a plan, trained with one seed."""
        return Training(plan, index)

    def errors(self, training: "Training") -> tuple[float, dict[str, Any]]:
        """What a training scores, and what an `Outcome` tells beside that."""
        _, _, off = fit(self, training)
        return float(np.mean(off)), {"by_example": tuple(off.mean(1).tolist())} if self.crossed else {}


@dataclass(frozen=True)
class Training:
    """One training asked for: a plan, a seed, and whether copied weights are shuffled (the control)."""

    plan: Plan
    index: int
    shuffled: bool = False


def open_network(data: bytes) -> tuple[nn.Module, Shape, Scaling]:
    """A network from safetensors bytes."""
    with as_file(data) as path:
        return unpack(path)


@contextmanager
def as_file(data: bytes) -> Iterator[Path]:
    """Safetensors bytes as the file that their reader wants."""
    with tempfile.NamedTemporaryFile(suffix=".safetensors") as file:
        file.write(data)
        file.flush()
        yield Path(file.name)


def learn(task: Task, training: Training) -> tuple[float, nn.Module, Scaling]:
    """Train once.

    Returns:
        The error (the task's metric, a fraction) on the judging examples or else on the seed's validation rows, the
        trained network, and the scaling of its inputs.

    Raises:
        NonFiniteLoss: If training diverges.
    """
    network, scaling, off = fit(task, training)
    return float(np.mean(off)), network, scaling


def fit(task: Task, training: Training) -> tuple[nn.Module, Scaling, NDArray[np.float64]]:
    """As `learn`, but with what the metric averages: (examples, outputs) instead of the error."""
    plan, draws = training.plan, Draws.of(task.seed, task.role, training.index)
    learned, held = draws.rows(len(task.pool), task.validation)
    network = task.shape(plan.recipe.activation).build()
    inputs, outputs = task.pool.tensors(learned, task.device)
    scaling = task.scaling(inputs, plan.blocks[0].source if plan.blocks else None)
    seen = scaling(inputs)
    initialise(network, plan.recipe, draws.weights, seen, outputs)
    copied = transplant(network, task.sources_for(training.index), plan.blocks)
    if training.shuffled:
        shuffle(copied, draws.shuffle)
        set_head(network, plan.recipe, seen, outputs)  # a mean spectrum is no knowledge of the source's
    network.to(task.device)
    with drawing(draws.weights):
        train(network, seen, outputs, plan.recipe, draws.order, blocks=plan.blocks)
    judged, exact = (
        task.pool.tensors(held, task.device) if task.judge is None else task.judge.tensors(None, task.device)
    )
    predicted = predict(network, scaling(judged)).cpu().numpy()
    return network, scaling, deviations(task.metric, predicted, exact.cpu().numpy())


def packed(task: Task, plan: Plan, network: nn.Module, scaling: Scaling) -> bytes:
    """A trained network as safetensors bytes."""
    return pack(network.cpu(), task.shape(plan.recipe.activation), scaling)
