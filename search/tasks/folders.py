"""Studies of images of one's own: what a study's source or target is if it is a folder."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from graft.search.tasks.registry import find_task
from graft.simulators.data.table import Table
from graft.simulators.solar.folder import Folder, survey
from graft.spaces.errors import InputError, whole

LEAST_SIDE = 8
"""Pixels of a tile."""


def with_folders(values: Mapping[str, object], folder: Path, task: str) -> dict[str, object]:
    """A study's plain values with its folders of images read, checked and described under ``tables``.

    Args:
        values: Plain values of a study; ``tile`` is the side of the tiles into which images are cut. A source or the
            target is a folder if its name ends in a slash.
        folder: Where relative paths begin.
        task: What is learned.

    Raises:
        InputError: Naming the folder or file, if one cannot be used.
    """
    found = {key: value for key, value in values.items() if key != "tile"}
    named = found.get("sources")
    sources = list(named) if isinstance(named, list | tuple) else []
    folders = [name for name in dict.fromkeys([*sources, found.get("target")]) if is_folder(name)]
    side = values.get("tile")
    if not folders:
        _near(found, sources, folder)
        if side is not None:
            raise InputError("tile is told, but neither source nor target is a folder of images; allowed: with these")
        return found
    if found.get("target") in folders and found.get("target") in sources:
        raise InputError(f"{found['target']} is source and target; allowed: other images, which nothing judges")
    if side is not None:
        whole("tile", side, LEAST_SIDE)  # type: ignore[arg-type]
    learned, tables = find_task(task), dict[str, Table]()
    told = found.get("rows", {})
    if not isinstance(told, Mapping):
        raise InputError(f"rows is {told!r}; allowed: a table")
    rows = dict(told)
    for given in folders:
        name = Path(given).name
        if name in {table.name for table in tables.values()}:
            raise InputError(f"two folders are called {name}; allowed: each name once")
        target = given == found.get("target")
        tables[given], most = learned.of_folder(folder / given, name, side, target)  # type: ignore[arg-type]
        if target and most:  # nothing simulates more, so that some are locked away
            found.setdefault("mode", "holdout")
        taught = [count for count in (most.get("source"), rows.get("source")) if isinstance(count, int)]
        rows = {**most, **rows} | ({"source": min(taught)} if taught else {})
    _apart(tables, found.get("target"))
    found["rows"] = rows
    called = {given: table.name for given, table in tables.items()}
    found["sources"] = [called.get(name, name) for name in sources]
    found["target"] = called.get(str(found.get("target")), found.get("target"))
    return found | {"tables": [vars(table) for table in tables.values()]}


def is_folder(name: object) -> bool:
    """Whether a source or target is a folder of images: its name ends in a slash, or has one and no file's ending."""
    return isinstance(name, str) and ":" not in name and (name.endswith("/") or ("/" in name and not Path(name).suffix))


def _near(values: Mapping[str, object], sources: list[object], folder: Path) -> None:
    """Refuse a name that only lacks its slash."""
    for name in (*sources, values.get("target")):
        if isinstance(name, str) and ":" not in name and (folder / name).is_dir():
            raise InputError(f"{name} is a folder; allowed: {name + '/'!r}, if its images are meant")


def _apart(tables: Mapping[str, Table], target: object) -> None:
    """Refuse images that teach a source network and judge what it is worth."""
    if not isinstance(target, str) or target not in tables:
        return
    ours = _digests(tables[target])
    for table in tables.values():
        shared = sorted(name for name, digest in _digests(table).items() if digest in ours.values())
        if table is not tables[target] and shared:
            raise InputError(
                f"{table.name}/{shared[0]} is an image of {tables[target].name} too; allowed: images of the target "
                "alone, for the source network must not learn what judges it"
            )


def _digests(table: Table) -> Mapping[str, str]:
    return survey(Path(table.path), table.shape[0]).digests


def table_of(folder: Folder, name: str, shape: tuple[int, int], inputs: str, outputs: tuple[str, ...]) -> Table:
    """What a study holds of a folder.

    Args:
        folder: As it was read.
        name: What the study calls it.
        shape: Of an example's image.
        inputs: What an input is, with its unit.
        outputs: What an output is.
    """
    tiles = sum(one.tiles for one in folder.images)
    made = Table(name, folder.sha256, tiles, (inputs,), outputs, path=str(folder.path.resolve()))
    return replace(made, shape=shape, notes=folder.notes)


def one_band(folder: Folder, path: Path) -> None:
    """Refuse a folder that mixes wavebands.

    Raises:
        InputError: Naming them.
    """
    if len(folder.bands) > 1:
        told = ", ".join(f"{band} ({count} images)" for band, count in folder.bands.items())
        raise InputError(f"{path} mixes wavebands: {told}; allowed: one, or labels.csv with a class for each image")
