"""What a run's folder holds, and how it is written: whole files or nothing, one holder at a time."""

import fcntl
import json
import os
import shutil
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO, TypeVar

from graft.search.run.record import Record, Values, strict
from graft.simulators.data import durable
from graft.spaces.errors import InputError
from graft.spaces.settings import Settings

Kept = TypeVar("Kept", bound=Record)


class Run:
    """The folder of one run.

    Attributes:
        folder: ``study.json``, ``data/``, ``optuna.journal``, ``bases/``, ``evidence/``, ``result.json``,
            ``cost.json``, ``certificate.json``, ``model/``, ``report/``, ``lock``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def id(self) -> str:
        """Names this run wherever the folder may be moved.

        Raises:
            InputError: If the folder has none.
        """
        if not self.has("run-id"):
            raise InputError(f"{self.path('run-id')} is missing; allowed: the folder of a run, with all its files")
        return self.path("run-id").read_text().strip()

    def path(self, *parts: str) -> Path:
        """A place inside the folder."""
        return self.folder.joinpath(*parts)

    def has(self, name: str) -> bool:
        """Whether a file of that name exists."""
        return self.path(name).is_file()

    def read(self, name: str) -> Any:
        """A JSON file of the folder.

        Raises:
            InputError: If it is missing or damaged.
        """
        try:
            return json.loads(self.path(name).read_text())
        except (OSError, ValueError) as problem:
            raise InputError(f"{self.path(name)}: {problem}; allowed: the folder of a run") from None

    def record(self, kind: type[Kept], name: str) -> Kept:
        """What a JSON file of the folder records.

        Raises:
            InputError: Naming the file, if it is missing or damaged, or holds something else.
        """
        return kind.read(self.read(name), self.path(name))

    def write(self, name: str, value: object) -> None:
        """Write a JSON file of the folder, whole or not at all."""
        write_json(self.path(name), value)

    def fits(self, study: Settings) -> None:
        """Refuse a folder that cannot be this study's; nothing is written.

        Raises:
            InputError: If it holds another study, or anything that is no run.
        """
        if self.has("study.json"):
            held = _reopened(self.read("study.json"), study)
            if held != study:
                told = held if isinstance(held, dict) else held.to_dict()
                raise InputError(
                    f"{self.folder} holds the run of another study ({_difference(told, study.to_dict())}); "
                    "allowed: the same study and settings, or another --out"
                )
        elif self.folder.is_dir() and any(not _left_behind(entry.name) for entry in self.folder.iterdir()):
            raise InputError(f"{self.folder} is not empty and holds no run; allowed: a new or empty folder")

    def begin(self, study: Settings) -> None:
        """Claim the folder for a study, or continue with the one it holds.

        Raises:
            InputError: If it holds another study, or anything that is no run, or cannot be written.
        """
        self.fits(study)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for folder in (self.folder, *filter(Path.is_dir, self.folder.rglob("*"))):
                durable.remove_partial(folder)
            if not self.has("study.json"):
                self.write("study.json", study.to_dict())
            if not self.has("run-id"):
                write_bytes(self.path("run-id"), uuid.uuid4().hex.encode())
        except OSError as problem:
            raise InputError(f"{self.folder}: {problem.strerror}; allowed: a folder that can be written") from None

    @contextmanager
    def possible(self, *learned: str) -> Iterator[None]:
        """Leave nothing of a run that is refused within, unless one of the files says that it once was not."""
        try:
            yield
        except InputError:
            if not any(map(self.has, learned)):
                shutil.rmtree(self.folder)
            raise

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder against any other process; a dead holder's lock is taken over.

        Raises:
            InputError: Naming the process that holds it.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = self.path("lock").open("a+")
        except OSError as problem:
            raise InputError(f"{self.folder}: {problem.strerror}; allowed: a folder that can be written") from None
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise InputError(f"{self.folder} is in use by {_holder(lock)}") from None
            lock.seek(0)
            lock.truncate()
            lock.write(f"process {os.getpid()} on {socket.gethostname()}\n")
            lock.flush()
            yield


def _holder(lock: TextIO) -> str:
    """Who holds a folder, by its lock; one that took it a moment ago may not have said so yet."""
    for _ in range(40):
        lock.seek(0)
        if told := lock.read().strip():
            return told
        time.sleep(0.05)
    return "another process"


def mend_tail(path: Path) -> None:
    """Cut off a last line that a killed process left unfinished."""
    data = path.read_bytes()
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        with path.open("r+b") as file:
            file.truncate(whole)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file so that it is either whole or not there, making its folder if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    durable.write(path, data)


def write_json(path: Path, value: object) -> None:
    """Write JSON, keys in the order given; a number that is not finite becomes null."""
    text = json.dumps(strict(value), indent=1, allow_nan=False, ensure_ascii=False)
    write_bytes(path, (text + "\n").encode())


def _left_behind(name: str) -> bool:
    """Whether a file is what a run that was killed at its very beginning leaves."""
    return name in ("lock", "run-id") or name.endswith(durable.PARTIAL)


def _reopened(held: dict[str, object], study: Settings) -> Settings | dict[str, object]:
    """What the plain values of a folder's study mean, as a study of this kind; themselves if they are of no such."""
    try:
        return type(study).reopened(held)
    except InputError:
        return held


def _difference(held: Values, asked: Values) -> str:
    """The first setting in which two studies differ, in words."""

    def flat(value: object, where: str = "") -> dict[str, object]:
        if isinstance(value, dict):
            return {k: v for key, entry in value.items() for k, v in flat(entry, f"{where}.{key}".strip(".")).items()}
        if isinstance(value, list) and all(isinstance(entry, dict) for entry in value):
            named = {entry.get("name", str(i)): entry for i, entry in enumerate(value)}
            return {k: v for name, entry in named.items() for k, v in flat(entry, f"{where}.{name}").items()}
        return {where: value}

    before, after = flat(held), flat(asked)
    key = next(key for key in before | after if before.get(key) != after.get(key))
    return f"{key} = {before.get(key)!r} there, {after.get(key)!r} asked"
