"""Reading files of numbers: what is wrong is said with file, column and row."""

import hashlib
import io
import math
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet

from graft.simulators.data import dialect
from graft.spaces.errors import InputError

Missing = Literal["refuse", "drop"]
ARROW = b"ARROW1"
"""How an Arrow file begins; a stream does not."""

FROM_MAT = """
import sys
import numpy, scipy.io
held = scipy.io.loadmat(sys.argv[1]).items()
plain = {k: v if v.dtype.kind in "biufU" else str(v.dtype) for k, v in held if not k.startswith("__") and k != "file"}
numpy.savez(sys.stdout.buffer, **plain)
"""
"""Turns a .mat into an .npz, in a process of its own: damaged bytes can kill SciPy's reader, and whoever runs it."""

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
        places: Where each row stands in its file, in words; empty where rows are counted from 0.
        told: How the file was read, where that may surprise, in words.
    """

    headers: tuple[str, ...]
    roles: tuple[str, ...]
    values: NDArray[np.float64]
    grid: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    told: tuple[str, ...] = ()


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


def parsed(path: Path, grouped: str = "", missing: Missing = "refuse") -> Columns:
    """Every column of a file of examples.

    Args:
        path: The file.
        grouped: The column that says which rows belong together, with its unit or without; no labels if there is none.
        missing: What becomes of rows in which a value is missing: they are refused, or left out and counted.

    Raises:
        InputError: If it cannot be read as numbers, all of them finite.
    """
    digest(path)
    try:
        found = READERS[path.suffix.lower()](path, grouped)
    except InputError:
        raise
    except Exception as problem:  # damage to names and types is met later than where the file is opened
        raise InputError(f"{path}: {_brief(problem)}; allowed: a file as it was written, undamaged") from None
    if not found.labels and (place := _place(found.headers, grouped)) is not None:  # numbers among the others
        labels = tuple(map(repr, found.values[:, place].tolist()))
        others = [i for i in range(len(found.headers)) if i != place]
        headers, roles = (tuple(part[i] for i in others) for part in (found.headers, found.roles))
        found = replace(found, headers=headers, roles=roles, values=found.values[:, others], labels=labels)
    if "" in found.headers:
        raise InputError(
            f"{path}: column {found.headers.index('') + 1} has no name; allowed: a name for each (numbers of rows, as "
            "pandas writes them unless told index=False, are no inputs)"
        )
    twice = [header for i, header in enumerate(found.headers) if header in found.headers[:i]]
    if twice:
        raise InputError(f"{path} has column {twice[0]!r} twice; allowed: each column once")
    empty = np.unique(np.argwhere(np.isnan(found.values))[:, 0])
    if len(empty) and missing == "drop":
        found = _without(found, empty)
    if not len(found.values):
        raise InputError(f"{path} has no rows; allowed: at least one example")
    bad = np.argwhere(~(np.abs(found.values) <= np.finfo(np.float32).max))
    if len(bad):
        row, column = bad[0]
        value = found.values[row, column]
        said, hint = f"is {value}", ""
        if math.isnan(value):
            said, hint = "has no value", f' (missing = "drop" leaves out the {len(empty)} rows that lack one)'
        raise InputError(
            f"{path}, {_row(found, row)}, column {found.headers[column]!r} {said}; "
            f"allowed: finite numbers of single precision{hint}"
        )
    return found


def _row(found: Columns, row: int) -> str:
    """Where a row stands."""
    return found.places[row] if found.places else f"row {row} (counted from 0)"


def _without(found: Columns, left: NDArray[np.int64]) -> Columns:
    """The columns without these rows, which are told."""
    first = ", ".join(_row(found, row).removeprefix("row ") for row in left[:3]) + (", ..." if len(left) > 3 else "")
    told = f"{len(left)} row{'s' * (len(left) > 1)} without a value left out ({first})"
    kept = np.delete(np.arange(len(found.values)), left)
    return replace(
        found,
        values=found.values[kept],
        labels=tuple(found.labels[row] for row in kept) if found.labels else (),
        places=tuple(found.places[row] for row in kept) if found.places else (),
        told=(*found.told, told),
    )


def _place(headers: Sequence[str], grouped: str) -> int | None:
    """Where the column of that name stands."""
    return next((i for i, header in enumerate(headers) if grouped and grouped in (header, unit(header)[0])), None)


def _text(path: Path, grouped: str) -> Columns:
    found = dialect.text(path)
    headers, told, labels = found.header, _place(found.header, grouped), list[str]()
    plain = [unit(header)[0] for header in headers]
    mixed = any(dialect.number(name) is not None for name in plain)
    if not headers or (mixed and any(re.match(r"\d", name) and dialect.number(name) is None for name in plain)):
        raise InputError(
            f"{path} begins with numbers ({', '.join((headers or found.rows[0])[:3])}, ...); allowed: a header with "
            "names first"
        )
    values = np.zeros((len(found.rows), len(headers)))
    for place, (line, row) in enumerate(zip(found.lines, found.rows, strict=True)):
        for column, cell in enumerate(row):
            if column == told:
                labels.append(cell)
                continue
            number = dialect.number(cell)
            if number is None and cell.lower() in dialect.MISSING:
                number = math.nan
            if number is None or math.isinf(number):
                hint = f" (groups: {grouped!r} is another column, or none)" if grouped else ""
                raise InputError(
                    f"{path}, line {line}, column {headers[column]!r} is {cell!r}; allowed: a finite number{hint}"
                )
            values[place, column] = number
    where = tuple(f"line {line}" for line in found.lines)
    if told is not None:
        headers, values = headers[:told] + headers[told + 1 :], np.delete(values, told, 1)
    return Columns(headers, ("",) * len(headers), values, labels=tuple(labels), places=where, told=found.told)


def _npz(path: Path, grouped: str) -> Columns:
    try:
        with zipfile.ZipFile(path):  # a lone array or a pickle, whatever its name, is none
            pass
        with np.load(path, allow_pickle=False) as file:
            held = {key: file[key] for key in file.files}
    except Exception as problem:  # of damaged bytes zipfile, zlib and numpy's own parser raise whatever they meet
        raise InputError(f"{path}: {_brief(problem)}; allowed: an .npz of plain arrays, none pickled") from None
    return _arrays(held, path, grouped)


def _mat(path: Path, grouped: str) -> Columns:
    done = subprocess.run([sys.executable, "-P", "-c", FROM_MAT, str(path)], capture_output=True, check=False)
    if done.returncode:  # below 0: a damaged file has killed its reader
        said = (done.stderr.decode(errors="replace").strip().splitlines() or ["it cannot be read"])[-1]
        raise InputError(
            f"{path}: {said if done.returncode > 0 else 'its reader died of it'}; allowed: a .mat of arrays inputs and "
            "outputs (save -v7; 7.3 as .h5)"
        )
    with np.load(io.BytesIO(done.stdout), allow_pickle=False) as file:
        return _arrays({key: file[key] for key in file.files}, path, grouped)


def _hdf5(path: Path, grouped: str) -> Columns:
    try:
        import h5py  # an extra: few have such files
    except ImportError:
        raise InputError(f"{path} needs h5py; allowed: pip install 'graft[hdf5]', or an .npz") from None
    try:
        with h5py.File(path, "r") as file:
            held = {key: file[key][()] for key in file if isinstance(file[key], h5py.Dataset)}
    except Exception as problem:
        raise InputError(f"{path}: {_brief(problem)}; allowed: HDF5 with datasets inputs and outputs") from None
    return _arrays({key: np.asarray(value) for key, value in held.items()}, path, grouped)


def _brief(problem: Exception) -> str:
    """What a library raised, in one line."""
    return " ".join(str(problem).split()) or type(problem).__name__


def _arrays(held: Mapping[str, NDArray], path: Path, grouped: str) -> Columns:
    """Named arrays, of which inputs and outputs have to be there."""
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
    if not np.isfinite(grid).all():
        raise InputError(f"{path}: grid holds a value that is not finite; allowed: a coordinate for each output")
    labels = held[grouped] if grouped in held and grouped not in NPZ else np.empty(0)
    if labels.shape not in ((0,), (len(parts[0]),)):
        raise InputError(f"{path}: {grouped} has shape {labels.shape}; allowed: {len(parts[0])}, one for each row")
    told = tuple(map(str, labels.tolist()))
    return Columns(tuple(headers), tuple(roles), np.concatenate(parts, 1), tuple(grid.tolist()), told)


def _arrow(path: Path, grouped: str) -> Columns:
    try:
        if path.suffix.lower() == ".parquet":
            table = parquet.read_table(path)
        else:
            with pa.memory_map(str(path)) as file:
                start = file.read(len(ARROW))
                file.seek(0)
                table = (pa.ipc.open_file if start == ARROW else pa.ipc.open_stream)(file).read_all()
        table.validate(full=True)  # offsets and lengths that lead out of the file
    except Exception as problem:  # damaged bytes: pyarrow raises more than its own errors
        raise InputError(f"{path}: {_brief(problem)}; allowed: Arrow IPC (Feather) or Parquet") from None
    parts: list[NDArray[np.float64]] = []
    headers: list[str] = []
    roles: list[str] = []
    labels: tuple[str, ...] = ()
    for field, column in zip(table.schema, table.columns, strict=True):
        if grouped and grouped == field.name:
            labels = tuple("" if label is None else str(label) for label in column.to_pylist())
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
        return column.cast(pa.float64(), safe=False).to_numpy()  # no value becomes NaN
    if column.null_count:
        row = int(np.flatnonzero(column.is_null().to_numpy())[0])
        raise InputError(f"{where}, row {row} (counted from 0) is empty; allowed: values in every row")
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


READERS: Mapping[str, Callable[[Path, str], Columns]] = {
    **dict.fromkeys(dialect.SUFFIXES, _text),
    ".npz": _npz,
    **dict.fromkeys((".arrow", ".feather", ".parquet"), _arrow),
    ".mat": _mat,
    **dict.fromkeys((".h5", ".hdf5"), _hdf5),
}
"""By how a file's name ends."""
