"""Where a run is tracked, told without its secrets."""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

SQLITE = "sqlite:///"


def address(folder: Path, uri: str | None = None) -> str:
    """Where a run is tracked: ``uri``, else ``MLFLOW_TRACKING_URI``, else a database in the run's folder.

    A database's path is made absolute, because a driver changes its working folder later.
    """
    uri = uri or os.environ.get("MLFLOW_TRACKING_URI") or of_database(folder / "mlflow.db")
    path = database(uri)
    return uri if path is None else of_database(path) + "".join(uri.partition("?")[1:])


def of_database(path: Path) -> str:
    """The address of a database in a file; signs to which addresses give a meaning (``?``, ``#``, ``%``) are quoted."""
    return f"{SQLITE}{quote(os.fsencode(path.resolve()))}"


def database(uri: str) -> Path | None:
    """The file of a database; None if the address is of something else."""
    return Path(unquote(uri.removeprefix(SQLITE).partition("?")[0])) if uri.startswith(SQLITE) else None


def masked(text: str, uri: str = "") -> str:
    """``text`` without the credentials that stand in it, and without the password of ``uri``."""
    secret = urlsplit(uri).password if "@" in uri else None
    text = text.replace(secret, "***") if secret else text
    return re.sub(r"//[^\s/]*@", "//***@", text)


@contextmanager
def alone(uri: str) -> Iterator[None]:
    """Hold a file lock beside an SQLite database: two migrations of a fresh one at once leave it unusable."""
    held = database(uri)
    if held is None:
        yield
        return
    held.parent.mkdir(parents=True, exist_ok=True)
    with held.with_name(f"{held.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
