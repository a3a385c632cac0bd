"""Files that are either whole or absent, whenever the power fails."""

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

PARTIAL = ".partial"


def write(path: Path, data: bytes | memoryview) -> None:
    """Write ``data`` to ``path``, replacing what was there, so that no reader ever sees a part of it.

    The old file's contents stay readable to those who have it open or mapped.

    Raises:
        OSError: Naming the path, for example if the disk is full; nothing partial is left.
    """
    # Same folder, because only a rename within one file system is atomic.
    partial = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}{PARTIAL}")
    try:
        with open(partial, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
        _sync(path.parent)
    except OSError as error:
        raise OSError(error.errno, f"cannot write {path}: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    """Make renames in ``folder`` survive a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_partial(folder: Path) -> None:
    """Remove what writers that were killed left behind."""
    for path in folder.glob(f".*{PARTIAL}"):
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold ``folder`` against other writers; wait for the one that holds it.

    The lock is on the folder itself and ends with the process, so it can neither go stale nor leave a file.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        # Some network file systems lock no folders. Two writers there still write equal shards, one of them in vain.
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
