"""What must hold before a search starts: what was asked is there, else a refusal within seconds."""

import logging
import math
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graft.cluster.connect import address, quiet
from graft.spaces.errors import InputError, spelt, whole

ANSWER = 2.0
"""Seconds within which a cluster's port must answer."""
GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
"""How HTTP/2, and so gRPC, begins (RFC 9113, section 3.4): the preface and an empty SETTINGS frame."""
SOCKET = "/ray/session_2026-11-28_12-00-00_123456_1234567/sockets/plasma_store"
"""What Ray adds to the temporary folder for the longest name of a socket, with a process number of seven digits."""
LONGEST = 107
"""Characters of a socket's name on Linux (man 7 unix)."""


@dataclass(frozen=True)
class Resources:
    """What there is to train on.

    Attributes:
        cpus: Processors.
        gpus: GPUs.
        where: In words.
        nodes: Machines.
    """

    cpus: int
    gpus: int
    where: str = "this machine"
    nodes: int = 1


def cpus() -> int:
    """Processors that this process may use: not more than a container's quota is worth."""
    seen = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, int(min(seen, quota())))


def quota(groups: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> float:
    """CPUs that the control groups of this process allow it, infinite where they do not limit it.

    Args:
        groups: Where they are mounted, version 2 or 1.
        own: Which of them this process is in.
    """
    try:
        named = [line.rpartition(":")[2].strip("/") for line in own.read_text().splitlines()]
    except OSError:
        named = []
    folders = {place for name in [*named, ""] for place in (groups / name, *(groups / name).parents)}
    found = [math.inf]
    for folder in folders:
        for files in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
            try:
                told = " ".join((folder / file).read_text() for file in files).split()
            except OSError:
                continue
            if len(told) == 2 and told[0].isdigit() and int(told[1]):  # "max" and -1 are no limit
                found.append(int(told[0]) / int(told[1]))
    return min(found)


def gpus() -> int:
    """GPUs of this machine that torch can use."""
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def resources(device: str = "cuda") -> Resources:
    """What this machine has, or the cluster that is meant; GPUs of this machine only if ``device`` needs them.

    Raises:
        InputError: If the cluster cannot be reached.
    """
    if address() is None:
        return Resources(cpus(), gpus() if device == "cuda" else 0)
    with attached() as ray:
        held, nodes = ray.cluster_resources(), sum(node["Alive"] for node in ray.nodes())
    where = f"the cluster at {address()} ({nodes} node{'s' if nodes > 1 else ''})"
    return Resources(int(held.get("CPU", 0)), int(held.get("GPU", 0)), where, nodes)


@contextmanager
def attached() -> Iterator[Any]:
    """Ray, connected to the cluster that is meant for as long as the block lasts.

    Raises:
        InputError: If it cannot be reached; within seconds, where Ray by itself tries for minutes.
    """
    cluster = address() or "auto"
    answers(cluster)
    quiet()
    try:
        ray = _connected(cluster)
    except InputError:
        raise
    except (OSError, ValueError, RuntimeError) as problem:
        raise _useless(cluster, problem) from problem
    try:
        yield ray
    finally:
        ray.shutdown()


def answers(cluster: str) -> None:
    """See that a cluster may be at an address, in no time: Ray is not loaded for it.

    Raises:
        InputError: If it is no address, or nothing answers there.
    """
    if "://" in cluster:
        raise InputError(
            f"RAY_ADDRESS is {cluster!r}; allowed: host:port of the cluster's head (port 6379), auto or local. From "
            "outside: ray submit cluster.yaml search.py"
        )
    if cluster == "auto":
        return
    try:
        _greet(cluster)
    except (OSError, ValueError) as problem:  # a ConnectionError is an OSError
        raise _useless(cluster, problem) from problem


def _useless(cluster: str, problem: Exception) -> InputError:
    said = (str(problem).strip().splitlines() or [type(problem).__name__])[0]
    return InputError(
        f"no Ray cluster to use at {cluster}: {said}; allowed: the address of one that runs (ray up), or "
        "RAY_ADDRESS=local for this machine alone"
    )


def _connected(cluster: str) -> Any:
    import ray
    from ray.exceptions import AuthenticationError

    try:
        ray.init(address=cluster, log_to_driver=False, logging_level=logging.ERROR)
    except (AuthenticationError, ConnectionError) as problem:  # it answered the greeting, and then did not take us
        raise InputError(
            f"the Ray cluster at {cluster} does not take this user's token; allowed: RAY_AUTH_MODE=token, and that "
            "cluster's token in ~/.ray/auth_token"
        ) from problem
    return ray


def _greet(cluster: str) -> None:
    """See that something speaks gRPC there: Ray waits 40 s for a port that takes a connection and says nothing.

    Raises:
        OSError: If nothing does.
        ValueError: If that is no address.
    """
    host, _, port = cluster.rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port)), ANSWER) as line:
        line.sendall(GREETING)
        answer = line.recv(4)
    if answer[3:] != GREETING[-6:-5]:  # the type of the first frame: SETTINGS as well
        raise ConnectionError("what listens there is not Ray")


def possible(
    workers: int | None, device: str, folder: Path, megabytes: float, there: Resources | None = None
) -> tuple[int, int]:
    """Refuse at once what cannot be done here.

    Args:
        workers: Trainings at a time; None for as many as there are CPUs.
        device: ``cpu`` or ``cuda``.
        folder: Where the run will be.
        megabytes: Disk that the run will take.
        there: What there is; None to find out.

    Returns:
        Trainings at a time, and the GPUs that they share.

    Raises:
        InputError: Naming what was asked and what there is.
    """
    if workers is not None:
        whole("--workers", workers, 1)
    _room(folder, megabytes)
    _sockets()
    there = there or resources(device)
    if there.cpus < max(1, workers or 1):
        raise InputError(
            f"--workers asked {workers or 1}, have {there.cpus}; allowed: 1 to {there.cpus} CPUs of {there.where}"
        )
    if device == "cuda" and not there.gpus:
        raise InputError(f"--device is 'cuda', but no GPU is seen on {there.where}; allowed: cpu")
    return workers or there.cpus, there.gpus


def _sockets() -> None:
    """Refuse a temporary folder in which Ray cannot make its sockets; it would find out after many seconds."""
    name = "RAY_TMPDIR" if "RAY_TMPDIR" in os.environ else "TMPDIR"
    folder, most = os.environ.get(name, "/tmp"), LONGEST - len(SOCKET)
    if address() is None and len(os.fsencode(folder)) > most:
        raise InputError(
            f"{name} is {folder} of {len(os.fsencode(folder))} characters, too long for sockets of Ray; allowed: at "
            f"most {most}, such as RAY_TMPDIR=/tmp"
        )


def _room(folder: Path, megabytes: float) -> None:
    spelt("--out", str(folder))
    try:
        parent = next(place for place in (folder, *folder.parents) if place.exists())
    except (OSError, ValueError) as problem:
        raise InputError(f"--out {str(folder)[:80]!r}: {problem}; allowed: a folder that can be written") from None
    if not os.access(parent, os.W_OK) or not parent.is_dir():
        raise InputError(f"--out {folder}: {parent} cannot be written; allowed: a folder that can")
    free = shutil.disk_usage(parent).free / 1e6
    if free < megabytes:
        raise InputError(
            f"--out {folder}: the run needs {megabytes:.0f} MB, {free:.0f} MB are free; allowed: a larger disk"
        )
