"""Outputs predicted from inputs: spectra of simulators, columns of measured tables, by any network with blocks."""

import math
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any, Self
from zlib import crc32

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from graft.models.initialise import draw_weights
from graft.models.losses import METRICS, Metric, away_from_zero, of_order_one, varying
from graft.models.networks.joined import Joined
from graft.models.networks.network import AnyNetwork, Network, OwnNetwork
from graft.models.networks.network import Shape as Built
from graft.models.networks.shared import SharedMLP
from graft.models.regressors import FEW_OUTPUTS, REGRESSORS
from graft.models.scaling import Scaling
from graft.models.standard import Standard
from graft.models.train import predict
from graft.models.weights import as_file, pack, unpack
from graft.search.run.folder import Run
from graft.search.run.seeds import Draws, Role, entropy, glance, torch_stream
from graft.search.tasks.base import Calls, Data, Examples, Exhibit, Fitted, Phase, Scores, Shape, Task
from graft.search.tasks.judged import judged
from graft.search.tasks.pretrained import fitted
from graft.search.tasks.rehearsal import rehearse
from graft.search.tasks.tables import pool_order
from graft.search.tasks.transferability import scores
from graft.simulators.base import Simulator, columns
from graft.simulators.data.shards import generate
from graft.simulators.data.table import Measured, keep, unit
from graft.simulators.registry import find
from graft.spaces.errors import InputError, traced
from graft.spaces.installed import foreign
from graft.spaces.plan import Recipe
from graft.spaces.sharing import Sharing

SHOWN = 2
"""Test examples whose spectra are shown: the first ones, not chosen."""
BYTES_A_ROW = 4 * 220
"""Of a data set: 200 outputs, some inputs, float32."""


class Regression(Task):
    """Outputs from inputs, standardised; arguments as of `Task`.

    Attributes:
        standard: How outputs are standardised, where the metric asks for it and the pool is known.
    """

    def __init__(self, study: Any) -> None:
        super().__init__(study)
        self.metric: Metric = METRICS[study.metric]
        self.standard: Standard | None = None

    def system(self, name: str) -> Simulator:
        """A source or the target, whether simulated or measured."""
        return self.study.scenario(name)  # type: ignore[no-any-return]

    @property
    def shapes(self) -> tuple[Shape, Shape]:  # type: ignore[override]
        """Of an example's inputs and outputs, of the target."""
        target = self.system(self.study.target)
        return (target.inputs,), (target.outputs,)

    def sample(self, name: str, rows: int, rng: np.random.Generator) -> Examples:
        """Draw examples of a simulator that has one input column and one output column."""
        simulator = self.system(name)
        drawn = simulator.draw(rows, rng)
        inputs, outputs = (
            np.concatenate([drawn[field.name].reshape(rows, -1) for field in columns(simulator.schema, role)], 1)
            for role in ("input", "output")
        )
        return Examples(inputs.astype(np.float32), outputs.astype(np.float32))

    def network(self, recipe: Recipe, inputs: Shape, outputs: Shape) -> nn.Module:
        """The study's network for examples of these shapes."""
        return self.built(recipe, inputs, outputs).build()

    def constructed(self, recipe: Recipe, inputs: Shape, outputs: Shape) -> nn.Module:
        """The same, as its constructor draws it."""
        return self.built(recipe, inputs, outputs).constructed()

    def built(self, recipe: Recipe, inputs: Shape, outputs: Shape) -> Built:
        """What that network is built from."""
        return Built(inputs[0], outputs[0], self.study.network, recipe.activation, recipe.linear)

    def examples(self, name: str, role: Role, rows: int, data: Data) -> Examples:
        """Rows of a simulator, generated if they are not there yet, or of a file, in an order drawn from the seed."""
        table = self.study.table(name)
        # Several sources, each in a folder of its own; every other role has one data set.
        place = role.name.lower() + (f"-{(table or self.system(name)).name}" if role == Role.SOURCE else "")
        if table is not None:
            held = keep(Measured(table), table.rows, data.folder(place))
            order, groups = pool_order(table, self.study.seed, role)
            found = Examples(held.inputs()[order], held.outputs()[order], groups).first(rows)
        else:
            seed, simulator = entropy(self.study.seed, role), judged(self.system(name), role)
            held = generate(simulator, seed, rows, data.place(place), actors=data.actors, progress=data.count)
            found = Examples(held.inputs(), held.outputs())
        if self.metric.name == "relative-l1" and role != Role.CURVE:  # those train only, and may diverge
            away_from_zero(found.outputs, f"{name} ({role.name.lower()})")
        return found

    @property
    def called(self) -> str:
        """The target's own name, without the module that it comes from."""
        return self.system(self.study.target).name

    @property
    def told(self) -> bool:
        """Whether the network is a perceptron, which can be built for any width."""
        return isinstance(self.study.network, Network)

    def beside(self, role: Role, rows: int, data: Data) -> Examples:
        """Rows of one of several simulators, generated if they are not there yet."""
        simulator = judged(self.system(self.study.target), role)
        held = generate(
            simulator,
            (*entropy(self.study.seed, role), crc32(simulator.name.encode())),
            rows,
            data.place(f"{role.name.lower()}-{simulator.name}"),
            actors=data.actors,
            progress=data.count,
        )
        found = Examples(held.inputs(), held.outputs())
        if self.metric.name == "relative-l1":
            away_from_zero(found.outputs, f"{self.study.target} ({role.name.lower()})")
        return found

    def joined(
        self, plan: Sharing, seen: Sequence[Tensor], outputs: Sequence[Tensor], draws: Callable[[], Draws]
    ) -> Joined:
        """Perceptrons, all tasks in one product; any other network as of `Task`."""
        own = self.study.network
        if not isinstance(own, Network):
            return super().joined(plan, seen, outputs, draws)
        widths = {task: inputs.shape[1] for task, inputs in zip(plan.tasks, seen, strict=True)}
        network = SharedMLP(plan, widths, outputs[0].shape[1], own.depth, own.width)
        draw_weights(network, plan.recipe.initial_scale, draws().weights)
        if plan.recipe.head == "constant":
            network.start_heads(torch.stack(list(outputs), 1))
        return network

    def tried(self) -> None:
        """Refuse a network of a user's own that does not map the task's rows, and weights that do not fit it."""
        target = self.system(self.study.target)
        if isinstance(self.study.network, OwnNetwork):
            self.study.network.tried(target.inputs, target.outputs)
            rehearse(self, self.study.network.module)
        for file in self.study.weights:
            fitted(self.study, file)
            told = {*file.mean, *file.deviation}
            if self.study.network.standardised is False and told - {0.0, 1.0}:
                raise InputError(
                    f"{file.name} was given inputs less {file.mean} over {file.deviation}, and network.standardised is "
                    "false; allowed: mean = 0 and deviation = 1"
                )

    def check(self) -> None:
        """Refuse simulators of a user's own that fail, and tasks whose heads cannot be copied."""
        for name in (*self.study.taught, self.study.target):
            if foreign("simulator", name):  # what is broken is better told now than from an actor
                try:
                    self.system(name).draw(2, glance())
                except Exception as problem:
                    raise traced(
                        f"simulator {name!r} fails on its first two rows: {type(problem).__name__}: {problem}; "
                        "allowed: one array for each column of its schema, (n, *shape), all finite"
                    ) from None
        widths = {name: self.system(name).outputs for name in (*self.study.taught, self.study.target)}
        if len(set(widths.values())) > 1:
            raise InputError(
                " and ".join(f"{name} has {width} outputs" for name, width in widths.items())
                + "; allowed: sources and target of equal width, so that the head can be copied"
            )

    def admit(self, examples: Examples, where: str) -> None:
        """Refuse outputs that never vary, or that a network cannot reach from where it starts."""
        varying(examples.outputs, where)
        if self.metric.name == "relative-l1":
            of_order_one(examples.outputs, where)

    def of_source(self, examples: Examples, name: str) -> Examples:
        """Examples of a source, in its own standard where outputs are standardised."""
        if self.metric.name != "normalised-l1":
            return examples
        return replace(examples, outputs=Standard.of(examples.outputs, name)(examples.outputs))

    def knowing(self, pool: Examples, calls: Calls, data: Run) -> Self:
        """The task with the standard of its unlocked rows."""
        if self.metric.name != "normalised-l1":
            return self
        found = copy(self)
        found.standard = Standard.of(pool.outputs, self.study.target)
        return found

    def of_target(self, examples: Examples) -> Examples:
        """Examples of the target in that standard."""
        if self.standard is None:
            return examples
        return replace(examples, outputs=self.standard(examples.outputs))

    def scaling(self, inputs: Tensor, first: str | None) -> Scaling:
        """By the training rows; where the first block is copied and its source tells how, as it tells."""
        if self.study.network.standardised is False:
            return Scaling.none(inputs)
        measured = Scaling.of(inputs)
        file = next((file for file in self.study.weights if file.name == first), None)
        told = None if file is None else file.scaling(inputs.shape[1])
        return measured if told is None else measured.beginning(told)

    def pack(self, fitted: Fitted) -> bytes:
        """A network as safetensors bytes, with the shape that builds it again."""
        assert fitted.scaling is not None
        return pack(fitted.network.cpu(), self.built(fitted.recipe, fitted.inputs, fitted.outputs), fitted.scaling)

    def unpack(self, data: bytes) -> Fitted:
        """Inverse of `pack`."""
        with as_file(data) as path:
            network, shape, scaling = unpack(path)
        recipe = Recipe.from_dict({"activation": shape.activation, "linear": shape.linear})
        return Fitted(network, recipe, (shape.inputs,), (shape.outputs,), scaling)

    def pretrained(self, name: str) -> bytes | None:
        """The source network that came trained, as safetensors bytes; None where it has to be trained."""
        file = next((file for file in self.study.weights if file.name == name), None)
        return None if file is None else fitted(self.study, file)

    def transferability(self, phase: Phase, recipe: Recipe) -> Scores:
        """Cheap scores of what is worth copying."""
        return scores(phase, recipe)

    @property
    def units(self) -> Sequence[tuple[str, str]]:  # type: ignore[override]
        """Of a few outputs, each; of spectra none: nobody reads 200 numbers."""
        target = self.system(self.study.target)
        if target.outputs > FEW_OUTPUTS:
            return ()
        table = self.study.table(self.study.target)
        if table is not None:
            return [unit(header) for header in table.outputs]
        fields = [(field.name, _metadata(field).get("unit", "1"), field) for field in columns(target.schema, "output")]
        return [(name, told) for name, told, field in fields for _ in range(math.prod(field.type.shape))]

    def in_units(self, predicted: NDArray, exact: NDArray) -> NDArray[np.float64] | None:
        """How far each of a few outputs is off, where it is standardised times its deviation."""
        if self.shapes[1][0] > FEW_OUTPUTS:
            return None
        off = np.abs(np.asarray(predicted, np.float64) - np.asarray(exact, np.float64))
        return off if self.standard is None else off * self.standard.deviation

    def regressors(self, rows: int) -> Sequence[str]:
        """All that are for so many rows and outputs."""
        return [name for name, one in REGRESSORS.items() if one.fits(rows, self.shapes[1][0])]

    def same_columns(self, source: str) -> bool:
        """Whether source and target have columns of the same names and units."""
        ours, theirs = (self.system(name).schema for name in (self.study.target, source))
        return bool(ours.equals(theirs, check_metadata=True))

    def exhibit(self, fitted: Fitted, test: Examples, device: str) -> Exhibit:
        """What a network predicts of the first test examples."""
        inputs = torch.tensor(test.inputs[:SHOWN], device=device)
        return {"predicted": predict(fitted.network, fitted.seen(inputs)).cpu().numpy().tolist()}

    def shown(self, networks: Mapping[str, Exhibit], test: Examples) -> Exhibit:
        """Exact and predicted spectra of the first test examples."""
        target, standard = self.system(self.study.target), self.standard
        own = (lambda row: row) if standard is None else (lambda row: standard.undo(row).tolist())
        films = [
            {
                "thickness_nm": test.inputs[i].tolist(),
                "exact": own(test.outputs[i].tolist()),
                **{name: own(network["predicted"][i]) for name, network in networks.items()},
            }
            for i in range(min(SHOWN, len(test)))
        ]
        told = {
            "output": predicted(target),
            "wavelength_nm": [] if target.grid is None else np.asarray(target.grid.values).tolist(),
            "films": films,
        }
        return {"spectra": told | ({} if standard is None else {"deviation": standard.deviation.tolist()})}

    def interface(self) -> dict[str, object]:
        """Inputs, outputs and grid of the target; how its outputs are standardised, where they are."""
        standard = self.standard
        told = {} if standard is None else {key: getattr(standard, key).tolist() for key in ("mean", "deviation")}
        return interface(self.system(self.study.target)) | ({"standard": told} if told else {})

    def any_rows(self, rows: int) -> tuple[Tensor, Tensor]:
        """Random inputs and outputs of the right shapes."""
        generator = torch_stream(0)
        inputs, outputs = (torch.rand((rows, *shape), generator=generator) for shape in self.shapes)
        return inputs, outputs + 0.1

    def megabytes(self) -> float:
        """Disk that a run's data will take."""
        rows = self.study.rows
        return (rows.source * len(self.study.taught) + 11 * rows.pool + rows.test) * BYTES_A_ROW / 1e6

    def identity(self) -> dict[str, object]:
        """Network and metric, and which sources tell how inputs are standardised."""
        told = {"network": self.study.network.to_dict(), "metric": self.metric.name}
        scaled = sorted(file.name for file in self.study.weights if file.scaling(self.shapes[0][0]) is not None)
        return told | ({"standardised as told": scaled} if scaled else {})


@dataclass(frozen=True)
class Alone:
    """What a task needs to know of a study of several, each of which is learned by itself."""

    target: str
    seed: int
    network: AnyNetwork
    start: Recipe
    metric: str = "relative-l1"
    rows: Any = None
    sources: tuple[str, ...] = ()
    taught: tuple[str, ...] = ()
    weights: tuple[Any, ...] = ()

    def scenario(self, name: str) -> Simulator:
        """The simulator of that name."""
        return find(name)

    def table(self, name: str) -> None:
        """None, for there are no files."""
        return None


def predicted(target: Simulator) -> str:
    """What a network of the target predicts, for an axis of a figure: the names of its output columns."""
    return " and ".join(field.name.replace("_", " ") for field in columns(target.schema, "output"))


def interface(simulator: Simulator) -> dict[str, object]:
    """Inputs, outputs and grid of a system, for the card of a network that predicts it."""
    grid, fields = simulator.grid, {field.name: _metadata(field) for field in simulator.schema}
    table = getattr(simulator, "table", None)
    lengths = all(told.get("unit") == "nm" for told in fields.values() if told.get("role") == "input")
    return {
        "positive": lengths if simulator.positive is None and table is None else bool(simulator.positive),
        "columns": None if table is None else {"inputs": list(table.inputs), "outputs": list(table.outputs)},
        "inputs": [dict(name=name, **told) for name, told in fields.items() if told.get("role") == "input"],
        "outputs": [dict(name=name, **told) for name, told in fields.items() if told.get("role") == "output"],
        "grid": None
        if grid is None
        else {"name": grid.name, "unit": grid.unit, "values": np.asarray(grid.values).tolist()},
    }


def _metadata(field: Any) -> dict[str, str]:
    return {
        key.decode(): value.decode() for key, value in (field.metadata or {}).items() if not key.startswith(b"ARROW")
    }
