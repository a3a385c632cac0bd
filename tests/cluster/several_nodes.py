"""Shards, trials and trainings on two machines of which one dies: what came of each, as JSON.

The machines are two of Ray's nodes on this one, with a CPU each, and a head without any. `ray.cluster_utils` writes
the cluster's address where every Ray of this machine would look for one: run this with RAY_TMPDIR naming a folder of
its own.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import ray
from ray.cluster_utils import Cluster

from graft.cluster.doctor import agreed
from graft.cluster.nodes import nodes
from graft.cluster.preflight import possible, resources
from graft.search.engine.budget import SearchBudget
from graft.search.engine.journal import storage
from graft.search.engine.outcome import measure
from graft.search.engine.ray import RayExecutor
from graft.search.engine.sampler import Sampling
from graft.search.engine.search import Search, Space
from graft.search.run.seeds import Role
from graft.simulators.base import Simulator, tensor_field
from graft.simulators.data.shards import encode, generate
from graft.spaces.plan import Plan, Recipe
from graft.spaces.ranges import Ranges

SECONDS = 0.3
"""That each shard and each training takes."""


def here() -> str:
    """The node that this runs on."""
    return ray.get_runtime_context().get_node_id()


class Noted(Simulator):
    """Uniform numbers, and a note of where they were drawn."""

    name, version = "noted", "1"
    schema = pa.schema([tensor_field("x", 2, "input", "1", ""), tensor_field("y", 1, "output", "1", "")])

    def __init__(self, notes: Path | None = None) -> None:
        self.notes = notes

    def sample(self, n: int, rng: np.random.Generator) -> dict[str, Any]:
        """Slowly."""
        if self.notes is not None:
            note(self.notes)
        return {"x": rng.uniform(size=(n, 2)), "y": rng.uniform(size=(n, 1))}


class Training:
    """What trials and trainings are here: waiting, and a note of where."""

    def __init__(self, notes: Path) -> None:
        self.notes = notes

    def training(self, plan: Plan, index: int) -> int:
        """The training of a seed."""
        return index

    def errors(self, training: int) -> tuple[float, dict[str, Any]]:
        """Of one training."""
        note(self.notes)
        return 0.1 + training / 100, {}


def note(notes: Path) -> None:
    """Leave a file that says where this runs."""
    (notes / f"{time.time_ns()}-{os.getpid()}").write_text(here())
    deadline = time.monotonic() + 60  # so that the first process does not do all the work before the second has started
    while len(set(read(notes))) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(SECONDS)


def read(notes: Path) -> list[str]:
    """Nodes, in the order in which they were noted."""
    return [text for path in sorted(notes.iterdir()) if (text := path.read_text())]  # empty: about to be written


def call(notes: Path, value: int) -> int:
    """A function that trains."""
    Training(notes).errors(value)
    return value * value


def space(trial: Any, ranges: Ranges) -> Plan:
    """Plans that differ."""
    return Plan(Recipe(rate=trial.suggest_float("rate", 1e-3, 1e-2), epochs=3))


def shards(folder: Path, notes: Path) -> Any:
    """Twelve shards: are all of them what they should be?"""
    data = generate(Noted(notes), [1, 2], 60, folder / "data", shard_rows=5, actors=2)
    wanted = [encode(Noted(), [1, 2], k, 5).to_pybytes() for k in range(12)]
    return data.rows == 60 and [path.read_bytes() for path in sorted((folder / "data").glob("*.arrow"))] == wanted


def trials(folder: Path, notes: Path) -> Any:
    """A search of twelve trials: the numbers of those that are complete."""
    drawn, sampling = Space(Plan, space, Ranges()), Sampling(3, Role.BASELINE_SAMPLER)
    search = Search(storage(folder / "journal"), "baseline", drawn, SearchBudget(12, 1), sampling)
    RayExecutor(2, folder / "tune").explore(search, Training(notes))
    return [trial.number for trial in search.records() if trial.state == "complete"]


def trainings(folder: Path, notes: Path) -> Any:
    """Nine trainings of a confirmation: the keys that came back."""
    jobs = {k: (measure, (Training(notes), k)) for k in range(9)}
    return sorted(key for key, _ in RayExecutor(2, folder / "tune").run(jobs))


def functions(folder: Path, notes: Path) -> Any:
    """Nine source networks, as it were."""
    found = dict(RayExecutor(2, folder / "tune").run({k: (call, (notes, k)) for k in range(9)}))
    return [found[k] for k in range(9)]


def with_a_death(cluster: Cluster, job: Callable[[Path, Path], Any], place: Path) -> dict[str, Any]:
    """Do a job, and kill a machine that works on it while it is under way; afterwards there are two again."""
    notes = place / "notes"
    notes.mkdir(parents=True)
    began = time.monotonic()
    died: list[int] = []

    def kill() -> None:
        while len(set(read(notes))) < 2:
            time.sleep(0.05)
        died.append(len(read(notes)))
        cluster.remove_node(sorted(cluster.worker_nodes, key=lambda node: node.node_id)[0], allow_graceful=False)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    came = job(place, notes)
    killer.join(10)
    found = {"came": came, "nodes": len(set(read(notes))), "noted": len(read(notes)), "died_after": died}
    cluster.add_node(num_cpus=1)
    return found | {"seconds": round(time.monotonic() - began, 1)}


def refused(folder: Path, *arguments: str, **environment: str) -> list[Any]:
    """A search that asks for too much, or comes with another token: its exit code and what it says."""
    command = [sys.executable, "-P", "-m", "graft", "run", "calibration", "--out", str(folder / "refused"), *arguments]
    ended = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    return [ended.returncode, ended.stderr]


def main(folder: Path) -> Iterator[tuple[str, Any]]:
    """Each job, one after the other."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        cluster.add_node(num_cpus=1)
        cluster.add_node(num_cpus=1)
        os.environ["RAY_ADDRESS"] = cluster.address
        there = resources()
        yield "preflight", [there.cpus, there.nodes, possible(None, "cpu", folder, 1), agreed(folder)]
        yield "refused", [refused(folder, "--workers", "77"), refused(folder, RAY_AUTH_TOKEN="f" * 64)]
        ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
        yield "doctor", [[node.cpus, node.problem, node.sees] for node in nodes(ray, folder)]
        for job in (shards, trials, trainings, functions):
            yield job.__name__, with_a_death(cluster, job, folder / job.__name__)
    finally:
        ray.shutdown()
        cluster.shutdown()


if __name__ == "__main__":
    came = {}
    for job, result in main(Path(sys.argv[1])):
        came[job] = result
        (Path(sys.argv[1]) / "came.json").write_text(json.dumps(came))
