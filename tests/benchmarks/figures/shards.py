"""Shards beside what the disk and the memory do with the same bytes: raw writes, and a copy.

Rows are drawn beforehand, so that a simulator's time is no part of it. Writing is timed on the wall, for most of it is
waiting for the disk; reading in processor time, from files that the system remembers.
"""

import os
import tempfile
import time
from pathlib import Path

import numpy as np
from figures.beside import Figure, Pair, Side
from numpy.typing import NDArray

from graft.simulators.base import Simulator
from graft.simulators.data.dataset import Dataset
from graft.simulators.data.manifest import Manifest
from graft.simulators.data.shards import encode, write_shard
from graft.simulators.registry import find

ROWS = 50_000


class Drawn(Simulator):
    """Films that were drawn before."""

    def __init__(self) -> None:
        film = find("film-8")
        self.name, self.schema = "drawn", film.schema
        self.rows = film.draw(ROWS, np.random.default_rng(0))

    def sample(self, n: int, rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
        """The first of them."""
        return {name: values[:n] for name, values in self.rows.items()}


class Folder:
    """A folder that goes when nothing uses it any more."""

    def __init__(self) -> None:
        self.held = tempfile.TemporaryDirectory()
        self.path = Path(self.held.name)


def writing() -> Pair:
    """Check, encode, hash and write a shard; its bytes written and flushed to the disk as they are."""
    folder, drawn = Folder(), Drawn()
    data = encode(drawn, (0,), 0, ROWS)

    def raw(_: object) -> None:
        with open(folder.path / "raw", "wb", buffering=0) as file:
            file.write(data)
            os.fsync(file.fileno())

    megabytes = data.size / 1e6
    return Pair(Side(lambda _: write_shard(drawn, (0,), 0, ROWS, folder.path), megabytes), Side(raw, megabytes))


def reading() -> Pair:
    """Open a data set of one shard, its checksum verified, and take its outputs; the same bytes copied in memory."""
    folder, drawn = Folder(), Drawn()
    shard = write_shard(drawn, (0,), 0, ROWS, folder.path)
    Manifest.of(drawn, (0,), ROWS).including(shard).write(folder.path)
    raw = np.zeros(shard.bytes, np.uint8)
    into = np.empty_like(raw)
    megabytes = shard.bytes / 1e6
    return Pair(
        Side(lambda _: Dataset.open(folder.path).outputs(), megabytes),
        Side(lambda _: np.copyto(into, raw), megabytes),
    )


FIGURES = (
    Figure("shard/write", "MB", "the same bytes, written raw and flushed", 0.5, writing, clock=time.perf_counter),
    Figure("shard/read", "MB", "the same bytes, copied in memory", 0.1, reading),
)
