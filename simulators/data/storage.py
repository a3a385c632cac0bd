"""Where a data set lies: in a folder, or in a store that every machine of a cluster reaches (``s3://``, ``gs://``).

A folder's file may say in one line which storage is meant instead; `link` writes it. So whoever has the folder of a run
finds its data, wherever they are.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa
from pyarrow import fs

from graft.simulators.data import durable
from graft.spaces.errors import InputError

SCHEMES = ("s3", "gs", "gcs", "abfs", "hdfs", "file")
"""What `pyarrow.fs` opens by address."""
LOCAL = fs.LocalFileSystem(use_mmap=True)
"""This machine's files, mapped and not read."""


class Storage:
    """Holds files side by side, each of them written as a whole.

    Files of this machine are mapped into memory. Others are read once and kept, for as long as this object.

    Attributes:
        name: Path or address.
        path: The folder, None if it is on another machine.

    Raises:
        InputError: If an address cannot be opened.
    """

    def __init__(self, where: str | os.PathLike[str]) -> None:
        """Find what is meant by a path, by an address, or by a file that holds an address."""
        address, path = "://" in str(where), Path(where)
        linked = not address and path.is_file()
        self.name = path.read_text(errors="replace").strip() if linked else str(where if address else path)
        system, folder = opened(self.name) if address or linked else (LOCAL, self.name)
        self.path = Path(folder) if isinstance(system, fs.LocalFileSystem) else None
        self._files = fs.SubTreeFileSystem(folder, system if self.path is None else LOCAL)
        self._kept: dict[str, pa.Buffer] = {}

    @classmethod
    def at(cls, where: "str | os.PathLike[str] | Storage") -> "Storage":
        """Open a storage, unless it is one already."""
        return where if isinstance(where, Storage) else cls(where)

    def __str__(self) -> str:
        return self.name

    def read(self, name: str) -> pa.Buffer | None:
        """Return a file's contents, None if there is none."""
        if name in self._kept:
            return self._kept[name]
        try:
            with self._files.open_input_file(name) as file:
                data = file.read_buffer()
        except FileNotFoundError:
            return None
        if self.path is None:
            self._kept[name] = data
        return data

    def write(self, name: str, data: bytes | memoryview) -> None:
        """Write a file, or replace it; on this machine it survives a power failure.

        Object stores show a file when it is whole, elsewhere its checksum tells.

        Raises:
            OSError: Naming the file.
        """
        if self.path is not None:
            durable.write(self.path / name, data)
            return
        self.changed(name)
        try:
            with self._files.open_output_stream(name) as stream:
                stream.write(data)
        except OSError as error:
            raise OSError(error.errno, f"cannot write {self.named(name)}: {' '.join(str(error).split())}") from error

    def changed(self, name: str) -> None:
        """Forget a file that another process has written."""
        self._kept.pop(name, None)

    def make(self) -> None:
        """Make the folder, if it is not there; object stores have none, other file systems must be told."""
        if self._files.base_fs.type_name not in ("s3", "gcs"):
            self._files.base_fs.create_dir(self._files.base_path, recursive=True)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold it against other writers of this machine, and remove what writers that were killed left behind.

        Nobody is kept out of another machine's: two writers write equal shards, one of them in vain, and the manifest
        that is written last stays. What is missing in it is generated again.
        """
        if self.path is None:
            self._kept.clear()  # another may have written since
            yield
            return
        with durable.held(self.path):
            durable.remove_partial(self.path)
            try:
                yield
            finally:
                durable.remove_partial(self.path)

    def named(self, name: str) -> str:
        """Return a file's path or address, for people."""
        return str(self.path / name) if self.path is not None else f"{self.name.partition('?')[0]}/{name}"


def opened(address: str) -> tuple[fs.FileSystem, str]:
    """Return file system and path of an address.

    Raises:
        InputError: If there is no such kind of file system, or a password in the address.
    """
    parts = urlsplit(address)
    if parts.scheme not in SCHEMES:
        raise InputError(f"{address} is no address of a store; allowed: {', '.join(f'{one}://...' for one in SCHEMES)}")
    if parts.password:
        raise InputError(
            f"the address of the store at {parts.hostname} holds a password; allowed: credentials in the environment"
        )
    try:
        system, folder = fs.FileSystem.from_uri(address)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InputError(f"{address} cannot be opened: {str(error).splitlines()[0]}") from error
    return system, folder.rstrip("/")


def reach(address: str) -> None:
    """Look whether a store answers.

    Raises:
        InputError: If it does not, or there is no such store.
    """
    opened(address)  # a path would be a folder, which other machines need not see
    try:
        Storage(address).read("manifest.json")
    except OSError as error:
        why = " ".join(str(error).split())
        raise InputError(f"no store answers at {address.partition('?')[0]}; allowed: one that does ({why})") from error


def inside(address: str, *folders: str) -> str:
    """Return the address of a folder in a storage, whose options (after ``?``) stay behind it."""
    path, options, values = address.partition("?")
    return "/".join([path.rstrip("/"), *folders]) + options + values


def link(path: Path, address: str) -> None:
    """Say in the file ``path`` that its data lie at ``address``, if nothing is there yet."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        durable.write(path, f"{address}\n".encode())
