"""An impossible request is refused within seconds, naming what was asked and what there is."""

import contextlib
import math
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext as nothing
from pathlib import Path

import pytest

from graft.cluster import preflight
from graft.cluster.preflight import Resources, possible
from graft.spaces.errors import InputError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


TWO = Resources(2, 0)


def test_as_many_trainings_as_cpus_unless_told(tmp_path: Path) -> None:
    assert possible(None, "cpu", tmp_path, 1, TWO) == (2, 0)
    assert possible(1, "cpu", tmp_path, 1, TWO) == (1, 0)
    assert possible(None, "cuda", tmp_path, 1, Resources(8, 2)) == (8, 2)
    assert possible(None, "cpu", tmp_path, 1)[0] == preflight.cpus()


@pytest.mark.parametrize(
    ("files", "named", "wanted"),
    [
        ({"cpu.max": "150000 100000"}, "0::/", 1.5),
        ({"cpu.max": "max 100000"}, "0::/", math.inf),
        ({"cpu.max": "400000 100000", "slice/run/cpu.max": "50000 100000"}, "0::/slice/run", 0.5),
        ({"slice/cpu.max": "100000 100000", "slice/run/cpu.max": "max 100000"}, "0::/slice/run", 1.0),
        ({"cpu/cpu.cfs_quota_us": "200000", "cpu/cpu.cfs_period_us": "100000"}, "4:cpu,cpuacct:/", 2.0),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, "4:cpu,cpuacct:/", math.inf),
        ({}, "0::/nowhere", math.inf),
    ],
)
def test_a_containers_quota_limits_the_cpus(files: dict[str, str], named: str, wanted: float, tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / "groups" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "groups" / name).write_text(f"{text}\n")
    (tmp_path / "own").write_text(f"{named}\n")
    assert preflight.quota(tmp_path / "groups", tmp_path / "own") == wanted


def test_an_affinity_limits_the_cpus() -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert preflight.cpus() == 1
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.parametrize("name", ["TMPDIR", "RAY_TMPDIR"])
def test_a_temporary_folder_too_long_for_sockets_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    for letters in (39, 40):
        monkeypatch.setenv(name, "/" + "t" * (letters - 1))
        with (
            pytest.raises(InputError, match=f"^{name} is /t+ of 40 .*allowed: at most 39")
            if letters > 39
            else nothing()
        ):
            possible(1, "cpu", tmp_path, 1, TWO)
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")  # sockets of a cluster are elsewhere
    possible(1, "cpu", tmp_path, 1, TWO)


@pytest.mark.parametrize(
    ("asked", "there", "said"),
    [
        ((16, "cpu"), TWO, "--workers asked 16, have 2; allowed: 1 to 2 CPUs of this machine"),
        ((0, "cpu"), TWO, "--workers is 0"),
        ((3, "cpu"), Resources(2, 0, "the cluster at x (1 nodes)"), "CPUs of the cluster at x"),
        ((None, "cpu"), Resources(0, 0, "the cluster at x (1 nodes)"), "have 0"),
        ((1, "cuda"), TWO, "--device is 'cuda', but no GPU is seen on this machine; allowed: cpu"),
    ],
)
def test_more_than_there_is(asked: tuple[int | None, str], there: Resources, said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="allowed") as refused:
        possible(*asked, tmp_path, 1, there)
    assert said in str(refused.value)


def test_a_disk_too_small(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs 1000000000000 MB"):
        possible(1, "cpu", tmp_path / "run", 1e12, TWO)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("127.0.0.1:1", "Connection refused"),
        ("no-such-host.invalid:6379", "no Ray cluster to use at no-such-host.invalid:6379"),
        ("nonsense", "no Ray cluster to use at nonsense"),
        ("ray://127.0.0.1:10001", "RAY_ADDRESS is 'ray://127.0.0.1:10001'; allowed: host:port"),
        ("http://127.0.0.1:8265", "RAY_ADDRESS is 'http"),
    ],
)
def test_a_cluster_that_is_not_there(address: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", address)
    began = time.monotonic()
    with pytest.raises(InputError, match="allowed") as refused:
        possible(1, "cpu", tmp_path, 1)
    assert said in str(refused.value)
    assert time.monotonic() - began < 10


def answering(what: bytes | None) -> Iterator[str]:
    """The address of a port that takes connections and answers ``what``, or nothing at all."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            line, _ = server.accept()
            with line, contextlib.suppress(ConnectionError):
                line.recv(100)
                if what:
                    line.sendall(what)
                line.recv(100)

        answering = threading.Thread(target=answer)
        answering.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        answering.join()


@pytest.mark.parametrize(
    ("what", "said"),
    [(None, "timed out"), (b"HTTP/1.1 400 Bad Request\r\n\r\n", "is not Ray"), (b"SSH-2.0-OpenSSH", "is not Ray")],
)
def test_a_port_that_is_not_rays(
    what: bytes | None, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with contextlib.contextmanager(answering)(what) as address:
        monkeypatch.setenv("RAY_ADDRESS", address)
        began = time.monotonic()
        with pytest.raises(InputError, match=said):
            possible(1, "cpu", tmp_path, 1)
    assert time.monotonic() - began < 10
