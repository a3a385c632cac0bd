"""Reading: no byte can change unseen, and nothing is copied without need."""

import hashlib

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenarios import Coins, Doubling

from graft.simulators.data.dataset import DamagedShard, Dataset, damaged
from graft.simulators.data.manifest import DamagedManifest, Manifest
from graft.simulators.data.shards import write_shard
from graft.spaces.errors import InputError

SEED = (3, 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return written(tmp_path_factory.mktemp("data"), Doubling(), 25)


def written(place, simulator, rows, shard_rows=10):
    found = Manifest.of(simulator, SEED, shard_rows)
    for k in range(-(-rows // shard_rows)):
        found = found.including(write_shard(simulator, SEED, k, min(shard_rows, rows - k * shard_rows), place))
    found.write(place)
    return place


def restored(path, data):
    """Write data, in the middle of a test that puts it back."""
    before = path.read_bytes()
    path.write_bytes(data)
    return before


def test_rows_are_what_the_simulator_drew(folder):
    data = Dataset.open(folder)
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([*SEED, 1])))
    expected = Doubling().draw(10, rng)
    np.testing.assert_array_equal(data.inputs()[10:20], expected["x"].astype(np.float32))
    np.testing.assert_array_equal(data.outputs()[10:20], expected["y"].astype(np.float32))
    assert data.rows == 25 and data.inputs().shape == (25, 2) and data.inputs().dtype == np.float32


def test_one_shard_is_a_view_of_the_file(folder):
    data = Dataset.open(folder, 10)
    view = data.outputs()
    assert not view.flags.owndata and not view.flags.writeable
    assert np.shares_memory(view, data.outputs()) and np.shares_memory(view, Dataset.outputs(data)[3:5])
    before = pa.total_allocated_bytes()
    kept = [Dataset.open(folder, 10) for _ in range(3)]
    assert pa.total_allocated_bytes() == before and len(kept) == 3  # mapped, not read
    assert Dataset.open(folder, 11).outputs().flags.writeable  # two shards: a copy


@given(st.integers(1, 25))
def test_first_rows(folder, rows):
    data = Dataset.open(folder, rows)
    assert data.rows == rows
    np.testing.assert_array_equal(data.inputs(), Dataset.open(folder).inputs()[:rows])


def test_columns_lie_side_by_side(tmp_path):
    class Three(Coins):
        schema = pa.schema([*Coins.schema, Coins.schema.field("bias").with_name("second")])
        answer = staticmethod(
            lambda n: {"bias": np.ones((n, 1)), "count": np.ones((n, 2, 3)), "second": np.zeros((n, 1))}
        )

    data = Dataset.open(written(tmp_path, Three(), 4))
    assert data.inputs().tolist() == [[1, 0]] * 4
    assert data.outputs().shape == (4, 6) and data.column("count").shape == (4, 2, 3)


@given(st.integers(0, 2), st.floats(0, 1, exclude_max=True), st.integers(1, 255))
def test_every_changed_byte_of_a_shard_is_seen(folder, number, place, flip):
    path = folder / f"shard-0000{number}.arrow"
    data = bytearray(path.read_bytes())
    data[int(place * len(data))] ^= flip
    before = restored(path, bytes(data))
    try:
        assert damaged(folder) == [number]
        with pytest.raises(DamagedShard, match=path.name):
            Dataset.open(folder)
    finally:
        path.write_bytes(before)


@given(st.floats(0, 1, exclude_max=True))
def test_every_truncation_of_a_shard_is_seen(folder, place):
    path = folder / "shard-00002.arrow"
    data = path.read_bytes()
    before = restored(path, data[: int(place * len(data))])
    try:
        assert damaged(folder) == [2]
        with pytest.raises(DamagedShard, match=path.name):
            Dataset.open(folder)
    finally:
        path.write_bytes(before)


def test_a_damaged_shard_that_is_not_wanted_is_no_hindrance(folder):
    path = folder / "shard-00002.arrow"
    before = restored(path, b"")
    try:
        assert Dataset.open(folder, 20).rows == 20
    finally:
        path.write_bytes(before)


def test_every_changed_byte_of_a_manifest_is_seen(folder):
    whole = (folder / "manifest.json").read_bytes()
    assert Manifest.decode(whole).encode() == whole
    for place in range(len(whole)):
        for flip in (1, 32, 128):
            with pytest.raises(DamagedManifest):
                Manifest.decode(whole[:place] + bytes([whole[place] ^ flip]) + whole[place + 1 :])


def test_every_truncation_of_a_manifest_is_seen(folder):
    whole = (folder / "manifest.json").read_bytes()
    for length in range(len(whole)):
        with pytest.raises(DamagedManifest):
            Manifest.decode(whole[:length])


@given(st.binary(max_size=60) | st.sampled_from([b"[]", b"{}", b"null", b'{"sha256": 1}', b"[" * 100_000]))
def test_no_bytes_at_all_pass_for_a_manifest(data):
    with pytest.raises(DamagedManifest):
        Manifest.decode(data)


def test_digest_is_that_of_the_manifest(folder):
    assert Dataset.open(folder).digest == hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()


def test_what_cannot_be_opened_is_refused(folder, tmp_path):
    with pytest.raises(InputError, match="holds no data set"):
        Dataset.open(tmp_path)
    with pytest.raises(InputError, match="rows is 26; allowed: at most the 25 rows"):
        Dataset.open(folder, 26)
    with pytest.raises(InputError, match="rows is 0"):
        Dataset.open(folder, 0)
    with pytest.raises(InputError, match="unknown column 'z'"):
        Dataset.open(folder).column("z")
