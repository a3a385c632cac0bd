"""Monte Carlo with a given energy: the Ising model's own, as a table over tiles and as a function."""

import numpy as np
import pytest
from enumeration import boltzmann, frequencies_agree, number_of
from hypothesis import given
from hypothesis import strategies as st
from ising_tiles import ising_table, own_table
from whole_states import monte_carlo

from graft.simulators.spins.exact import heat_capacity, internal_energy
from graft.simulators.spins.models import EdwardsAnderson, Ising, Potts
from graft.simulators.spins.montecarlo import FunctionWalkers, tile_monte_carlo
from graft.simulators.spins.tempering import order
from graft.simulators.spins.tiles import Tiles, TileWalkers
from graft.spaces.errors import InputError

TABLE = ising_table(2, 1)


def literal_codes(index, focus, context, q):
    """Codes as their definition says, spin by spin."""
    rows, columns = index.shape
    side, codes = focus + 2 * context, []
    for i in range(rows // focus):
        for j in range(columns // focus):
            spins = [
                int(index[(focus * i - context + a) % rows, (focus * j - context + b) % columns])
                for a in range(side)
                for b in range(side)
            ]
            codes.append(sum(spin * q**k for k, spin in enumerate(spins)))
    return codes


@given(seed=st.integers(0, 2**32), focus=st.integers(1, 2), context=st.integers(0, 1), q=st.integers(2, 3))
def test_codes_are_those_of_the_definition(seed, focus, context, q):
    side = focus + 2 * context
    if q**side**2 > 2**17:
        q = 2
    rng = np.random.default_rng(seed)
    tiles = Tiles(np.zeros(q ** (side**2)), (4, 6), focus, context, q)
    index = rng.integers(q, size=(2, 4, 6)).astype(np.uint8)
    codes = tiles.codes(index.reshape(2, -1))
    assert codes.tolist() == [literal_codes(one, focus, context, q) for one in index]
    # What one spin changes: the codes of the tiles that contain it, by its power.
    site, power = rng.integers(24), tiles.containing
    moved = index.reshape(2, -1).copy()
    new = int(rng.integers(q))
    step = new - int(moved[0, site])
    moved[0, site] = new
    expected = codes[0].copy()
    np.add.at(expected, power[0][site], step * power[1][site])
    np.testing.assert_array_equal(tiles.codes(moved)[0], expected)


@pytest.mark.parametrize("shape", [(4, 4), (8, 8), (6, 10)])
def test_a_table_of_the_ising_energy_is_the_ising_energy(shape):
    index = np.random.default_rng(0).integers(2, size=(50, *shape)).astype(np.uint8)
    tiles = Tiles(TABLE, shape, 2, 1, 2)
    np.testing.assert_allclose(tiles.energy(index), Ising(shape).energy(2 * index.astype(np.int8) - 1), atol=1e-10)


@pytest.mark.parametrize(
    ("model", "temperature"),
    [(EdwardsAnderson.gaussian((3, 3), 2), 2.0), (Potts((3, 3), 3), 2.0), (Ising((4, 3), J=-1.0), 3.0)],
    ids=lambda given: getattr(given, "name", None),
)
def test_tile_walkers_reach_boltzmanns_frequencies(model, temperature):
    tiles = Tiles(own_table(model), model.shape, 1, 1, model.q)
    walkers = TileWalkers(tiles, np.full(15_000, 1 / temperature), np.random.default_rng(1))
    walkers.advance(40)
    states = model.states(walkers.state.reshape(-1, *model.shape))
    np.testing.assert_allclose(walkers.energies(), model.energy(states), atol=1e-9)
    found = number_of(model, states)
    assert frequencies_agree(found, boltzmann(model, temperature)[1], len(found)) > 1e-3
    assert frequencies_agree(found, boltzmann(model, temperature * 1.2)[1], len(found)) < 1e-6


def test_a_negative_inverse_temperature_seeks_high_energies():
    model = Ising((4, 4))
    walkers = TileWalkers(Tiles(TABLE, (4, 4), 2, 1, 2), np.full(4000, -0.3), np.random.default_rng(0))
    walkers.advance(40)
    # On an even lattice -beta is +beta with every other spin turned.
    mean = walkers.energies().mean()
    assert abs(mean + internal_energy(model, 1 / 0.3)) < 4 * walkers.energies().std() / np.sqrt(4000)


def agrees(series, model):
    for (values, errors), exact in (
        (series.energy(), internal_energy(model, series.temperatures)),
        (series.heat_capacity(), heat_capacity(model, series.temperatures)),
    ):
        assert (np.abs(values - exact) < 4.5 * errors + 1e-9).all(), (values - exact) / errors
    assert (np.abs(series.drift()) < 4.5).all()


def test_tiles_have_the_exact_thermodynamics_on_a_larger_lattice():
    model, temperatures = Ising((8, 8)), [1.5, 1.8, 2.1, 2.27, 2.5, 3.0, 4.0]
    tiles = Tiles(TABLE, (8, 8), 2, 1, 2)
    series = tile_monte_carlo(tiles, temperatures, sweeps=1500, burn=300, rng=np.random.default_rng(0), copies=8)
    agrees(series, model)
    assert (series.energy()[1] < 0.02 * np.abs(series.energy()[0])).all()
    assert (series.exchanged > 0.1).all()
    assert series.order()[0][0] > 0.95 and series.order()[0][-1] < 0.45  # |m| across the transition
    np.testing.assert_allclose(tiles.energy(series.index.reshape(-1, 64)), series.energies[..., -1].ravel())


def test_any_energy_gives_the_same_as_a_function():
    model, temperatures = Ising((4, 4)), [1.8, 2.5, 4.0]
    series = monte_carlo(
        model.energy,
        model.shape,
        model.alphabet,
        temperatures,
        sweeps=250,
        burn=40,
        rng=np.random.default_rng(2),
        copies=40,
    )
    agrees(series, model)
    index = series.index[1]
    np.testing.assert_allclose(model.energy(model.states(index.reshape(-1, 4, 4))), series.energies[1, :, -1])
    np.testing.assert_allclose(order(index, 2), series.orders[1, :, -1])


def test_a_function_of_colours():
    model = Potts((2, 3), 3)
    walkers = FunctionWalkers(model.energy, (2, 3), (0, 1, 2), np.full(8000, 0.5), np.random.default_rng(0))
    walkers.advance(40)
    found = number_of(model, model.states(walkers.state.reshape(-1, 2, 3)))
    assert frequencies_agree(found, boltzmann(model, 2.0)[1], 8000) > 1e-3


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Tiles(TABLE, (8, 7), 2, 1, 2), "8 x 7 cannot be covered .* multiples of 2, at least 4"),
        (lambda: Tiles(TABLE, (2, 8), 2, 1, 2), "context 1; allowed: multiples of 2, at least 4"),
        (lambda: Tiles(TABLE[:-1], (8, 8), 2, 1, 2), r"shape \(65535,\); allowed: \(65536,\), or \(16, 65536\)"),
        (lambda: Tiles(np.full(2, np.nan), (8, 8), 1, 0, 2), "not finite"),
        (lambda: Tiles(TABLE, (8, 8), 2, 1, 1), "q is 1; allowed: a whole number of at least 2"),
        (
            lambda: TileWalkers(Tiles(TABLE, (8, 8), 2, 1, 2), np.array([np.inf]), np.random.default_rng(0)),
            "beta is inf",
        ),
        (
            lambda: tile_monte_carlo(
                Tiles(TABLE, (8, 8), 2, 1, 2), [0.0, 1.0], sweeps=2, burn=0, rng=np.random.default_rng(0)
            ),
            "temperature is 0.0; allowed: a number above 0",
        ),
        (
            lambda: monte_carlo(sum, (4, 4), (1,), [1.0], sweeps=2, burn=0, rng=np.random.default_rng(0)),
            r"alphabet is \[1\]; allowed: two values",
        ),
    ],
)
def test_bad_input_is_refused(make, message):
    with pytest.raises(InputError, match=message) as refused:
        make()
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("energy", "message"),
    [
        (lambda states: np.full(len(states), np.nan), "not finite"),
        (lambda states: 0.0, r"shape \(\); it must be \(4,\)"),
    ],
)
def test_an_energy_that_is_none_is_an_error(energy, message):
    with pytest.raises(ValueError, match=message):
        monte_carlo(energy, (4, 4), (-1, 1), [1.0], sweeps=2, burn=0, rng=np.random.default_rng(0))
