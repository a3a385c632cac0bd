"""What one training of a plan is worth between sequence models: build, initialise, copy, watch, judge."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from models.mlp import fresh
from models.sequence.chain import Autoregressive
from models.sequence.fit import log_probabilities
from models.sequence.masked import masks
from models.sequence.shape import SequenceShape
from models.shaped import unpack
from models.surgery import shuffle, transplant
from models.symmetries import Symmetries
from models.weights import no_gradient, sha256
from search.dcl.scores import likelihood
from search.dcl.watcher import group, learn_from, tensor
from search.seeds import Draws, Role
from search.transfer.objective import Examples, Training, as_file
from simulators.exact import log_partition
from simulators.registry import find
from simulators.watched import Watched
from spaces.plan import Plan


@dataclass(frozen=True)
class WatcherTask:
    """All that the trainings of one phase share; it reaches each worker once. As `search.transfer.objective.Task`.

    Attributes:
        system: The target.
        seed: The study's.
        role: Which seeds this phase draws.
        pool: Unlocked states of the target: index (states, sites), and no outputs.
        validation: Rows set aside by each seed.
        shape: Of every network.
        symmetries: Under which batches are shown.
        bases: Base networks as safetensors bytes, by source name.
        judge: States that score a training, with the exact logarithm of the probability of each as output. None in the
            searches: there, the seed's validation rows do, of which nothing exact is known.
        reference: Nats a state of the linear-logistic baseline on validation rows, in terms of which the searches
            report.
    """

    system: str
    seed: int
    role: Role
    pool: Examples
    validation: int
    shape: SequenceShape
    symmetries: str
    bases: Mapping[str, bytes] = field(default_factory=dict)
    judge: Examples | None = None
    reference: float = 0.0

    @cached_property
    def sources(self) -> dict[str, nn.Module]:
        """The base networks, opened once in each process."""
        return {name: no_gradient(opened(data)) for name, data in self.bases.items()}

    @cached_property
    def group(self) -> Symmetries | None:
        """The group under which batches are shown."""
        return group(self.symmetries, self.shape.shape, self.shape.q)

    def read(self, plan: Mapping[str, Any]) -> Plan:
        """A plan for this task from plain values."""
        return Plan.from_dict(plan)

    def training(self, plan: Plan, index: int) -> Training:
        """What a search asks for: a plan, trained with one seed."""
        return Training(plan, index)

    def digest(self, training: Training) -> str:
        """Names everything that one training's error depends on."""
        names = {
            "system": self.system,
            "seed": self.seed,
            "role": int(self.role),
            "rows": [len(self.pool), self.validation],
            "shape": self.shape.to_dict() | {"symmetries": self.symmetries},
            "bases": {name: sha256(data) for name, data in self.bases.items()},
            "reference": self.reference,
            "plan": training.plan.to_dict(),
            "training": [training.index, training.shuffled],
            "batches": "near-equal",
        }
        return sha256(json.dumps(names, sort_keys=True).encode())[:16]

    def errors(self, training: Training) -> tuple[float, dict[str, Any]]:
        """What a training scores.

        Without a judge it is the perplexity of held-out states, as a share of the linear-logistic baseline's: no label
        is read. With one it is the information missed (`missed`).
        """
        model, held = learn(self, training)
        if self.judge is None:
            return float(np.exp(nats(model, self.pool.inputs[held]) - self.reference)), {}
        return missed(model, self.judge), {}


def opened(data: bytes) -> nn.Module:
    """A network from safetensors bytes."""
    with as_file(data) as path:
        return unpack(path, SequenceShape)[0]


def learn(task: WatcherTask, training: Training) -> tuple[Autoregressive, NDArray]:
    """Train once.

    Returns:
        The network, and the numbers of the rows that the seed set aside.

    Raises:
        NonFiniteLoss: If training diverges.
    """
    plan, draws = training.plan, Draws.of(task.seed, task.role, training.index)
    learned, held = draws.rows(len(task.pool), task.validation)
    model = task.shape.build()
    fresh(model, plan.recipe.initial_scale, draws.weights)
    copied = transplant(model, task.sources, plan.blocks)
    if training.shuffled:
        shuffle(copied, draws.shuffle, masks(model, plan.copied))
    learn_from(model, task.pool.inputs[learned], plan.recipe, draws, task.group, plan.blocks)
    return model, held


def nats(model: Autoregressive, index: NDArray[np.uint8]) -> float:
    """Negative log-likelihood of states (states, sites), nats a state."""
    return likelihood(log_probabilities(model, tensor(index)))


def missed(model: Autoregressive, judge: Examples) -> float:
    """The information that a model misses: its divergence (Kullback-Leibler) from the exact distribution.

    As a share of that of uniform guessing, which misses all: 0 is perfect, 1 is to know nothing. Measured as the mean
    of log p_exact - log p over states of the exact distribution.

    Args:
        model: Of p.
        judge: Such states with log p_exact as output.
    """
    exact = judge.outputs[:, 0]
    chance = model.sites * np.log(model.q)
    return float(np.mean(exact - log_probabilities(model, tensor(judge.inputs))) / (np.mean(exact) + chance))


def exactly(name: str, index: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Exact logarithms of the probabilities (states, 1) of index arrays (states, sites) of a watched system."""
    system = find(name)
    assert isinstance(system, Watched)
    states = system.model.states(index.reshape(-1, *system.model.shape))
    return (-system.model.energy(states) / system.temperature - known_log_partition(name))[:, None]


@cache
def known_log_partition(name: str) -> float:
    """Log Z of a watched system, which takes a fraction of a second.

    Raises:
        Refusal: If it is too large to be solved.
    """
    system = find(name)
    assert isinstance(system, Watched)
    return float(log_partition(system.model, system.temperature))
