"""`ray submit cluster.yaml search.py`, really: sshd, `ray up`, both commands of the README, `exec`, `down`."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("one_machine.py")
OWN = ["unshare", "--pid", "--mount", "--net", "--fork", "--kill-child", "--mount-proc"]
FIRST = ["bash", "-c", '"$@"; exit $?', "first"]
"""The first process of a namespace must bury the dead; `ray stop` would wait for them."""
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
    assert "ok      Ray at 127.0.0.1:6379: 1 nodes" in steps["exec"]["said"]
    assert "missing" not in steps["exec"]["said"]


@pytest.mark.parametrize("name", SEARCHES)
def test_the_certificate_comes_back(name: str, folder: Path, steps: dict[str, Any]) -> None:
    certificate = json.loads((folder / "project" / "runs" / SEARCHES[name] / "certificate.json").read_text())
    assert certificate["decision"] in ("transfer", "direct")
    assert certificate["sentence"] in " ".join(steps[name]["said"].split())
    assert (folder / "project" / "runs" / SEARCHES[name] / "report" / "index.html").is_file()


def test_it_ran_from_what_was_copied_and_in_the_clusters_ray(folder: Path) -> None:
    session = next(path for path in (folder / "ray").glob("session_2*") if path.is_dir())
    workers = [path.read_text(errors="replace") for path in (session / "logs").glob("worker-*.out")]
    assert workers  # trials ran in this cluster's session, the only one there is
    assert [path.name for path in (folder / "ray").glob("session_2*")] == [session.name]
    assert (folder / "head" / "search.py").is_file() and not (folder / "head" / "search").exists()


def test_the_token_is_private_and_nowhere_but_in_its_file(folder: Path) -> None:
    made = folder / "laptop" / ".ray" / "auth_token"
    copied = folder / "head" / ".ray" / "auth_token"
    assert made.stat().st_mode & 0o777 == copied.stat().st_mode & 0o777 == 0o600
    token = made.read_bytes()
    assert len(token) == 64 and copied.read_bytes() == token
    told = [path for path in folder.rglob("*") if path.is_file() and path not in (made, copied)]
    assert [path for path in told if token in path.read_bytes()] == []
