"""Exact solutions against every state of small lattices, against each other, and against stored values."""

import numpy as np
import pytest
from enumeration import boltzmann, every_state

from graft.simulators.registry import lattice
from graft.simulators.spins.exact import (
    density_of_states,
    entropy,
    ground_state,
    heat_capacity,
    internal_energy,
    kaufman,
    log_partition,
    transfer,
)
from graft.simulators.spins.exact.plane import Plane
from graft.simulators.spins.models import EdwardsAnderson, Ising, Potts
from graft.spaces.errors import InputError

TEMPERATURES = (1, 1.5, 2, 2.27, 2.5, 3, 4, 8)
# Values per spin of a prototype (other code: integer density of states, Kaufman's formula, row classes), 2026.
ISING_8 = [-1.997160204, -1.951115431, -1.745683170, -1.490655514]
ISING_8 += [-1.222320643, -0.841315428, -0.558491137, -0.256649554]
CAPACITY_8 = [0.023380, 0.197296, 0.714123, 1.146350, 1.100476, 0.483966, 0.174251, 0.033781]
ISING_16 = [-1.997160204, -1.951116573, -1.745530669, -1.451843178]
ISING_16 += [-1.131317984, -0.817689368, -0.557272833, -0.256647377]
POTTS_8 = [-1.641084451, -1.040635397, -0.922560933, -0.886551363]
POTTS_8 += [-0.863273900, -0.826823220, -0.783877578, -0.723542758]
GLASS_8 = {1: -72.2692, 2: -49.2956, 3: -35.7543, 4: -27.7273, 8: -14.3569}  # total, default_rng(0)
SMALL = [
    Ising((3, 4)),
    Ising((4, 3), J=-0.7),
    Ising((4, 4), J=-1.0),
    Ising((9,)),
    Ising((2, 5)),
    Ising((3, 4), periodic=False),
    Potts((3, 3), 3),
    Potts((2, 4), 3, "delta", J=-0.5),
    Potts((2, 3), 4),
    Potts((2, 2), 7),
    Potts((3, 3), 3, periodic=False),
    EdwardsAnderson.gaussian((3, 4), 3),
    EdwardsAnderson.gaussian((4, 3), 4, periodic=False),
    EdwardsAnderson.signs((4, 3), 5),
]
EVERY = pytest.mark.parametrize("model", SMALL, ids=lambda model: model.name)


@EVERY
@pytest.mark.parametrize("temperature", [0.4, 2.27, 30.0])
def test_thermodynamics_of_small_lattices(model, temperature):
    energies, chance, log_z = boltzmann(model, temperature)
    mean = chance @ energies
    logs = np.where(chance > 0, np.log(np.maximum(chance, 1e-300)), 0.0)
    assert log_partition(model, temperature) == pytest.approx(log_z, rel=1e-12)
    assert internal_energy(model, temperature) == pytest.approx(mean, rel=1e-11)
    assert entropy(model, temperature) == pytest.approx(-chance @ logs, rel=1e-11)
    variance = chance @ (energies - mean) ** 2
    assert heat_capacity(model, temperature) == pytest.approx(variance / temperature**2, rel=1e-7, abs=1e-12)


@EVERY
def test_ground_states_of_small_lattices(model):
    energy, state = ground_state(model)
    assert energy == pytest.approx(model.energy(every_state(model)).min(), abs=1e-12)
    assert state.shape == model.shape and model.energy(state) == pytest.approx(energy)


@pytest.mark.parametrize("model", [m for m in SMALL if m.q < 4 and "glass" not in m.name], ids=lambda m: m.name)
def test_numbers_of_states_of_small_lattices(model):
    levels, counts = density_of_states(model)
    energies, expected = np.unique(np.round(model.energy(every_state(model)), 9), return_counts=True)
    np.testing.assert_allclose(levels, energies, atol=1e-9)
    np.testing.assert_array_equal(counts, expected)


def test_stored_values_of_the_ising_model():
    small, large = Ising((8, 8)), Ising((16, 16))
    np.testing.assert_allclose(internal_energy(small, TEMPERATURES) / 64, ISING_8, rtol=0, atol=6e-10)
    np.testing.assert_allclose(heat_capacity(small, TEMPERATURES) / 64, CAPACITY_8, rtol=0, atol=6e-7)
    np.testing.assert_allclose(internal_energy(large, TEMPERATURES) / 256, ISING_16, rtol=0, atol=6e-10)
    assert round(float(entropy(small, 4)), 6) == 39.648766


def test_stored_values_of_the_potts_model():
    model = Potts((8, 8), 3, "delta")
    np.testing.assert_allclose(internal_energy(model, TEMPERATURES) / 64, POTTS_8, rtol=0, atol=6e-10)


def test_stored_values_of_the_glass():
    model = EdwardsAnderson.gaussian((8, 8), 0)
    np.testing.assert_allclose(internal_energy(model, list(GLASS_8)), list(GLASS_8.values()), rtol=0, atol=6e-5)
    assert round(ground_state(model)[0], 5) == -82.26098


def test_stored_numbers_of_states():
    energies, counts = density_of_states(Ising((8, 8)))
    np.testing.assert_array_equal(energies, [-128, *range(-120, 121, 4), 128])
    assert [*map(int, counts[:4])] == [2, 128, 256, 4672] and sum(map(int, counts)) == 2**64
    np.testing.assert_array_equal(counts, counts[::-1])


@pytest.mark.parametrize("temperature", [0.7, 2 / np.log(1 + np.sqrt(2)), 5.0])
@pytest.mark.parametrize("shape", [(8, 8), (3, 7), (7, 3), (2, 6)])
def test_kaufman_and_the_transfer_matrix_agree(shape, temperature):
    # The second temperature is critical: g_0 vanishes and Z4 with it.
    by_formula = kaufman.log_partition_jet(*shape, 1 / temperature)
    np.testing.assert_allclose(
        by_formula, transfer.log_partition_jet(Plane.of(Ising(shape)), 1 / temperature), rtol=1e-9
    )


def test_kaufman_agrees_with_the_numbers_of_states():
    energies, counts = density_of_states(Ising((8, 8)))
    for temperature in TEMPERATURES:
        weight = counts.astype(float) * np.exp(-(energies + 128) / temperature)
        mean = weight @ energies / weight.sum()
        assert internal_energy(Ising((8, 8)), temperature) == pytest.approx(mean, rel=1e-8)


def test_a_large_lattice_at_the_critical_point():
    # Onsager's energy per spin, -sqrt 2, and the correction of a square torus, -0.6233 / L (Ferdinand and Fisher 1969).
    critical = 2 / np.log(1 + np.sqrt(2))
    energy = internal_energy(Ising((512, 512)), critical) / 512**2
    assert (energy + np.sqrt(2)) * 512 == pytest.approx(-0.6233, abs=2e-3)


def test_derivatives_are_those_of_log_z():
    model, beta, step = EdwardsAnderson.gaussian((5, 6), 1), 0.7, 1e-4
    above, here, below = (transfer.log_partition_jet(Plane.of(model), beta + d)[0] for d in (step, 0, -step))
    _, first, second = transfer.log_partition_jet(Plane.of(model), beta)
    assert first == pytest.approx((above - below) / (2 * step), rel=1e-7)
    assert second == pytest.approx((above - 2 * here + below) / step**2, rel=1e-4)


def test_equal_couplings_written_one_by_one_are_the_ising_model():
    written = EdwardsAnderson(np.ones((6, 6)), np.ones((6, 6)))
    np.testing.assert_allclose(internal_energy(written, 2.27), internal_energy(Ising((6, 6)), 2.27), rtol=1e-12)
    assert ground_state(written)[0] == -72


def test_arrays_of_temperatures_keep_their_shape():
    assert internal_energy(Ising((4, 4)), [[1.0, 2.0, 3.0]]).shape == (1, 3)
    assert isinstance(float(log_partition(Ising((4, 4)), 2)), float)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: internal_energy(Ising((8, 8)), 0), "temperature is 0.0; allowed: a number above 0"),
        (lambda: internal_energy(Ising((8, 8)), [2, -1]), "temperature is -1.0"),
        (
            lambda: internal_energy(lattice("ising-4x4x4"), 2),
            "3 dimensions; allowed: 1 or 2 .* graft.simulators.spins.sampling",
        ),
        (
            lambda: internal_energy(lattice("glass-16x16-0"), 2),
            "16 x 16 .* allowed: 11 columns .* graft.simulators.spins.sampling",
        ),
        (lambda: internal_energy(lattice("potts3-12x12"), 2), "12 x 12 spins of 3 values are too many"),
        (lambda: ground_state(lattice("glass-16x16-0")), "allowed: 12 columns"),
        (lambda: density_of_states(lattice("ising-8x9")), "more than 2.64 states; allowed: at most 64 spins"),
        (lambda: density_of_states(lattice("glass-4x4-0")), "more than two energies; allowed: Ising"),
        (lambda: density_of_states(lattice("potts3-7x7")), "more than 2.64 states; allowed: at most 40 spins"),
    ],
)
def test_what_cannot_be_solved_is_refused(make, message):
    with pytest.raises(InputError, match=message) as refused:
        make()
    assert "\n" not in str(refused.value)
