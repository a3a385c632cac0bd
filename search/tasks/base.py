"""A task is what is learned. Everything that asks a question of it (`graft.search.kinds`) asks through this class.

How to add one: subclass `Task`, write ``sample`` and ``network``, and name the class in a study
(``task = "module:Class"``). Everything else has a default that suits outputs predicted from inputs; `tests/conformance`
holds what must be true of any task.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from graft.models.initialise import draw_seed, initialise, set_head
from graft.models.losses import METRICS, Metric, Objective
from graft.models.networks.joined import Joined
from graft.models.scaling import Scaling
from graft.models.surgery import blocks_of, frozen, named, shuffle, transplant
from graft.models.terms import weighted
from graft.models.train import Augment, Training, gains, predict, train
from graft.models.weights import no_gradient, pack_state, restore, sha256, unpack_state
from graft.search.run.evidence import Beside
from graft.search.run.folder import Run
from graft.search.run.results import DataCard
from graft.search.run.scale import SCALES, Scale
from graft.search.run.seeds import Draws, Role, glance, stream
from graft.search.tasks.crossfit import Folds
from graft.search.tasks.examples import Data as Data
from graft.search.tasks.examples import Examples as Examples
from graft.search.tasks.examples import cards
from graft.search.tasks.fitted import Errors as Errors
from graft.search.tasks.fitted import Fitted as Fitted
from graft.search.tasks.fitted import Shape as Shape
from graft.search.tasks.joining import tied
from graft.search.tasks.prior import held_back
from graft.search.tasks.request import Request as Request
from graft.simulators.base import Simulator
from graft.simulators.data.table import Table
from graft.spaces.errors import InputError
from graft.spaces.plan import Plan, Recipe
from graft.spaces.sharing import Sharing

Exhibit = dict[str, Any]
"""What a result keeps for the figures of a page."""
Calls = Callable[[Callable[..., object], Sequence[tuple[object, ...]]], list[Any]]
"""Calls a function where trainings run, once for each tuple of arguments."""
Scores = Mapping[str, Mapping[str, Mapping[str, float]]]
"""By prior, by source network, by span written as ``1-3``."""
FEW = 4
"""Rows of which shapes are taken."""


class Task(ABC):
    """What is learned. It reaches each process that trains, so it keeps settings and small numbers, no data.

    Args:
        study: Names source, target and seed.

    Attributes:
        metric: What an error is.
    """

    metric: Metric = METRICS["relative-l1"]
    devices: tuple[str, ...] = ("cpu", "cuda")
    """Where its networks can be trained."""
    units: Sequence[tuple[str, str]] = ()
    """Name and unit of each output that a user wants told in its own."""
    ensembles, intervals = True, True
    """Whether the mean of several predictions is one too; whether an output is a number with an interval about it."""
    possible_with = "study.json"
    """File of a run's folder without which nothing is left of a run that is refused while its data are prepared."""

    def __init__(self, study: Any) -> None:
        self.study = study

    def system(self, name: str) -> Simulator | None:
        """The simulator of that name, None where rows come from elsewhere."""
        return None

    @property
    def scale(self) -> Scale:
        """On which its errors are averaged and compared."""
        return SCALES[self.metric.scale]

    # ---- what has to be written -------------------------------------------------------------------------------------

    @abstractmethod
    def sample(self, name: str, rows: int, rng: np.random.Generator) -> Examples:
        """Draw examples of a source or of the target, in this process."""

    @abstractmethod
    def network(self, recipe: Recipe, inputs: Shape, outputs: Shape) -> nn.Module:
        """Build a network for examples of these shapes, with ordered ``blocks``, the head the last of them."""

    @classmethod
    def of_folder(cls, path: Path, name: str, side: int | None, target: bool) -> tuple[Table, Mapping[str, int]]:
        """A folder of images, cut into tiles: what a study holds of it, and rows of each kind where these are all.

        Raises:
            InputError: If nothing can be learned from it; of most tasks, whatever it holds.
        """
        raise InputError(f"{path} is a folder; allowed with this task: simulators and files of examples")

    def examples(self, name: str, role: Role, rows: int, data: Data) -> Examples:
        """The examples of one purpose, the same each time."""
        found = self.sample(name, rows, stream(self.study.seed, role))
        data.count(rows, rows)
        return found

    def tried(self) -> None:  # noqa: B027
        """Refuse networks and files of weights that do not fit, as soon as the study is read.

        Raises:
            InputError: Naming what cannot be used.
        """

    def check(self) -> None:  # noqa: B027  (nothing to refuse is a good default)
        """Refuse what cannot be carried out, before anything is written.

        Raises:
            InputError: In one line.
        """

    def admit(self, examples: Examples, where: str) -> None:  # noqa: B027
        """Refuse examples that no network can learn.

        Raises:
            InputError: Naming them.
        """

    def of_source(self, examples: Examples, name: str) -> Examples:
        """Examples of a source as its network learns them."""
        return examples

    def knowing(self, pool: Examples, calls: Calls, data: Run) -> Self:
        """The task once the unlocked examples of its target are known: metrics may be measured in their terms."""
        return self

    def placebo(self, examples: Examples, rng: np.random.Generator) -> Examples:
        """Examples of a source with outputs permuted among rows: nothing is left of what connects them with inputs."""
        return Examples(examples.inputs, examples.outputs[rng.permutation(len(examples))])

    def of_other(self, name: str, examples: Examples) -> Examples:
        """Examples of a source that judge its network, as the metric wants them."""
        return examples

    def of_target(self, examples: Examples) -> Examples:
        """Examples of the target as its network learns them."""
        return examples

    def of_test(self, examples: Examples) -> Examples:
        """Newly drawn examples of the target as the metric wants them."""
        return self.of_target(examples)

    def data_cards(self, folder: Path) -> dict[str, DataCard]:
        """Each data set in a run's folder by name, with the digest by which it is known again."""
        return cards(folder) if folder.is_dir() else {}

    # ---- several tasks learned together ------------------------------------------------------------------------------

    @property
    def called(self) -> str:
        """The target as files of a run call it."""
        return str(self.study.target)

    @property
    def told(self) -> bool:
        """Whether its networks take inputs of other widths too: then several tasks' may differ, and be told apart."""
        return False

    def beside(self, role: Role, rows: int, data: Data) -> Examples:
        """Examples of one of several tasks, the same each time: each task has random numbers of its own."""
        found = self.sample(self.study.target, rows, stream(self.study.seed, role, crc32(self.called.encode())))
        data.count(rows, rows)
        return found

    def joined(
        self, plan: Sharing, seen: Sequence[Tensor], outputs: Sequence[Tensor], draws: Callable[[], Draws]
    ) -> Joined:
        """One network for several tasks like this one, all that it begins with drawn; arguments as of `tied`."""
        return tied(self, plan, seen, outputs, draws)

    # ---- training ---------------------------------------------------------------------------------------------------

    @cached_property
    def blocks(self) -> int:
        """Blocks of the target's network, the head included."""
        return len(blocks_of(self.network(self.study.start, *self.shapes)))

    @cached_property
    def few(self) -> Examples:
        """A few examples of the target, at which only shapes are looked."""
        return self.sample(self.study.target, FEW, glance())

    @cached_property
    def shapes(self) -> tuple[Shape, Shape]:
        """Of an example's inputs and outputs, of the target."""
        return self.few.inputs.shape[1:], self.few.outputs.shape[1:]

    def scaling(self, inputs: Tensor, first: str | None) -> Scaling | None:
        """How inputs (training rows, ...) are standardised where the first block is copied from ``first``."""
        return Scaling.of(inputs)

    def initialise(self, network: nn.Module, recipe: Recipe, draws: Draws, seen: Tensor, outputs: Tensor) -> None:
        """Draw all weights of a network anew."""
        shapes = seen.shape[1:], outputs.shape[1:]
        initialise(network, recipe, draws.weights, seen, outputs, lambda: self.constructed(recipe, *shapes))

    def constructed(self, recipe: Recipe, inputs: Shape, outputs: Shape) -> nn.Module:
        """The network as its constructor draws it from PyTorch's own generator."""
        return self.network(recipe, inputs, outputs)

    def restart(self, network: nn.Module, recipe: Recipe, seen: Tensor, outputs: Tensor) -> None:
        """After copied weights were shuffled, let the output begin where a fresh one does: that is no knowledge."""
        set_head(network, recipe, seen, outputs)

    def masks(self, network: nn.Module, copied: Sequence[int]) -> Sequence[Tensor | None] | None:
        """Where entries of the weights of copied blocks take part at all; None: everywhere."""
        return None

    def noise(self, draws: Draws) -> int:
        """Seed of what layers draw by themselves in training (dropout)."""
        return draw_seed(draws.weights)

    def loss(self) -> Objective | None:
        """What training makes small, from network and batch; None: the recipe's loss of what the network predicts."""
        return None

    def augment(self) -> Augment | None:
        """Other inputs for which a batch's outputs hold as well."""
        return None

    def to_train(
        self,
        plan: Plan,
        examples: Examples,
        draws: Draws,
        sources: Mapping[str, nn.Module],
        shuffled: bool = False,
        device: str = "cpu",
    ) -> tuple[Training, Fitted]:
        """Prepare one training: build, initialise, copy, shuffle where it is the control, the source of a term too.

        Returns:
            What is to be trained, and the same network as it will be used afterwards.
        """
        recipe = plan.recipe
        shapes = examples.inputs.shape[1:], examples.outputs.shape[1:]
        network = self.network(recipe, *shapes)
        inputs, outputs = examples.tensors(device)
        fitted = Fitted(network, recipe, *shapes, self.scaling(inputs, plan.blocks[0].source if plan.blocks else None))
        seen = fitted.seen(inputs)
        self.initialise(network, recipe, draws, seen, outputs)
        read = {name: frozen(named(sources, name), network) for name in dict.fromkeys(t.source for t in plan.terms)}
        copied = transplant(network, sources, plan.blocks)
        if shuffled:
            every = range(1, len(blocks_of(network)) + 1)
            for one, weights, numbers in [(network, copied, plan.copied), *((*pair, every) for pair in read.values())]:
                shuffle(weights, draws.shuffle, self.masks(one, numbers))
                self.restart(one, recipe, seen, outputs)
        terms = [weighted(term, read[term.source][0].to(device)) for term in plan.terms]
        training = Training(
            network.to(device),
            seen,
            outputs if outputs.shape[-1] else None,
            recipe,
            draws.order,
            plan.blocks,
            self.loss(),
            terms,
            noise=self.noise(draws),
            augment=self.augment(),
        )
        return training, fitted

    def predict(self, fitted: Fitted, inputs: Tensor) -> NDArray:
        """Outputs of a network."""
        return predict(fitted.network, fitted.seen(inputs)).cpu().numpy()

    def errors(self, fitted: Fitted, test: Examples, device: str = "cpu") -> Errors:
        """How far a network is off on examples, those of a seed's validation rows too."""
        predicted = self.predict(fitted, test.tensors(device)[0])
        off = self.metric.deviations(predicted, test.outputs)
        return Errors(float(np.mean(off)), off.reshape(len(off), -1).mean(1), self.in_units(predicted, test.outputs))

    def in_units(self, predicted: NDArray, exact: NDArray) -> NDArray[np.float64] | None:
        """How far predictions are off (examples, outputs), in the `units`; None where there are none."""
        return None

    def pack(self, fitted: Fitted) -> bytes:
        """A network as safetensors bytes, the same for equal weights."""
        told = {"recipe": fitted.recipe.to_dict(), "inputs": fitted.inputs, "outputs": fitted.outputs}
        return pack_state(fitted.network.cpu(), fitted.scaling, told)

    def unpack(self, data: bytes) -> Fitted:
        """Inverse of `pack`."""
        tensors, scaling, told = unpack_state(data)
        recipe, shapes = Recipe.from_dict(told["recipe"]), (tuple(told["inputs"]), tuple(told["outputs"]))
        network = self.network(recipe, *shapes)
        restore(network, tensors)
        return Fitted(network, recipe, *shapes, scaling)

    def opened(self, data: bytes) -> tuple[nn.Module, Scaling | None]:
        """What predicts, of such bytes: the network, and how its inputs are standardised."""
        fitted = self.unpack(data)
        return fitted.network, fitted.scaling

    def pretrained(self, name: str) -> bytes | None:
        """The source network that came trained, as safetensors bytes; None where it has to be trained."""
        return None

    def transferability(self, phase: "Phase", recipe: Recipe) -> Scores:
        """Cheap scores of what is worth copying."""
        return {}

    def exhibit(self, fitted: Fitted, test: Examples, device: str) -> Exhibit:
        """What is kept of a network that is handed over, for the figures."""
        return {}

    def shown(self, networks: Mapping[str, Exhibit], test: Examples) -> Exhibit:
        """What the result keeps of all networks' exhibits."""
        return {}

    def regressors(self, rows: int) -> Sequence[str]:
        """Names of the reference regressors (`graft.models.regressors`) that suit so many rows; by default none."""
        return ()

    def same_columns(self, source: str) -> bool:
        """Whether a source's examples have the target's own columns, so that one may learn from both together."""
        return False

    @property
    def yardsticks(self) -> Mapping[str, Callable[["Phase"], Exhibit]]:
        """What measures models that every network has to beat, by name; carried out where trainings run."""
        return {}

    def predicts(self, folder: Path) -> None:  # noqa: B027
        """Refuse to predict from a run's folder, where the task has nothing that could.

        Raises:
            InputError: Naming what is allowed.
        """

    def interface(self) -> dict[str, object]:
        """Inputs, outputs and grid of the target, for the card of a network that predicts it."""
        width = self.few.inputs[0].size
        inputs = [{"name": f"input {i + 1}", "unit": "1"} for i in range(width)]
        return {"positive": False, "columns": None, "inputs": inputs, "outputs": [], "grid": None}

    def any_rows(self, rows: int) -> tuple[Tensor, Tensor]:
        """Inputs and outputs of the right shapes, whatever their values, on which the time of a step is measured."""
        return self.few.take(np.arange(rows) % FEW).tensors()

    def megabytes(self) -> float:
        """Disk that a run's data will take."""
        rows = self.study.rows
        each = (self.few.inputs.nbytes + self.few.outputs.nbytes) / FEW
        return each * (rows.source * len(self.study.sources) + 11 * rows.pool + rows.test) / 1e6

    def identity(self) -> dict[str, object]:
        """What of this task an error depends on, besides rows, plan and seed."""
        return {"task": type(self).__qualname__, "metric": self.metric.name}


@dataclass(frozen=True)
class Phase:
    """All that the trainings of one phase share; it reaches each worker once.

    Attributes:
        task: What is learned.
        seed: The study's.
        role: Which seeds this phase draws.
        pool: Unlocked examples of the target, in every phase the same.
        validation: Rows set aside by each seed.
        packed: Source networks as safetensors bytes, by name.
        precisions: Of their weights, in their place (`graft.models.fisher`), likewise; empty where no plan asks.
        test: Examples that score a training. None in the searches: there, the seed's validation rows do.
        device: ``cpu`` or ``cuda``.
        crossed: Whether a training tells the error of each judging example too.
        folds: How rows of pool and test take turns in being learned from and judging (cross-fitting); None: each seed
            learns from rows of the pool, and all of the test judge.
    """

    task: Task
    seed: int
    role: Role
    pool: Examples
    validation: int
    packed: Mapping[str, bytes] = field(default_factory=dict)
    test: Examples | None = None
    device: str = "cpu"
    crossed: bool = False
    folds: Folds | None = None
    precisions: Mapping[str, bytes] = field(default_factory=dict)

    @cached_property
    def sources(self) -> dict[str, nn.Module]:
        """The source networks, opened once in each process."""
        return {name: no_gradient(self.task.unpack(data).network) for name, data in self.packed.items()}

    @cached_property
    def precise(self) -> dict[str, nn.Module]:
        """The precisions of their weights, opened likewise."""
        return {name: self.task.unpack(data).network for name, data in self.precisions.items()}

    def sources_for(self, index: int) -> dict[str, nn.Module]:
        """The source networks that seed ``index`` copies from: the same for every seed."""
        return self.sources

    def rows(self, index: int) -> tuple[Examples, Examples]:
        """What seed ``index`` learns from, in every arm alike, and what judges it; of folds locked rows first."""
        if self.folds is None or self.test is None:
            draws = Draws.of(self.seed, self.role, index)
            learned, held = draws.rows(len(self.pool), self.validation, self.pool.groups)
            return self.pool.take(learned), self.pool.take(held) if self.test is None else self.test
        locked, unlocked = self.folds.judged(index)
        learned_from = self.pool.without(unlocked).followed_by(self.test.without(locked))
        return learned_from, self.test.take(locked).followed_by(self.pool.take(unlocked))

    def told(self, index: int, by_example: NDArray[np.float64]) -> tuple[float, Beside]:
        """The error of a seed from those of the examples that judge it, and what is kept; locked rows decide."""
        decide = len(by_example) if self.folds is None else len(self.folds.judged(index)[0])
        return float(by_example[:decide].mean()), {"by_example": tuple(by_example.tolist())}

    def whole(self) -> "Phase":
        """As this one, but learning from all rows: none is left to judge."""
        assert self.test is not None
        return replace(self, pool=self.pool.followed_by(self.test), validation=0, folds=None)

    def training(self, plan: Plan, index: int) -> Request:
        """What a search asks for: a plan, trained with one seed."""
        return Request(plan, index)

    def errors(self, asked: Request) -> tuple[float, Beside]:
        """What a training scores, and what an `Outcome` tells beside that."""
        fitted, found = fit(self, asked)
        beside = Beside() if self.test is None else self.beside(asked.index, fitted, found)
        if not self.crossed:
            return found.value, beside
        assert found.by_example is not None
        value, told = self.told(asked.index, found.by_example)
        return found.value if self.folds is None else value, {**told, **beside}

    def beside(self, index: int, fitted: Fitted, found: Errors) -> Beside:
        """What a user decides by: the error on rows that neither decide nor were learned from, and that in units."""
        decide, by_example, told = None, found.by_example, Beside()
        if self.folds is not None and by_example is not None:
            decide = len(self.folds.judged(index)[0])
            if len(by_example) > decide:
                told["validation"] = float(by_example[decide:].mean())
        elif self.validation:
            _, held = Draws.of(self.seed, self.role, index).rows(len(self.pool), self.validation, self.pool.groups)
            told["validation"] = self.task.errors(fitted, self.pool.take(held), self.device).value
        if found.in_units is not None:
            told["in_units"] = tuple(found.in_units[:decide].mean(0).tolist())
        return told

    def stacks(self, asked: Request) -> bool:
        """Whether such a training is faster in one step with others."""
        network = self.task.network(asked.plan.recipe, *self.task.shapes)
        return not asked.plan.terms and gains(network, asked.plan.recipe, self.device)

    def digest(self, asked: Request) -> str:
        """Names everything that a training's error depends on: recorded errors of anything else are not reused."""
        names = {
            "seed": self.seed,
            "role": int(self.role),
            "rows": [len(self.pool), self.validation],
            "bases": {name: sha256(data) for name, data in self.packed.items()},
            **({"precisions": {k: sha256(v) for k, v in self.precisions.items()}} if self.precisions else {}),
            "plan": asked.plan.to_dict(),
            "training": [asked.index, asked.shuffled],
            "batches": "near-equal",
            "head": "weights of zero",
            **({} if self.folds is None else {"folds": [self.folds.count, len(self.folds.locked)]}),
        } | self.task.identity()
        return sha256(json.dumps(names, sort_keys=True).encode())[:16]


def fit(phase: Phase, asked: Request) -> tuple[Fitted, Errors]:
    """Carry out one training of a phase, and judge it.

    Raises:
        NonFiniteLoss: If training diverges.
    """
    draws = Draws.of(phase.seed, phase.role, asked.index)
    taught, test = phase.rows(asked.index)
    sources, device = phase.sources_for(asked.index), phase.device
    training, fitted = phase.task.to_train(asked.plan, taught, draws, sources, asked.shuffled, device)
    precision = held_back(asked, training.network, phase.precise, draws, phase.task.masks)
    train(replace(training, precision=precision))
    return fitted, phase.task.errors(fitted, test, device)
