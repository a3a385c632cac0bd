"""Films: two kernels against each other, against the textbook, against another code and against closed forms."""

import json
from pathlib import Path

import numpy as np
import pytest
from characteristic_matrix import characteristic_matrix
from general_film import reflectance_transmittance
from hypothesis import given, settings
from hypothesis import strategies as st

from graft.simulators.optics import materials
from graft.simulators.optics.film import PAIR, WAVELENGTHS_NM, Film, transmittance
from graft.spaces.errors import InputError

thicknesses = st.lists(st.floats(1, 300), min_size=1, max_size=12)
media = st.floats(1, 4)
wavelengths = st.lists(st.floats(300, 2000), min_size=1, max_size=9)
absorbing = st.builds(complex, st.floats(0.1, 4), st.floats(0, 3))


def alternating(layers, wavelength, first="SiO2"):
    start = PAIR.index(first)
    return np.stack([materials.index(PAIR[(start + j) % 2], wavelength) for j in range(layers)])


@given(thicknesses, wavelengths, media, media, st.sampled_from(PAIR))
def test_kernels_agree(thickness, wavelength, ambient, substrate, first):
    index = alternating(len(thickness), wavelength, first)
    _, general = reflectance_transmittance(index, thickness, wavelength, ambient=ambient, substrate=substrate)
    fast = transmittance(thickness, wavelength, ambient=ambient, substrate=substrate, first=first)
    np.testing.assert_allclose(fast, general, rtol=0, atol=2e-13)


@given(
    st.lists(st.tuples(absorbing, st.floats(1, 150)), min_size=1, max_size=6),
    st.floats(300, 2000),
    st.floats(0, 85),
    st.sampled_from("sp"),
    media,
    absorbing,
)
def test_general_kernel_is_the_textbook(layers, wavelength, angle, polarization, ambient, substrate):
    index, thickness = zip(*layers, strict=True)
    surroundings = {"angle_deg": angle, "polarization": polarization, "ambient": ambient, "substrate": substrate}
    expected = characteristic_matrix(index, thickness, wavelength, **surroundings)
    found = reflectance_transmittance(index, thickness, [wavelength], **surroundings)
    np.testing.assert_allclose(np.ravel(found), expected, rtol=1e-6, atol=1e-9)


STORED = json.loads(Path(__file__).with_name("film_tmm.json").read_text())


@pytest.mark.parametrize("case", STORED["cases"])
def test_agrees_with_tmm(case):
    wavelength, thickness = case["wavelength_nm"], case["thickness_nm"]
    film = case["index"] == "film"
    index = alternating(len(thickness), wavelength) if film else [complex(*n) for n in case["index"]]
    options = {key: case[key] for key in ("angle_deg", "polarization", "ambient") if key in case}
    r, t = reflectance_transmittance(index, thickness, wavelength, substrate=complex(*case["substrate"]), **options)
    np.testing.assert_allclose(r[0], case["R"], rtol=0, atol=2e-14)
    np.testing.assert_allclose(t[0], case["T"], rtol=0, atol=2e-14)
    if film:
        fast = transmittance(thickness, wavelength, substrate=case["substrate"][0], ambient=case.get("ambient", 1.0))
        np.testing.assert_allclose(fast[0], case["T"], rtol=0, atol=2e-14)


def test_fast_kernel_agrees_with_the_textbook_at_50_layers():
    thickness = np.random.default_rng(1).uniform(30, 70, 50)
    for wavelength in (400.0, 562.0, 798.0):
        index = alternating(50, [wavelength])[:, 0]
        _, expected = characteristic_matrix(index, thickness, wavelength)
        assert transmittance(thickness, [wavelength]).item() == pytest.approx(expected, rel=1e-10)


@given(st.floats(1, 1000), st.floats(1, 4), st.floats(1, 4))
def test_single_layer_is_airys_formula(thickness, ambient, substrate):
    n = np.sqrt(2.04)
    phase = 2 * np.pi * n * thickness / WAVELENGTHS_NM
    r1, r2 = (ambient - n) / (ambient + n), (n - substrate) / (n + substrate)
    total = 1 + (r1 * r2) ** 2 + 2 * r1 * r2 * np.cos(2 * phase)
    expected = (1 - r1**2) * (1 - r2**2) / total
    found = transmittance([thickness], ambient=ambient, substrate=substrate)[0]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("pairs", [1, 4, 20])
def test_quarter_wave_stack(pairs):
    wavelength, substrate = 550.0, 1.52
    low, high = (materials.index(name, [wavelength]).item() for name in PAIR)
    stack = [wavelength / (4 * high), wavelength / (4 * low)] * pairs
    admittance = (high / low) ** (2 * pairs) * substrate  # Macleod: each pair multiplies it by (n_H / n_L)^2
    expected = 4 * admittance / (1 + admittance) ** 2
    found = transmittance(stack, [wavelength], substrate=substrate, first="TiO2").item()
    assert found == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("polarization", ["s", "p"])
def test_layer_like_the_ambient_leaves_fresnels_formula(polarization):
    n, angle = 1.7, np.radians(40.0)
    inside = np.arcsin(np.sin(angle) / n)
    if polarization == "s":
        amplitude = (np.cos(angle) - n * np.cos(inside)) / (np.cos(angle) + n * np.cos(inside))
    else:
        amplitude = (n * np.cos(angle) - np.cos(inside)) / (n * np.cos(angle) + np.cos(inside))
    r, t = reflectance_transmittance([1.0], [70.0], [500.0], angle_deg=40.0, polarization=polarization, substrate=n)
    assert r.item() == pytest.approx(amplitude**2, abs=1e-15)
    assert t.item() == pytest.approx(1 - amplitude**2, abs=1e-15)


def test_brewster():
    angle = np.degrees(np.arctan(1.52))
    options = {"angle_deg": angle, "substrate": 1.52}
    assert reflectance_transmittance([1.52], [80.0], [500.0], polarization="p", **options)[0].item() < 1e-30
    assert reflectance_transmittance([1.52], [80.0], [500.0], polarization="s", **options)[0].item() > 0.1


def test_total_reflection_and_tunnelling():
    options = {"angle_deg": 50.0, "ambient": 1.5}
    r, t = reflectance_transmittance([1.5], [80.0], [500.0], substrate=1.0, **options)
    assert (r.item(), t.item()) == (pytest.approx(1), 0)
    gaps = np.array([[100.0], [300.0], [900.0]])
    _, t = reflectance_transmittance([1.0], gaps, [500.0], substrate=1.5, **options)
    assert 0.6 > t[0, 0] > t[1, 0] > t[2, 0] > 0


@pytest.mark.parametrize("polarization", ["s", "p"])
def test_grazing_in_a_layer_is_finite_and_continuous(polarization):
    def at(shift):
        options = {"angle_deg": 30.0 + shift, "ambient": 2.0, "substrate": 2.0, "polarization": polarization}
        return reflectance_transmittance([2.0 * np.sin(np.radians(30.0))], [200.0], [500.0], **options)[1].item()

    assert at(0.0) == pytest.approx(at(1e-7), rel=1e-4)


@given(thicknesses, wavelengths, st.floats(0, 85), st.sampled_from("sp"), media)
def test_lossless_films_keep_energy(thickness, wavelength, angle, polarization, substrate):
    index = alternating(len(thickness), wavelength)
    options = {"angle_deg": angle, "polarization": polarization, "substrate": substrate}
    r, t = reflectance_transmittance(index, thickness, wavelength, **options)
    np.testing.assert_allclose(r + t, 1, rtol=0, atol=1e-12)


@given(thicknesses, wavelengths, media, media)
def test_transmittance_is_the_same_from_behind(thickness, wavelength, ambient, substrate):
    last = PAIR[(len(thickness) - 1) % 2]
    there = transmittance(thickness, wavelength, ambient=ambient, substrate=substrate)
    back = transmittance(thickness[::-1], wavelength, ambient=substrate, substrate=ambient, first=last)
    np.testing.assert_allclose(there, back, rtol=0, atol=2e-13)
    assert (there > 0).all() and (there <= 1 + 1e-13).all()


@given(thicknesses, absorbing, st.floats(0, 85), st.sampled_from("sp"))
def test_absorption_takes_energy(thickness, index, angle, polarization):
    options = {"angle_deg": angle, "polarization": polarization}
    r, t = reflectance_transmittance([index] * len(thickness), thickness, [500.0], **options)
    assert (r >= 0).all() and (t >= 0).all() and (r + t <= 1 + 1e-12).all()


def test_opaque_layers_do_not_overflow():
    r, t = reflectance_transmittance([0.2 + 6j], [1e7], [500.0], angle_deg=70.0, polarization="p")
    front, _ = reflectance_transmittance([1.0], [1.0], [500.0], angle_deg=70.0, polarization="p", substrate=0.2 + 6j)
    assert t.item() == 0
    assert r.item() == pytest.approx(front.item())


@settings(max_examples=20)
@given(st.integers(1, 12), st.integers(0, 5), st.integers(0, 99))
def test_a_film_does_not_depend_on_its_batch(layers, place, seed):
    batch = np.random.default_rng(seed).uniform(30, 70, (6, layers))
    np.testing.assert_array_equal(transmittance(batch)[place], transmittance(batch[place])[0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: transmittance([50.0, 0.0]), r"thickness_nm\[1\] is 0.0; allowed: finite numbers above 0"),
        (lambda: transmittance([[50.0, 1.0], [float("nan"), 1.0]]), r"thickness_nm\[1, 0\] is nan"),
        (lambda: transmittance([50.0, float("inf")]), "thickness_nm"),
        (lambda: transmittance([]), "thickness_nm is empty"),
        (lambda: transmittance("thick"), "thickness_nm is not an array of numbers"),
        (lambda: transmittance(np.ones((2, 2, 2))), r"thickness_nm has shape \(2, 2, 2\); allowed: \(layers,\)"),
        (lambda: transmittance([50.0], [500.0, -1.0]), r"wavelength_nm\[1\] is -1.0"),
        (lambda: transmittance([50.0], [[500.0]]), "wavelength_nm has shape"),
        (lambda: transmittance([50.0, 50.0], [250.0]), "too short for TiO2; allowed: at least 300 nm"),
        (lambda: transmittance([50.0], first="SiO"), "'SiO' .did you mean 'SiO2'"),
        (lambda: transmittance([50.0], ambient=0.0), "ambient is 0.0; allowed: a number above 0"),
        (lambda: transmittance([50.0], substrate=float("nan")), "substrate is nan"),
        (lambda: materials.index("silver", 500.0), "unknown material 'silver'"),
        (lambda: reflectance_transmittance([1.5], [50.0], [500.0], angle_deg=90.0), "angle_deg is 90.0"),
        (lambda: reflectance_transmittance([1.5], [50.0], [500.0], polarization="x"), "polarization"),
        (lambda: reflectance_transmittance([1.5, 2], [50.0], [500.0]), "index has 2 layers, thickness_nm has 1"),
        (lambda: reflectance_transmittance([[1.5, 2]], [50.0], [500.0] * 3), "allowed: .layers,. or .layers, 3 wave"),
        (lambda: reflectance_transmittance([1.5 - 0.1j], [50.0], [500.0]), "n and k at least 0"),
        (lambda: reflectance_transmittance([1.5], [50.0], [500.0], substrate=[1.5, 1.6]), "substrate has shape"),
    ],
)
def test_bad_input_is_refused_in_one_line(call, message):
    with pytest.raises(InputError, match=message) as refused:
        call()
    assert "\n" not in str(refused.value)


def test_film_draws_the_scenario():
    film = Film(8)
    rows = film.draw(500, np.random.default_rng(3))
    thickness = rows["thickness"]
    assert 30 <= thickness.min() < 30.2 and 69.8 < thickness.max() <= 70
    np.testing.assert_array_equal(rows["transmittance"], transmittance(thickness))
    assert (film.name, film.inputs, film.outputs) == ("film-8", 8, 200)
    assert (film.grid.values[0], film.grid.values[-1], film.grid.unit) == (400, 798, "nm")
