"""Optuna's journal made fit for being killed: no stale locks, a torn last line mended."""

import json
import os
from pathlib import Path
from typing import Any

from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.storages.journal._file import BaseJournalFileLock

from graft.search.run.folder import mend_tail
from graft.spaces.errors import InputError


class HeldLock(BaseJournalFileLock):
    """No lock: the run's own lock already keeps every other process out, and a killed one leaves nothing stale."""

    def acquire(self) -> bool:
        """Always granted."""
        return True

    def release(self) -> None:
        """Nothing to do."""


class _File(JournalFileBackend):
    """A journal on disk that survives a killed process at once, and a power failure from the next `sync` on.

    Optuna's own waits for the disk after each of the twenty lines that a trial writes.
    """

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Add lines; a line that a full disk cuts off is mended when the file is opened again."""
        with open(self._file_path, "ab") as file:
            file.write("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in logs).encode())


class _Shown(_File):
    """A journal that another process may be writing."""

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Refused."""
        raise InputError(f"{self._file_path} is only shown; allowed: reading")


class Journal(JournalStorage):
    """Optuna's storage in a file of its own."""

    def __init__(self, path: Path, file: type[_File] = _File) -> None:
        self.path = path
        super().__init__(file(str(path), lock_obj=HeldLock()))

    def sync(self) -> None:
        """Wait until everything is on disk."""
        with self.path.open("rb") as file:
            os.fsync(file.fileno())


def storage(path: Path) -> Journal:
    """The journal in the run's folder, its last line mended if a killed process left it torn.

    Raises:
        InputError: If it holds anything but what a search wrote.
    """
    if path.exists():
        mend_tail(path)
    return _opened(path, _File)


def shown(path: Path) -> Journal:
    """The journal in a run's folder, as it is, to be read alone: the run may be under way.

    Raises:
        InputError: As of `storage`.
    """
    return _opened(path, _Shown)


def _opened(path: Path, file: type[_File]) -> Journal:
    try:
        return Journal(path, file)
    except Exception as problem:  # Optuna carries out line by line whatever it finds
        said = " ".join(f"{type(problem).__name__}: {problem}".split())[:160]
        raise InputError(f"{path} is damaged ({said}); allowed: as a search wrote it, or another folder") from None
