"""Watched states in shards and in files of one's own."""

import json

import numpy as np
import pyarrow as pa
import pytest

from graft.simulators.base import tensor_field
from graft.simulators.data.dataset import Dataset
from graft.simulators.data.manifest import Manifest
from graft.simulators.data.shards import encode, write_shard
from graft.simulators.registry import find, lattice
from graft.simulators.spins.exact import internal_energy
from graft.simulators.spins.sampling import Observations
from graft.simulators.spins.watched import Watched, observations, pack, read_states, unpack, watch
from graft.spaces.errors import InputError


def kept(watched, folder, rows, shard_rows):
    """A data set without Ray."""
    manifest = Manifest.of(watched, (1,), shard_rows)
    for k in range(-(-rows // shard_rows)):
        manifest = manifest.including(write_shard(watched, (1,), k, min(shard_rows, rows - k * shard_rows), folder))
    manifest.write(folder)
    return Dataset.open(folder)


@pytest.mark.parametrize("name", ["ising-3x5", "potts3-4x4", "ising-9", "potts2-2x2x2"])
def test_what_is_packed_comes_back(name):
    model = lattice(name)
    states = model.states(np.random.default_rng(0).integers(model.q, size=(20, *model.shape)))
    packed = pack(model, states)
    assert packed.nbytes == 20 * (-(-model.sites // 8) if model.q == 2 else model.sites)
    np.testing.assert_array_equal(unpack(model, packed), states)


def test_bits_are_sites_in_raster_order():
    model = lattice("ising-3x3")
    states = np.full((1, 3, 3), -1, np.int8)
    states[0, 1, 0] = states[0, 2, 2] = 1  # sites 3 and 8
    assert pack(model, states).tolist() == [[0b00001000, 0b00000001]]


@pytest.mark.parametrize("name", ["ising-4x4", "potts3-4x4"])
def test_shards_hold_what_was_watched(name, tmp_path):
    watched = Watched(lattice(name), 3.0)
    data = kept(watched, tmp_path, 1300, 500)
    seen = observations(data, watched)
    assert isinstance(seen, Observations) and seen.states.shape == (1300, 4, 4) and seen.states.dtype == np.int8
    assert (seen.lattice, seen.temperature) == (name, 3.0) and 600 < seen.effective <= 1300 and seen.gap >= 1
    energies = watched.model.energy(seen.states)
    assert abs(energies.mean() - internal_energy(watched.model, 3.0)) < 4 * energies.std() / np.sqrt(seen.effective)
    column = data.table.schema.field("states")
    assert column.type.value_type == (pa.uint8() if name.startswith("ising") else pa.int8())
    fields = json.loads((tmp_path / "manifest.json").read_text())["fields"]
    assert fields[0]["kind"] == str(column.type.value_type) and "kind" not in fields[1]
    # The states alone are the input of a network.
    assert data.inputs().shape == (1300, watched.inputs) and watched.outputs == 0


def test_a_shard_is_the_same_whoever_writes_it():
    watched = Watched(lattice("ising-4x4"), 2.0)
    assert encode(watched, (5,), 2, 300).equals(encode(Watched(lattice("ising-4x4"), 2.0), (5,), 2, 300))
    assert not encode(watched, (5,), 2, 300).equals(encode(watched, (5,), 3, 300))


@pytest.mark.parametrize("name", ["ising-4x4", "glass-3x3-0"])
def test_first_states_do_not_depend_on_how_many_are_watched(name):
    watched = Watched(lattice(name), 2.0)
    few, many = (watched.draw(n, np.random.default_rng(3))["states"] for n in (300, 2500))
    np.testing.assert_array_equal(few, many[:300])


def test_actors_watch(ray_actors, tmp_path):
    model = lattice("ising-4x4")
    seen = watch(model, 3.0, 900, (7,), tmp_path / "a", shard_rows=300)
    np.testing.assert_array_equal(watch(model, 3.0, 900, (7,), tmp_path / "a", shard_rows=300).states, seen.states)
    assert seen.effective <= 900 and len(list((tmp_path / "a").glob("*.arrow"))) == 3
    with pytest.raises(InputError, match=r"holds ising-4x4-T3.0 .* not ising-4x4-T4.0"):
        watch(model, 4.0, 900, (7,), tmp_path / "a", shard_rows=300)


def test_other_data_sets_are_no_states(tmp_path):
    data = kept(find("film-4"), tmp_path, 10, 10)
    with pytest.raises(InputError, match="holds film-4; allowed: ising-4x4-T2.0"):
        observations(data, Watched(lattice("ising-4x4"), 2.0))


def test_kinds_are_held_to():
    class Wrong(Watched):
        def sample(self, n, rng):
            return super().sample(n, rng) | {"states": np.zeros((n, 2), np.int64)}

    with pytest.raises(ValueError, match="ising-4x4-T2.0.states holds int64; its schema says uint8"):
        Wrong(lattice("ising-4x4"), 2.0).draw(4, np.random.default_rng(0))
    with pytest.raises(InputError, match="unknown kind of column x 'float46'"):
        tensor_field("x", 1, "input", "1", "", "float46")


def save(path, **arrays):
    np.savez(path, **arrays)
    return path


def test_a_file_of_ones_own(tmp_path):
    model, rng = lattice("ising-4x4"), np.random.default_rng(0)
    states = model.states(rng.integers(2, size=(3000, 4, 4)))
    np.save(tmp_path / "a.npy", states)
    seen = read_states(tmp_path / "a.npy", model, 2.0)
    np.testing.assert_array_equal(seen.states, states)
    assert 2500 < seen.effective <= 3000 and seen.sampler == "file"
    flat = save(tmp_path / "b.npz", states=states.reshape(3000, 16).astype(float), other=np.zeros(2))
    np.testing.assert_array_equal(read_states(flat, model, 2.0).states, states)
    # Every state stored ten times over is worth no more than once.
    np.save(tmp_path / "c.npy", np.repeat(states[:1500], 10, 0))
    again = read_states(tmp_path / "c.npy", model, 2.0)
    assert 1200 < again.effective < 1800 and again.autocorrelation_sweeps > 4
    with pytest.raises(InputError, match="allowed: at least 2000, that is about"):
        again.require(2000)


def test_a_file_in_which_a_spin_never_turns_is_worth_nothing(tmp_path):
    model, rng = lattice("ising-4x4"), np.random.default_rng(0)
    states = model.states(rng.integers(2, size=(3000, 4, 4)))
    states[:, 2, 1] = 1
    for name, frozen in (("one.npy", states), ("all.npy", np.ones((3000, 4, 4))), ("once.npy", states[:1])):
        np.save(tmp_path / name, frozen)
        assert read_states(tmp_path / name, model, 2.0).effective == 1
    with pytest.raises(InputError, match="allowed: at least 1000"):
        read_states(tmp_path / "all.npy", model, 2.0).require()


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda p: np.save(p, [[[1, -1], [1, 1]], [[1, 0], [1, 1]]]), r"row 1 .*, site \(0, 1\) is 0; allowed: -1, 1"),
        (lambda p: np.save(p, [[1.0, -1.0, 1.0, 0.5]]), r"row 0 .*, site \(1, 1\) is 0.5"),
        (lambda p: np.save(p, [[1.0, -1.0, 1.0, np.nan]]), r"site \(1, 1\) is nan"),
        (lambda p: np.save(p, np.ones((5, 3))), r"float64 of shape \(5, 3\); allowed: .* \(n, 2, 2\) or \(n, 4\)"),
        (lambda p: np.save(p, np.array([["a", "b", "c", "d"]])), "holds <U1"),
        (lambda p: np.save(p, np.ones((0, 4))), "no rows"),
        (lambda p: p.write_bytes(b"not an array"), "allowed: a .npy or .npz of plain arrays"),
        (lambda p: p.write_bytes(b""), "allowed: a .npy or .npz of plain arrays"),
        (lambda p: np.save(p, np.array([{}], object)), "none pickled"),
        (lambda p: None, "No such file"),
    ],
)
def test_files_that_are_none_are_refused(write, message, tmp_path):
    path = tmp_path / "states.npy"
    write(path)
    with pytest.raises(InputError, match=message) as refused:
        read_states(path, lattice("ising-2x2"), 2.0)
    assert "\n" not in str(refused.value) and "states.npy" in str(refused.value)


def test_an_npz_must_say_which(tmp_path):
    path = save(tmp_path / "s.npz", a=np.ones((2, 4)), b=np.ones((2, 4)))
    with pytest.raises(InputError, match="holds a, b; allowed: an array called states"):
        read_states(path, lattice("ising-2x2"), 2.0)


def test_a_temperature_of_nothing_is_refused():
    for make in (lambda: Watched(lattice("ising-4x4"), 0), lambda: read_states("a.npy", lattice("ising-4x4"), -1)):
        with pytest.raises(InputError, match="temperature is .*; allowed: a number above 0"):
            make()
