"""Generating data sets: Ray actors draw shards and write them as Arrow IPC files.

Shard k is drawn from ``SeedSequence([*seed, k])`` and depends on nothing but the simulator, the seed, k and its rows.
So its bytes are the same whoever writes it, however many write, and however often one of them is killed. (On another
type of processor the last bits of a float may differ.) Seeds of different lengths can give equal streams, because NumPy
pads them with zeros: use one length throughout. On a cluster of several machines all must reach the place: a folder
that all see, or a store (`graft.simulators.data.storage`).
"""

import hashlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from graft.cluster.pool import Failed, carry_out, running
from graft.simulators.base import Simulator
from graft.simulators.data import manifest
from graft.simulators.data.dataset import Dataset
from graft.simulators.data.manifest import DamagedManifest, Manifest, Shard
from graft.simulators.data.storage import Storage
from graft.spaces.errors import InputError, name, whole

SHARE = 0.1
"""Of the time, at most, for writing the manifest: it grows with every shard, and a hundred thousand take a second."""
Progress = Callable[[int, int], None]
log = logging.getLogger(__name__)


def encode(simulator: Simulator, seed: Sequence[int], number: int, rows: int) -> pa.Buffer:
    """Draw one shard and return the contents of its file.

    Raises:
        ValueError: If the simulator returns something other than its schema says.
    """
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([*seed, number])))
    drawn = simulator.draw(rows, rng)
    source = {"simulator": simulator.name, "version": simulator.version, "seed": list(seed), "shard": number}
    schema = simulator.schema.with_metadata({key: str(value) for key, value in source.items()})
    arrays = []
    for field in schema:
        kind = field.type.value_type.to_pandas_dtype()
        flat = pa.array(np.ascontiguousarray(drawn[field.name], dtype=kind).reshape(-1))
        storage = pa.FixedSizeListArray.from_arrays(flat, field.type.storage_type.list_size)
        arrays.append(pa.ExtensionArray.from_storage(field.type, storage))
    sink = pa.BufferOutputStream()
    # The file format, not the stream format, which reads a truncated file as a shorter one; uncompressed, to be mapped.
    with pa.ipc.new_file(sink, schema) as writer:
        writer.write_batch(pa.record_batch(arrays, schema=schema))
    return sink.getvalue()


def write_shard(simulator: Simulator, seed: Sequence[int], number: int, rows: int, folder: str | Path) -> Shard:
    """Draw one shard and write it, whole or not at all.

    Raises:
        OSError: Naming the file that could not be written.
        ValueError: If the simulator returns something other than its schema says.
    """
    data = memoryview(encode(simulator, seed, number, rows))
    shard = Shard(number, rows, data.nbytes, hashlib.sha256(data).hexdigest())
    Storage.at(folder).write(shard.file, data)
    return shard


def generate(
    simulator: Simulator,
    seed: Sequence[int],
    rows: int,
    folder: str | Path,
    *,
    shard_rows: int = 10_000,
    actors: int = 2,
    progress: Progress | None = None,
) -> Dataset:
    """Return a data set of ``rows`` rows, generating what the folder does not hold yet.

    Shards that are there and whole are kept: asking for more rows adds to them, asking for fewer opens the first ones.
    Damaged shards are replaced. If nothing is missing, Ray is not needed. The manifest is written as shards come in, so
    an interrupted call is taken up where it stopped.

    Args:
        simulator: What to draw from.
        seed: Whole numbers of 0 to 2^32 - 1.
        rows: Rows wanted.
        folder: Where to put the shards: a path, which is made if need be, an address, or a file that holds one.
        shard_rows: Rows of each shard but the last.
        actors: Ray actors, of one CPU each; no more are started than the cluster has CPUs.
        progress: Called in this process with rows done and rows wanted.

    Raises:
        InputError: If an argument is out of range, or the folder holds something else.
        RuntimeError: If Ray is not running, or a shard could not be written; it names shard and seed.
    """
    for field, value in (("rows", rows), ("shard_rows", shard_rows), ("actors", actors)):
        whole(field, value, 1)
    for part in seed:
        whole("seed", part, 0, 2**32 - 1)
    name("simulator.name", simulator.name)
    where = Storage.at(folder)
    where.make()
    fresh = Manifest.of(simulator, tuple(seed), shard_rows)
    wanted = {k: min(shard_rows, rows - k * shard_rows) for k in range(-(-rows // shard_rows))}
    with where.held():
        kept = _kept(where, fresh)
        have = {shard.number: shard.rows for shard in kept.shards}
        todo = {k: size for k, size in wanted.items() if have.get(k, 0) < size}
        if todo:
            done = sum(wanted[k] for k in wanted if k not in todo)
            _Run(simulator, tuple(seed), where, kept, done, rows, progress).finish(todo, actors)
        return Dataset.open(where, rows)


def _kept(folder: Storage, fresh: Manifest) -> Manifest:
    """What the folder holds already and is whole.

    Raises:
        InputError: If it holds a data set from another source.
    """
    try:
        found = manifest.read(folder)
    except DamagedManifest:
        log.warning("%s is damaged: all shards are generated again", folder.named(manifest.FILE))
        return fresh
    if found is None:
        return fresh
    if not found.same_source(fresh):
        raise InputError(f"{folder} holds {found.source()}, not {fresh.source()}; allowed: the same, or another folder")
    whole_ones = tuple(shard for shard in found.shards if shard.intact(folder))
    for shard in set(found.shards) - set(whole_ones):
        log.warning("%s is missing or damaged: it is generated again", folder.named(shard.file))
    return replace(found, shards=whole_ones)


@dataclass
class _Run:
    """Writing the shards that are missing."""

    simulator: Simulator
    seed: tuple[int, ...]
    folder: Storage
    manifest: Manifest
    done: int
    total: int
    progress: Progress | None
    due: float = 0.0  # when the manifest may be written again
    written: bool = True

    def finish(self, todo: Mapping[int, int], actors: int) -> None:
        """Write ``todo``, shard number -> rows.

        Raises:
            RuntimeError: If Ray is not running or a shard could not be written.
        """
        if not running():
            raise RuntimeError(f"{len(todo)} shards are missing in {self.folder} and Ray is not running to write them")
        where = str(self.folder)
        jobs = {k: (write_shard, (self.simulator, self.seed, k, todo[k], where)) for k in sorted(todo)}
        self._report(0)
        try:
            for _, shard in carry_out(jobs, actors, what="generating"):
                self._keep(shard)
        except Failed as problem:
            raise self._failure(problem) from problem
        finally:
            if not self.written:
                self._write()

    def _keep(self, shard: Shard) -> None:
        self.folder.changed(shard.file)
        self.manifest, self.written = self.manifest.including(shard), False
        if time.monotonic() >= self.due:
            self._write()
        self._report(shard.rows)

    def _write(self) -> None:
        began = time.monotonic()
        self.manifest.write(self.folder)
        self.written = True
        self.due = time.monotonic() + (time.monotonic() - began) / SHARE

    def _report(self, rows: int) -> None:
        self.done += rows
        if self.progress is not None:
            self.progress(self.done, self.total)

    def _failure(self, problem: Failed) -> RuntimeError:
        what = f"shard {problem.key} of {self.simulator.name}, seed {[*self.seed, problem.key]},"
        failure = RuntimeError(f"{what} {problem.why}; what was written is kept in {self.folder}")
        if problem.cause is not None and not isinstance(problem.cause, OSError):
            for note in problem.cause.__notes__:  # a disk's complaint is one line; a simulator's author wants to see
                failure.add_note(note)
        return failure
