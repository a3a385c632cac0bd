"""Which Ray is meant, and what its processes may listen to."""

import os
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from graft.cluster import connect, doctor
from graft.spaces.errors import InputError


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    return tmp_path


def test_alone_unless_something_names_a_cluster(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert connect.address() is None
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert connect.address() == "10.0.0.1:6379"


def test_on_a_head_that_ray_up_made_its_own_cluster_is_meant(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / connect.HEAD).touch()
    assert connect.address() == "127.0.0.1:6379"
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert connect.address() == "10.0.0.1:6379"
    monkeypatch.setenv("RAY_ADDRESS", "local")
    assert connect.address() is None


@pytest.mark.parametrize(
    ("named", "head", "loopback", "token"),
    [
        ("", False, "0", None),
        ("local", True, "0", None),
        ("10.0.0.1:6379", False, None, None),  # a token goes to a cluster of ours alone, unless the user says so
        ("", True, None, "token"),
    ],
)
def test_a_private_instance_stays_on_this_machine_and_a_head_uses_its_token(
    named: str, head: bool, loopback: str | None, token: str | None, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (*connect.LOOPBACK, *connect.BRIEFLY, "RAY_AUTH_MODE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr(os, "environ", dict(os.environ))
    os.environ["RAY_ADDRESS"] = named
    if head:
        (home / connect.HEAD).touch()
    connect.quiet()
    assert os.environ.get("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER") == loopback
    assert os.environ.get("RAY_AUTH_MODE") == token
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


def test_what_a_user_set_stays(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "1")
    connect.quiet()
    assert os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] == "1"


@pytest.mark.parametrize(
    ("text", "machines"),
    [
        ('{"provider": {"type": "local", "worker_ips": ["10.0.0.2", "10.0.0.3"]}}', 3),
        ('{"provider": {"type": "local", "worker_ips": []}}', 1),
        ('{"provider": {"type": "aws"}}', 1),  # starts them as needed
        ('{"provider": []}', 1),
        ("cluster_name: graft", 1),
        ("", 1),
    ],
)
def test_a_head_knows_which_machines_are_meant_to_come(
    text: str, machines: int, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert connect.machines() == 1
    (home / connect.HEAD).write_text(text)
    assert connect.machines() == machines
    monkeypatch.setenv("RAY_ADDRESS", "local")
    assert connect.machines() == 1


def test_a_search_waits_for_no_machine_and_starts_without_none(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that came in later would be used without having been asked whether it sees the folder."""
    (home / connect.HEAD).write_text('{"provider": {"type": "local", "worker_ips": ["10.0.0.2"]}}')
    ray = SimpleNamespace(nodes=lambda: [{"Alive": True}, {"Alive": False}])
    monkeypatch.setattr(doctor, "attached", lambda: nullcontext(ray))
    with pytest.raises(
        InputError, match="1 of the cluster's 2 machines have come in; allowed: all of them .`graft doctor`"
    ):
        doctor.agreed(tmp_path)
    (home / connect.HEAD).write_text('{"provider": {"type": "local", "worker_ips": []}}')
    doctor.agreed(tmp_path)
