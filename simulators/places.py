"""Where a data set lies: in a folder, or in a store that every machine of a cluster reaches (``s3://``, ``gs://``).

A folder's file may say in one line which place is meant instead; `link` writes it. So whoever has the folder of a run
finds its data, wherever they are.
"""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import pyarrow as pa
from pyarrow import fs

from simulators import durable
from spaces.refusal import Refusal

SCHEMES = ("s3", "gs", "gcs", "abfs", "hdfs", "file")
"""What `pyarrow.fs` opens by address."""


class Place(Protocol):
    """Files side by side, each of them written as a whole."""

    def read(self, name: str) -> pa.Buffer | None:
        """A file's contents, None if there is none."""

    def write(self, name: str, data: bytes | memoryview) -> None:
        """Write a file, or replace it.

        Raises:
            OSError: Naming the file.
        """

    def changed(self, name: str) -> None:
        """Another process has written this file."""

    def make(self) -> None:
        """Make the place, if it is not there."""

    def held(self) -> AbstractContextManager[None]:
        """Hold it against other writers of this machine, and remove what writers that were killed left behind."""

    def named(self, name: str) -> str:
        """A file's path or address, for people."""


class Folder:
    """A folder of this machine's file system. Files are mapped into memory, not read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __str__(self) -> str:
        return str(self.path)

    def read(self, name: str) -> pa.Buffer | None:
        """As of `Place`."""
        try:
            return pa.memory_map(self.named(name)).read_buffer()
        except FileNotFoundError:
            return None

    def write(self, name: str, data: bytes | memoryview) -> None:
        """As of `Place`; it survives a power failure."""
        durable.write(self.path / name, data)

    def changed(self, name: str) -> None:
        """Nothing to do: what is mapped is what is there."""

    def make(self) -> None:
        """As of `Place`."""
        self.path.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def held(self) -> Iterator[None]:
        """As of `Place`."""
        with durable.held(self.path):
            durable.remove_partial(self.path)
            try:
                yield
            finally:
                durable.remove_partial(self.path)

    def named(self, name: str) -> str:
        """As of `Place`."""
        return str(self.path / name)


class Remote:
    """A folder of a remote file system. Files are read once and kept, for as long as this object.

    Nobody is kept out: two writers write equal shards, one of them in vain, and the manifest that is written last
    stays. What is missing in it is generated again.

    Raises:
        Refusal: If the address cannot be opened.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.system, self.folder = opened(uri)
        self.kept: dict[str, pa.Buffer] = {}

    def __str__(self) -> str:
        return self.uri

    def read(self, name: str) -> pa.Buffer | None:
        """As of `Place`."""
        if name not in self.kept:
            path = f"{self.folder}/{name}"
            if self.system.get_file_info(path).type == fs.FileType.NotFound:
                return None
            with self.system.open_input_file(path) as file:
                self.kept[name] = file.read_buffer()
        return self.kept[name]

    def write(self, name: str, data: bytes | memoryview) -> None:
        """As of `Place`; object stores show a file when it is whole, elsewhere its checksum tells."""
        self.changed(name)
        try:
            with self.system.open_output_stream(f"{self.folder}/{name}") as stream:
                stream.write(data)
        except OSError as error:
            raise OSError(error.errno, f"cannot write {self.named(name)}: {' '.join(str(error).split())}") from error

    def changed(self, name: str) -> None:
        """As of `Place`."""
        self.kept.pop(name, None)

    def make(self) -> None:
        """As of `Place`; object stores have no folders, other file systems must be told."""
        if self.system.type_name not in ("s3", "gcs"):
            self.system.create_dir(self.folder, recursive=True)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody is kept out."""
        self.kept.clear()  # another may have written since
        yield

    def named(self, name: str) -> str:
        """As of `Place`."""
        return f"{self.uri.partition('?')[0]}/{name}"


def opened(uri: str) -> tuple[fs.FileSystem, str]:
    """File system and path of an address.

    Raises:
        Refusal: If there is no such kind of file system, or a password in the address.
    """
    parts = urlsplit(uri)
    if parts.scheme not in SCHEMES:
        raise Refusal(f"{uri} is no address of a store; allowed: {', '.join(f'{one}://...' for one in SCHEMES)}")
    if parts.password:
        raise Refusal(
            f"the address of the store at {parts.hostname} holds a password; allowed: credentials in the environment"
        )
    try:
        system, folder = fs.FileSystem.from_uri(uri)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise Refusal(f"{uri} cannot be opened: {str(error).splitlines()[0]}") from error
    return system, folder.rstrip("/")


def reach(address: str) -> None:
    """Look whether a store answers.

    Raises:
        Refusal: If it does not, or there is no such store.
    """
    try:
        Remote(address).read("manifest.json")
    except OSError as error:
        why = " ".join(str(error).split())
        raise Refusal(f"no store answers at {address.partition('?')[0]}; allowed: one that does ({why})") from error


def inside(address: str, *folders: str) -> str:
    """The address of a folder in a place, whose options (after ``?``) stay behind it."""
    path, options, values = address.partition("?")
    return "/".join([path.rstrip("/"), *folders]) + options + values


def place(where: str | os.PathLike[str] | Place) -> Place:
    """The place that is meant by a path, by an address, or by a file that holds an address.

    Raises:
        Refusal: If an address cannot be opened.
    """
    if not isinstance(where, str | os.PathLike):
        return where
    if "://" in str(where):
        return Remote(str(where))
    path = Path(where)
    return Remote(path.read_text(errors="replace").strip()) if path.is_file() else Folder(path)


def link(path: Path, address: str) -> None:
    """Say in the file ``path`` that its data lie at ``address``, if nothing is there yet."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        durable.write(path, f"{address}\n".encode())
