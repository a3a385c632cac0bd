"""Writing to a service that may be away, without ever holding up or ending the search."""

import fcntl
import os
import re
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

SQLITE = "sqlite:///"
PAUSE = 30.0  # seconds without a try after a failed one
SHARE = 20.0  # and at least so many times what the failed one took: a dead server slows a search by 5 % at most


def address(folder: Path, uri: str | None = None) -> str:
    """Where a run is tracked: ``uri``, else ``MLFLOW_TRACKING_URI``, else a database in the run's folder.

    A database's path is made absolute, because a driver changes its working folder later.
    """
    uri = uri or os.environ.get("MLFLOW_TRACKING_URI") or f"{SQLITE}{folder.resolve() / 'mlflow.db'}"
    return f"{SQLITE}{Path(uri.removeprefix(SQLITE)).resolve()}" if uri.startswith(SQLITE) else uri


def masked(text: str, uri: str = "") -> str:
    """``text`` without the credentials that stand in it, and without the password of ``uri``."""
    secret = urlsplit(uri).password if "@" in uri else None
    text = text.replace(secret, "***") if secret else text
    return re.sub(r"//[^\s/]*@", "//***@", text)


@contextmanager
def alone(uri: str) -> Iterator[None]:
    """Hold a file lock beside an SQLite database: two migrations of a fresh one at once leave it unusable."""
    if not uri.startswith(SQLITE):
        yield
        return
    path = Path(uri.removeprefix(SQLITE) + ".lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Delivery:
    """Jobs in the order they came, each kept until it succeeds.

    Attributes:
        problem: Why jobs are waiting; empty if none is.
    """

    def __init__(self, connect: Callable[[], None]) -> None:
        """Keep ``connect``, which runs before the first job, and again after any job that did not end well."""
        self.problem = ""
        self._connect = connect
        self._connected = False
        self._jobs: dict[Hashable, Callable[[], None]] = {}
        self._silent_until = 0.0

    def add(self, key: Hashable, job: Callable[[], None]) -> None:
        """Take a job; it replaces one of the same key."""
        self._jobs[key] = job

    def send(self, *, now: bool = False) -> None:
        """Do what waits, unless a try failed a moment ago.

        Args:
            now: Try in any case.
        """
        began = time.monotonic()
        if began < self._silent_until and not now:
            return
        # An interrupted or failed write may have arrived all the same: connect again, and see, before the next one.
        connected, self._connected = self._connected, False
        try:
            if not connected:
                self._connect()
            while self._jobs:
                key = next(iter(self._jobs))
                self._jobs[key]()
                del self._jobs[key]
        except Exception as error:
            ended = time.monotonic()
            self._silent_until = ended + max(PAUSE, SHARE * (ended - began))
            self.problem = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        else:
            self._connected = True
            self.problem = ""
