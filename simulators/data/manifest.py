"""The list of shards of a data set: what they were drawn from, and how to tell that they are whole."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

import pyarrow as pa

from graft.simulators.base import Simulator
from graft.simulators.data.storage import Storage
from graft.spaces.errors import InputError

FILE = "manifest.json"
FORMAT = 1


class DamagedManifest(RuntimeError):
    """A manifest that is not what was written."""


def _seal(document: Mapping[str, object]) -> bytes:
    """Encode in the one way there is, with a checksum of everything else in it."""
    body = {key: document[key] for key in sorted(document) if key != "sha256"}
    checksum = hashlib.sha256(json.dumps(body).encode()).hexdigest()
    return (json.dumps(body | {"sha256": checksum}, indent=1) + "\n").encode()


@dataclass(frozen=True)
class Shard:
    """One file of a data set.

    Attributes:
        number: Counted from 0.
        rows: In this file.
        bytes: Size of the file.
        sha256: Of the file.
    """

    number: int
    rows: int
    bytes: int
    sha256: str

    @property
    def file(self) -> str:
        """Its name, which comes from the number, so that no manifest can lead out of its folder."""
        return f"shard-{self.number:05d}.arrow"

    def path(self, folder: Path) -> Path:
        """Where it lies in a folder."""
        return folder / self.file

    def read(self, folder: Path | Storage) -> pa.Buffer | None:
        """The file, None if it is missing or has not the size and the checksum it should have."""
        data = Storage.at(folder).read(self.file)
        if data is None or data.size != self.bytes or hashlib.sha256(data).hexdigest() != self.sha256:
            return None
        return data

    def intact(self, folder: Path | Storage) -> bool:
        """Whether the file is what was written."""
        return self.read(folder) is not None


@dataclass(frozen=True)
class Manifest:
    """What a data set is drawn from, and the shards it has.

    Attributes:
        simulator: Name of the simulator.
        version: Of the simulator's numbers.
        seed: What every shard's seed begins with.
        shard_rows: Rows of a full shard.
        fields: Name, shape, role, unit and description of each column.
        shards: In order of their numbers; there may be gaps while a data set is being generated.
    """

    simulator: str
    version: int
    seed: tuple[int, ...]
    shard_rows: int
    fields: tuple[Mapping[str, Any], ...]
    shards: tuple[Shard, ...] = ()

    @classmethod
    def of(cls, simulator: Simulator, seed: tuple[int, ...], shard_rows: int) -> Self:
        """Manifest of a data set that has no shard yet."""
        return cls(simulator.name, simulator.version, seed, shard_rows, tuple(map(_described, simulator.schema)))

    @property
    def rows(self) -> int:
        """Rows that can be read: up to the first shard that is missing or not full."""
        total = 0
        for number, shard in enumerate(self.shards):
            if shard.number != number or total != number * self.shard_rows:
                break
            total += shard.rows
        return total

    def same_source(self, other: "Manifest") -> bool:
        """Whether both are drawn from one simulator, with one seed, in shards of one size."""
        return replace(self, shards=()) == replace(other, shards=())

    def source(self) -> str:
        """Say in words what it is drawn from."""
        seed = list(self.seed)
        return f"{self.simulator} (version {self.version}, seed {seed}, {self.shard_rows} rows a shard)"

    def including(self, shard: Shard) -> Self:
        """Return a manifest with ``shard`` added or replaced."""
        shards = {old.number: old for old in self.shards} | {shard.number: shard}
        return replace(self, shards=tuple(shards[number] for number in sorted(shards)))

    def encode(self) -> bytes:
        """Return the file's contents, which depend on nothing but the shards: no times, no machines."""
        return _seal(asdict(self) | {"format": FORMAT, "rows": self.rows})

    @classmethod
    def decode(cls, data: bytes, where: object = FILE) -> Self:
        """Read what `encode` wrote.

        Raises:
            DamagedManifest: If any byte differs from what was written.
            InputError: If it is whole, but of a format this code does not know.
        """
        try:
            document = json.loads(data)
            whole = _seal(document) == data
        except (ValueError, TypeError, RecursionError):
            whole = False
        if not whole:
            raise DamagedManifest(f"{where} is damaged; generate the data set again")
        if document["format"] != FORMAT:
            raise InputError(f"{where} has format {document['format']!r}; allowed: {FORMAT}")
        shards = tuple(Shard(**shard) for shard in document["shards"])
        fields, seed = tuple(document["fields"]), tuple(document["seed"])
        return cls(document["simulator"], document["version"], seed, document["shard_rows"], fields, shards)

    def write(self, folder: Path | Storage) -> None:
        """Put it into ``folder``."""
        Storage.at(folder).write(FILE, self.encode())


def read(folder: Path | Storage) -> Manifest | None:
    """Return the manifest in ``folder``, or None if there is none.

    Raises:
        DamagedManifest: If it is not what was written.
    """
    where = Storage.at(folder)
    data = where.read(FILE)
    return None if data is None else Manifest.decode(data.to_pybytes(), where.named(FILE))


def _described(field: pa.Field) -> dict[str, Any]:
    """One column, for the manifest."""
    words = {key.decode(): value.decode() for key, value in sorted(field.metadata.items())}
    if field.type.value_type != pa.float32():
        words["kind"] = str(field.type.value_type)  # float32 goes without saying, as it did when there was no other
    return {"name": field.name, "shape": list(field.type.shape), **words}
