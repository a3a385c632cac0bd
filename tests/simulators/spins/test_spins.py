"""Models of spins: energies against a literal sum over bonds, symmetries, names, and what is refused."""

import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graft.simulators.registry import LATTICES, lattice
from graft.simulators.spins.models import EdwardsAnderson, Ising, Potts
from graft.spaces.errors import InputError

MODELS = [
    Ising((4, 6)),
    Ising((5,), J=-0.5),
    Ising((3, 3), periodic=False),
    Ising((2, 3, 4), J=2.0),
    Potts((3, 4), 3),
    Potts((4, 4), 5, J=0.7),
    Potts((3, 3, 2), 4, "delta", periodic=False),
    EdwardsAnderson.gaussian((4, 3), 1),
    EdwardsAnderson.signs((5, 5), 2, periodic=False),
]
EVERY = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)


def literal(model, state):
    """-sum of J times interaction, bond by bond, with the interaction from its definition."""

    def interaction(a, b):
        if not isinstance(model, Potts):
            return int(a) * int(b)
        return float(a == b) if model.form == "delta" else np.cos(2 * np.pi * (int(a) - int(b)) / model.q)

    total = 0.0
    for place in itertools.product(*map(range, model.shape)):
        for axis, length in enumerate(model.shape):
            after = list(place)
            after[axis] += 1
            if after[axis] == length and not model.periodic:
                continue
            after[axis] %= length
            if isinstance(model, EdwardsAnderson):
                J = (model.vertical, model.horizontal)[axis][place]
            else:
                J = model.J
            total -= J * interaction(state[place], state[tuple(after)])
    return total


def drawn(model, seed, n):
    return model.states(np.random.default_rng(seed).integers(model.q, size=(n, *model.shape)))


@EVERY
@given(seed=st.integers(0, 2**32))
def test_energy_is_the_sum_over_bonds(model, seed):
    states = drawn(model, seed, 3)
    np.testing.assert_allclose(model.energy(states), [literal(model, one) for one in states], atol=1e-12)
    assert model.energy(states[0]) == model.energy(states)[0] and model.energy(states[:0]).shape == (0,)


@EVERY
@given(seed=st.integers(0, 2**32), data=st.data())
def test_the_neighbours_of_a_site_give_the_change_of_energy(model, seed, data):
    states = drawn(model, seed, 4)
    site = data.draw(st.integers(0, model.sites - 1))
    values = np.random.default_rng(seed).choice(model.alphabet, 4)
    after = states.copy()
    place = np.unravel_index(site, model.shape)
    after[(slice(None), *place)] = values
    flat, new = model.index(states).reshape(4, -1), model.index(after)[(slice(None), *place)]
    gain = model.interaction[new] - model.interaction[flat[:, site]]
    change = (
        -np.take_along_axis(gain, flat[:, model.bonds.neighbours[site]].astype(int), 1) @ model.bonds.couplings[site]
    )
    np.testing.assert_allclose(change, model.energy(after) - model.energy(states), atol=1e-12)


@EVERY
@given(seed=st.integers(0, 2**32))
def test_an_index_and_its_states_are_one(model, seed):
    states = drawn(model, seed, 2)
    index = model.index(states)
    assert (states.dtype, index.dtype) == (np.int8, np.uint8) and index.max() < model.q
    np.testing.assert_array_equal(model.states(index), states)
    np.testing.assert_array_equal(model.index(states.astype(np.int64)), index)


@EVERY
@given(seed=st.integers(0, 2**32))
def test_symmetries_leave_the_energy(model, seed):
    states = drawn(model, seed, 3)
    index = model.index(states).astype(int)
    rng = np.random.default_rng(seed)
    axis = int(rng.integers(len(model.shape))) + 1
    colours = rng.permutation(model.q)
    if isinstance(model, Potts) and model.form == "clock":
        colours = (rng.integers(model.q) + rng.choice([-1, 1]) * np.arange(model.q)) % model.q
    images = {
        "translations": np.roll(states, rng.integers(9), axis),
        "reflections": np.flip(states, axis),
        "rotations": np.rot90(states, axes=(1, 2)) if "rotations" in model.symmetries else states,
        "colours": model.states(colours[index]),
    }
    for symmetry in model.symmetries:
        np.testing.assert_allclose(model.energy(images[symmetry]), model.energy(states), atol=1e-12, err_msg=symmetry)


@EVERY
def test_a_model_is_one_with_its_copy_and_its_name(model):
    copy = pickle.loads(pickle.dumps(model))
    assert copy == model and hash(copy) == hash(model) and len({*MODELS, copy}) == len(MODELS)
    opened = lattice(model.name)
    assert opened == model and type(opened) is type(model)
    states = drawn(model, 0, 3)
    np.testing.assert_array_equal(opened.energy(states), model.energy(states))


def test_energies_that_are_known():
    up = np.ones((8, 8), np.int8)
    board = np.indices((8, 8)).sum(0) % 2 * 2 - 1
    assert Ising((8, 8)).energy(up) == -128 and Ising((8, 8)).energy(board) == 128
    assert Potts((8, 8), 3).energy(up) == pytest.approx(-128) and Potts((8, 8), 3, "delta").energy(up) == -128
    assert Ising((8, 8), periodic=False).energy(up) == -112


@given(seed=st.integers(0, 2**32))
def test_clock_and_delta_form_of_three_colours(seed):
    # The identity of the authors' code: E_clock = 64 + 1.5 E_delta on 8x8.
    states = drawn(Potts((8, 8), 3), seed, 5)
    expected = 64 + 1.5 * Potts((8, 8), 3, "delta").energy(states)
    np.testing.assert_allclose(Potts((8, 8), 3).energy(states), expected, atol=1e-10)


def test_couplings_of_a_seed():
    rng = np.random.default_rng(7)
    horizontal, vertical = rng.standard_normal((4, 5)), rng.standard_normal((4, 5))
    model, same = EdwardsAnderson.gaussian((4, 5), 7), EdwardsAnderson(horizontal, vertical)
    np.testing.assert_array_equal(model.horizontal, horizontal)
    np.testing.assert_array_equal(model.vertical, vertical)
    assert model.name == "glass-4x5-7" and same.name.startswith("couplings-4x5-") and not model.uniform
    assert same == EdwardsAnderson(horizontal.tolist(), vertical) != EdwardsAnderson(vertical, horizontal)
    assert set(np.unique(EdwardsAnderson.signs((9, 9), 0).vertical)) == {-1, 1}
    with pytest.raises(ValueError, match="read-only"):
        model.horizontal[0, 0] = 1


@pytest.mark.parametrize("name", LATTICES)
def test_names(name):
    assert lattice(name).name == name and lattice(f"{name}-open").periodic is False


def test_a_coupling_has_one_name_however_it_is_written():
    assert Ising((4, 4), J=2).name == Ising((4, 4), J=2.0).name == lattice("ising-J2-4x4").name == "ising-J2.0-4x4"
    assert lattice("ising-J-0.5-4x4").name == "ising-J-0.5-4x4"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("isin-8x8", "did you mean 'ising-8x8'"),
        ("ising-8x8-3", "unknown lattice"),
        ("glass-8x8", "did you mean 'glass-8x8-0'"),
        ("potts1-8x8", "q is 1; allowed: a whole number of at least 2"),
        ("ising-8x8x8x8", "allowed: 1 to 3 lengths"),
        ("ising-1x8", "length of the lattice is 1; allowed"),
        ("ising-9999x9999", "at most 16777216 sites"),
        ("glass-8-0", r"allowed: \(rows, columns\)"),
        ("ising-J.-8x8", "unknown lattice"),
        ("", "unknown lattice"),
    ],
)
def test_names_of_nothing_are_refused(name, message):
    with pytest.raises(InputError, match=message) as refused:
        lattice(name)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Ising((8, 8.0)), "length of the lattice is 8.0"),
        (lambda: Ising((8, 8), J=float("nan")), "J is nan"),
        (lambda: Potts((8, 8), 3, "cloc"), "did you mean 'clock'"),
        (lambda: EdwardsAnderson([[1.0, 2.0], [1.0]], [[1.0], [2.0]]), "horizontal couplings are not a rectangle"),
        (lambda: EdwardsAnderson(np.ones((4, 4)), np.ones((4, 3))), "one shape for both"),
        (lambda: EdwardsAnderson(np.ones((4, 4)), np.full((4, 4), np.inf)), "vertical couplings .* finite"),
        (lambda: Ising((2, 2)).energy(np.zeros((5, 2, 2), int)), r"entry \[0, 0, 0\] .* is 0; allowed: -1, 1"),
        (lambda: Ising((2, 2)).energy(np.full((2, 2), 257)), "is 257; allowed: -1, 1"),
        (lambda: Potts((2, 2), 3).index([[0, 1], [2, 3]]), r"entry \[1, 1\] .* is 3; allowed: 0, 1, 2"),
        (lambda: Ising((2, 3)).energy(np.ones((3, 2))), r"float64 of shape \(3, 2\); allowed: whole numbers of shape"),
        (lambda: Ising((2, 2)).states([0, 2]), "reach from 0 to 2; allowed: 0 to 1"),
        (lambda: Ising((2, 2)).energy(np.full((2, 2), 255)), "is 255; allowed: -1, 1"),
    ],
)
def test_bad_input_is_refused(make, message):
    with pytest.raises(InputError, match=message) as refused:
        make()
    assert "\n" not in str(refused.value)
