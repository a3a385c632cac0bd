"""Samplers against every state of small lattices and against exact energies of larger ones."""

import numpy as np
import pytest
from enumeration import boltzmann, every_state, frequencies_agree, number_of
from whole_states import replica_exchange

from graft.simulators.registry import lattice
from graft.simulators.spins.chains import Chains
from graft.simulators.spins.exact import heat_capacity, internal_energy
from graft.simulators.spins.models import EdwardsAnderson, Ising, Potts
from graft.simulators.spins.multispin import CHAINS, MultiSpin
from graft.simulators.spins.sampling import Observations, sample
from graft.simulators.spins.tempering import Tempering, ladder, order
from graft.spaces.errors import InputError

SMALL = [
    (Ising((3, 3)), 3.0),
    (Ising((2, 2, 2), J=-0.6), 1.7),
    (Ising((3, 3), periodic=False), 2.0),
    (Potts((2, 3), 3), 2.0),
    (Potts((2, 2), 5, "delta"), 1.4),
    (EdwardsAnderson.gaussian((3, 3), 8), 1.5),
]


@pytest.mark.parametrize("update", ["heat-bath", "metropolis"])
@pytest.mark.parametrize(("model", "temperature"), SMALL, ids=lambda given: getattr(given, "name", None))
def test_chains_reach_boltzmanns_frequencies(model, temperature, update):
    chains = Chains(model, temperature, 20_000, np.random.default_rng(11), update)
    chains.advance(60)  # one state of each chain: independent, if they are equilibrated
    found = number_of(model, model.states(chains.index().reshape(-1, *model.shape)))
    assert frequencies_agree(found, boltzmann(model, temperature)[1], chains.chains) > 1e-3
    assert frequencies_agree(found, boltzmann(model, temperature * 1.2)[1], chains.chains) < 1e-6
    np.testing.assert_allclose(chains.energies(), model.energy(every_state(model))[found], atol=1e-9)


@pytest.mark.parametrize("J", [1.0, -1.0, 0.0])
@pytest.mark.parametrize("shape", [(2, 4), (4, 2)])
def test_multi_spin_coding_reaches_boltzmanns_frequencies(shape, J):
    model, found = Ising(shape, J), []
    for seed in range(12):
        sampler = MultiSpin(model, 2.5, np.random.default_rng(seed))
        sampler.advance(60)
        found.append(number_of(model, model.states(sampler.index().reshape(-1, *shape))))
    assert frequencies_agree(np.concatenate(found), boltzmann(model, 2.5)[1], 12 * CHAINS) > 1e-3
    if J:
        assert frequencies_agree(np.concatenate(found), boltzmann(model, 3.0)[1], 12 * CHAINS) < 1e-6


def test_bits_do_not_know_their_neighbours():
    # Magnetisations of different chains are uncorrelated: between bits of a word, words, and generators.
    model, seen = Ising((4, 4)), []
    sampler = MultiSpin(model, 4.0, np.random.default_rng(5))
    sampler.advance(20)
    for _ in range(200):
        sampler.advance(10)
        seen.append(2.0 * sampler.index(512)[:512].sum(1) - 16)
    correlation = np.corrcoef(np.array(seen).T)[np.triu_indices(512, 1)]
    assert abs(correlation.mean()) < 4 / np.sqrt(200 * len(correlation)) * 2
    assert correlation.std() == pytest.approx(1 / np.sqrt(200), rel=0.1)
    assert np.abs(correlation).max() < 6 / np.sqrt(200)


@pytest.mark.parametrize(("name", "temperature"), [("ising-8x8", 4), ("ising-8x8", 2.27), ("potts3-6x6", 1.5)])
def test_observations_have_the_exact_energy(name, temperature):
    model, n = lattice(name), 6000
    seen = sample(model, temperature, n, 3)
    energies = model.energy(seen.states)
    assert seen.states.shape == (n, *model.shape) and seen.states.dtype == np.int8
    assert (seen.lattice, seen.temperature) == (name, temperature) and seen.effective > 1000
    error = energies.std() / np.sqrt(seen.effective)
    assert abs(energies.mean() - internal_energy(model, temperature)) < 4 * error
    assert energies.var() / temperature**2 == pytest.approx(heat_capacity(model, temperature), rel=0.1)
    # All colours are as frequent: at low temperature this takes the common shift.
    shares = [(seen.states == value).mean((1, 2)).mean() for value in model.alphabet]
    np.testing.assert_allclose(shares, 1 / model.q, atol=0.02)
    seen.require()


def test_one_seed_one_sample():
    model = lattice("ising-4x4")
    first, again, other = (sample(model, 2.0, 100, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.states, again.states)
    assert first.effective == again.effective and (first.states != other.states).any()


def test_a_slow_glass_needs_replica_exchange():
    model = lattice("glass-6x6-2")
    seen = sample(model, 0.4, 1500, 0, most_sweeps=256)
    assert seen.sampler == "replica exchange"
    energies = model.energy(seen.states)
    error = energies.std() / np.sqrt(seen.effective)
    assert abs(energies.mean() - internal_energy(model, 0.4)) < 4 * error


def test_what_does_not_equilibrate_is_refused():
    with pytest.raises(InputError, match="glass-8x8-1 at temperature 0.05 has not come to equilibrium in 256 sweeps"):
        sample(lattice("glass-8x8-1"), 0.05, 10, 0, most_sweeps=64)


def test_too_few_observations_say_how_many_are_needed():
    states = np.ones((500, 2, 2), np.int8)
    few = Observations(states, "ising-2x2", 2.0, "heat-bath", 64, 2, 1.0, 250)
    message = "500 states .* worth 250 independent ones; allowed: at least 1000, .* 2000 states"
    with pytest.raises(InputError, match=message):
        few.require()
    few.require(250)


def test_replica_exchange_finds_energies_and_heat_capacities():
    model, temperatures = EdwardsAnderson.gaussian((4, 4), 3), (0.3, 0.5, 0.8, 1.2, 1.8)
    series = replica_exchange(model, temperatures, sweeps=1500, burn=200, rng=np.random.default_rng(0), copies=8)
    for (values, errors), exact in (
        (series.energy(), internal_energy(model, temperatures)),
        (series.heat_capacity(), heat_capacity(model, temperatures)),
    ):
        assert (np.abs(values - exact) < 4.5 * errors).all()
        assert (errors > 0).all() and (errors < 0.1 * np.maximum(np.abs(exact), 1)).all()
    assert (series.exchanged > 0.1).all() and (np.abs(series.drift()) < 4).all()
    assert (series.autocorrelation_times() >= 0.5).all() and (series.effective() <= 8 * 1500).all()
    assert series.energies.shape == (5, 8, 1500) and series.index.shape == (5, 8, 16)
    chance = boltzmann(model, 0.8)[1] @ order(model.index(every_state(model)).reshape(-1, 16), 2)
    values, errors = series.order()
    assert abs(values[2] - chance) < 4.5 * errors[2]


def test_an_exchange_moves_temperatures_and_no_state():
    model = Potts((4, 4), 3)
    chains = Chains(model, 1.0, 4, np.random.default_rng(0))
    tempering, seen = Tempering(chains, [1.0, 1.2], 3, np.random.default_rng(1)), set()
    for _ in range(50):
        tempering.advance(1)
        assert sorted(chains.beta) == [1 / 1.2, 1 / 1.2, 1.0, 1.0]
        cold = chains.state[chains.beta == 1.0]
        np.testing.assert_array_equal(np.sort(tempering.index(), 0), np.sort(cold, 0))
        seen.add(tuple(chains.beta))
    assert len(seen) == 4  # either copy either way, never one copy with the other


def test_the_order_parameter():
    assert order(np.array([0, 0, 0, 0], np.uint8), 2) == 1 and order(np.array([0, 1, 0, 1], np.uint8), 2) == 0
    np.testing.assert_allclose(order(np.array([[0, 1, 2], [1, 1, 1], [0, 0, 1]], np.uint8), 3), [0, 1, 0.5])


def test_a_ladder_reaches_up():
    steps = ladder(lattice("ising-8x8"), 1.0)
    assert steps[0] == 1.0 and steps[-1] == pytest.approx(3.5) and (np.diff(steps) > 0).all()
    assert ladder(lattice("ising-8x8"), 9.0).tolist() == [9.0]
    assert len(ladder(lattice("ising-16x16"), 1.0)) > len(steps)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sample(lattice("ising-8x8"), 0, 10, 0), "temperature is 0; allowed: a number above 0"),
        (lambda: sample(lattice("ising-8x8"), -2.0, 10, 0), "temperature is -2.0"),
        (lambda: sample(lattice("ising-8x8"), 2.0, 0, 0), "n is 0"),
        (lambda: MultiSpin(Ising((3, 4)), 2.0, np.random.default_rng(0)), "allowed: Ising tori with two even sides"),
        (lambda: MultiSpin(Ising((4, 4)), 0.0, np.random.default_rng(0)), "temperature is 0"),
        (lambda: Chains(Ising((4,)), 1.0, 0, np.random.default_rng(0)), "chains is 0"),
        (lambda: Chains(Ising((4,)), 1.0, 2, np.random.default_rng(0), "heatbath"), "did you mean 'heat-bath'"),
        (lambda: ladder(Ising((4,)), -1.0), "temperature is -1"),
        (
            lambda: replica_exchange(Ising((4,)), [2.0, 1.0], sweeps=2, burn=0, rng=np.random.default_rng(0)),
            r"temperatures are \[2.0, 1.0\]; allowed: one or more, ascending",
        ),
    ],
)
def test_bad_input_is_refused(make, message):
    with pytest.raises(InputError, match=message) as refused:
        make()
    assert "\n" not in str(refused.value)
