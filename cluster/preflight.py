"""What must hold before a search starts, and what `graft doctor` reports."""

import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from spaces.refusal import Refusal, whole

PACKAGES = ("ray", "torch", "optuna", "mlflow", "pyarrow", "numba", "scipy", "safetensors")


@dataclass(frozen=True)
class Finding:
    """One line of the doctor: how it is, and what to do if it is not well."""

    state: str
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.state:8}{self.what}" + (f"  -> {self.remedy}" if self.remedy else "")


def cpus() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def possible(workers: int, device: str, folder: Path, megabytes: float) -> None:
    """Refuse at once what this machine cannot do.

    Args:
        workers: CPUs asked for.
        device: ``cpu`` or ``cuda``.
        folder: Where the run will be.
        megabytes: Disk that the run will take.

    Raises:
        Refusal: Naming what was asked and what there is.
    """
    whole("--workers", workers, 1)
    if not os.environ.get("RAY_ADDRESS") and workers > cpus():
        raise Refusal(f"--workers asked {workers}, have {cpus()}; allowed: 1 to {cpus()} CPUs")
    if device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise Refusal("--device is 'cuda', but no GPU is seen; allowed: cpu")
    try:
        parent = next(place for place in (folder, *folder.parents) if place.exists())
    except (OSError, ValueError) as problem:
        raise Refusal(f"--out {str(folder)[:80]!r}: {problem}; allowed: a folder that can be written") from None
    if not os.access(parent, os.W_OK) or not parent.is_dir():
        raise Refusal(f"--out {folder}: {parent} cannot be written; allowed: a folder that can")
    free = shutil.disk_usage(parent).free / 1e6
    if free < megabytes:
        raise Refusal(
            f"--out {folder}: the run needs {megabytes:.0f} MB, {free:.0f} MB are free; allowed: a larger disk"
        )


def findings(folder: Path) -> Iterator[Finding]:
    """Everything the doctor looks at."""
    yield Finding("ok", f"Python {platform.python_version()} on {platform.system()} {platform.machine()}")
    for package in PACKAGES:
        try:
            yield Finding("ok", f"{package} {version(package)}")
        except PackageNotFoundError:
            yield Finding("missing", package, "pip install -e .")
    yield Finding("ok" if cpus() > 1 else "warning", f"{cpus()} CPUs", "" if cpus() > 1 else "searches will be slow")
    free = shutil.disk_usage(folder).free / 1e9
    yield Finding(
        "ok" if free > 2 else "warning", f"{free:.1f} GB free in {folder}", "" if free > 2 else "a larger disk"
    )
    writable = os.access(folder, os.W_OK)
    yield Finding("ok" if writable else "missing", f"{folder} can be written", "" if writable else "another folder")
    yield _ray()
    yield _gpu()


def _ray() -> Finding:
    address = os.environ.get("RAY_ADDRESS")
    if not address:
        return Finding("ok", "Ray: a private instance on this machine, started for each run")
    import ray

    try:
        ray.init(address=address, log_to_driver=False)
    except Exception as problem:
        return Finding("missing", f"Ray at {address}: {problem}", "start the cluster or unset RAY_ADDRESS")
    held = ray.cluster_resources()
    ray.shutdown()
    return Finding("ok", f"Ray at {address}: {held.get('CPU', 0):.0f} CPUs, {held.get('GPU', 0):.0f} GPUs")


def _gpu() -> Finding:
    import torch

    if not torch.cuda.is_available():
        return Finding("ok", "no GPU seen; these networks are small, a CPU does")
    return Finding("ok", f"GPU: {torch.cuda.get_device_name(0)}")
