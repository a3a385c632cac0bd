"""Nothing of a run is to be reached from another machine, and its secrets stand nowhere but in their files."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

TINY = [
    "rows.source=300", "rows.pool=60", "rows.locked=6", "rows.validation=12", "rows.test=50", "network.depth=2",
    "network.width=12", "base.epochs=3", "start.epochs=8", "start.batch=7", "ranges.epochs=[4, 16]",
    "ranges.batch=[7, 42]", "budget.trainings=8", "budget.seeds=2", "budget.steps=120",
]  # fmt: skip
PASSWORD = "not-to-be-seen-2c1f"


def family(parent: int) -> set[int]:
    """A process and all that descend from it."""
    parents = {}
    for process in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = process.read_text()
        except OSError:
            continue
        parents[int(process.parent.name)] = int(text.rpartition(")")[2].split()[1])
    found = {parent}
    while more := {child for child, its in parents.items() if its in found} - found:
        found |= more
    return found


def listening(processes: set[int]) -> set[str]:
    """Local addresses, in the kernel's hexadecimal, on which these processes wait for TCP connections."""
    sockets = set()
    for process in processes:
        for handle in Path(f"/proc/{process}/fd").glob("*"):
            try:
                sockets.add(os.readlink(handle))
            except OSError:
                continue
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            columns = line.split()
            if columns[3] == "0A" and f"socket:[{columns[9]}]" in sockets:
                found.add(columns[1].partition(":")[0])
    return found


LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}
"""127.0.0.1, the same as an IPv6 address, and ::1."""


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """A run with a password for MLflow, watched while it goes on."""
    place = tmp_path_factory.mktemp("run")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "MLFLOW_"))}
    environment = clean | {
        "HOME": str(place),
        "MLFLOW_TRACKING_URI": f"http://ada:{PASSWORD}@127.0.0.1:9",  # nobody is there, so a warning tells
        "RAY_worker_niceness": "0",
    }
    settings = [word for setting in TINY for word in ("--set", setting)]
    command = [sys.executable, "-P", "-m", "search", "run", "calibration", "--out", str(place / "out"), *settings]
    addresses: set[str] = set()
    arguments: set[bytes] = set()
    sessions: set[Path] = set()
    with open(place / "said.log", "wb") as log:
        process = subprocess.Popen([*command, "--workers", "1"], env=environment, stdout=log, stderr=log)
        while process.poll() is None:
            processes = family(process.pid)
            addresses |= listening(processes)
            for each in processes:
                try:
                    words = Path(f"/proc/{each}/cmdline").read_bytes()
                except OSError:
                    continue
                arguments.add(words)
                for word in words.split(b"\0"):
                    if word.startswith(b"--session-dir=") or word.startswith(b"--session_dir="):
                        sessions.add(Path(word.partition(b"=")[2].decode()))
            time.sleep(0.3)
    said = (place / "said.log").read_text()
    assert process.returncode == 0, said[-2000:]
    return {"place": place, "addresses": addresses, "arguments": arguments, "sessions": sessions, "said": said}


def test_everything_listens_on_loopback_alone(seen: dict[str, set[str]]) -> None:
    assert seen["addresses"] and seen["addresses"] <= LOOPBACK


def test_secrets_stand_in_no_argument_no_log_and_no_file_but_their_own(seen: dict[str, object]) -> None:
    place = seen["place"]
    assert isinstance(place, Path)
    home_token = place / ".ray" / "auth_token"
    assert home_token.stat().st_mode & 0o777 == 0o600
    secrets = (home_token.read_bytes(), PASSWORD.encode())
    assert not [words for words in seen["arguments"] for secret in secrets if secret in words]  # type: ignore[attr-defined]
    sessions = seen["sessions"]
    assert isinstance(sessions, set) and sessions
    files = [file for folder in [place, *sessions] for file in Path(folder).rglob("*") if file.is_file()]
    assert len(files) > 20
    assert [file for file in files for secret in secrets if file != home_token and secret in file.read_bytes()] == []


def test_the_address_of_a_server_that_is_away_is_told_without_its_password(seen: dict[str, str]) -> None:
    assert "http://127.0.0.1:9 does not answer" in seen["said"] and "graft deliver" in seen["said"]
    assert json.loads((Path(seen["place"]) / "out" / "certificate.json").read_text())["decision"]
