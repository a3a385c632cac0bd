"""``graft predict``: inputs from a file, the champion's outputs as CSV; what lies outside what was learned is said."""

import csv
import io
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from graft.search.champion import Champion, Opened, load, load_several, perceptron
from graft.simulators.data import dialect
from graft.simulators.data.columns import parsed, unit
from graft.simulators.solar.folder import cut
from graft.simulators.solar.picture import SUFFIXES, is_picture
from graft.spaces.errors import InputError

Floats = NDArray[np.float64]
COLUMNS = (".arrow", ".feather", ".parquet")
"""Files whose columns have names."""
THOUSAND = (1e-9, 1e-6, 1e-3, 1e3, 1e6, 1e9)
"""Factors between units of one quantity, as nm and micrometres."""

FORMULA = tuple("=+-@\t\r")
"""How a cell begins that spreadsheets carry out (OWASP, CSV injection)."""


@dataclass(frozen=True)
class Asked:
    """What a finished run is asked to predict.

    Attributes:
        what: A file of inputs, or ``-``; where energies were learned a .npy of states, or the name of a lattice.
        task: Which of several tasks.
        temperatures: Of a lattice.
        sweeps: Of a lattice, at each temperature.
        coverage: Of the interval about each output; 0: none is told.
        strict: Whether inputs outside what was learned are refused.
        quiet: Whether nothing is told on the way.
    """

    what: str
    task: str = ""
    temperatures: Sequence[float] = ()
    sweeps: int = 0
    coverage: float = 0.0
    strict: bool = False
    quiet: bool = False


class Inputs(NamedTuple):
    """Rows of a file (examples, inputs), and the names of their columns; none where the file has no header."""

    rows: Floats
    header: Sequence[str]


def outputs_only(folder: Path, asked: Asked) -> None:
    """Refuse what can be asked of learned energies alone.

    Raises:
        InputError: If it was asked.
    """
    if asked.temperatures or asked.sweeps:
        raise InputError(
            f"--temperatures and --sweeps are of learned energies, and {folder} holds none; allowed: neither"
        )


def networks_only(folder: Path, asked: Asked) -> None:
    """Refuse what can be asked of a run of transfer alone.

    Raises:
        InputError: If it was asked.
    """
    if asked.coverage:
        raise InputError(f"--intervals is of runs of transfer, and {folder} is of another kind; allowed: without it")


def predict_csv(folder: Path, asked: Asked, opened: Opened = perceptron) -> str:
    """Predictions for a file of inputs, as CSV with the grid, or the outputs' names, as header.

    Where the network was trained on named columns, a file may have them in any order, and others beside them. Where it
    takes images the file may be one, or a folder of them, cut into tiles as those that were learned from. With a
    coverage each output is followed by the ends of its interval, and is the mean of several networks.

    Raises:
        InputError: If the file cannot be read as numbers, one example a row, lacks a column or tells it in another
            unit, if inputs lie outside what was learned and that was to be refused, or if there are no intervals of
            that coverage.
    """
    several = load_several(folder, asked.task, opened) if asked.coverage else None
    champion = several.champion if several else load(folder, asked.task, opened)
    rows = inputs(asked.what, champion)
    if outside := beyond(rows, champion):
        if asked.strict:
            raise InputError(f"{asked.what}: {outside}; allowed with --strict: inputs like those learned from")
        print(f"graft: {outside}: these outputs are guesses", file=sys.stderr)
    found = several(rows, asked.coverage) if several else None
    values = champion(rows) if found is None else found.mean
    names = outputs(champion, values.shape[1])
    if found is not None:
        names = [f"{name}{end}" for name in names for end in ("", " lower", " upper")]
        values = np.stack(found, -1).reshape(len(values), -1)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([f"{value:.8g}" for value in row] for row in values)
    return text.getvalue()


def outputs(champion: Champion, count: int) -> list[str]:
    """Names of its outputs: their coordinates, the names of their columns, or their numbers."""
    columns, grid = champion.card.get("columns"), champion.card.get("grid")
    if grid:
        return [f"{value:g}" for value in grid["values"]]
    if champion.card.get("shape") and len(champion.card["outputs"]) == count:
        return [cell(output["name"]) for output in champion.card["outputs"]]
    return list(map(cell, columns["outputs"])) if columns else [str(i + 1) for i in range(count)]


def cell(name: str) -> str:
    """A name as a spreadsheet shows it: behind an apostrophe where it would be carried out as a formula."""
    return f"'{name}" if name[:1] in FORMULA and dialect.number(name) is None else name


def inputs(what: str, champion: Champion) -> Floats:
    """The inputs that a file holds, in the champion's order.

    Raises:
        InputError: As of `predict_csv`.
    """
    shape = champion.card.get("shape")
    if shape and (Path(what).is_dir() or is_picture(Path(what))):
        return _tiles(Path(what), shape[0], bool(champion.card.get("logarithmic")))
    read = {".npy": _array, ".npz": _array, **dict.fromkeys(COLUMNS, _columns)}.get(Path(what).suffix.lower(), _text)
    rows, header = read(what)
    named = champion.card.get("columns")
    if not (named and header):
        return rows
    return rows[:, places(header, named["inputs"], what)]


def _text(what: str) -> Inputs:
    found = dialect.text(what)
    rows = np.empty((len(found.rows), len(found.rows[0]) if found.rows else 0))
    if not found.rows:
        raise InputError(f"{what} has no rows; allowed: at least one example a line")
    mistyped = [i for i, cell in enumerate(found.header, 1) if dialect.number(cell) is None]
    if len(mistyped) < len(found.header):
        cell = found.header[mistyped[0] - 1]
        raise InputError(f"{what}, cell {mistyped[0]} of the first line is {cell!r}; allowed: a number, or names alone")
    for i, (line, row) in enumerate(zip(found.lines, found.rows, strict=True)):
        for j, cell in enumerate(row):
            if (value := dialect.number(cell)) is None:
                raise InputError(f"{what}, line {line}, cell {j + 1} is {cell!r}; allowed: a number")
            rows[i, j] = value
    return Inputs(rows, found.header)


def _array(what: str) -> Inputs:
    try:
        held = np.load(what, allow_pickle=False)
        array = held if isinstance(held, np.ndarray) else held["inputs"]
    except Exception as problem:  # of damaged bytes zipfile, zlib and numpy's own parser raise whatever they meet
        raise InputError(f"{what}: {problem}; allowed: an .npy, or an .npz with an array inputs") from None
    if array.dtype.kind not in "iuf" or array.ndim < 2:
        raise InputError(f"{what} is {array.ndim}-dimensional {array.dtype}; allowed: real numbers, one row an example")
    return Inputs(array.reshape(len(array), -1).astype(np.float64), ())


def _columns(what: str) -> Inputs:
    found = parsed(Path(what))
    return Inputs(found.values, found.headers)


def _tiles(place: Path, side: int, logarithmic: bool) -> Floats:
    """Tiles (tiles, pixels) of an image, row by row, or of those in a folder in order of their names."""
    files = sorted(one for one in place.rglob("*") if is_picture(one)) if place.is_dir() else [place]
    if not files:
        raise InputError(f"{place} holds no images; allowed: files that end in {', '.join(SUFFIXES)}")
    tiles = np.concatenate([cut(file, side, logarithmic) for file in files])
    if not len(tiles):
        raise InputError(f"{place} has no tile with hardly anything masked; allowed: images with one")
    return tiles.reshape(len(tiles), -1).astype(np.float64)


def places(header: Sequence[str], wanted: Sequence[str], what: str) -> list[int]:
    """Where the columns that the network was trained on stand in a header; a unit that is told must be theirs.

    Raises:
        InputError: If one is missing, or told in another unit.
    """
    for name in wanted if len(set(wanted)) == len(wanted) else ():
        if name not in header and _plain(name) in (plain := [_plain(one) for one in header]):
            theirs, ours = unit(header[plain.index(_plain(name))])[1], unit(name)[1]
            if "1" not in (theirs, ours):
                raise InputError(f"{what} has {_plain(name)} in {theirs}; allowed: in {ours}, as it was learned")
    for spelt in (str, _plain):
        found, names = [spelt(one) for one in header], [spelt(one) for one in wanted]
        if len(set(names)) == len(names) and all(found.count(name) == 1 for name in names):
            return [found.index(name) for name in names]
    raise InputError(f"{what} has columns {', '.join(header)}; allowed: {', '.join(wanted)}, in any order")


def _plain(header: str) -> str:
    return unit(header)[0]


def beyond(rows: Floats, champion: Champion) -> str:
    """How many inputs lie outside what was learned, in words; '' if none do, or the card does not say."""
    told: Mapping[str, Sequence[float]] | None = champion.card.get("range")
    if not told or rows.shape[1:] != np.shape(told["low"]):
        return ""
    low, high = np.array(told["low"]), np.array(told["high"])
    slack = 1e-6 * (high - low)
    out = (rows < low - slack) | (rows > high + slack)
    if not out.any():
        return ""
    column = int(out.sum(0).argmax())
    values = rows[:, column]
    ends = f"{values.min():g} to {values.max():g}, learned were {low[column]:g} to {high[column]:g}"
    name = champion.card["inputs"][column]["name"]
    fits = [one for one in THOUSAND if ((values * one >= low[column]) & (values * one <= high[column])).all()]
    guess = f"; times {fits[0]:g} they would fit: another unit?" if fits else ""
    return f"{int(out.any(1).sum())} of {len(rows)} rows lie outside what was learned ({name}: {ends}{guess})"
