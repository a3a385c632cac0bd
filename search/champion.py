"""The champion: the certified network, ready to predict."""

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from graft.models.ensemble import Held, Intervals, intervals
from graft.models.scaling import Scaling
from graft.models.standard import Standard
from graft.models.train import predict
from graft.models.weights import as_file, unpack
from graft.search.run.certificate import Several as Ensemble
from graft.search.run.record import Record
from graft.spaces.errors import InputError, unknown


class Column(Record):
    """A column of inputs or outputs."""

    name: str
    unit: str = "1"


class Along(Record):
    """What outputs run along."""

    values: tuple[float, ...]


class Card(Record):
    """What a champion's card says, as far as predictions rest on it."""

    sha256: str
    inputs: tuple[Column, ...]
    outputs: tuple[Column, ...] = ()
    grid: Along | None = None
    columns: Mapping[str, tuple[str, ...]] | None = None
    standard: Mapping[str, tuple[float, ...]] | None = None
    range: Mapping[str, tuple[float, ...]] | None = None
    shape: tuple[int, ...] | None = None
    positive: bool | None = None
    ensemble: Ensemble | None = None


Opened = Callable[[bytes], tuple[nn.Module, Scaling | None]]


@dataclass(frozen=True)
class Champion:
    """A certified network.

    Attributes:
        network: Its blocks.
        scaling: Of its inputs.
        card: What it is: task, units, error, plan, sentence of the certificate.
    """

    network: nn.Module
    scaling: Scaling | None
    card: dict[str, Any]

    def __call__(self, inputs: ArrayLike) -> NDArray[np.float64]:
        """Predict (examples, outputs) from (examples, inputs) in the units of the card.

        Raises:
            InputError: If the inputs have another width or are not finite.
        """
        return self.in_units(outputs(self.network, self.scaling, self.checked(inputs)))

    def checked(self, inputs: ArrayLike) -> Tensor:
        """Inputs of the right shape, all with a meaning.

        Raises:
            InputError: As of a call.
        """
        rows = np.atleast_2d(np.asarray(inputs, np.float64))
        shape = self.card.get("shape")
        wanted = len(self.card["inputs"]) if self.scaling is None else self.scaling.mean.numel()
        wanted = wanted if shape is None else math.prod(shape)
        if rows.ndim != 2 or rows.shape[1] != wanted:
            raise InputError(f"inputs have shape {rows.shape}; allowed: (examples, {wanted})")
        # Cards of older runs do not say whether only positive inputs have a meaning.
        lengths = self.card.get("positive", all(column.get("unit") == "nm" for column in self.card["inputs"]))
        if not (np.abs(rows) <= np.finfo(np.float32).max).all() or (lengths and (rows <= 0).any()):
            raise InputError(f"inputs hold a value that is no {'positive ' * lengths}finite number; allowed: only such")
        shaped = torch.from_numpy(rows if shape is None else rows.reshape(-1, *shape))
        # As the network learned: tables in double precision, what was simulated in single.
        return shaped if self.scaling is None else shaped.to(self.scaling.mean.dtype)

    def in_units(self, found: NDArray[np.float64]) -> NDArray[np.float64]:
        """Outputs in the units of the card, from standardised ones where the network learned those."""
        told = self.card.get("standard")
        return Standard(*(np.array(told[key]) for key in ("mean", "deviation"))).undo(found) if told else found


@dataclass(frozen=True)
class Several:
    """The networks that were handed over beside a champion, as one.

    Attributes:
        champion: The one network, with the card of the run.
        networks: Each with the scaling of its inputs.
        held: What they were off rows from which they had not learned.
    """

    champion: Champion
    networks: Sequence[tuple[nn.Module, Scaling | None]]
    held: Held

    def __call__(self, inputs: ArrayLike, coverage: float = 0.9) -> Intervals:
        """Predict (examples, outputs) with intervals that hold this share of the exact values, output by output.

        Raises:
            InputError: If the inputs cannot be used, or too few rows were held for that coverage.
        """
        seen = self.champion.checked(inputs)
        each = np.stack([outputs(*network, seen) for network in self.networks])
        return Intervals(*map(self.champion.in_units, intervals(each, self.held, coverage)))


def outputs(network: nn.Module, scaling: Scaling | None, inputs: Tensor) -> NDArray[np.float64]:
    """What a network predicts (examples, outputs)."""
    found = predict(network, inputs.float() if scaling is None else scaling(inputs)).numpy().astype(np.float64)
    return found.reshape(len(found), -1)


def perceptron(data: bytes) -> tuple[nn.Module, Scaling | None]:
    """Open a network of ours, or of a user's own module, from safetensors bytes."""
    with as_file(data) as path:
        network, _, scaling = unpack(path)
    return network, scaling


def load(folder: str | Path, task: str = "", opened: Opened = perceptron) -> Champion:
    """Open the champion of a finished run.

    Args:
        folder: Of the run.
        task: Which of its networks, if the run learned several tasks.
        opened: How its weights become a network.

    Raises:
        InputError: If the folder holds no certified network, or its weights are not those certified.
    """
    model = Path(folder) / "model"
    tasks = sorted(card.parent.name for card in model.glob("*/card.json"))
    if tasks and task not in tasks:
        raise unknown("task", task, tasks)
    model = model / task if tasks else model
    card, weights = certified(model)
    if not tasks and task not in ("", card.get("task")):
        raise unknown("task", task, [str(card.get("task"))])
    return Champion(*opened(weights.read_bytes()), card)


def load_several(folder: Path, task: str = "", opened: Opened = perceptron) -> Several:
    """Open the networks that a finished run handed over beside its champion; arguments as of `load`.

    Raises:
        InputError: If it has none, or they are not those that the run recorded.
    """
    champion = load(folder, task, opened)
    told = champion.card.get("ensemble")
    if not told or not told["held"]:
        raise InputError(
            f"{folder} holds nothing to tell intervals by; allowed: a run of transfer whose outputs are numbers, with "
            "budget.members of 2 or more, made since 0.2"
        )
    files = {f"members/{k}.safetensors": digest for k, digest in enumerate(told["sha256"])}
    kept = []
    for name, digest in (files | {"held.safetensors": told["held_sha256"]}).items():
        path = folder / "model" / name
        kept.append(path.read_bytes() if path.is_file() else b"")
        if hashlib.sha256(kept[-1]).hexdigest() != digest:
            raise InputError(f"{path} is not what the run recorded (sha256 differs)")
    *networks, held = kept
    return Several(champion, [opened(data) for data in networks], Held.unpack(held))


def certified(model: Path) -> tuple[dict[str, Any], Path]:
    """The card and the file of weights that lie in a folder of a run.

    Raises:
        InputError: If it holds none, or the weights are not those certified.
    """
    weights = model / "network.safetensors"
    try:
        card = json.loads((model / "card.json").read_text())
        data = weights.read_bytes()
    except (OSError, ValueError) as problem:
        said = problem if isinstance(problem, OSError) else f"card.json: {problem}"
        raise InputError(f"{model.parent} holds no champion ({said}); allowed: the folder of a finished run") from None
    Card.read(card, model / "card.json")
    if hashlib.sha256(data).hexdigest() != card["sha256"]:
        raise InputError(f"{weights} is not the network that was certified (sha256 differs from that in card.json)")
    return card, weights
