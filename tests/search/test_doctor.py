"""The doctor: each line ok, a warning, or what is missing, and what to do then."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from graft.cluster.doctor import judged
from graft.cluster.nodes import Node, nodes, source, versions
from graft.search.cli import main
from graft.search.doctor import examination, tracking
from graft.search.kinds.registry import kind_of
from graft.search.study import resolve


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("RAY_ADDRESS", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_AUTH_MODE", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


def states(tmp_path: Path, **asked: object) -> dict[str, str]:
    return {found.what: found.state for found in examination(asked.pop("kind", None), tmp_path, **asked)}  # type: ignore[arg-type]


def test_a_machine_that_is_fit(tmp_path: Path, home: Path) -> None:
    found = states(tmp_path)
    assert set(found.values()) <= {"ok", "warning"}
    assert found["MLflow: a database in the run's folder"] == "ok"
    assert found[f"{home}/.ray/auth_token is there and nobody else's to read"] == "ok"
    assert any("ray 2.60" in what for what in found)


def test_a_secret_that_others_can_read(tmp_path: Path, home: Path) -> None:
    (home / ".ray").mkdir()
    (home / ".ray" / "auth_token").write_text("secret")
    (home / ".ray" / "auth_token").chmod(0o644)
    warned = [found for found in examination(None, tmp_path) if "auth_token" in found.what]
    assert [(found.state, found.remedy) for found in warned] == [("warning", f"chmod 600 {home}/.ray/auth_token")]


def test_what_a_study_asks_beside_what_there_is(tmp_path: Path) -> None:
    kind = kind_of(resolve("film10-film8"))
    assert any(f"about {kind.megabytes():.0f} MB" in what for what in states(tmp_path, kind=kind, workers=1))
    missing = [found for found in examination(kind, tmp_path, workers=4096) if found.state == "missing"]
    assert len(missing) == 1 and "asked 4096, have" in missing[0].what


def test_mlflow_that_is_away_is_a_warning_for_a_search_does_without_it(tmp_path: Path) -> None:
    found = tracking(tmp_path, "http://ada:secret@127.0.0.1:1")
    assert found.state == "warning" and "does not answer" in found.what and "graft deliver" in found.remedy
    assert "secret" not in str(found)


HERE = {"python": "3.11.7", "graft": "abc", "ray": "2.60.0"}


@pytest.mark.parametrize(
    ("node", "several", "state", "said"),
    [
        (Node("10.0.0.2", 4, 1, HERE, 50.0, True), True, "ok", "4 CPUs, 1 GPUs, 50 GB free; the same versions"),
        (
            Node("10.0.0.2", 4, 0, HERE | {"ray": "2.60.1"}, 50.0, True),
            True,
            "missing",
            "ray 2.60.1 there, 2.60.0 here",
        ),
        (Node("10.0.0.2", 4, 0, {"python": "3.11.7"}, 50.0, True), True, "missing", "graft None there, abc here"),
        (Node("10.0.0.2", 4, 0, HERE, 50.0, False), True, "warning", "does not see /runs"),
        (Node("10.0.0.2", 4, 0, HERE, 50.0, False), False, "ok", "the same versions"),
        (Node("10.0.0.2", 4, 0, HERE, 0.5, True), True, "warning", "0 GB free"),
        (Node("10.0.0.2", 4, 0, problem="no answer within 30 s"), True, "missing", "no answer"),
    ],
)
def test_machines_of_a_cluster(node: Node, several: bool, state: str, said: str) -> None:
    found = judged(node, HERE, Path("/runs"), several)
    assert found.state == state and said in found.what
    assert bool(found.remedy) == (state != "ok") or "GB free" in said


def test_every_machine_is_asked(ray_session: object, tmp_path: Path) -> None:
    (found,) = nodes(ray_session, tmp_path)
    assert found.problem == "" and found.sees and found.cpus == 2 and found.free_gb > 0
    assert found.versions == versions() and found.versions["graft"] == source()
    assert list(tmp_path.glob(".seen-*")) == []


def test_as_a_command_it_ends_with_1_if_something_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        main(["doctor", "film10-film8", "--workers", "1", "--json"])
    assert stopped.value.code == 0
    assert {found["state"] for found in json.loads(capsys.readouterr().out)} <= {"ok", "warning"}
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(SystemExit) as stopped:
        main(["doctor"])
    said = capsys.readouterr()
    assert stopped.value.code == 1 and "Connection refused" in said.out and "RAY_ADDRESS=local" in said.out


@pytest.mark.parametrize(
    ("arguments", "address", "said"),
    [
        (["--workers", "4096"], "", "asked 4096, have"),
        (["--device", "cuda"], "", "no GPU is seen"),
        ([], "127.0.0.1:1", "no Ray cluster to use at 127.0.0.1:1"),
        ([], "ray://127.0.0.1:10001", "allowed: host:port"),
    ],
)
def test_the_impossible_is_refused_within_ten_seconds_of_the_command(
    arguments: list[str], address: str, said: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-P", "-m", "graft", "run", "nano8-film8", "--out", str(tmp_path / "run"), *arguments]
    environment = os.environ | {"RAY_ADDRESS": address, "CUDA_VISIBLE_DEVICES": ""}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # The machine may be busy: what counts is the processors' time. What is waited for is bounded in test_preflight.py.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 10
    assert ended.returncode == 2 and said in ended.stderr and ended.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()
