"""Data sets that lie elsewhere: in an S3 store on the loopback (moto), and in pyarrow's local file system."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import ray
import scenarios
from pyarrow import fs
from scenarios import Doubling

from graft.simulators.data.dataset import DamagedShard, Dataset, damaged
from graft.simulators.data.manifest import DamagedManifest, Manifest
from graft.simulators.data.shards import generate, write_shard
from graft.simulators.data.storage import Storage, inside, link, reach
from graft.spaces.errors import InputError

SEED = (7, 11)
ray.cloudpickle.register_pickle_by_value(scenarios)


def answers(port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a bucket on a server of its own, to be completed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    told = tmp_path_factory.mktemp("moto") / "log"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with told.open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    while not answers(port):
        assert server.poll() is None, told.read_text()
        time.sleep(0.1)
    options = {"endpoint_override": f"127.0.0.1:{port}", "scheme": "http", "region": "us-east-1"}
    fs.S3FileSystem(allow_bucket_creation=True, **options).create_dir("shards")
    yield "s3://shards/{}?" + "&".join(f"{key}={value}" for key, value in options.items())
    server.kill()
    server.wait()


@pytest.fixture(params=["file", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of an empty place."""
    if request.param == "file":
        return f"file://{tmp_path}/store"
    return str(request.getfixturevalue("s3")).format(tmp_path.name)


def written(where: str | Path) -> str | Path:
    """A data set of 25 rows in three shards, without Ray."""
    Storage(where).make()
    found = Manifest.of(Doubling(), SEED, 10)
    for k, rows in enumerate((10, 10, 5)):
        found = found.including(write_shard(Doubling(), SEED, k, rows, where))
    found.write(Storage(where))
    return where


def changed(where: str, name: str) -> None:
    """Flip a bit, behind everyone's back."""
    data = bytearray(Storage(where).read(name))
    data[len(data) // 2] ^= 4
    Storage(where).write(name, bytes(data))


def test_a_data_set_elsewhere_is_the_one_here(store: str, tmp_path: Path) -> None:
    here, there = Dataset.open(written(tmp_path / "here")), Dataset.open(written(store))
    assert here.digest == there.digest and there.rows == 25
    np.testing.assert_array_equal(here.inputs(), there.inputs())
    for name in ("manifest.json", "shard-00002.arrow"):
        assert Storage(store).read(name) == (tmp_path / "here" / name).read_bytes()


def test_actors_write_what_is_missing_there_and_no_more(store: str, tmp_path: Path, ray_actors: object) -> None:
    generate(Doubling(), SEED, 25, tmp_path / "here", shard_rows=10)
    found = generate(Doubling(), SEED, 25, store, shard_rows=10)
    assert found.digest == Dataset.open(tmp_path / "here").digest
    changed(store, "shard-00001.arrow")
    assert damaged(store) == [1]
    with pytest.raises(DamagedShard, match="shard-00001.arrow is missing or damaged"):
        Dataset.open(store)
    asked: list[tuple[int, int]] = []
    again = generate(Doubling(), SEED, 25, store, shard_rows=10, progress=lambda *step: asked.append(step))
    assert asked == [(15, 25), (25, 25)] and again.digest == found.digest
    changed(store, "manifest.json")
    with pytest.raises(DamagedManifest, match="manifest.json is damaged"):
        Dataset.open(store)
    with pytest.raises(InputError, match=r"holds doubling \(version 1, seed \[7, 11\], 10 rows a shard\), not"):
        generate(Doubling(), SEED, 25, generate(Doubling(), SEED, 25, store, shard_rows=10).folder, shard_rows=5)


def test_a_file_in_a_folder_says_where_the_data_lie(store: str, tmp_path: Path) -> None:
    written(store)
    link(tmp_path / "run" / "data" / "pool", store)
    link(tmp_path / "run" / "data" / "pool", "s3://elsewhere/pool")  # what is there stays
    assert str(Storage(tmp_path / "run" / "data" / "pool")) == store
    assert Dataset.open(tmp_path / "run" / "data" / "pool").digest == Dataset.open(store).digest
    assert Storage(tmp_path).path == tmp_path and Storage(tmp_path / "none").read("manifest.json") is None


@pytest.mark.parametrize("where", ["{}", "file://{}"])
def test_files_of_this_machine_are_mapped(where: str, tmp_path: Path) -> None:
    found = Storage(where.format(tmp_path))
    found.write("one", b"x" * 100_000)
    data = found.read("one")
    assert data is not None and str(tmp_path / "one") in Path("/proc/self/maps").read_text()
    found.write("one", b"y")
    assert data.to_pybytes() == b"x" * 100_000 and found.read("one") == b"y"  # what is mapped stays


def test_a_folder_inside_keeps_the_options() -> None:
    assert inside("s3://b/x/?region=r&scheme=http", "id", "pool") == "s3://b/x/id/pool?region=r&scheme=http"
    assert inside("gs://b", "id") == "gs://b/id"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("/nfs/x", "/nfs/x is no address of a store; allowed: s3://"),
        ("ftp://host/x", "ftp://host/x is no address of a store; allowed: s3://"),
        ("s3://ada:secret@bucket/x", "the address of the store at bucket holds a password; allowed: credentials in"),
        ("s3://127.0.0.1/x?nonsense=1", "cannot be opened"),
        ("s3://b/x?endpoint_override=127.0.0.1:1&scheme=http&region=r", "no store answers at s3://b/x; allowed"),
    ],
)
def test_what_is_no_store_is_refused(address: str, said: str) -> None:
    with pytest.raises(InputError) as refused:
        reach(address)
    assert said in str(refused.value) and "secret" not in str(refused.value) and "\n" not in str(refused.value)


def test_a_store_that_cannot_be_written_is_named(s3: str) -> None:
    with pytest.raises(OSError, match="cannot write s3://none/x/manifest.json: "):
        Manifest.of(Doubling(), SEED, 10).write(Storage(s3.format("x").replace("s3://shards", "s3://none")))
