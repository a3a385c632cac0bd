"""Reading files of numbers: what is wrong is said with file, column and row."""

import csv
import hashlib
import math
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from graft.spaces.errors import InputError

NPZ = ("inputs", "outputs", "input_names", "output_names", "grid")
"""Arrays of an .npz that say which rows belong together for no file."""


@dataclass(frozen=True)
class Columns:
    """Numbers of a file.

    Attributes:
        headers: Name of each column.
        roles: ``input`` or ``output`` of each column, empty where the file does not say.
        values: (rows, columns), finite.
        grid: Coordinate of the outputs, if there is one.
        labels: Which rows belong together, where a column says so: it is none of the others, and may hold text.
    """

    headers: tuple[str, ...]
    roles: tuple[str, ...]
    values: NDArray[np.float64]
    grid: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()


def digest(path: Path) -> str:
    """The sha256 of a file's bytes.

    Raises:
        InputError: If it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as problem:
        raise InputError(f"{path}: {problem.strerror}; allowed: a file that can be read") from None


def unit(header: str) -> tuple[str, str]:
    """A column's name and unit: ``"thickness [nm]"`` is thickness in nm; ``"1"`` where none is told."""
    match = re.fullmatch(r"(.*\S)\s*\[([^\]]*)\]", header)
    return (match[1], match[2]) if match else (header, "1")


def parsed(path: Path, grouped: str = "") -> Columns:
    """Every column of a .csv, .npz, .arrow or .feather file.

    Args:
        path: The file.
        grouped: The column that says which rows belong together, with its unit or without; no labels if there is none.

    Raises:
        InputError: If it cannot be read as numbers, all of them finite.
    """
    digest(path)
    found = {".csv": _csv, ".npz": _npz}.get(path.suffix.lower(), _arrow)(path, grouped)
    if not found.labels and (place := _place(found.headers, grouped)) is not None:  # numbers among the others
        labels = tuple(map(repr, found.values[:, place].tolist()))
        others = [i for i in range(len(found.headers)) if i != place]
        headers, roles = (tuple(part[i] for i in others) for part in (found.headers, found.roles))
        found = Columns(headers, roles, found.values[:, others], found.grid, labels)
    if "" in found.headers:
        raise InputError(
            f"{path}: column {found.headers.index('') + 1} has no name; allowed: a name for each (numbers of rows, as "
            "pandas writes them unless told index=False, are no inputs)"
        )
    twice = [header for i, header in enumerate(found.headers) if header in found.headers[:i]]
    if twice:
        raise InputError(f"{path} has column {twice[0]!r} twice; allowed: each column once")
    if not len(found.values):
        raise InputError(f"{path} has no rows; allowed: at least one example")
    bad = np.argwhere(~(np.abs(found.values) <= np.finfo(np.float32).max))
    if len(bad):
        row, column = bad[0]
        raise InputError(
            f"{path}, row {row} (counted from 0), column {found.headers[column]!r} is {found.values[row, column]}; "
            "allowed: finite numbers of single precision"
        )
    return found


def _place(headers: Sequence[str], grouped: str) -> int | None:
    """Where the column of that name stands."""
    return next((i for i, header in enumerate(headers) if grouped and grouped in (header, unit(header)[0])), None)


def _csv(path: Path, grouped: str) -> Columns:
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            lines = [(reader.line_num, row) for reader in [csv.reader(file)] for row in reader if row]
    except (UnicodeDecodeError, csv.Error) as problem:
        raise InputError(f"{path}: {problem}; allowed: text, columns separated by commas") from None
    if not lines:
        raise InputError(f"{path} is empty; allowed: a header and one example a line")
    headers = tuple(cell.strip() for cell in lines[0][1])
    if any(_number(cell) is not None for cell in headers):
        raise InputError(
            f"{path} begins with numbers ({', '.join(headers[:3])}, ...); allowed: a header with names first"
        )
    values, told, labels = np.zeros((len(lines) - 1, len(headers))), _place(headers, grouped), list[str]()
    for place, (line, row) in enumerate(lines[1:]):
        if len(row) != len(headers):
            raise InputError(f"{path}, line {line} has {len(row)} cells; allowed: {len(headers)}, as its header has")
        for column, cell in enumerate(row):
            if column == told:
                labels.append(cell.strip())
                continue
            number = _number(cell)
            if number is None or not math.isfinite(number):
                hint = f" (groups: {grouped!r} is another column, or none)" if grouped else ""
                raise InputError(
                    f"{path}, line {line}, column {headers[column]!r} is {cell!r}; allowed: a finite number{hint}"
                )
            values[place, column] = number
    if told is not None:
        headers, values = headers[:told] + headers[told + 1 :], np.delete(values, told, 1)
    return Columns(headers, ("",) * len(headers), values, labels=tuple(labels))


def _npz(path: Path, grouped: str) -> Columns:
    try:
        with zipfile.ZipFile(path):  # a lone array or a pickle, whatever its name, is none
            pass
        with np.load(path, allow_pickle=False) as file:
            held = {key: file[key] for key in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as problem:
        raise InputError(f"{path}: {problem}; allowed: an .npz of plain arrays, none pickled") from None
    parts: list[NDArray[np.float64]] = []
    headers: list[str] = []
    roles: list[str] = []
    for role, letter in (("input", "x"), ("output", "y")):
        if f"{role}s" not in held:
            raise InputError(f"{path} holds {', '.join(held) or 'nothing'}; allowed: arrays inputs and outputs")
        values = _real(held[f"{role}s"], f"{path}, array {role}s")
        parts.append(values)
        headers += _names(held.get(f"{role}_names"), values.shape[1], letter, f"{path}, array {role}_names")
        roles += [role] * values.shape[1]
    if len(parts[0]) != len(parts[1]):
        raise InputError(
            f"{path} has {len(parts[0])} inputs and {len(parts[1])} outputs; allowed: as many rows of each"
        )
    grid = _real(held["grid"], f"{path}, array grid").reshape(-1) if "grid" in held else np.empty(0)
    if grid.size not in (0, parts[1].shape[1]):
        raise InputError(f"{path}: grid has {grid.size} values; allowed: {parts[1].shape[1]}, one for each output")
    labels = held[grouped] if grouped in held and grouped not in NPZ else np.empty(0)
    if labels.shape not in ((0,), (len(parts[0]),)):
        raise InputError(f"{path}: {grouped} has shape {labels.shape}; allowed: {len(parts[0])}, one for each row")
    told = tuple(map(str, labels.tolist()))
    return Columns(tuple(headers), tuple(roles), np.concatenate(parts, 1), tuple(grid.tolist()), told)


def _arrow(path: Path, grouped: str) -> Columns:
    try:
        with pa.memory_map(str(path)) as file:
            table = pa.ipc.open_file(file).read_all()
    except (OSError, pa.ArrowInvalid) as problem:
        raise InputError(f"{path}: {problem}; allowed: an Arrow IPC (Feather) file") from None
    parts: list[NDArray[np.float64]] = []
    headers: list[str] = []
    roles: list[str] = []
    labels: tuple[str, ...] = ()
    for field, column in zip(table.schema, table.columns, strict=True):
        if column.null_count:
            row = int(np.flatnonzero(column.is_null().to_numpy())[0])
            raise InputError(f"{path}, row {row} (counted from 0), column {field.name!r} is empty; allowed: a number")
        if grouped and grouped == field.name:
            labels = tuple(map(str, column.to_pylist()))
            continue
        values = _real(_stacked(column, f"{path}, column {field.name!r}"), f"{path}, column {field.name!r}")
        wide = values.shape[1] > 1
        unit = (field.metadata or {}).get(b"unit", b"1").decode()
        told = "" if unit == "1" else f" [{unit}]"
        parts.append(values)
        headers += [f"{field.name} {i + 1}{told}" if wide else f"{field.name}{told}" for i in range(values.shape[1])]
        role = (field.metadata or {}).get(b"role", b"").decode()
        roles += [role if role in ("input", "output") else ""] * values.shape[1]
    if not parts:
        raise InputError(f"{path} has no columns; allowed: inputs and outputs")
    return Columns(tuple(headers), tuple(roles), np.concatenate(parts, 1), labels=labels)


def _stacked(column: pa.ChunkedArray, where: str) -> NDArray:
    """One Arrow column, rows of lists or tensors stacked."""
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        return column.to_numpy()
    rows = column.combine_chunks().to_pylist() if column.num_chunks else []
    if not rows or not isinstance(rows[0], list):
        raise InputError(f"{where} holds {column.type}; allowed: numbers, or lists of them")
    lengths = {len(row) for row in rows}
    if len(lengths) > 1:
        row = next(i for i, entry in enumerate(rows) if len(entry) != len(rows[0]))
        raise InputError(
            f"{where}: row {row} (counted from 0) has {len(rows[row])} values, row 0 has {len(rows[0])}; "
            "allowed: equal lengths"
        )
    return np.array(rows)


def _real(values: NDArray, where: str) -> NDArray[np.float64]:
    """Numbers (rows, columns) in double precision; one number a row is one column."""
    if values.dtype.kind not in "iuf" or values.ndim not in (1, 2):
        raise InputError(
            f"{where} is {values.ndim}-dimensional {values.dtype}; allowed: real numbers, one row an example"
        )
    return (values if values.ndim == 2 else values[:, None]).astype(np.float64)


def _names(given: NDArray | None, count: int, letter: str, where: str) -> Sequence[str]:
    if given is None:
        return [f"{letter}{i + 1}" for i in range(count)]
    if given.shape != (count,) or given.dtype.kind != "U":
        raise InputError(f"{where} has shape {given.shape}; allowed: {count} names")
    return given.tolist()


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
