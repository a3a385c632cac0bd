"""Generation: the same bytes whoever writes them. What dies meanwhile is in tests/faults."""

import errno
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import ray
import scenarios
from scenarios import Broken, Doubling

from graft.simulators.data import durable
from graft.simulators.data.dataset import Dataset, damaged
from graft.simulators.data.manifest import Manifest
from graft.simulators.data.shards import encode, generate, write_shard
from graft.simulators.registry import find
from graft.spaces.errors import InputError

SEED = (7, 11)

# Workers do not have this folder on their path.
ray.cloudpickle.register_pickle_by_value(scenarios)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def write_plainly(simulator, seed, rows, folder, shard_rows):
    """The literal definition of a data set, without Ray."""
    folder.mkdir()
    found = Manifest.of(simulator, seed, shard_rows)
    for k in range(-(-rows // shard_rows)):
        found = found.including(write_shard(simulator, seed, k, min(shard_rows, rows - k * shard_rows), folder))
    found.write(folder)
    return folder


@pytest.mark.parametrize("actors", [1, 2])
def test_bytes_do_not_depend_on_who_writes(ray_actors, tmp_path, actors):
    film = find("film-3")
    plain = write_plainly(film, SEED, 170, tmp_path / "plain", 50)
    reports = []
    data = generate(
        film, SEED, 170, tmp_path / "ray", shard_rows=50, actors=actors, progress=lambda *step: reports.append(step)
    )
    assert contents(tmp_path / "ray") == contents(plain)
    assert data.rows == 170
    assert reports[0] == (0, 170) and reports[-1] == (170, 170) and reports == sorted(reports) and len(reports) == 5


def test_bytes_do_not_depend_on_process_or_time_zone(tmp_path):
    code = (
        "import hashlib; from graft.simulators.registry import find; from graft.simulators.data.shards import encode;"
        "print(hashlib.sha256(encode(find('film-8'), [7, 11], 3, 40)).hexdigest())"
    )
    root = Path(__file__).parents[3]
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"TZ": zone, "PYTHONHASHSEED": zone[-1], "PYTHONPATH": str(root)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for zone in ("Etc/GMT+5", "Etc/GMT-9")
    }
    assert len(found) == 1


def test_shards_differ_in_seed_and_number():
    shards = {bytes(encode(Doubling(), seed, k, 5)) for seed in ([1], [2], [1, 1]) for k in (0, 1, 2)}
    assert len(shards) == 9


def test_growth_keeps_full_shards(ray_actors, tmp_path):
    small = generate(Doubling(), SEED, 25, tmp_path / "a", shard_rows=10)
    few, before = small.inputs().copy(), {p.name: p.stat().st_ino for p in (tmp_path / "a").glob("*.arrow")}
    large = generate(Doubling(), SEED, 40, tmp_path / "a", shard_rows=10)
    after = {p.name: p.stat().st_ino for p in (tmp_path / "a").glob("*.arrow")}
    assert [before[name] == after[name] for name in sorted(before)] == [True, True, False]
    np.testing.assert_array_equal(large.inputs()[:25], few)
    assert contents(tmp_path / "a") == contents(write_plainly(Doubling(), SEED, 40, tmp_path / "b", 10))
    np.testing.assert_array_equal(small.inputs(), few)  # a reader keeps what it has mapped


def test_what_is_there_needs_no_ray(tmp_path, monkeypatch):
    folder = write_plainly(Doubling(), SEED, 30, tmp_path / "a", 10)
    before = contents(folder)
    monkeypatch.setitem(sys.modules, "ray", None)  # importing it now fails
    assert generate(Doubling(), SEED, 30, folder, shard_rows=10).rows == 30
    fewer = generate(Doubling(), SEED, 13, folder, shard_rows=10)
    np.testing.assert_array_equal(fewer.inputs(), Dataset.open(folder).inputs()[:13])
    assert contents(folder) == before


@pytest.mark.parametrize(
    ("simulator", "seed", "shard_rows"), [("film-2", SEED, 10), ("film-3", (7, 12), 10), ("film-3", SEED, 11)]
)
def test_a_folder_of_something_else_is_refused(tmp_path, simulator, seed, shard_rows):
    folder = write_plainly(find("film-3"), SEED, 10, tmp_path / "a", 10)
    before = contents(folder)
    with pytest.raises(
        InputError, match="holds film-3 .version 1, seed .7, 11., 10 rows a shard., not film-"
    ) as refused:
        generate(find(simulator), seed, 10, folder, shard_rows=shard_rows)
    assert "\n" not in str(refused.value) and contents(folder) == before


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"rows": 0}, "rows"),
        ({"shard_rows": 1.5}, "shard_rows"),
        ({"actors": -1}, "actors"),
        ({"seed": [-1]}, "seed"),
        ({"seed": [2**32]}, "seed"),
    ],
)
def test_bad_arguments_are_refused(tmp_path, change, field):
    arguments = {"simulator": Doubling(), "seed": [1], "rows": 5, "folder": tmp_path / "a"} | change
    with pytest.raises(InputError, match=f"^{field} is"):
        generate(**arguments)
    assert not (tmp_path / "a").exists()


def test_a_name_that_leads_out_of_its_folder_is_refused(tmp_path):
    simulator = Doubling()
    simulator.name = "../../x"
    with pytest.raises(InputError, match=r"simulator.name is '\.\./\.\./x'"):
        generate(simulator, SEED, 5, tmp_path)


@pytest.mark.parametrize("harm", ["flip", "truncate", "remove"])
def test_only_damaged_shards_are_generated_again(ray_actors, tmp_path, harm):
    folder = write_plainly(Doubling(), SEED, 30, tmp_path / "a", 10)
    before = contents(folder)
    untouched = {p.name: p.stat().st_ino for p in folder.iterdir()}
    victim = folder / "shard-00001.arrow"
    whole = victim.read_bytes()
    if harm == "remove":
        victim.unlink()
    else:
        victim.write_bytes(whole[:-1] if harm == "truncate" else whole[:99] + bytes([whole[99] ^ 4]) + whole[100:])
    assert damaged(folder) == [1]
    generate(Doubling(), SEED, 30, folder, shard_rows=10)
    assert contents(folder) == before
    for name in ("shard-00000.arrow", "shard-00002.arrow"):
        assert (folder / name).stat().st_ino == untouched[name]


def test_a_damaged_manifest_is_made_again(ray_actors, tmp_path):
    folder = write_plainly(Doubling(), SEED, 30, tmp_path / "a", 10)
    before = contents(folder)
    (folder / "manifest.json").write_bytes(before["manifest.json"][:-20])
    generate(Doubling(), SEED, 30, folder, shard_rows=10)
    assert contents(folder) == before


def test_an_interrupted_run_is_taken_up(ray_actors, tmp_path):
    """A driver killed between two shards leaves a manifest of those that are done, in any order."""
    whole = write_plainly(Doubling(), SEED, 40, tmp_path / "whole", 10)
    folder = tmp_path / "a"
    folder.mkdir()
    found = Manifest.of(Doubling(), SEED, 10)
    for k in (0, 2):
        found = found.including(write_shard(Doubling(), SEED, k, 10, folder))
    found.write(folder)
    (folder / ".shard-00001.arrow.99-abcd.partial").write_bytes(b"half a shard")
    kept = {k: (folder / f"shard-0000{k}.arrow").stat().st_ino for k in (0, 2)}
    assert Dataset.open(folder).rows == 10  # what is before the first gap
    generate(Doubling(), SEED, 40, folder, shard_rows=10)
    assert contents(folder) == contents(whole)
    assert kept == {k: (folder / f"shard-0000{k}.arrow").stat().st_ino for k in (0, 2)}


def test_a_manifest_that_is_slow_to_write_is_written_less_often(ray_actors, tmp_path, monkeypatch):
    write, written = Manifest.write, []

    def slowly(self, folder):
        time.sleep(0.1)
        written.append(len(self.shards))
        write(self, folder)

    monkeypatch.setattr(Manifest, "write", slowly)
    began = time.monotonic()
    assert generate(Doubling(), SEED, 40, tmp_path / "a", shard_rows=1).rows == 40
    assert written[0] == 1 and written[-1] == 40
    assert len(written) <= 2 + (time.monotonic() - began) / 1.1


def test_a_simulator_that_raises_shows_where(ray_actors, tmp_path):
    with pytest.raises(RuntimeError, match=r"shard [01] of broken, seed \[7, 11, [01]\]") as failure:
        generate(Broken(), SEED, 20, tmp_path / "a", shard_rows=10)
    assert "the author's own mistake" in str(failure.value) and "\n" not in str(failure.value)
    assert "scenarios.py" in "".join(failure.value.__notes__)
    assert list((tmp_path / "a").iterdir()) == []


def test_a_full_disk_leaves_nothing_partial(tmp_path, monkeypatch):
    durable.write(tmp_path / "shard", b"old")

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=f"cannot write {tmp_path / 'shard'}: No space left") as failure:
        durable.write(tmp_path / "shard", b"new")
    assert failure.value.errno == errno.ENOSPC
    assert contents(tmp_path) == {"shard": b"old"}


def test_an_unwritable_folder_is_named(ray_actors, tmp_path):
    folder = tmp_path / "a"
    folder.mkdir()
    (folder / "shard-00000.arrow").mkdir()  # nothing can be renamed onto a folder
    with pytest.raises(RuntimeError, match=f"cannot write {folder}/shard-00000.arrow: Is a directory") as failure:
        generate(Doubling(), SEED, 10, folder, shard_rows=10)
    assert "\n" not in str(failure.value)
    assert [path.name for path in folder.iterdir()] == ["shard-00000.arrow"]


def test_two_writers_take_turns(tmp_path):
    order = []

    def second():
        with durable.held(tmp_path):
            order.append("second")

    with durable.held(tmp_path):
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.1)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_units_are_in_the_file(tmp_path):
    shard = write_shard(find("film-4"), SEED, 0, 3, tmp_path)
    schema = pa.ipc.open_file(str(shard.path(tmp_path))).schema
    assert schema.field("thickness").metadata[b"unit"] == b"nm"
    assert schema.field("transmittance").metadata[b"role"] == b"output"
    assert schema.field("transmittance").type == pa.fixed_shape_tensor(pa.float32(), [200])
    assert schema.metadata[b"simulator"] == b"film-4" and schema.metadata[b"shard"] == b"0"
