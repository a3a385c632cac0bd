"""Where a run is tracked, told without its secrets."""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

SQLITE = "sqlite:///"


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
