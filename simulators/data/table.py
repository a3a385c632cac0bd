"""Examples that were measured or computed elsewhere: a file of inputs and outputs in place of a simulator."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from graft.simulators.base import Grid, Simulator, tensor_field
from graft.simulators.data import dialect, durable, manifest
from graft.simulators.data.columns import READERS, Columns, Missing, digest, parsed, unit
from graft.simulators.data.dataset import Dataset
from graft.simulators.data.manifest import DamagedManifest, Manifest
from graft.simulators.data.shards import write_shard
from graft.spaces.errors import InputError
from graft.spaces.errors import name as plain_name

SUFFIXES = tuple(READERS)


@dataclass(frozen=True)
class Table:
    """A file of examples, or a folder of images, as a study holds it.

    Attributes:
        name: Of the file, without its folder; what the study calls it by.
        sha256: Of the file's bytes; of a folder, of all names and contents.
        rows: Examples in it.
        inputs: Its input columns, with units as in ``"thickness [nm]"``.
        outputs: Its output columns.
        grid: Coordinate of the outputs, if the file tells one.
        path: Where it was read. No part of what it is: a file may move.
        grouped: The column that says which rows belong together, if the study names one; neither input nor output.
        groups: Rows of each group of more than one that must not be split between learning and judging.
        left_out: Rows of the file, counted from 0, that are not used, because they are the target's too.
        shape: Rows and columns of an input that is an image; empty where inputs are numbers.
        notes: What a folder of images was taken for, in lines for people.
        missing: What becomes of rows in which a value is missing.
        told: How the file was read, where that may surprise, in words.
        size: Mean |output|; 0 where it was not measured.
    """

    name: str
    sha256: str
    rows: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    grid: tuple[float, ...] = ()
    path: str = field(default="", compare=False)
    grouped: str = ""
    groups: tuple[tuple[int, ...], ...] = ()
    left_out: tuple[int, ...] = ()
    shape: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    missing: Missing = "refuse"
    told: tuple[str, ...] = field(default=(), compare=False)
    size: float = field(default=0.0, compare=False)

    def __post_init__(self) -> None:
        plain_name("name of a file of data", f"{self.name}-{self.sha256[:12]}")


class Read(NamedTuple):
    """What was read of a file: what it is, inputs and outputs (examples, columns), which rows belong together."""

    table: Table
    inputs: NDArray[np.float64]
    outputs: NDArray[np.float64]
    labels: tuple[str, ...]


class Measured(Simulator):
    """The rows of a `Table`, in the file's order, by the interface of a simulator; it draws no others."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.name = f"{table.name}-{table.sha256[:12]}"
        self.schema = pa.schema([_tensor("input", table.inputs), _tensor("output", table.outputs)])
        if table.grid:
            self.grid = Grid("output", "1", np.array(table.grid))

    def sample(self, n: int, rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
        """The first ``n`` rows of the file.

        Raises:
            InputError: If the file is not the one that the study was made with.
        """
        path = Path(self.table.path)
        if digest(path) != self.table.sha256:
            raise InputError(f"{path} is not the file that this study began with; allowed: that one, or another --out")
        inputs, outputs = arrays(parsed(path, self.table.grouped, self.table.missing), self.table)
        return {"inputs": inputs[:n], "outputs": outputs[:n]}


def read(path: Path, outputs: Sequence[str] = (), grouped: str = "", missing: Missing = "refuse") -> Read:
    """Read and check a file of examples.

    Args:
        path: Text with a header; arrays ``inputs`` and ``outputs``, and if need be ``input_names``, ``output_names``,
            ``grid``, as .npz, .mat or HDF5; Arrow IPC (Feather) or Parquet.
        outputs: Names or patterns (``"T*"``) of the columns that are outputs, where the file does not say so; by
            default those whose names are numbers, the coordinates of a spectrum.
        grouped: The column that says which rows belong together; the file need not have it.
        missing: What becomes of rows in which a value is missing.

    Raises:
        InputError: Naming the file and where possible column and row, if it cannot be used.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{path} is no file of examples; allowed: one that ends in {', '.join(SUFFIXES)}")
    found = parsed(path, grouped, missing)
    coordinates = [dialect.number(unit(header)[0]) for header in found.headers]
    meant = outputs or [header for header, value in zip(found.headers, coordinates, strict=True) if value is not None]
    roles = [role or _role(header, meant) for header, role in zip(found.headers, found.roles, strict=True)]
    names = {kind: tuple(h for h, r in zip(found.headers, roles, strict=True) if r == kind) for kind in set(roles)}
    for kind in ("input", "output"):
        if kind not in names:
            columns = ", ".join(found.headers[:8]) + (", ..." if len(found.headers) > 8 else "")
            raise InputError(
                f"{path} has no {kind} among its columns ({columns}); "
                'allowed: outputs = ["name or pattern", ...] in the study, and other columns as inputs'
            )
    told = grouped if found.labels else ""
    rows, place = len(found.values), str(path.resolve())
    along = [value for value, role in zip(coordinates, roles, strict=True) if role == "output" and value is not None]
    grid = found.grid or (tuple(along) if len(along) == len(names["output"]) > 1 else ())
    table = Table(
        path.name,
        digest(path),
        rows,
        names["input"],
        names["output"],
        grid,
        place,
        told,
        missing=missing,
        told=found.told,
    )
    inputs, values = arrays(found, table)
    constant = np.flatnonzero((values == values[0]).all(0))
    if constant.size:
        raise InputError(f"{path}: output {table.outputs[constant[0]]!r} never varies; allowed: outputs to be learned")
    return Read(replace(table, size=float(np.abs(values).mean())), inputs, values, found.labels)


def arrays(found: Columns, table: Table) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Inputs and outputs of what was parsed, without the rows that are not used."""
    place = {header: i for i, header in enumerate(found.headers)}
    values = np.delete(found.values, np.array(table.left_out, int), 0)
    inputs, outputs = (values[:, [place[name] for name in names]] for names in (table.inputs, table.outputs))
    return inputs, outputs


def keep(simulator: Simulator, rows: int, folder: Path) -> Dataset:
    """What was measured, as a data set in ``folder``, copied there if it is not yet.

    Args:
        simulator: Of the file, such as `Measured`.
        rows: How many it has.
        folder: Of the data set.

    Raises:
        InputError: If it must be copied and the file is gone or another one now.
    """
    folder.mkdir(parents=True, exist_ok=True)
    fresh = Manifest.of(simulator, (0,), rows)
    with durable.held(folder):
        durable.remove_partial(folder)
        try:
            found = manifest.read(folder)
        except DamagedManifest:
            found = None
        if found is None or not found.same_source(fresh) or not all(s.intact(folder) for s in found.shards):
            fresh.including(write_shard(simulator, (0,), 0, rows, folder)).write(folder)
    return Dataset.open(folder)


def matches(header: str, pattern: str) -> bool:
    """Is a column meant by a name or pattern, with its unit or without?"""
    return pattern in (header, unit(header)[0]) or fnmatchcase(unit(header)[0], pattern)


def in_words(table: Table) -> str:
    """What a file was taken for, in one line; a folder in one each."""
    if table.notes:
        return "\n".join(f"{table.name}: {note}" for note in table.notes)
    parts = []
    for kind in ("inputs", "outputs"):
        names = getattr(table, kind)
        shown = names if len(names) <= 6 else (*names[:3], "...", names[-1])
        parts.append(f"{len(names)} {kind} ({', '.join(shown)})")
    if table.groups:
        tied, why = sum(map(len, table.groups)), f"are told by {table.grouped!r} or " if table.grouped else ""
        first = " and ".join(map(str, table.groups[0][:2]))
        parts.append(
            f"{tied} rows belong together in {len(table.groups)} groups, which {why}have (nearly) equal inputs, as "
            f"rows {first} (counted from 0): none is learned from while another judges"
        )
    if table.left_out:
        parts.append(f"{len(table.left_out)} more are left out, for they are the target's too, inputs and outputs")
    return f"{table.name}: {table.rows} rows; {'; '.join([*table.told, *parts])}"


def _role(header: str, outputs: Sequence[str]) -> str:
    return "output" if any(matches(header, pattern) for pattern in outputs) else "input"


def _tensor(role: str, headers: Sequence[str]) -> Any:
    units = {unit(header)[1] for header in headers}
    told = units.pop() if len(units) == 1 else "mixed"
    return tensor_field(f"{role}s", len(headers), role, told, ", ".join(headers), "float64")
