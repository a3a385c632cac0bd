"""Connecting to Ray, quietly: a private instance on this machine, or the cluster that the environment names."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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


def quiet() -> None:
    """Silence the stack's own chatter and telemetry. Must run before ray is imported; what a user set stays."""
    for key, value in QUIET.items():
        os.environ.setdefault(key, value)


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
        address = os.environ.get("RAY_ADDRESS")
        common: Any = {"log_to_driver": False, "logging_level": "ERROR"}
        if address:
            ray.init(address=address, **common)
        else:
            ray.init(address="local", num_cpus=workers, num_gpus=gpus, include_dashboard=False, **common)
        # Ray replaces the handler by one that ends the process at once.
        if callable(on_terminate) and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, on_terminate)
        try:
            yield int(ray.cluster_resources().get("CPU", workers)) if address else workers
        finally:
            ray.shutdown()
    finally:
        os.chdir(before)
