"""The champion: the certified network, ready to predict."""

import csv
import hashlib
import io
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
from graft.simulators.data.columns import unit
from graft.simulators.solar.folder import cut
from graft.simulators.solar.picture import SUFFIXES, is_picture
from graft.spaces.errors import InputError, unknown

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
        rows = np.atleast_2d(np.asarray(inputs, np.float32))
        shape = self.card.get("shape")
        wanted = len(self.card["inputs"]) if self.scaling is None else self.scaling.mean.numel()
        wanted = wanted if shape is None else math.prod(shape)
        if rows.ndim != 2 or rows.shape[1] != wanted:
            raise InputError(f"inputs have shape {rows.shape}; allowed: (examples, {wanted})")
        # Cards of older runs do not say whether only positive inputs have a meaning.
        lengths = self.card.get("positive", all(column.get("unit") == "nm" for column in self.card["inputs"]))
        if not np.isfinite(rows).all() or (lengths and (rows <= 0).any()):
            raise InputError(f"inputs hold a value that is no {'positive ' * lengths}finite number; allowed: only such")
        return torch.from_numpy(rows if shape is None else rows.reshape(-1, *shape))

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
    found = predict(network, inputs if scaling is None else scaling(inputs)).numpy().astype(np.float64)
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


def load_several(folder: Path, opened: Opened = perceptron) -> Several:
    """Open the networks that a finished run handed over beside its champion.

    Raises:
        InputError: If it has none, or they are not those that the run recorded.
    """
    champion = load(folder, "", opened)
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
        raise InputError(
            f"{model.parent} holds no champion ({problem}); allowed: the folder of a finished run"
        ) from None
    if hashlib.sha256(data).hexdigest() != card["sha256"]:
        raise InputError(f"{weights} is not the network that was certified (sha256 differs)")
    return card, weights


def outputs_only(folder: Path, temperatures: Sequence[float], sweeps: int) -> None:
    """Refuse what can be asked of learned energies alone.

    Raises:
        InputError: If it was asked.
    """
    if temperatures or sweeps:
        raise InputError(
            f"--temperatures and --sweeps are of learned energies, and {folder} holds none; allowed: neither"
        )


def no_intervals(folder: Path, coverage: float) -> None:
    """Refuse intervals where none are calibrated.

    Raises:
        InputError: If they were asked for.
    """
    if coverage:
        raise InputError(f"--intervals is of runs of transfer, and {folder} is of another kind; allowed: without it")


def predict_csv(folder: Path, table: Path, task: str = "", opened: Opened = perceptron, coverage: float = 0.0) -> str:
    """Predictions for a CSV file of inputs, as CSV with the grid, or the outputs' names, as header.

    Where the network was trained on named columns, a header may have them in any order. Where it takes images the file
    may be one, or a folder of them: each is cut into tiles, row by row, as those that were learned from. With a
    coverage each output is followed by the ends of its interval, and is the mean of several networks.

    Raises:
        InputError: If the file cannot be read as numbers, one example a line, its header names other columns, or there
            are no intervals of that coverage.
    """
    several = load_several(folder, opened) if coverage else None
    champion = load(folder, task, opened)
    columns, grid, shape = (champion.card.get(key) for key in ("columns", "grid", "shape"))
    pictured = shape and (table.is_dir() or is_picture(table))
    rows = _tiles(table, champion.card) if pictured else _rows(table, columns)
    found = several(rows, coverage) if several else None
    values = champion(rows) if found is None else found.mean
    names = [f"{value:g}" for value in grid["values"]] if grid else [str(i + 1) for i in range(values.shape[1])]
    if columns and not grid:
        names = columns["outputs"]
    elif shape and len(champion.card["outputs"]) == values.shape[1]:
        names = [output["name"] for output in champion.card["outputs"]]
    if found is not None:
        names = [f"{name}{end}" for name in names for end in ("", " lower", " upper")]
        values = np.stack(found, -1).reshape(len(values), -1)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([f"{value:.6g}" for value in row] for row in values)
    return text.getvalue()


def _rows(table: Path, columns: Mapping[str, Sequence[str]] | None) -> list[list[float]]:
    """Examples of a CSV file, in the order of the columns that the network was trained on."""
    try:
        with open(table, newline="", encoding="utf-8-sig") as file:
            lines = [[cell.strip() for cell in line] for line in csv.reader(file) if "".join(line).strip()]
        header = bool(lines) and not any(_is_number(cell) for cell in lines[0])
        rows = [[float(cell) for cell in line] for line in lines[header:]]
    except (OSError, ValueError, csv.Error) as problem:
        raise InputError(f"{table}: {problem}; allowed: numbers separated by commas, one example a line") from None
    if not rows or len({len(row) for row in rows}) != 1:
        raise InputError(f"{table}: {len(rows)} examples of differing width; allowed: at least one, all of equal width")
    if columns and header:
        order = _places(lines[0], columns["inputs"], table)
        rows = [[row[place] for place in order] for row in rows]
    return rows


def _tiles(place: Path, card: Mapping[str, Any]) -> NDArray[np.float64]:
    """Tiles (tiles, pixels) of an image, or of those in a folder in order of their names."""
    files = sorted(one for one in place.rglob("*") if is_picture(one)) if place.is_dir() else [place]
    if not files:
        raise InputError(f"{place} holds no images; allowed: files that end in {', '.join(SUFFIXES)}")
    tiles = np.concatenate([cut(file, card["shape"][0], bool(card.get("logarithmic"))) for file in files])
    if not len(tiles):
        raise InputError(f"{place} has no tile with hardly anything masked; allowed: images with one")
    return tiles.reshape(len(tiles), -1)


def _places(cells: Sequence[str], wanted: Sequence[str], table: Path) -> list[int]:
    """Where the columns that the network was trained on stand in a header, with all their units or without any."""
    for spelt in (list, lambda some: [unit(cell)[0] for cell in some]):
        found, names = spelt(cells), spelt(wanted)
        if sorted(found) == sorted(names) and len(set(names)) == len(names):
            return [found.index(name) for name in names]
    raise InputError(f"{table} has columns {', '.join(cells)}; allowed: {', '.join(wanted)}, in any order")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
