"""Reading a data set: a folder of Arrow shards and a manifest.

Columns are NumPy views of the memory-mapped files (of what was read, if they are not in a folder of this machine),
read-only where there is one shard. ``torch.tensor(data.inputs())``
copies them; ``torch.from_numpy`` would share the memory and warn that it cannot be written.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from graft.simulators.base import columns
from graft.simulators.data import manifest
from graft.simulators.data.manifest import Manifest, Shard
from graft.simulators.data.storage import Storage
from graft.spaces.errors import InputError, choice, whole


class DamagedShard(RuntimeError):
    """A shard that is missing or not what was written."""


def _manifest(folder: Storage) -> Manifest:
    """Manifest of an existing data set."""
    found = manifest.read(folder)
    if found is None:
        raise InputError(f"{folder} holds no data set; allowed: a folder with a {manifest.FILE}")
    return found


def damaged(folder: str | Path | Storage) -> list[int]:
    """Numbers of the shards in the manifest whose files are missing, truncated or changed.

    Raises:
        InputError: If the folder holds no data set.
        DamagedManifest: If the manifest itself is damaged.
    """
    where = Storage.at(folder)
    return [shard.number for shard in _manifest(where).shards if not shard.intact(where)]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Rows of one simulator.

    Attributes:
        folder: Where the shards lie: path or address.
        manifest: Of everything in the folder, which may hold more rows than this.
        digest: sha256 of the manifest, hence of everything in the folder.
        table: The rows, zero-copy.
    """

    folder: str
    manifest: Manifest
    digest: str
    table: pa.Table

    @classmethod
    def open(cls, folder: str | Path | Storage, rows: int | None = None) -> Self:
        """Check the shards' sizes and checksums and map them into memory.

        Args:
            folder: Where they lie: a path, an address (``s3://bucket/...``), or a file that holds one.
            rows: Open only the first ones; all if not given.

        Raises:
            InputError: If there is no data set, or it has fewer rows.
            DamagedManifest: If the manifest is damaged.
            DamagedShard: Naming a file that is missing, truncated or changed.
        """
        where = Storage.at(folder)
        found = _manifest(where)
        wanted = found.rows if rows is None else rows
        whole("rows", wanted, 1)
        if wanted > found.rows:
            raise InputError(f"rows is {wanted}; allowed: at most the {found.rows} rows in {where}")
        shards = found.shards[: -(-wanted // found.shard_rows)]
        table = pa.concat_tables([_table(shard, where) for shard in shards]).slice(0, wanted)
        return cls(str(where), found, hashlib.sha256(found.encode()).hexdigest(), table)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.table.num_rows

    def column(self, name: str) -> NDArray[Any]:
        """One column in its own kind, shape (rows, *shape of its tensor): a view if in one shard, else a copy.

        Raises:
            InputError: If there is no such column.
        """
        choice("column", name, self.table.column_names)
        parts = [chunk.to_numpy_ndarray() for chunk in self.table.column(name).chunks]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def inputs(self) -> NDArray[np.float32]:
        """All input columns side by side, shape (rows, inputs): a view if one column in one shard."""
        return self._side_by_side("input")

    def outputs(self) -> NDArray[np.float32]:
        """All output columns side by side, shape (rows, outputs): a view if one column in one shard."""
        return self._side_by_side("output")

    def _side_by_side(self, role: str) -> NDArray[np.float32]:
        parts = [self.column(field.name).reshape(self.rows, -1) for field in columns(self.table.schema, role)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)


def _table(shard: Shard, where: Storage) -> pa.Table:
    """One shard, checked."""
    data = shard.read(where)
    if data is None:
        raise DamagedShard(
            f"{where.named(shard.file)} is missing or damaged; generate the data set again to replace it"
        )
    # Each shard says in its own metadata which one it is; tables to be joined must not differ in that.
    return pa.ipc.open_file(pa.BufferReader(data)).read_all().replace_schema_metadata()
