"""Studies of data: what a study's source or target is if it is a file of examples and no simulator."""

import math
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from graft.models.losses import away_from_zero, of_order_one
from graft.simulators.data.table import SUFFIXES, Table, matches, read, unit
from graft.spaces.errors import InputError

LOCKED = 0.2
"""Share of the pool that holdout mode locks away, at least."""
VALIDATION = 0.15
"""Share of the unlocked rows that scores each seed of a search, where a study of data does not say."""
SAME = 1e-5
"""Rows whose entries differ by less, relative to the column's largest, are one: six digits were kept of them."""


def with_tables(values: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """A study's plain values with its files of data read, checked and described under ``tables``.

    Args:
        values: Plain values of a study, ``outputs`` among them if its files do not say what their outputs are.
        folder: Where relative paths of files begin.

    Raises:
        InputError: Naming the file, if one cannot be used.
    """
    found = {key: value for key, value in values.items() if key != "outputs"}
    patterns = values.get("outputs", [])
    if not isinstance(patterns, list) or not all(isinstance(pattern, str) for pattern in patterns):
        raise InputError(f'outputs is {patterns!r}; allowed: a list of names or patterns of columns, such as ["T*"]')
    named = [name for name in (*_sources(found), found.get("target")) if isinstance(name, str) and _is_file(name)]
    if not named:
        if "outputs" in values:
            raise InputError(
                "outputs is told, but neither source nor target is a file; allowed: with files of data only"
            )
        return _locked(found)
    relative = found.get("metric", "relative-l1") == "relative-l1"
    files: dict[str, Table] = {}
    examples: dict[str, NDArray] = {}
    for given in dict.fromkeys(named):
        table, inputs, outputs = read(folder / given, patterns)
        if table.name in [other.name for other in files.values()]:
            raise InputError(f"two files are called {table.name}; allowed: each name once")
        if relative:
            away_from_zero(outputs, given)
            of_order_one(outputs, given)
        if given == found.get("target"):
            _once_each(inputs, given)
        files[given], examples[given] = table, np.hstack([inputs, outputs])
    _all_found(patterns, files)
    if found.get("target") in examples:
        target = found["target"]
        for source in filter(examples.__contains__, _sources(found)):
            _aligned(files[source], files[target])
            _apart(examples[source], source, examples[target], target)
    tables = {table.name: vars(table) for table in files.values()}
    found["sources"] = [Path(name).name if _is_file(name) else name for name in _sources(found)]
    rows = dict(found.get("rows", {}))
    taught = [tables[name]["rows"] for name in found["sources"] if name in tables]
    if taught:
        rows["source"] = min(rows.get("source", min(taught)), min(taught))
    if isinstance(found.get("target"), str) and _is_file(found["target"]):
        found["target"] = Path(found["target"]).name
        found.setdefault("mode", "holdout")
        rows.setdefault("pool", tables[found["target"]]["rows"])
    return _locked(found | {"rows": rows, "tables": list(tables.values())})


def _locked(values: dict[str, Any]) -> dict[str, Any]:
    """The values with rows and losses that follow from mode and metric, where they are not told."""
    lacks_simulator = any(table["name"] == values.get("target") for table in values.get("tables", ()))
    if (values.get("mode") == "holdout" or lacks_simulator) and isinstance(values.get("rows", {}), Mapping):
        rows = dict(values.get("rows", {}))
        pool = rows.get("pool", 500)
        if isinstance(pool, int):
            rows.setdefault("locked", math.ceil(LOCKED * pool))
            if isinstance(rows["locked"], int):
                rows.setdefault("validation", max(1, round(VALIDATION * (pool - rows["locked"]))))
        values = values | {"rows": rows}
    if values.get("metric") == "normalised-l1":
        told = {key: values.get(key, {}) for key in ("base", "start")}
        values = values | {key: {"loss": "l1"} | dict(one) for key, one in told.items() if isinstance(one, Mapping)}
    return values


def _is_file(name: object) -> bool:
    return isinstance(name, str) and Path(name).suffix.lower() in SUFFIXES


def _sources(values: Mapping[str, Any]) -> list[Any]:
    sources = values.get("sources", [])
    return list(sources) if isinstance(sources, list | tuple) else []


def _all_found(patterns: Sequence[str], files: Mapping[str, Table]) -> None:
    """Refuse a pattern of no output of any file: what it was meant for would be an input, part of the answer."""
    headers = [header for table in files.values() for header in table.outputs]
    for pattern in patterns:
        if not any(matches(header, pattern) for header in headers):
            inputs = [unit(header)[0] for table in files.values() for header in table.inputs]
            near = get_close_matches(pattern, inputs, 1, 0.3)
            raise InputError(
                f"outputs: {pattern!r} is no column of {', '.join(files)}; allowed: names or patterns of columns"
                + (f" (did you mean {near[0]!r}?)" if near else "")
            )


def _aligned(source: Table, target: Table) -> None:
    """Refuse a column that stands in another place in the other file: first and last layers are copied by place."""
    for kind in ("inputs", "outputs"):
        theirs, ours = ([unit(header)[0] for header in getattr(table, kind)] for table in (source, target))
        for place, name in enumerate(ours):
            # Columns that only units tell apart have no name to go by.
            if theirs.count(name) == ours.count(name) == 1 and theirs.index(name) != place:
                raise InputError(
                    f"{name!r} is number {theirs.index(name) + 1} of the {kind} of {source.name} and number "
                    f"{place + 1} of {target.name}; allowed: the same place in both, for layers are copied by place"
                )


def _apart(taught: NDArray, source: str, pool: NDArray, target: str) -> None:
    """Refuse examples that are source's and target's: what confirms a plan must be new to the source network too."""
    if taught.shape[1] != pool.shape[1]:
        return
    largest = np.abs(pool).max(0)
    scale = np.where(largest > 0, largest, 1.0)
    distance, nearest = cKDTree(taught / scale).query(pool / scale, p=np.inf, distance_upper_bound=SAME)
    shared = np.flatnonzero(np.isfinite(distance))
    if shared.size:
        raise InputError(
            f"row {nearest[shared[0]]} of {source} is row {shared[0]} of {target} (counted from 0; {shared.size} such "
            "rows, to six digits); allowed: other examples, for the source network must not learn what is locked away"
        )


def _once_each(inputs: NDArray, where: str) -> None:
    """Refuse equal inputs: one would be learned from and the other be judged on."""
    _, first, counts = np.unique(inputs, axis=0, return_index=True, return_counts=True)
    if (counts > 1).any():
        rows = np.flatnonzero((inputs == inputs[first[counts > 1][0]]).all(1))
        raise InputError(
            f"{where}: rows {rows[0]} and {rows[1]} (counted from 0) have equal inputs; allowed: each input once "
            "(take the mean of repeated measurements), for no row may be learned from and judged on"
        )
