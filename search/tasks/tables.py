"""Studies of data: what a study's source or target is if it is a file of examples and no simulator."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from graft.models.losses import away_from_zero, of_order_one
from graft.search.run.seeds import Role, stream
from graft.search.tasks import grouping
from graft.simulators.data.columns import Missing, unit
from graft.simulators.data.table import SUFFIXES, Read, Table, matches, read
from graft.spaces.errors import InputError, choice
from graft.spaces.installed import foreign
from graft.spaces.words import WEIGHTS

LOCKED = 0.2
"""Share of the pool that holdout mode locks away, at least."""
HALF = 100
"""Rows that are locked at most of a pool of up to five times as many, where a study does not say; else half of it."""
VALIDATION = 0.15
"""Share of the unlocked rows that scores each seed of a search, where a study of data does not say."""
LEAST_GROUPS = 8
"""Groups of a target's rows, at least: half of them are locked away, and folds of those judge."""
LEAST_TAUGHT = 10
"""Rows of a source, at least."""
SAME = 1e-5
"""Rows whose entries differ by less, relative to the column's largest, are one: six digits were kept of them."""


def with_tables(values: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """A study's plain values with its files of data read, checked and described under ``tables``.

    Args:
        values: Plain values of a study, ``outputs`` among them if its files do not say what their outputs are,
            ``groups``, the column that says which rows of the target belong together, and ``missing``, what becomes
            of rows that lack a value.
        folder: Where relative paths of files begin.

    Raises:
        InputError: Naming the file, if one cannot be used.
    """
    found = {key: value for key, value in values.items() if key not in ("outputs", "groups", "missing")}
    patterns, grouped, missing = _how(values)
    asked = [name for name in (*_sources(found), found.get("target")) if isinstance(name, str)]
    for name in asked:
        _readable(name, folder)
    named = [name for name in asked if _is_file(name)]
    if not named:
        if "missing" in values:
            raise InputError("missing is told, but neither source nor target is a file; allowed: with files of data")
        if "outputs" in values:
            raise InputError(
                "outputs is told, but neither source nor target is a file; allowed: with files of data only"
            )
        if grouped:
            raise InputError(f"groups is {grouped!r}, but the target is no file; allowed: with files of data only")
        return _locked(found)
    relative = found.get("metric", "relative-l1") == "relative-l1"
    files: dict[str, Table] = {}
    held: dict[str, Read] = {}
    for given in dict.fromkeys(named):
        held[given] = read(folder / given, patterns, grouped, missing)
        table, _, outputs, _ = held[given]
        if table.name in [other.name for other in files.values()]:
            raise InputError(f"two files are called {table.name}; allowed: each name once")
        if relative:
            away_from_zero(outputs, given)
            of_order_one(outputs, given)
        files[given] = table
    _all_found(patterns, files)
    target = found.get("target")
    if target in held:
        files[target] = _grouped(held[target], grouped)
        for source in filter(held.__contains__, _sources(found)):
            _aligned(files[source], files[target])
            files[source] = _apart(held[source], held[target], files[target])
    tables = {table.name: vars(table) for table in files.values()}
    found["sources"] = [Path(name).name if _is_file(name) else name for name in _sources(found)]
    rows = dict(found.get("rows", {}))
    taught = [tables[name]["rows"] for name in found["sources"] if name in tables]
    if taught:
        rows["source"] = min(rows.get("source", min(taught)), min(taught))
    if isinstance(found.get("target"), str) and _is_file(found["target"]):
        found["target"] = Path(found["target"]).name
        found.setdefault("mode", "holdout")
        own = tables[found["target"]]
        found |= _linear(found, wide=len(own["inputs"]) >= own["rows"])
        rows.setdefault("pool", tables[found["target"]]["rows"])
    return _locked(found | {"rows": rows, "tables": list(tables.values())})


def _how(values: Mapping[str, Any]) -> tuple[list[str], str, Missing]:
    """How files are to be read: patterns of outputs, the column of groups, what becomes of rows that lack a value."""
    patterns = values.get("outputs", [])
    if not isinstance(patterns, list) or not all(isinstance(pattern, str) for pattern in patterns):
        raise InputError(f'outputs is {patterns!r}; allowed: a list of names or patterns of columns, such as ["T*"]')
    grouped = values.get("groups", "")
    if not isinstance(grouped, str) or ("groups" in values and not grouped):
        raise InputError(f'groups is {grouped!r}; allowed: the name of a column, such as "sample"')
    missing: Missing = values.get("missing", "refuse")
    choice("missing", missing, get_args(Missing))
    return patterns, grouped, missing


def _linear(values: Mapping[str, object], wide: bool) -> dict[str, object]:
    """The ranges of a study of data, unless it tells whether a perceptron has a linear part: the search decides.

    Where the target has no more rows than inputs it has one: the half of the rows that a search sees is too few to
    judge, and all together are learned with less than half of the error then (docs/results/tables.md).
    """
    held = [values.get(key, {}) for key in ("network", "start", "ranges")]
    network, start, ranges = ({} if not isinstance(table, Mapping) else dict(table) for table in held)
    told = foreign("task", str(values.get("task", ""))) or "module" in network or "linear" in start
    return {} if told or ranges != held[-1] else {"ranges": {"linear": [True] if wide else [False, True]} | ranges}


def _locked(values: dict[str, Any]) -> dict[str, Any]:
    """The values with rows and losses that follow from mode and metric, where they are not told."""
    lacks_simulator = any(table["name"] == values.get("target") for table in values.get("tables", ()))
    if (values.get("mode") == "holdout" or lacks_simulator) and isinstance(values.get("rows", {}), Mapping):
        rows = dict(values.get("rows", {}))
        pool = rows.get("pool", 500)
        if isinstance(pool, int):
            rows.setdefault("locked", locked_of(pool))
            if isinstance(rows["locked"], int):
                rows.setdefault("validation", validation_of(pool - rows["locked"]))
        values = values | {"rows": rows}
    if values.get("metric") == "normalised-l1":
        told = {key: values.get(key, {}) for key in ("source_training", "start")}
        values = values | {key: {"loss": "l1"} | dict(one) for key, one in told.items() if isinstance(one, Mapping)}
    return values


def locked_of(pool: int) -> int:
    """Rows of a pool that holdout mode locks away: half of it, but not more than `HALF`, unless a fifth is more."""
    return max(math.ceil(LOCKED * pool), min(math.ceil(pool / 2), HALF))


def validation_of(unlocked: int) -> int:
    """Rows of these that score each seed of a search."""
    return max(1, round(VALIDATION * unlocked))


def _is_file(name: object) -> bool:
    return isinstance(name, str) and Path(name).suffix.lower() in SUFFIXES


def _readable(name: str, folder: Path) -> None:
    """Refuse a file of a kind that is not read: its name would be taken for a simulator's."""
    path = folder / name
    if path.is_file() and not _is_file(name) and path.suffix not in (".py", ".toml", *WEIGHTS):
        raise InputError(f"{path} is no file of examples; allowed: one that ends in {', '.join(SUFFIXES)}")


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
        told = [{unit(header)[0]: unit(header)[1] for header in getattr(table, kind)} for table in (source, target)]
        for name, first in told[0].items():
            second = told[1].get(name, first)
            if first != second and "1" not in (first, second):
                raise InputError(
                    f"{name!r} is in {first} in {source.name} and in {second} in {target.name}; allowed: the same unit "
                    "in both, for the network of one is asked with the values of the other"
                )


def _grouped(target: Read, grouped: str) -> Table:
    """The target with the groups of its rows: those that a column tells, and repeats of a measurement.

    Raises:
        InputError: If there is no such column, or its groups are too few, or none.
    """
    table, rows = target.table, target.table.rows
    if grouped and not target.labels:
        headers = [unit(header)[0] for header in (*table.inputs, *table.outputs)]
        near = get_close_matches(grouped, headers, 1, 0.3)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise InputError(f"groups: {grouped!r} is no column of {table.name}; allowed: one of its columns{hint}")
    if "" in target.labels:
        raise InputError(
            f"{table.name}, row {target.labels.index('')} (counted from 0), column {grouped!r} is empty; allowed: "
            "the group of each row"
        )
    told = grouping.labelled(target.labels) if grouped else ()
    if grouped and not told:
        raise InputError(
            f"groups: {grouped!r} has {rows} groups in {rows} rows; allowed: a column with fewer groups than rows, or "
            "no groups"
        )
    groups = grouping.joined(rows, [told, grouping.repeats(target.inputs)])
    count = len(np.unique(grouping.numbered(rows, groups)))
    if count < LEAST_GROUPS:
        what = f"groups: {grouped!r}" if grouped else f"{table.name} has repeated inputs, which"
        one = "makes one group of all rows" if count == 1 else f"makes {count} groups of {rows} rows"
        raise InputError(
            f"{what} {one}; allowed: at least {LEAST_GROUPS} groups, for none may be learned from and judged on"
        )
    return replace(table, groups=groups)


def _apart(source: Read, target: Read, pool: Table) -> Table:
    """The source without the examples that are the target's too, or repeats of them with the same outputs.

    What confirms a plan must be new to the source network. The same inputs with other outputs are another matter: a
    cheaper model of the same samples, or another property of them, is knowledge that a user has of new samples too.

    Raises:
        InputError: If too few remain.
    """
    if source.inputs.shape[1] != target.inputs.shape[1] or source.outputs.shape[1] != target.outputs.shape[1]:
        return source.table
    taught, ours = (np.hstack([one.inputs, one.outputs]) for one in (source, target))
    largest = np.abs(ours).max(0)
    scale = np.where(largest > 0, largest, 1.0)
    distance, _ = cKDTree(ours / scale).query(taught / scale, p=np.inf, distance_upper_bound=SAME)
    shared = np.isfinite(distance)
    if len(taught) + len(ours) <= grouping.MOST:  # repeats, of which one lies here and the other there
        size = scale[-target.outputs.shape[1] :]
        for group in grouping.repeats(np.vstack([source.inputs, target.inputs])):
            here = [row for row in group if row < len(taught)]
            there = target.outputs[[row - len(taught) for row in group if row >= len(taught)]]
            for row in here:
                shared[row] |= bool((np.abs(there - source.outputs[row]) < SAME * size).all(1).any())
    left = int((~shared).sum())
    if shared.any() and left < LEAST_TAUGHT:
        raise InputError(
            f"{int(shared.sum())} of the {len(taught)} rows of {source.table.name} are rows of {pool.name}, inputs and "
            f"outputs; allowed: at least {LEAST_TAUGHT} others, for the source network must not learn what judges it"
        )
    return replace(source.table, rows=left, left_out=tuple(np.flatnonzero(shared).tolist()))


def pool_order(table: Table, seed: int, role: Role) -> tuple[NDArray[np.int64], NDArray[np.int64] | None]:
    """The order in which a study takes the rows of a file, drawn from its seed, and their groups in that order.

    Files are often sorted, and the last rows of a sorted file are no sample of it. Rows that belong together follow
    one another, so that whatever is cut off at an end can take whole groups.
    """
    drawn = stream(seed, role)
    if not table.groups:
        return drawn.permutation(table.rows), None
    numbers = grouping.numbered(table.rows, table.groups)
    order = grouping.shuffled(numbers, drawn)
    return order, numbers[order]
