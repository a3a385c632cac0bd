"""Films, spheres and spins that other projects' users reported as computed wrongly."""

import itertools

import numpy as np
import pytest

from graft.simulators.optics.film import transmittance
from graft.simulators.optics.nanoparticle import scattering_efficiency
from graft.simulators.spins.models import Ising
from graft.spaces.errors import InputError

NOTHING = 1e-9
"""Nanometres of a layer that is none."""


def test_a_layer_written_as_two_is_the_same_layer() -> None:
    once = transmittance([[100.0, 60.0, 50.0]])
    np.testing.assert_allclose(transmittance([[40.0, NOTHING, 60.0, 60.0, 50.0]]), once, rtol=0, atol=1e-10)


def test_glass_within_glass_lets_everything_through() -> None:
    found = transmittance([[NOTHING, NOTHING]], ambient=1.6, substrate=1.6)
    np.testing.assert_allclose(found, 1, rtol=0, atol=1e-10)


@pytest.mark.parametrize("radius", [50.0, 500.0, 4_000.0, 100_000.0])
def test_a_large_sphere_is_right_or_refused(radius: float) -> None:
    try:
        found = scattering_efficiency([[radius]], [500.0])
    except InputError as refused:
        assert radius > 3_000 and "allowed: at most about 80" in str(refused)
    else:
        assert radius < 5_000 and np.isfinite(found).all() and (found > 0).all() and (found < 6).all()


@pytest.mark.parametrize("shell", [100.0, 2_000.0, 5_000.0, 16_000.0])
def test_a_small_core_in_a_large_shell_is_finite_or_refused(shell: float) -> None:
    core = 500 / (2 * np.pi * 1.33)  # a size parameter of 1
    try:
        found = scattering_efficiency([[core, shell]], [500.0])
    except InputError as refused:
        assert "thickness_nm[0" in str(refused)
    else:
        assert np.isfinite(found).all() and (found > 0).all() and (found < 6).all()


@pytest.mark.parametrize("temperature", [1.0, 2.4, 10.0])
def test_four_spins_have_the_moments_of_the_textbook(temperature: float) -> None:
    states = np.array(list(itertools.product([-1, 1], repeat=4)), np.int8).reshape(-1, 2, 2)
    energy, beta = Ising((2, 2)).energy(states), 1 / temperature
    weight = np.exp(-beta * energy)
    square = np.sum(weight * states.mean((1, 2)) ** 2) / weight.sum()
    assert square == pytest.approx(0.5 * (np.exp(8 * beta) + 1) / (np.cosh(8 * beta) + 3), rel=1e-12)
    assert energy.min() == -8  # eight bonds: each neighbour is one to the left and to the right


def test_a_site_that_is_its_own_neighbour_is_refused() -> None:
    with pytest.raises(InputError, match="length of the lattice is 1; allowed: a whole number of at least 2"):
        Ising((1, 4))
