"""The champion: the certified network, ready to predict."""

import csv
import hashlib
import io
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn

from graft.models.scaling import Scaling
from graft.models.standard import Standard
from graft.models.train import predict
from graft.models.weights import as_file, unpack
from graft.simulators.data.columns import unit
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

    def __call__(self, inputs: ArrayLike) -> NDArray[np.float32]:
        """Predict (examples, outputs) from (examples, inputs) in the units of the card.

        Raises:
            InputError: If the inputs have another width or are not finite.
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
        inputs = torch.from_numpy(rows if shape is None else rows.reshape(-1, *shape))
        found = predict(self.network, inputs if self.scaling is None else self.scaling(inputs)).numpy()
        found = found.reshape(len(found), -1)
        told = self.card.get("standard")
        return Standard(*(np.array(told[key]) for key in ("mean", "deviation"))).undo(found) if told else found


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


def predict_csv(folder: Path, table: Path, task: str = "", opened: Opened = perceptron) -> str:
    """Predictions for a CSV file of inputs, as CSV with the grid, or the outputs' names, as header.

    Where the network was trained on named columns, a header may have them in any order.

    Raises:
        InputError: If the file cannot be read as numbers, one example a line, or its header names other columns.
    """
    champion = load(folder, task, opened)
    try:
        with open(table, newline="", encoding="utf-8-sig") as file:
            lines = [[cell.strip() for cell in line] for line in csv.reader(file) if "".join(line).strip()]
        header = bool(lines) and not any(_is_number(cell) for cell in lines[0])
        rows = [[float(cell) for cell in line] for line in lines[header:]]
    except (OSError, ValueError, csv.Error) as problem:
        raise InputError(f"{table}: {problem}; allowed: numbers separated by commas, one example a line") from None
    if not rows or len({len(row) for row in rows}) != 1:
        raise InputError(f"{table}: {len(rows)} examples of differing width; allowed: at least one, all of equal width")
    columns, grid = champion.card.get("columns"), champion.card["grid"]
    if columns and header:
        order = _places(lines[0], columns["inputs"], table)
        rows = [[row[place] for place in order] for row in rows]
    values = champion(rows)
    names = [f"{value:g}" for value in grid["values"]] if grid else [str(i + 1) for i in range(values.shape[1])]
    if columns and not grid:
        names = columns["outputs"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([f"{value:.6g}" for value in row] for row in values)
    return text.getvalue()


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
