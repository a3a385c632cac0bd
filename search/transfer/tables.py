"""Studies of data: what a study's source or target is if it is a file of examples and no simulator."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.loss import away_from_zero
from search.transfer.study import LOCKED
from simulators.table import SUFFIXES, read
from spaces.refusal import Refusal

VALIDATION = 0.15
"""Share of the unlocked rows that scores each seed of a search, where a study of data does not say."""
ORDER = (0.01, 100.0)
"""Mean size of outputs that a network starting from common initial weights can learn as they are."""


def with_tables(values: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """A study's plain values with its files of data read, checked and described under ``tables``.

    Args:
        values: Plain values of a study, ``outputs`` among them if its files do not say what their outputs are.
        folder: Where relative paths of files begin.

    Raises:
        Refusal: Naming the file, if one cannot be used.
    """
    found = {key: value for key, value in values.items() if key != "outputs"}
    patterns = values.get("outputs", [])
    if not isinstance(patterns, list) or not all(isinstance(pattern, str) for pattern in patterns):
        raise Refusal(f'outputs is {patterns!r}; allowed: a list of names or patterns of columns, such as ["T*"]')
    named = [name for name in (*_sources(found), found.get("target")) if isinstance(name, str) and _is_file(name)]
    if not named:
        if "outputs" in values:
            raise Refusal("outputs is told, but neither source nor target is a file; allowed: with files of data only")
        return _locked(found)
    relative = found.get("metric", "relative-l1") == "relative-l1"
    tables: dict[str, Any] = {}
    examples: dict[str, NDArray] = {}
    for given in dict.fromkeys(named):
        table, inputs, outputs = read(folder / given, patterns)
        if table.name in tables:
            raise Refusal(f"two files are called {table.name}; allowed: each name once")
        if relative:
            _relative(outputs, given)
        if given == found.get("target"):
            _once_each(inputs, given)
        tables[table.name], examples[given] = vars(table), np.hstack([inputs, outputs])
    if found.get("target") in examples:
        for source in filter(examples.__contains__, _sources(found)):
            _apart(examples[source], source, examples[found["target"]], found["target"])
    found["sources"] = [Path(name).name if _is_file(name) else name for name in _sources(found)]
    rows = dict(found.get("rows", {}))
    taught = [tables[name]["rows"] for name in found["sources"] if name in tables]
    if taught:
        rows["source"] = min(rows.get("source", min(taught)), min(taught))
    if isinstance(found.get("target"), str) and _is_file(found["target"]):
        found["target"] = Path(found["target"]).name
        found.setdefault("mode", "small")
        rows.setdefault("pool", tables[found["target"]]["rows"])
    return _locked(found | {"rows": rows, "tables": list(tables.values())})


def _locked(values: dict[str, Any]) -> dict[str, Any]:
    """The values with rows and losses that follow from mode and metric, where they are not told."""
    lacks_simulator = any(table["name"] == values.get("target") for table in values.get("tables", ()))
    if (values.get("mode") == "small" or lacks_simulator) and isinstance(values.get("rows", {}), Mapping):
        rows = dict(values.get("rows", {}))
        pool = rows.get("pool", 500)
        if isinstance(pool, int):
            rows.setdefault("locked", math.ceil(LOCKED * pool))
            if isinstance(rows["locked"], int):
                rows.setdefault("validation", max(1, round(VALIDATION * (pool - rows["locked"]))))
        values = values | {"rows": rows}
    if values.get("metric") == "normalised-l1":
        recipes = {key: {"loss": "l1"} | values.get(key, {}) for key in ("base", "start")}
        values = values | recipes
    return values


def _is_file(name: object) -> bool:
    return isinstance(name, str) and Path(name).suffix in SUFFIXES


def _sources(values: Mapping[str, Any]) -> list[Any]:
    sources = values.get("sources", [])
    return list(sources) if isinstance(sources, list | tuple) else []


def _relative(outputs: NDArray, where: str) -> None:
    """Refuse outputs that a relative error cannot judge, or a network cannot reach."""
    away_from_zero(outputs, where)
    size = float(np.abs(outputs).mean())
    if not ORDER[0] <= size <= ORDER[1]:
        raise Refusal(
            f"{where}: outputs are of size {size:.3g}; allowed: about 1, from {ORDER[0]:g} to {ORDER[1]:g} (choose "
            'another unit), or metric = "normalised-l1"'
        )


def _apart(taught: NDArray, source: str, pool: NDArray, target: str) -> None:
    """Refuse examples that are source's and target's: what confirms a plan must be new to the source network too."""
    where = {row.tobytes(): i for i, row in enumerate(taught)}
    shared = [(where[row.tobytes()], i) for i, row in enumerate(pool) if row.tobytes() in where]
    if shared:
        row, twin = shared[0]
        raise Refusal(
            f"row {row} of {source} is row {twin} of {target} (counted from 0; {len(shared)} such rows); allowed: "
            "other examples, for the source network must not learn what is locked away"
        )


def _once_each(inputs: NDArray, where: str) -> None:
    """Refuse equal inputs: one would be learned from and the other be judged on."""
    _, first, counts = np.unique(inputs, axis=0, return_index=True, return_counts=True)
    if (counts > 1).any():
        rows = np.flatnonzero((inputs == inputs[first[counts > 1][0]]).all(1))
        raise Refusal(
            f"{where}: rows {rows[0]} and {rows[1]} (counted from 0) have equal inputs; allowed: each input once "
            "(take the mean of repeated measurements), for no row may be learned from and judged on"
        )
