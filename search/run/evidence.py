"""What single trainings have told: one line each, on disk before anything rests on it."""

import json
import os
from pathlib import Path
from typing import TypedDict

from graft.search.run.folder import mend_tail
from graft.search.run.record import Record


class Beside(TypedDict, total=False):
    """What a training tells beside its error: as of `Entry`."""

    by_task: dict[str, float]
    by_example: tuple[float, ...]
    validation: float
    in_units: tuple[float, ...]


class Entry(Record):
    """A training that is done.

    Attributes:
        error: None where it diverged.
        seconds: It took.
        what: Names everything that its error depends on.
        reason: Why it diverged.
        by_task: The error of each of several tasks, or each part of a score.
        by_example: That of each judging example, where the question asks for it.
        validation: The error on rows that neither judge nor were learned from, where there are any.
        in_units: How far each output is off in its own unit, on average.
    """

    error: float | None
    seconds: float = 0.0
    what: str = ""
    reason: str = ""
    by_task: dict[str, float] = {}
    by_example: tuple[float, ...] = ()
    validation: float | None = None
    in_units: tuple[float, ...] = ()


class Evidence:
    """Trainings that are done, one JSON line each: append only, so that nothing finished is ever lost or repeated."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.done: dict[str, Entry] = {}
        if path.exists():
            mend_tail(path)
            for line in path.read_text().splitlines():
                told = json.loads(line)
                key = told.pop("key")
                self.done[key] = Entry.read(told, path)

    def add(self, key: str, entry: Entry) -> None:
        """Record what came of ``key``, on disk before this returns."""
        self.done[key] = entry
        self.path.parent.mkdir(parents=True, exist_ok=True)
        told = {"key": key} | entry.model_dump(exclude_unset=True)
        with self.path.open("a") as file:
            file.write(json.dumps(told, sort_keys=True) + "\n")
            file.flush()
            os.fsync(file.fileno())
