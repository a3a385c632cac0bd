"""`ray submit cluster.yaml search.py`, really: sshd, `ray up`, both commands of the README, `exec`, `down`."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from two_machines import FIRST, OWN  # noqa: E402

SCRIPT = Path(__file__).with_name("two_machines.py")
NEEDED = ("unshare", "sshd", "ssh-keygen", "rsync", "ip", "mount")
SEARCHES = {"submit": "film10-film8-demo", "submit with a command": "nano8-film8-paper"}

pytestmark = pytest.mark.cluster


def absent() -> str:
    """What of this machine does not allow the test; empty if all does."""
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    missing = [name for name in NEEDED if shutil.which(name, path=path) is None]
    if missing:
        return f"not installed: {', '.join(missing)} (Debian: openssh-server, rsync, iproute2)"
    if subprocess.run([*OWN, "true"], capture_output=True, check=False).returncode:
        return "no namespaces of its own: it needs root"
    return ""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    why = absent()
    if why:
        pytest.skip(why)
    place = tmp_path_factory.mktemp("cluster")
    command = [*OWN, *FIRST, sys.executable, str(SCRIPT), str(place)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-3000:]
    return place


@pytest.fixture(scope="module")
def steps(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "steps.json").read_text())


def test_every_command_of_the_readme_succeeds(steps: dict[str, Any]) -> None:
    failed = {step["command"]: step["said"][-2000:] for step in steps.values() if step["code"]}
    assert not failed
    assert steps["submit"]["command"] == "ray submit cluster.yaml search.py"
    wanted = "ray submit cluster.yaml search.py -- run nano8-film8 --scale paper"
    assert steps["submit with a command"]["command"] == wanted


def test_ray_runs_from_up_to_down_and_the_search_uses_it(steps: dict[str, Any]) -> None:
    assert steps["up"]["rays"].count("gcs_server") == 1
    # A private instance beside the cluster would have a gcs_server of its own.
    assert all(step["rays"].count("gcs_server") == 1 for name, step in steps.items() if name not in ("doctor", "down"))
    assert steps["doctor"]["rays"] == [] and steps["down"]["rays"] == []
    for said in ("Ray at 127.0.0.1:6379: 2 nodes", "node 10.77.0.1: ", "node 10.77.0.2: "):
        assert f"ok      {said}" in steps["exec"]["said"]
    assert "missing" not in steps["exec"]["said"] and "warning" not in steps["exec"]["said"]


@pytest.mark.parametrize("name", SEARCHES)
def test_the_certificate_comes_back(name: str, folder: Path, steps: dict[str, Any]) -> None:
    certificate = json.loads((folder / "project" / "runs" / SEARCHES[name] / "certificate.json").read_text())
    assert certificate["decision"] in ("transfer", "undecided", "direct")
    assert certificate["sentence"] in " ".join(steps[name]["said"].split())
    assert (folder / "project" / "runs" / SEARCHES[name] / "report" / "index.html").is_file()


def test_both_machines_worked_in_one_session_from_what_was_copied(folder: Path) -> None:
    sessions = set()
    for machine in ("head", "worker"):
        (logs,) = (path / "logs" for path in (folder / f"ray-{machine}").glob("session_2*") if path.is_dir())
        sessions.add(logs.parent.name)
        told = "".join(path.read_text(errors="replace") for path in logs.glob("worker-*.out"))
        assert ":actor_name:Worker" in told, machine
        assert (folder / machine / "graft" / "search").is_dir()
    assert len(sessions) == 1
    assert (folder / "head" / "search.py").is_file() and not (folder / "head" / "search").exists()


def test_the_token_is_private_and_nowhere_but_in_its_file(folder: Path) -> None:
    made = folder / "laptop" / ".ray" / "auth_token"
    copies = [folder / machine / ".ray" / "auth_token" for machine in ("head", "worker")]
    assert {path.stat().st_mode & 0o777 for path in [made, *copies]} == {0o600}
    token = made.read_bytes()
    assert len(token) == 64 and {path.read_bytes() for path in copies} == {token}
    told = [path for path in folder.rglob("*") if path.is_file() and path not in [made, *copies]]
    assert [path for path in told if token in path.read_bytes()] == []
