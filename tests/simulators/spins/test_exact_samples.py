"""Independent samples and test sets uniform in energy, against every state of small lattices."""

import numpy as np
import pytest
from enumeration import boltzmann, every_state, frequencies_agree, number_of
from scipy import stats

from graft.simulators.registry import lattice
from graft.simulators.spins.exact import density_of_states, ground_state, iid, internal_energy, uniform_in_energy
from graft.simulators.spins.models import EdwardsAnderson, Ising, Potts
from graft.spaces.errors import InputError

N = 40_000


@pytest.mark.parametrize(
    ("model", "temperature"),
    [
        (Ising((3, 3)), 2.0),
        (Ising((2, 5), J=-1.0), 1.5),
        (Ising((3, 4), periodic=False), 1.0),
        (Ising((8,)), 0.7),
        (Potts((3, 2), 3), 1.2),
        (Potts((2, 3), 3, "delta", periodic=False), 0.6),
        (EdwardsAnderson.gaussian((3, 3), 8), 1.0),
        (EdwardsAnderson.gaussian((4, 2), 9, periodic=False), 0.5),
    ],
    ids=lambda given: getattr(given, "name", None),
)
def test_independent_samples_have_boltzmanns_frequencies(model, temperature):
    states = iid(model, temperature, N, np.random.default_rng(3))
    assert states.shape == (N, *model.shape) and states.dtype == np.int8
    chance = boltzmann(model, temperature)[1]
    assert frequencies_agree(number_of(model, states), chance, N) > 1e-3
    wrong = boltzmann(model, temperature * 1.2)[1]  # and the test can tell
    assert frequencies_agree(number_of(model, states), wrong, N) < 1e-6


@pytest.mark.parametrize("name", ["ising-8x8", "glass-8x8-0"])
def test_independent_samples_of_larger_lattices(name):
    model, n = lattice(name), 50_000
    energies = model.energy(iid(model, 2.5, n, np.random.default_rng(0)))
    assert abs(energies.mean() - internal_energy(model, 2.5)) < 4 * energies.std() / np.sqrt(n)
    # In random order: the first half is like the second.
    assert stats.ttest_ind(energies[: n // 2], energies[n // 2 :]).pvalue > 1e-3


def test_one_seed_one_sample():
    model = lattice("glass-4x4-0")
    first, again, other = (iid(model, 1.0, 50, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_a_test_set_has_every_level_equally_often():
    model = Ising((4, 4))
    states, energies = uniform_in_energy(model, 200, np.random.default_rng(0))
    np.testing.assert_array_equal(model.energy(states), energies)
    levels, counts = np.unique(energies, return_counts=True)
    np.testing.assert_array_equal(levels, density_of_states(model)[0])
    assert (counts == 200).all() and (np.diff(energies) >= 0).all()
    # Within a level all states are alike: those of the first excitation, one spin flipped, are 32.
    first = number_of(model, states[energies == levels[1]])
    assert stats.chisquare(np.unique(first, return_counts=True)[1]).pvalue > 1e-3 and len(set(first)) == 32


def test_a_test_set_where_the_numbers_of_states_are_learned():
    model = EdwardsAnderson.gaussian((3, 4), 1)
    states, energies = uniform_in_energy(model, 50, np.random.default_rng(0), levels=8)
    low, high = ground_state(model)[0], model.energy(every_state(model)).max()
    counts, _ = np.histogram(energies, 8, (low, high))
    occurring, _ = np.histogram(model.energy(every_state(model)), 8, (low, high))
    np.testing.assert_array_equal(counts, np.where(occurring > 0, 50, 0))
    np.testing.assert_allclose(model.energy(states), energies)
    assert energies[0] == pytest.approx(low)


def test_a_test_set_of_a_lattice_too_large_to_be_counted():
    model = Ising((6, 12))
    energies = uniform_in_energy(model, 5, np.random.default_rng(0))[1]
    levels, counts = np.unique(energies, return_counts=True)
    assert energies[0] == -144 and energies[-1] == 144 and len(levels) == 71 and (counts == 5).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda rng: iid(lattice("ising-8x8"), 0, 5, rng), "temperature is 0; allowed: a number above 0"),
        (lambda rng: iid(lattice("ising-8x8"), 2, 0, rng), "n is 0"),
        (
            lambda rng: iid(lattice("ising-16x16"), 2, 5, rng),
            "too large .* 8 columns of 8 .* graft.simulators.spins.sampling",
        ),
        (lambda rng: iid(lattice("potts3-8x8"), 2, 5, rng), "too large"),
        (lambda rng: uniform_in_energy(lattice("ising-8x8"), 0, rng), "per_level is 0"),
        (lambda rng: uniform_in_energy(lattice("potts4-4x4"), 5, rng), "no known levels"),
        (lambda rng: uniform_in_energy(lattice("glass-16x16-0"), 5, rng), "too many to be solved"),
    ],
)
def test_bad_input_is_refused(make, message):
    with pytest.raises(InputError, match=message) as refused:
        make(np.random.default_rng(0))
    assert "\n" not in str(refused.value)
