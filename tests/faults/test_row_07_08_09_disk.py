"""Shards that are cut off (row 7) or changed (row 8), and disks that are full (row 9).

Every byte and every length is tried in tests/simulators/test_dataset.py. Full disks are small tmpfs where this process
may mount one, and everywhere a limit on the size of files.
"""

import os
import resource
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import deadly
import pytest
import ray
from deadly import Mortal, Squares
from searches import finish, mlflow_states, said, start, waited

from graft.search.engine.budget import SearchBudget
from graft.search.engine.executor import LocalExecutor
from graft.search.engine.journal import storage
from graft.search.engine.sampler import Sampling
from graft.search.engine.search import Search, Space
from graft.search.run.evidence import Entry, Evidence
from graft.search.run.seeds import Role
from graft.simulators.data.dataset import DamagedShard, Dataset
from graft.simulators.data.manifest import DamagedManifest
from graft.simulators.data.shards import generate
from graft.spaces import baseline
from graft.spaces.plan import Plan, Recipe
from graft.spaces.ranges import Ranges

SEED = (7, 11)
ray.cloudpickle.register_pickle_by_value(deadly)


@pytest.fixture(scope="module")
def whole(ray_session: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    generate(Squares(), SEED, 35, folder, shard_rows=10)
    return folder


@pytest.mark.parametrize("harm", ["row_07_cut_off", "row_08_changed", "row_08_changed_manifest"])
def test_damage_is_refused_by_name_and_generated_again(harm: str, whole: Path, draw: Random) -> None:
    name = "manifest.json" if "manifest" in harm else f"shard-0000{draw.randrange(4)}.arrow"
    before = {path.name: path.read_bytes() for path in whole.iterdir()}
    data, place = before[name], draw.randrange(len(before[name]))
    changed = data[:place] + bytes([data[place] ^ 1 << draw.randrange(8)]) + data[place + 1 :]
    (whole / name).write_bytes(data[:place] if "cut" in harm else changed)
    with pytest.raises((DamagedShard, DamagedManifest), match=f"{name} is .*damaged"):
        Dataset.open(whole)
    generate(Squares(), SEED, 35, whole, shard_rows=10)
    assert {path.name: path.read_bytes() for path in whole.iterdir()} == before


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """No file may grow beyond so many bytes: a full disk that needs no rights."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def begin(folder: Path) -> Search:
    start = Recipe(rate=5e-3, batch=8, epochs=3)
    return Search(
        storage(folder / "optuna.journal"),
        "baseline",
        Space(Plan, partial(baseline.suggest, start=start), Ranges(batch=(4, 16), epochs=(2, 5))),
        SearchBudget(8, 2),
        Sampling(0, Role.BASELINE_SAMPLER),
    )


def test_row_09_a_search_whose_journal_cannot_grow_goes_on_when_it_can(tmp_path: Path, draw: Random) -> None:
    task = Mortal(tmp_path, seconds=0)
    for name in ("whole", "full"):
        (tmp_path / name).mkdir()
    LocalExecutor().explore(begin(tmp_path / "whole"), task)
    expected = begin(tmp_path / "whole").records()
    size = (tmp_path / "whole" / "optuna.journal").stat().st_size
    with files_up_to(draw.randrange(size - 1)), pytest.raises(OSError, match="File too large"):
        LocalExecutor().explore(begin(tmp_path / "full"), task)
    again = begin(tmp_path / "full")
    LocalExecutor().explore(again, task)
    assert again.records() == expected


def test_row_09_evidence_that_cannot_be_written_is_no_evidence(tmp_path: Path, draw: Random) -> None:
    path = tmp_path / "confirmation.jsonl"
    Evidence(path).add("direct/0", Entry(error=0.1))
    with files_up_to(path.stat().st_size + draw.randrange(30)), pytest.raises(OSError, match="File too large"):
        Evidence(path).add("direct/1", Entry(error=0.2))
    assert list(Evidence(path).done) == ["direct/0"]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own; ``resized`` changes its size."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("this process may not mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def resized(disk: Path, size: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", disk], check=True)


def test_row_09_shards_on_a_disk_that_fills_up(ray_session: Any, disk: Path, draw: Random) -> None:
    resized(disk, draw.randrange(50_000, 1_500_000))  # of the 1.6 MB that are needed
    with pytest.raises((RuntimeError, OSError), match=f"cannot write {disk}/data/.*No space left") as failure:
        generate(Squares(), SEED, 2000, disk / "data", shard_rows=200)
    assert "\n" not in str(failure.value)
    assert not list((disk / "data").glob(".*"))
    resized(disk, 4_000_000)
    assert generate(Squares(), SEED, 2000, disk / "data", shard_rows=200).rows == 2000


@pytest.mark.slow
def test_row_09_a_search_on_a_disk_that_fills_up(undisturbed: tuple[Path, float], disk: Path, draw: Random) -> None:
    out = disk / "run"
    process = start(out)
    waited(out, "run-id", process)
    time.sleep(draw.uniform(0, 0.8 * undisturbed[1]))
    full = process.poll() is None
    with (disk / "filler").open("wb", buffering=0) as filler:  # somebody else's
        for piece in (1 << 20, 1):
            try:
                while filler.write(bytes(piece)) == piece:
                    pass
            except OSError:
                pass
    code = process.wait(600)
    os.unlink(disk / "filler")
    assert code == (1 if full else 0)
    assert not [path for path in out.rglob("*.partial")], said(out)
    finish(out)
    assert (out / "result.json").read_bytes() == (undisturbed[0] / "result.json").read_bytes()
    assert "RUNNING" not in mlflow_states(out).values()
