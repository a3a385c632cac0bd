"""What `graft doctor` reports of machines: each line ok, a warning, or what is missing, and then what to do."""

import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from graft.cluster import token
from graft.cluster.connect import address, machines
from graft.cluster.nodes import Node, nodes, versions
from graft.cluster.preflight import attached, cpus, gpus
from graft.spaces.errors import InputError

LEAST_GB = 2.0


@dataclass(frozen=True)
class Finding:
    """One line of the doctor: how it is, and what to do if it is not well.

    Attributes:
        state: ``ok``, ``warning`` (a search will run) or ``missing`` (it will not).
        what: What was looked at, and how it is.
        remedy: What to do.
    """

    state: str
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.state:8}{self.what}" + (f"  -> {self.remedy}" if self.remedy else "")


def findings(folder: Path) -> Iterator[Finding]:
    """Everything the doctor looks at, but for MLflow and what a study asks.

    Args:
        folder: Where runs will be; it must exist.
    """
    yield from _packages()
    yield from _disk(folder)
    yield from _secrets()
    yield from _cluster(folder) if address() else _alone()


def _packages() -> Iterator[Finding]:
    yield Finding("ok", f"Python {platform.python_version()} on {platform.system()} {platform.machine()}")
    found = versions()
    missing = [package for package, version in found.items() if version == "missing"]
    if missing:
        yield Finding("missing", ", ".join(missing), "pip install -e .")
    yield Finding("ok", ", ".join(f"{name} {version}" for name, version in found.items() if version != "missing"))


def _disk(folder: Path) -> Iterator[Finding]:
    if not os.access(folder, os.W_OK):
        yield Finding("missing", f"{folder} cannot be written", "another folder")
    free = shutil.disk_usage(folder).free / 1e9
    enough = free > LEAST_GB
    yield Finding("ok" if enough else "warning", f"{free:.1f} GB free in {folder}", "" if enough else "a larger disk")


def _secrets() -> Iterator[Finding]:
    """The token is made if there is none, for `ray up` copies it to each machine."""
    if not token.path().exists():
        token.make()
    open_files = token.readable()
    for file in open_files:
        yield Finding("warning", f"{file} can be read or changed by others", f"chmod 600 {file}")
    if token.path() not in open_files and token.path().exists():
        yield Finding("ok", f"{token.path()} is there and nobody else's to read")


def _alone() -> Iterator[Finding]:
    yield Finding("ok", "Ray: a private instance on this machine, started for each run, on 127.0.0.1 only")
    several = cpus() > 1
    yield Finding("ok" if several else "warning", f"{cpus()} CPUs", "" if several else "searches will be slow")
    seen = gpus()
    yield Finding("ok", f"{seen} GPUs seen" if seen else "no GPU seen; these networks are small, a CPU does")


def _cluster(folder: Path) -> Iterator[Finding]:
    try:
        with attached() as ray:
            found = nodes(ray, folder)
    except InputError as problem:
        said, _, allowed = str(problem).partition("; allowed: ")
        yield Finding("missing", said, allowed)
        return
    yield Finding(
        "ok",
        f"Ray at {address()}: {len(found)} nodes, {sum(node.cpus for node in found)} CPUs, "
        f"{sum(node.gpus for node in found)} GPUs",
    )
    for node in found:
        yield judged(node, versions(), folder, len(found) > 1)


def agreed(folder: Path) -> None:
    """Refuse a cluster whose machines differ, are not all there, or do not all see the folder in which shards will lie.

    One that comes in later would be used without having been asked.

    Raises:
        InputError: Naming the machine, and what to do.
    """
    if address() is None:
        return
    here = next(place for place in (folder, *folder.parents) if place.is_dir())
    with attached() as ray:
        there, named = sum(node["Alive"] for node in ray.nodes()), machines()
        if there < named:
            raise InputError(
                f"{there} of the cluster's {named} machines have come in; allowed: all of them (`graft doctor` counts "
                "them; `ray up` again without the worker_ips that will not come), or RAY_ADDRESS=local for this one"
            )
        if there < 2:
            return
        found = nodes(ray, here)
    for node in found:
        finding = judged(node, versions(), here, True)
        if finding.state == "missing" or (finding.remedy and not node.sees):
            raise InputError(f"{finding.what}; allowed: {finding.remedy}")


def judged(node: Node, here: dict[str, str], folder: Path, several: bool) -> Finding:
    """How one machine of the cluster is, beside this one.

    Args:
        node: What it says of itself.
        here: The versions of this machine.
        folder: Which every machine must see if there are several.
        several: Whether there are.
    """
    what = f"node {node.address}: {node.cpus} CPUs, {node.gpus} GPUs, {node.free_gb:.0f} GB free"
    again = "install there what is installed here: ray up"
    if node.problem:
        return Finding("missing", f"node {node.address}: {node.problem}", again)
    other = [f"{name} {node.versions.get(name)} there, {version} here" for name, version in here.items()
             if node.versions.get(name) != version]  # fmt: skip
    if other:
        return Finding("missing", f"{what}; {', '.join(other)}", again)
    if several and not node.sees:
        return Finding("warning", f"{what}; it does not see {folder}", "--out in a folder that all machines see")
    if node.free_gb < LEAST_GB:
        return Finding("warning", what, "free some disk there: Ray spills to it")
    return Finding("ok", f"{what}; the same versions")
