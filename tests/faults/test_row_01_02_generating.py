"""Generating shards: killed actors (row 1), and a shard that always kills (row 2)."""

import json
import os
import signal
import threading
import time
from pathlib import Path
from random import Random
from typing import Any

import deadly
import numpy as np
import pytest
import ray
from deadly import Careless, Slow, first_number
from searches import ROOT, said, start

from graft.simulators.base import Simulator
from graft.simulators.data.dataset import damaged
from graft.simulators.data.manifest import Manifest
from graft.simulators.data.shards import generate, write_shard

SEED = (7, 11)

# Workers do not have this folder on their path.
ray.cloudpickle.register_pickle_by_value(deadly)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def write_plainly(simulator: Simulator, rows: int, folder: Path) -> Path:
    """The literal definition of a data set, without Ray."""
    folder.mkdir()
    found = Manifest.of(simulator, SEED, 10)
    for k in range(-(-rows // 10)):
        found = found.including(write_shard(simulator, SEED, k, min(10, rows - 10 * k), folder))
    found.write(folder)
    return folder


def test_row_01_killed_actors_cost_nothing(ray_session: Any, tmp_path: Path, draw: Random) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    killed: set[int] = set()
    done = threading.Event()

    def killer() -> None:
        while not done.is_set() and len(killed) < 2:
            for pid in {int(path.name[4:]) for path in marks.glob("pid-*")} - killed:
                time.sleep(draw.uniform(0, 0.35))  # mid-shard
                os.kill(pid, signal.SIGKILL)
                killed.add(pid)
            time.sleep(0.01)

    thread = threading.Thread(target=killer)
    thread.start()
    try:
        generate(Slow(marks), SEED, 60, tmp_path / "a", shard_rows=10)
    finally:
        done.set()
        thread.join()
    assert len(killed) >= 2 and len(list(marks.iterdir())) >= 3  # others took over
    assert contents(tmp_path / "a") == contents(write_plainly(Slow(marks), 60, tmp_path / "b"))


def test_row_02_a_shard_that_always_kills_is_named_and_the_others_finish(
    ray_session: Any, tmp_path: Path, draw: Random
) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    seed = (draw.randrange(2**32), 11)
    numbers = [first_number(seed, k) for k in range(4)]
    worst = int(np.argmin(numbers))
    level = float(np.mean(sorted(numbers)[:2]))
    with pytest.raises(
        RuntimeError, match=rf"shard {worst} of careless, seed \[{seed[0]}, 11, {worst}\], killed .* 3 "
    ):
        generate(Careless(marks, level, 99), seed, 40, tmp_path / "a", shard_rows=10)
    assert len(list(marks.iterdir())) == 3
    listed = json.loads((tmp_path / "a" / "manifest.json").read_text())["shards"]
    assert {shard["number"] for shard in listed} == {0, 1, 2, 3} - {worst}
    # Once the cause is gone, the rest is done.
    generate(Careless(marks, level, 0), seed, 40, tmp_path / "a", shard_rows=10)
    assert damaged(tmp_path / "a") == []


@pytest.mark.slow
def test_row_02_the_command_fails_and_names_shard_and_seed(tmp_path: Path) -> None:
    out = tmp_path / "run"
    settings = ("source=deadly:Fatal", "target=deadly:Squares")
    path = os.pathsep.join([str(Path(__file__).parent), str(ROOT)])
    assert start(out, 1, settings=settings, PYTHONPATH=path).wait(600) == 1
    assert "shard 0 of fatal, seed [0, " in said(out) and "killed its worker 3 times" in said(out)
    assert not list(out.glob("data/**/*.partial"))
