"""What each machine of a cluster says of itself."""

import hashlib
import os
import platform
import shutil
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from uuid import uuid4

PACKAGES = ("ray", "torch", "optuna", "numpy", "scipy", "mlflow", "pyarrow", "numba", "safetensors")
ROOMS = ("spaces", "models", "simulators", "cluster", "search")
PATIENCE = 30.0
"""Seconds for a machine to start a process and answer."""


@dataclass(frozen=True)
class Node:
    """A machine of the cluster.

    Attributes:
        address: In the cluster.
        cpus: That Ray counts there.
        gpus: Likewise.
        versions: Of Python, graft and the packages it uses.
        free_gb: Disk that is free in Ray's folder.
        sees: Whether the folder that was asked about is the driver's.
        problem: Why the machine does not answer; empty if it does.
    """

    address: str
    cpus: int
    gpus: int
    versions: dict[str, str] = field(default_factory=dict)
    free_gb: float = 0.0
    sees: bool = False
    problem: str = ""


def versions() -> dict[str, str]:
    """What a search depends on; of graft itself a digest of its code."""
    found = {"python": platform.python_version(), "graft": source()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "missing"
    return found


def source() -> str:
    """The first digits of a digest of all of graft's code."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(path for room in ROOMS for path in (root / room).rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def about(mark: str) -> tuple[dict[str, str], float, bool]:
    """What a machine says of itself: versions, free disk in GB, whether it sees the file ``mark``."""
    free = shutil.disk_usage(os.environ.get("RAY_TMPDIR", "/tmp")).free / 1e9
    return versions(), free, Path(mark).exists()


def nodes(ray: Any, folder: Path) -> list[Node]:
    """Ask every machine of the cluster that ``ray`` is connected to.

    Args:
        ray: The module, connected.
        folder: Which each machine should see; it must exist and be writable here.
    """
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy as On

    mark = folder / f".seen-{uuid4().hex}"
    mark.touch()
    try:
        ask = ray.remote(num_cpus=0, max_retries=0)(about)
        alive = [node for node in ray.nodes() if node["Alive"]]
        answers = [ask.options(scheduling_strategy=On(node["NodeID"], soft=False)).remote(str(mark)) for node in alive]
        ray.wait(answers, num_returns=len(answers), timeout=PATIENCE)
        return [_node(ray, node, answer) for node, answer in zip(alive, answers, strict=True)]
    finally:
        mark.unlink(missing_ok=True)


def _node(ray: Any, node: dict[str, Any], answer: Any) -> Node:
    held = node["Resources"]
    known = (node["NodeManagerAddress"], int(held.get("CPU", 0)), int(held.get("GPU", 0)))
    try:
        return Node(*known, *ray.get(answer, timeout=0))
    except ray.exceptions.GetTimeoutError:
        return Node(*known, problem=f"no answer within {PATIENCE:.0f} s")
    except Exception as problem:
        cause = str(problem).strip().splitlines() or [type(problem).__name__]
        return Node(*known, problem=cause[-1][:200])
