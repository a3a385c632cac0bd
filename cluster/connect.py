"""Connecting to Ray, quietly: a private instance on this machine, or the cluster that is meant."""

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from graft.cluster import token

QUIET = {
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_WARN_THRESHOLD_S": "60",
    "TUNE_GLOBAL_CHECKPOINT_S": "3600",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Ray's switch for "this machine only": every port of a private instance listens on 127.0.0.1, on Linux too."""
BRIEFLY = {"RAY_NUM_REDIS_GET_RETRIES": "3"}
"""Tries to reach a cluster, about one a second; 20 by default."""
HEAD = "ray_bootstrap_config.yaml"
"""What `ray up` leaves in the home of the head, and nowhere else."""
HERE = "127.0.0.1:6379"
"""Where cluster.yaml's head listens. Not ``auto``, which takes any Ray of this machine, another's search included."""


def quiet() -> None:
    """Silence the stack's own chatter and telemetry. Must run before ray is imported; what a user set stays."""
    cluster = address()
    more = BRIEFLY if cluster else LOOPBACK
    # Ray uses the token of its own accord where it finds a cluster by itself; an address must be trusted to be ours.
    mine = {"RAY_AUTH_MODE": "token"} if cluster == HERE else {}
    for key, value in (QUIET | more | mine).items():
        os.environ.setdefault(key, value)


def address() -> str | None:
    """The Ray cluster that is meant; None for a private instance on this machine.

    It is what ``RAY_ADDRESS`` names, with ``local`` for a private instance. `ray submit` sets nothing, so on a machine
    that `ray up` made the head of a cluster, it is the one that runs here.
    """
    named = os.environ.get("RAY_ADDRESS") or (HERE if (Path.home() / HEAD).exists() else "local")
    return None if named == "local" else named


def machines() -> int:
    """How many machines the cluster file names, where this is the head that `ray up` made of it; else 1.

    Clouds name none, for they start theirs as needed.
    """
    if address() != HERE:
        return 1
    try:
        # Ray writes it as JSON, whatever its name says.
        provider = json.loads((Path.home() / HEAD).read_text())["provider"]
        return 1 + len(provider.get("worker_ips") or ())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return 1


@contextmanager
def connection(workers: int, folder: Path, gpus: int = 0) -> Iterator[int]:
    """Connect to Ray for the time of a run.

    Ray puts the driver's current folder first on every worker's path; a user's own ``models/`` or ``search/`` there
    would shadow ours. So the run's folder is entered first, and every path must be absolute before that.

    Args:
        workers: CPUs of a private instance; on a cluster, its own count.
        folder: The run's folder.
        gpus: GPUs of a private instance.

    Yields:
        Trials that can run at a time.
    """
    quiet()
    import ray

    before, on_terminate = Path.cwd(), signal.getsignal(signal.SIGTERM)
    os.chdir(folder)
    try:
        try:
            _connect(workers, gpus)
            # Ray replaces the handler by one that ends the process at once.
            if callable(on_terminate) and threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGTERM, on_terminate)
        except SystemExit:  # and that one has been called before it was replaced again
            if callable(on_terminate):
                on_terminate(signal.SIGTERM, None)
            raise
        try:
            yield int(ray.cluster_resources().get("CPU", workers)) if address() else workers
        finally:
            ray.shutdown()
    finally:
        os.chdir(before)


def _connect(workers: int, gpus: int) -> None:
    import ray

    cluster = address()
    common: Any = {"log_to_driver": False, "logging_level": "ERROR"}
    if cluster:
        ray.init(address=cluster, **common)
    else:
        token.make()
        ray.init(address="local", num_cpus=workers, num_gpus=gpus, include_dashboard=False, **common)
