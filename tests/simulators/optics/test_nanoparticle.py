"""Layered spheres: two kernels against each other, against two other codes, the textbook and closed forms."""

import json
from pathlib import Path

import numpy as np
import pytest
from general_sphere import efficiencies
from hypothesis import given, settings
from hypothesis import strategies as st
from mie import homogeneous, rayleigh

from graft.simulators.optics import materials, nanoparticle_kernel
from graft.simulators.optics.film import PAIR, WAVELENGTHS_NM
from graft.simulators.optics.nanoparticle import Nanoparticle, scattering_efficiency
from graft.spaces.errors import InputError

WATER = 1.77**0.5
particles = st.lists(st.floats(1, 100), min_size=1, max_size=20)
wavelengths = st.lists(st.floats(310, 2000), min_size=1, max_size=5)
absorbing = st.builds(complex, st.floats(0.1, 4), st.floats(0, 4))
lossless = st.floats(1, 3)


def alternating(layers, wavelength):
    return np.stack([materials.index(PAIR[j % 2], wavelength) for j in range(layers)])


# Far out in a narrow resonance the last digit of a thickness counts a million times: hence tolerances of 1e-7 and 1e-8.
@settings(max_examples=60)
@given(particles, wavelengths)
def test_kernels_agree(thickness, wavelength):
    general = efficiencies(alternating(len(thickness), wavelength), thickness, wavelength, host=WATER)
    fast = scattering_efficiency(thickness, wavelength)
    np.testing.assert_allclose(fast, general.scattering, rtol=1e-7, atol=1e-7 * min(1.0, fast.max()))


def test_kernels_agree_on_the_paper_s_particles():
    thickness = np.random.default_rng(2).uniform(30, 70, (12, 8))
    general = efficiencies(alternating(8, WAVELENGTHS_NM), thickness, WAVELENGTHS_NM, host=WATER)
    np.testing.assert_allclose(scattering_efficiency(thickness), general.scattering, rtol=0, atol=1e-9)


STORED = json.loads(Path(__file__).with_name("nanoparticle_reference.json").read_text())
NAMES = [f"{'nano' if case['index'] == 'nano' else 'own'}-{len(case['thickness_nm'])}" for case in STORED["cases"]]


@pytest.mark.parametrize("case", STORED["cases"], ids=NAMES)
@pytest.mark.parametrize(("way", "tolerance"), [("digits", 1e-13), ("scattnlay", 1e-10)])
def test_agrees_with_stored_values(case, way, tolerance):
    wavelength, thickness, nano = case["wavelength_nm"], case["thickness_nm"], case["index"] == "nano"
    index = alternating(len(thickness), wavelength) if nano else [complex(*n) for n in case["index"]]
    # What absorbs outside decays slowest with the order: 40 multipoles reach the 13th digit in all cases.
    found = efficiencies(index, thickness, wavelength, host=case["host"], multipoles=40)
    for kind, values in found._asdict().items():
        np.testing.assert_allclose(values[0], case[way][kind], rtol=0, atol=tolerance)
    if nano:
        fast = scattering_efficiency(thickness, wavelength)[0]
        np.testing.assert_allclose(fast, case[way]["scattering"], rtol=0, atol=tolerance)


def test_weak_absorption_is_not_rounded_away():
    case = next(case for case in STORED["cases"] if len(case["thickness_nm"]) == 2)
    index = [complex(*n) for n in case["index"]]
    found = efficiencies(index, case["thickness_nm"], case["wavelength_nm"], host=case["host"])
    np.testing.assert_allclose(found.absorption[0], case["digits"]["absorption"], rtol=1e-13)
    weak = [efficiencies([1.5 + k * 1j], [60.0], [500.0], host=1.33).absorption.item() for k in (1e-9, 1e-15)]
    assert weak[1] == pytest.approx(1e-6 * weak[0], rel=1e-6)


@settings(max_examples=60)
@given(absorbing, st.floats(1, 800), st.floats(310, 2000), lossless)
def test_homogeneous_sphere_is_the_textbook(index, radius, wavelength, host):
    expected = homogeneous(index, radius, wavelength, host)
    found = np.ravel(efficiencies([index], [radius], [wavelength], host=host))
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-10)


@given(st.floats(1, 500))
def test_one_layer_is_a_sphere_of_silica_in_water(radius):
    found = scattering_efficiency([radius], [400.0, 798.0])[0]
    expected = [homogeneous(2.04**0.5, radius, wavelength, WATER)[0] for wavelength in (400.0, 798.0)]
    np.testing.assert_allclose(found, expected, rtol=1e-10)


@settings(max_examples=40)
@given(absorbing, particles)
def test_shells_of_one_index_are_a_homogeneous_sphere(index, thickness):
    layered = efficiencies([index] * len(thickness), thickness, [500.0], host=WATER)
    whole = efficiencies([index], [sum(thickness)], [500.0], host=WATER)
    np.testing.assert_allclose(np.ravel(layered), np.ravel(whole), rtol=1e-7, atol=1e-12)


@given(particles, st.floats(1.4, 3))
def test_shells_of_one_index_are_a_homogeneous_sphere_to_the_fast_kernel(thickness, index):
    wavenumber = 2 * np.pi / np.array([[500.0 / index], [500.0 / index], [500.0 / WATER]])
    radius = np.cumsum([thickness], axis=1)
    layered, whole = (
        nanoparticle_kernel.scatter(radii, wavenumber, np.array([60])).item() for radii in (radius, radius[:, -1:])
    )
    assert layered == pytest.approx(whole, rel=1e-7)


@pytest.mark.parametrize("shell", [1.5, 2.4 + 0.3j, 0.05 + 2.3j])
def test_rayleigh_limit(shell):
    """A coated sphere's error in the limit falls with the square of its size."""
    core, host, wavelength, gaps = 1.43 + 0.01j, 1.33, 600.0, []
    for outer in (2.0, 1.0):
        found = efficiencies([core, shell], [0.6 * outer, 0.4 * outer], [wavelength], host=host)
        scattering, absorption = rayleigh(core, shell, 0.6 * outer, outer, wavelength, host)
        gaps.append([found.scattering.item() / scattering - 1, found.absorption.item() / absorption - 1])
    assert np.abs(gaps[1]).max() < 2e-3
    np.testing.assert_allclose(np.divide(*gaps), 4, rtol=0.05)


def test_rayleigh_limit_of_the_fast_kernel():
    found = scattering_efficiency([0.6, 0.4], [700.0]).item()
    core, shell = (materials.index(name, [700.0]).item() for name in PAIR)
    assert found == pytest.approx(rayleigh(core, shell, 0.6, 1.0, 700.0, WATER)[0], rel=2e-4)


@settings(max_examples=60)
@given(st.lists(st.tuples(absorbing, st.floats(1, 150)), min_size=1, max_size=6), st.floats(310, 2000), lossless)
def test_energy_is_conserved(layers, wavelength, host):
    index, thickness = zip(*layers, strict=True)
    found = efficiencies(index, thickness, [wavelength], host=host)
    np.testing.assert_allclose(found.extinction, found.scattering + found.absorption, rtol=1e-9, atol=1e-12)
    assert found.scattering.item() >= 0 and found.absorption.item() >= -1e-12


@settings(max_examples=40)
@given(st.lists(st.tuples(lossless, st.floats(1, 100)), min_size=1, max_size=12), st.floats(310, 2000))
def test_lossless_particles_absorb_nothing(layers, wavelength):
    index, thickness = zip(*layers, strict=True)
    found = efficiencies(index, thickness, [wavelength], host=1.2)
    assert abs(found.absorption.item()) <= 1e-7 * found.scattering.item() + 1e-15
    assert abs(found.extinction.item() / found.scattering.item() - 1) < 1e-7 or found.scattering.item() < 1e-9


def test_a_core_behind_an_opaque_shell_is_not_seen():
    metal = 0.2 + 6j
    hidden = efficiencies([1.5, 2.0, metal], [100.0, 50.0, 2500.0], [600.0])
    solid = efficiencies([metal], [2650.0], [600.0])
    np.testing.assert_allclose(np.ravel(hidden), np.ravel(solid), rtol=1e-12)


@given(st.floats(10, 400), st.floats(1, 400))
def test_a_shell_like_the_host_is_not_seen(radius, shell):
    core = 2.2 + 0.1j
    coated = efficiencies([core, 1.33], [radius, shell], [500.0], host=1.33)
    bare = efficiencies([core], [radius], [500.0], host=1.33)
    np.testing.assert_allclose(np.ravel(coated) * (radius + shell) ** 2, np.ravel(bare) * radius**2, rtol=1e-9)


@settings(max_examples=30)
@given(st.floats(0.05, 20))
def test_only_size_over_wavelength_counts(factor):
    index, thickness = [1.5, 0.3 + 3j, 2.1], np.array([60.0, 20.0, 90.0])
    there = efficiencies(index, thickness, [500.0, 700.0])
    here = efficiencies(index, factor * thickness, np.array([500.0, 700.0]) * factor)
    np.testing.assert_allclose(np.array(here), np.array(there), rtol=1e-11)


def test_large_particles_get_the_multipoles_they_need():
    thickness = np.random.default_rng(4).uniform(30, 70, (6, 20))
    enough = scattering_efficiency(thickness, multipoles=70)
    for multipoles in (1, 18):
        np.testing.assert_allclose(scattering_efficiency(thickness, multipoles=multipoles), enough, rtol=0, atol=1e-7)


def test_eighteen_multipoles_are_enough_for_eight_layers():
    radius = np.cumsum(np.random.default_rng(5).uniform(30, 70, (50, 8)), axis=1)
    index = np.stack([materials.index(name, WAVELENGTHS_NM) for name in (*PAIR, "water")])
    wavenumber = 2 * np.pi * index / WAVELENGTHS_NM
    some, more, most = (nanoparticle_kernel.scatter(radius, wavenumber, np.full(50, orders)) for orders in (12, 18, 30))
    assert np.abs(more - most).max() < 1e-9 < 1e-2 < np.abs(some - most).max()


@settings(max_examples=20)
@given(st.integers(1, 20), st.integers(0, 3), st.integers(0, 99))
def test_a_particle_does_not_depend_on_its_batch(layers, place, seed):
    batch = np.random.default_rng(seed).uniform(30, 70, (4, layers))
    alone = scattering_efficiency(batch[place], [400.0, 555.0, 798.0])
    np.testing.assert_array_equal(scattering_efficiency(batch, [400.0, 555.0, 798.0])[place], alone[0])


@pytest.mark.parametrize("thickness", [[1e-6], [1e-3] * 20, [2000.0], [5.0, 2000.0, 0.01], [100.0] * 20])
def test_unusual_particles_are_finite_and_agree(thickness):
    wavelength = [310.0, 500.0, 1e5] if sum(thickness) < 1000 else [400.0, 798.0]
    fast = scattering_efficiency(thickness, wavelength)
    general = efficiencies(alternating(len(thickness), wavelength), thickness, wavelength, host=WATER)
    assert (fast > 0).all()
    np.testing.assert_allclose(fast, general.scattering, rtol=1e-7)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: scattering_efficiency([50.0, 0.0]), r"thickness_nm\[1\] is 0.0; allowed: finite numbers above 0"),
        (lambda: scattering_efficiency(np.ones((2, 2, 2))), r"thickness_nm has shape \(2, 2, 2\)"),
        (lambda: scattering_efficiency([50.0], [[500.0]]), "wavelength_nm has shape"),
        (lambda: scattering_efficiency([50.0], [250.0]), "too short for TiO2"),
        (lambda: scattering_efficiency([50.0], multipoles=0), "multipoles is 0; allowed: a whole number of at least 1"),
        (lambda: scattering_efficiency([50.0], multipoles=101), "multipoles is 101; allowed: .* at most 100"),
        (
            lambda: scattering_efficiency([[50.0], [5000.0]]),
            r"thickness_nm\[1\] makes .* size parameter 104; allowed: at most",
        ),
        (
            lambda: scattering_efficiency([1e-3, 3000.0]),
            r"thickness_nm\[0, 0\] is 0.001; allowed: a core not",
        ),
        (lambda: efficiencies([1.5, 2.0], [50.0], [500.0]), "index has 2 layers, thickness_nm has 1"),
        (lambda: efficiencies([1.5 - 0.1j], [50.0], [500.0]), "n and k at least 0"),
        (lambda: efficiencies([[1.5, 2]], [50.0], [500.0] * 3), "allowed: .layers,. or .layers, 3 wave"),
        (lambda: efficiencies([1.5], [50.0], [500.0], host=1.3 + 0.1j), "host has a value that is no real index"),
        (lambda: efficiencies([1.5], [50.0], [500.0], host=0.0), "host has a value that is no index"),
        (lambda: efficiencies([1.5], [50.0], [500.0], host=[1.3, 1.4]), "host has shape"),
    ],
)
def test_bad_input_is_refused_in_one_line(call, message):
    with pytest.raises(InputError, match=message) as refused:
        call()
    assert "\n" not in str(refused.value)


def test_nanoparticle_draws_the_scenario():
    particle = Nanoparticle(8)
    rows = particle.draw(200, np.random.default_rng(3))
    thickness = rows["thickness"]
    assert 30 <= thickness.min() < 30.2 and 69.8 < thickness.max() <= 70
    np.testing.assert_array_equal(rows["scattering_efficiency"], scattering_efficiency(thickness))
    assert (particle.name, particle.inputs, particle.outputs) == ("nano-8", 8, 200)
    assert (particle.grid.values[0], particle.grid.values[-1], particle.grid.unit) == (400, 798, "nm")
