"""Optuna's journal made fit for being killed: no stale locks, a torn last line mended."""

import json
import os
from pathlib import Path
from typing import Any

from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.storages.journal._file import BaseJournalFileLock

from graft.search.run.folder import mend_tail


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


class Journal(JournalStorage):
    """Optuna's storage in a file of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(_File(str(path), lock_obj=HeldLock()))

    def sync(self) -> None:
        """Wait until everything is on disk."""
        with self.path.open("rb") as file:
            os.fsync(file.fileno())


def storage(path: Path) -> Journal:
    """The journal in the run's folder, its last line mended if a killed process left it torn."""
    if path.exists():
        mend_tail(path)
    return Journal(path)
