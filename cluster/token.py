"""Ray's token: the secret without which no process of a cluster listens to another. And other secrets' file modes."""

import os
import secrets
import stat
from pathlib import Path

from graft.spaces.errors import InputError

PRIVATE = 0o600
OTHERS = ("ray_bootstrap_key.pem", ".mlflow/credentials", ".aws/credentials")
"""Further files in a home that hold a secret: what `ray up` leaves on a head, MLflow's and Amazon's."""


def path() -> Path:
    """The file that Ray reads if ``RAY_AUTH_TOKEN`` is not set."""
    return Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token")


def make() -> None:
    """Make the token if there is none, and take it from the eyes of others: Ray would write it for all to read.

    Raises:
        InputError: If it cannot be written, as where there is no home.
    """
    if os.environ.get("RAY_AUTH_TOKEN") or os.environ.get("RAY_AUTH_MODE", "token") != "token":
        return
    file = path()
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not file.exists():
            _write(file)
    except OSError as problem:
        raise InputError(
            f"Ray's token cannot be kept in {file} ({problem.strerror}); allowed: a home that can be written to, or "
            "RAY_AUTH_TOKEN_PATH=FILE in a folder that can"
        ) from None
    close()


def _write(file: Path) -> None:
    """A new token in a file of its own, whole or not at all, and never over that of another process."""
    new = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE), "w") as opened:
        opened.write(secrets.token_hex(32))
    try:
        os.link(new, file)
    except FileExistsError:
        pass
    finally:
        new.unlink()


def close() -> None:
    """Let nobody but its owner read the token; a file of somebody else's stays as it is."""
    if path() in readable() and path().stat().st_uid == os.getuid():
        path().chmod(PRIVATE)


def readable() -> list[Path]:
    """Files with secrets that others than their owner may read or change."""
    files = [path(), *(Path.home() / name for name in OTHERS)]
    return [file for file in files if file.is_file() and stat.S_IMODE(file.stat().st_mode) & ~PRIVATE & 0o777]
