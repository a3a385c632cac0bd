"""States of lattices, learned by sequence models through their likelihood: which blocks hold between temperatures?"""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from functools import cache, cached_property
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from graft.models.initialise import draw_weights
from graft.models.losses import METRICS, Objective
from graft.models.networks.sequence.chain import Autoregressive
from graft.models.networks.sequence.fit import log_probabilities, negative_log_likelihood
from graft.models.networks.sequence.made import masks
from graft.models.networks.sequence.shape import SequenceShape
from graft.models.shaped import pack, unpack
from graft.models.surgery import blocks_of
from graft.models.symmetries import Symmetries
from graft.models.train import Augment, prepare_process
from graft.models.weights import as_file
from graft.search.run.folder import Run
from graft.search.run.seeds import Draws, Role, entropy, stream, torch_stream
from graft.search.tasks.base import Calls, Data, Errors, Examples, Exhibit, Fitted, Phase, Shape, Task
from graft.search.tasks.distilled.data import exact_states_of
from graft.search.tasks.distilled.final import account
from graft.search.tasks.distilled.scores import likelihood
from graft.search.tasks.distilled.watcher import Energies, group, learn_from, tensor
from graft.simulators.registry import find
from graft.simulators.spins.exact import log_partition
from graft.simulators.spins.watched import Watched, watch
from graft.spaces.errors import InputError
from graft.spaces.plan import Recipe

LINEAR = Recipe(rate=1e-2, batch=100, epochs=30)
"""Of the linear-logistic baseline. On 8,000 states of a glass more epochs, slower ones and decay came within 5 %."""
LEVEL = 60
"""States of each exact level of energy on which the champions' energies are shown."""
REFERENCE = 4000
"""Random states that set their gauge."""


class Likelihood(Task):
    """States of watched systems: index (states, sites) as inputs, and no outputs; arguments as of `Task`.

    Nothing exact is known in the searches, which score the perplexity of held-out states as a share of the
    linear-logistic baseline's. What confirms are states with the exact logarithm of the probability of each.

    Attributes:
        reference: Nats a state of the linear-logistic baseline on validation rows.
    """

    metric = METRICS["information-missed"]
    devices: tuple[str, ...] = ("cpu",)  # sequence models step slower on a GPU
    ensembles = False  # a mean of logits is no distribution of whole states
    possible_with = "reference.json"  # a system that is watched too little leaves nothing
    reference = 0.0

    def system(self, name: str) -> Watched:
        """A source or the target."""
        return self.study.system(name)  # type: ignore[no-any-return]

    @cached_property
    def shape(self) -> SequenceShape:
        """Of every network."""
        return self.study.shape  # type: ignore[no-any-return]

    @cached_property
    def group(self) -> Symmetries | None:
        """The group under which batches are shown."""
        return group(self.study.symmetries, self.shape.shape, self.shape.q)

    def sample(self, name: str, rows: int, rng: np.random.Generator) -> Examples:
        """Watch states in this process."""
        model = self.system(name).model
        from graft.simulators.spins.watched import unpack as states

        drawn = self.system(name).draw(rows, rng)
        return Examples(model.index(states(model, drawn["states"])).reshape(rows, -1), np.zeros((rows, 0)))

    def network(self, recipe: Recipe, inputs: Shape, outputs: Shape) -> nn.Module:
        """The study's sequence model."""
        return self.shape.build()

    @cached_property
    def blocks(self) -> int:
        """Blocks of the network: its linear term, hidden layers and head."""
        return len(blocks_of(self.shape.build()))

    def examples(self, name: str, role: Role, rows: int, data: Data) -> Examples:
        """States of a watched system in an order drawn from the seed.

        Raises:
            InputError: If they are worth too few independent ones.
        """
        system = self.system(name)
        place = role.name.lower() + (f"-{system.name}" if role == Role.SOURCE else "")
        seen = watch(
            system.model, system.temperature, rows, entropy(self.study.seed, role), data.place(place),
            actors=data.actors, progress=data.count,
        )  # fmt: skip
        seen.require()
        # Rows follow each other in time, and the last of them are no sample of all.
        order = stream(self.study.seed, Role.ORDER, role).permutation(rows)
        return Examples(system.model.index(seen.states).reshape(rows, -1)[order], np.zeros((rows, 0)))

    def knowing(self, pool: Examples, calls: Calls, data: Run) -> Self:
        """The task with what the linear-logistic baseline reaches on validation rows of the pool."""
        if not data.has("reference.json"):
            phase = Phase(self, self.study.seed, Role.BASELINE, pool, self.study.rows.validation)
            (nats,) = calls(reached, [(phase,)])
            data.write("reference.json", {"nats": nats})
        found = copy(self)
        found.reference = float(data.read("reference.json")["nats"])
        return found

    def placebo(self, examples: Examples, rng: np.random.Generator) -> Examples:
        """States whose every site was permuted over the rows by itself: frequencies are left, correlations are not."""
        return Examples(rng.permuted(examples.inputs, axis=0), examples.outputs)

    def of_other(self, name: str, examples: Examples) -> Examples:
        """States of a source with the exact logarithms of their probabilities."""
        return Examples(examples.inputs, exactly(name, examples.inputs))

    def of_test(self, examples: Examples) -> Examples:
        """States with the exact logarithms of their probabilities."""
        return Examples(examples.inputs, exactly(self.study.target, examples.inputs))

    def scaling(self, inputs: Tensor, first: str | None) -> None:
        """Values of spins are taken as they are."""
        return None

    def initialise(self, network: nn.Module, recipe: Recipe, draws: Draws, seen: Tensor, outputs: Tensor) -> None:
        """Draw all weights of a network anew; a head that begins at its constant begins at frequencies."""
        draw_weights(network, recipe.initial_scale, draws.weights)
        self.restart(network, recipe, seen, outputs)

    def restart(self, network: nn.Module, recipe: Recipe, seen: Tensor, outputs: Tensor) -> None:
        """Let the conditionals begin at the frequencies of what is learned from, which needs no source."""
        assert isinstance(network, Autoregressive)
        if recipe.head == "constant":
            network.begin(seen)

    def masks(self, network: nn.Module, copied: Sequence[int]) -> Sequence[Tensor | None] | None:
        """Entries of masked layers that take part."""
        assert isinstance(network, Autoregressive)
        return masks(network, copied)

    def noise(self, draws: Draws) -> int:
        """Dropout begins where the order of states does."""
        return draws.order.initial_seed()

    def loss(self) -> Objective:
        """Nats a state."""
        return negative_log_likelihood

    def augment(self) -> Augment | None:
        """Images of a batch under the group."""
        return self.group

    def errors(self, fitted: Fitted, test: Examples, device: str = "cpu") -> Errors:
        """The information missed where exact probabilities are known, else the perplexity in the baseline's terms."""
        model = fitted.network
        assert isinstance(model, Autoregressive)
        if test.outputs.shape[1]:
            return Errors(missed(model, test))
        return Errors(float(np.exp(nats(model, test.inputs) - self.reference)))

    def pack(self, fitted: Fitted) -> bytes:
        """A network as safetensors bytes."""
        return pack(fitted.network, self.shape)

    def unpack(self, data: bytes) -> Fitted:
        """Inverse of `pack`."""
        with as_file(data) as path:
            network, _ = unpack(path, SequenceShape)
        return Fitted(network, Recipe(), (self.shape.build().sites,), (0,))

    def exhibit(self, fitted: Fitted, test: Examples, device: str) -> Exhibit:
        """Energies that a network has learned, held against exact ones."""
        system = find(self.study.target)
        assert isinstance(system, Watched) and isinstance(fitted.network, Autoregressive)
        known = exact_states_of(system.model, LEVEL, REFERENCE, stream(self.study.seed, Role.TEST, 1))
        return {"energies": account(known, Energies(fitted.network, system.temperature), system.model)}

    def shown(self, networks: Mapping[str, Exhibit], test: Examples) -> Exhibit:
        """Learned and exact energies of every network."""
        return {"energies": {name: one["energies"] | {"error": one["error"]} for name, one in networks.items()}}

    @property
    def yardsticks(self) -> Mapping[str, Callable[[Phase], Exhibit]]:
        """The linear-logistic baseline."""
        return {"linear": linear_exhibit}

    def predicts(self, folder: Path) -> None:
        """Refuse: the energies of a sequence model hold on its own lattice alone."""
        raise InputError(
            f"{folder} holds an energy learned from watched states by a sequence model alone, which predicts nothing; "
            "allowed: a run of a transfer, of several tasks, or one like dcl-ising"
        )

    def interface(self) -> dict[str, object]:
        """Sites of the lattice, and no outputs."""
        return {"positive": False, "columns": None, "inputs": [], "outputs": [], "grid": None}

    def any_rows(self, rows: int) -> tuple[Tensor, Tensor]:
        """Random states, and no outputs."""
        sites = self.system(self.study.target).model.sites
        generator = torch_stream(0)
        states = torch.randint(self.shape.q, (rows, sites), generator=generator, dtype=torch.uint8)
        return states, torch.zeros((rows, 0))

    def megabytes(self) -> float:
        """Disk that a run's data will take."""
        rows = self.study.rows
        states = rows.source * len(self.study.sources) + 11 * rows.pool + rows.test
        return states * (self.system(self.study.target).model.sites + 16) / 1e6

    def identity(self) -> dict[str, object]:
        """System, network and symmetries, and what searches report in terms of."""
        shape = self.shape.to_dict() | {"symmetries": self.study.symmetries}
        told = {"system": self.study.target, "shape": shape, "reference": self.reference}
        return told | {"order": "of its own stream"}  # rows used to be put in order by the random numbers of shard 0


def linear(phase: Phase) -> tuple[Autoregressive, NDArray]:
    """Train the linear-logistic baseline on what the first seed of a phase may learn from.

    Returns:
        The model, and the numbers of the validation rows.
    """
    prepare_process()
    task = phase.task
    assert isinstance(task, Likelihood)
    draws = Draws.of(phase.seed, phase.role, 0)
    learned, held = draws.rows(len(phase.pool), phase.validation)
    model = SequenceShape("linear", task.shape.shape, task.shape.q, task.shape.order).build()
    learn_from(model, phase.pool.inputs[learned], LINEAR, draws, task.group)
    return model, held


def linear_exhibit(phase: Phase) -> Exhibit:
    """The error of the linear-logistic baseline, and its energies."""
    assert phase.test is not None
    found = Fitted(linear(phase)[0], Recipe(), (0,), (0,))
    error = phase.task.errors(found, phase.test).value
    return {"error": error} | phase.task.exhibit(found, phase.test, phase.device)


def reached(phase: Phase) -> float:
    """Nats a state of the linear-logistic baseline on validation rows."""
    model, held = linear(phase)
    return nats(model, phase.pool.inputs[held])


def nats(model: Autoregressive, index: NDArray[np.uint8]) -> float:
    """Negative log-likelihood of states (states, sites), nats a state."""
    return likelihood(log_probabilities(model, tensor(index)))


def missed(model: Autoregressive, test: Examples) -> float:
    """The information that a model misses: its divergence (Kullback-Leibler) from the exact distribution.

    As a share of that of uniform guessing, which misses all: 0 is perfect, 1 is to know nothing. Measured as the mean
    of log p_exact - log p over states of the exact distribution.

    Args:
        model: Of p.
        test: Such states with log p_exact as output.
    """
    exact = test.outputs[:, 0]
    chance = model.sites * np.log(model.q)
    return float(np.mean(exact - log_probabilities(model, tensor(test.inputs))) / (np.mean(exact) + chance))


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
        InputError: If it is too large to be solved.
    """
    system = find(name)
    assert isinstance(system, Watched)
    return float(log_partition(system.model, system.temperature))
