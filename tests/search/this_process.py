"""A whole study in the process of its test: a few dozen rows are not worth starting Ray."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from graft.simulators.data.dataset import Dataset
from graft.simulators.data.manifest import Manifest
from graft.simulators.data.shards import write_shard

CONNECTED: list[Path] = []


@contextmanager
def connected(workers: int, folder: Path, gpus: int) -> Iterator[int]:
    """In place of `graft.cluster.connect.connection`."""
    CONNECTED.append(folder)
    try:
        yield workers
    finally:
        CONNECTED.pop()


def nothing_drawn(folder: Path, *_: Any) -> None:
    """In place of `graft.search.report.write`, where no test reads the page."""
    (folder / "report").mkdir(exist_ok=True)
    (folder / "report" / "index.html").write_text("drawn")


def unreachable(*_: Any, **__: Any) -> NoReturn:
    """In place of what must not be called."""
    raise ConnectionError("not to be called")


def written(simulator: Any, seed: Any, rows: int, folder: Path, shard_rows: int | None = None) -> Dataset:
    """What Ray's actors would write, in one shard."""
    if not folder.is_dir():
        folder.mkdir(parents=True)
        shard = write_shard(simulator, seed, 0, rows, folder)
        Manifest.of(simulator, seed, shard_rows or rows).including(shard).write(folder)
    return Dataset.open(folder, rows)
