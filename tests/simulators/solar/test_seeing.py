"""Phase screens and what they do to images, against the formulas of Fried and von Karman."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graft.simulators.solar.screens import expected, screens, spectrum, structure
from graft.simulators.solar.seeing import (
    ARCSEC,
    TELESCOPES,
    Optics,
    Telescope,
    detected,
    long_exposure,
    seen,
    short_exposure,
)
from graft.spaces.errors import InputError

OPTICS = Optics(Telescope(0.5, 0.3), 500e-9, 0.1, 64)


def test_a_coarse_field_is_seen_as_its_small_middle_is() -> None:
    optics, rng = Optics(TELESCOPES["sst"], 557.6e-9, 0.6, 64), np.random.default_rng(5)
    point = optics.point()
    assert point.side == 16 and point.across < optics.across / 3
    assert Optics(TELESCOPES["sst"], 557.6e-9, 0.16, 64).point().side == 64
    for r0 in (0.05, 0.2):
        found = np.mean([optics.widened(one) for one in point.exposures(150, r0, rng)], 0)
        assert found[0, 0] == pytest.approx(1)
        assert found.real == pytest.approx(optics.long(r0), abs=0.04)


def test_kolmogorov_s_structure_function_is_the_classical_one() -> None:
    r = np.array([0.02, 0.1, 0.5])
    assert structure(r, 0.1) == pytest.approx(6.88 * (r / 0.1) ** (5 / 3), rel=1e-3)
    assert spectrum(np.array(1.0), 1.0) == pytest.approx(0.0229, rel=1e-3)
    assert structure(r, 0.1, 1e6) == pytest.approx(structure(r, 0.1), rel=0.02)


@pytest.mark.parametrize("outer", [np.inf, 20.0, 2.0])
@pytest.mark.parametrize("side", [64, 100])
def test_screens_have_that_structure_function_in_the_mean_within_2_percent(side: int, outer: float) -> None:
    for along, across in ((1, 0), (0, 1), (3, 4), (4, -3), (1, 1)):
        few = np.arange(1.0, 1 + side // 2 // max(abs(along), abs(across)))
        exact = structure(few * np.hypot(along, across) * 0.02, 0.1, outer)
        assert expected(along * few, across * few, side, 0.02, 0.1, outer) == pytest.approx(exact, rel=0.02)


def test_drawn_screens_have_it_within_3_percent() -> None:
    drawn = screens(1000, 64, 0.02, 0.1, np.random.default_rng(0))
    for lag in (4, 8, 16):
        steps = [drawn[:, lag:] - drawn[:, :-lag], drawn[:, :, lag:] - drawn[:, :, :-lag]]
        found = np.mean([np.mean(step**2) for step in steps])
        assert found == pytest.approx(float(structure(np.array(lag * 0.02), 0.1)), rel=0.03)


def test_more_screens_begin_with_the_same_ones() -> None:
    few, more = (screens(count, 16, 0.02, 0.1, np.random.default_rng(2)) for count in (2, 4))
    assert np.array_equal(few, more[:2])


@given(factor=st.floats(0.1, 10), seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_screens_scale_with_r0(factor: float, seed: int) -> None:
    one, other = (screens(1, 16, 0.02, r0, np.random.default_rng(seed)) for r0 in (0.1, 0.1 * factor))
    assert other == pytest.approx(one * factor ** (-5 / 6), rel=1e-9, abs=1e-9)


def test_a_clear_pupil_transfers_as_the_textbook_says() -> None:
    optics = Optics(Telescope(0.5), 500e-9, 0.1, 256)
    cut = np.minimum(optics.frequencies * 500e-9 / 0.5, 1)
    exact = 2 / np.pi * (np.arccos(cut) - cut * np.sqrt(1 - cut**2))
    assert optics.transfer().real == pytest.approx(exact, abs=0.01)
    assert np.abs(optics.transfer().imag).max() < 1e-12


def test_psf_is_positive_sums_to_1_and_is_the_pupil_s_diffraction() -> None:
    phase = screens(3, len(OPTICS.pupil()), OPTICS.spacing, 0.1, np.random.default_rng(3))
    found = OPTICS.psf(phase)
    assert found.sum((-2, -1)) == pytest.approx(1)
    fine = Optics(OPTICS.telescope, 500e-9, 0.05, 128)  # the pixel is finer than the diffraction limit: nothing is cut
    whole = fine.psf(phase)
    assert whole.min() > -1e-12
    field = fine.pupil() * np.exp(1j * phase[0])
    direct = np.abs(np.fft.fft2(field, (128, 128))) ** 2
    assert whole[0] == pytest.approx(np.flip(np.roll(direct / direct.sum(), -1, (0, 1)), (0, 1)), abs=1e-12) or (
        whole[0] == pytest.approx(direct / direct.sum(), abs=1e-12)
    )


def test_long_exposures_transfer_as_fried_says_within_3_percent() -> None:
    telescope, size = OPTICS.transfer().real, OPTICS.frequencies * 500e-9
    found = OPTICS.exposures(1, 0.1, np.random.default_rng(4), instants=600)[0].real
    rings = np.rint(size / OPTICS.spacing).astype(int)
    for ring in range(1, OPTICS.across - 1):
        inside = rings == ring
        formula = np.mean(telescope[inside] * np.exp(-3.44 * (size[inside] / 0.1) ** (5 / 3)))
        assert abs(found[inside].mean() - formula) / telescope[inside].mean() < 0.03


@pytest.mark.parametrize("r0", [0.05, 0.1, 0.2])
def test_the_mean_of_all_screens_transfers_as_fried_says_within_3_percent(r0: float) -> None:
    points = len(OPTICS.pupil())
    shifts = np.arange(1.0, points)
    drawn = np.exp(-expected(shifts, 0 * shifts, points, OPTICS.spacing, r0) / 2)
    formula = np.exp(-3.44 * (shifts * OPTICS.spacing / r0) ** (5 / 3))
    kept = (formula > 0.05) & (shifts < points / 2)
    assert np.abs(drawn - formula).max() < 0.03 and kept.any()
    assert drawn[kept] == pytest.approx(formula[kept], rel=0.03)
    assert long_exposure(shifts * OPTICS.spacing / 500e-9, 500e-9, r0) == pytest.approx(formula, rel=0.03)
    assert OPTICS.long(r0) == pytest.approx(
        OPTICS.transfer().real * long_exposure(OPTICS.frequencies, 500e-9, r0), abs=1e-12
    )


def test_a_short_exposure_keeps_more_than_a_long_one() -> None:
    f = np.linspace(0.1, 0.9, 9) * 0.5 / 500e-9
    short, long = short_exposure(f, 500e-9, 0.1, 0.5), long_exposure(f, 500e-9, 0.1)
    assert (short > long).all() and (np.diff(np.log(short / long)) > 0).all()
    sharp = np.abs(OPTICS.exposures(20, 0.1, np.random.default_rng(5))).mean(0)
    high = OPTICS.frequencies > 0.5 * 0.5 / 500e-9
    assert sharp[high].sum() > 3 * OPTICS.long(0.1)[high].sum()


def test_seeing_keeps_the_mean_and_a_detector_adds_the_noise_that_is_asked() -> None:
    rng = np.random.default_rng(6)
    image = 1 + 0.1 * rng.standard_normal((64, 64))
    blurred = seen(image, OPTICS.exposures(2, 0.1, rng))
    assert blurred.mean((-2, -1)) == pytest.approx(image.mean()) and (blurred.std((-2, -1)) < image.std() / 2).all()
    assert seen(image, OPTICS.transfer() * 0 + 1) == pytest.approx(image)
    noise = detected(np.ones((100, 64, 64)), 1e4, 50.0, rng) - 1
    assert noise.std() == pytest.approx(np.hypot(100, 50) / 1e4, rel=0.01) and abs(noise.mean()) < 1e-4


def test_r0_of_the_seeing_disc() -> None:
    optics = Optics(Telescope(0.97), 500e-9, 0.05, 128)
    psf = np.fft.fftshift(np.fft.ifft2(long_exposure(optics.frequencies, 500e-9, 0.1)).real)
    half = np.sum(psf[64] > psf.max() / 2) * 0.05 * ARCSEC
    assert half == pytest.approx(0.976 * 500e-9 / 0.1, rel=0.05)  # full width at half maximum: 0.976 lambda / r0


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: screens(0, 64, 0.1, 0.1, np.random.default_rng(0)), "count is 0"),
        (lambda: screens(1, 8, 0.1, 0.1, np.random.default_rng(0)), "side is 8"),
        (lambda: screens(1, 64, 0.1, -0.1, np.random.default_rng(0)), "r0 is -0.1"),
        (lambda: screens(1, 64, 0.1, 0.1, np.random.default_rng(0), float("nan")), "outer is nan"),
        (lambda: Telescope(0.0), "telescope.diameter is 0.0"),
        (lambda: Telescope(1.0, 1.0), "telescope.obstruction is 1.0"),
        (lambda: Optics(TELESCOPES["sst"], 500e-9, 0.1, 8), "points across; allowed: at least 8"),
        (lambda: seen(np.ones((8, 8)), np.ones((9, 9))), "allowed: equal sides"),
        (lambda: detected(np.ones((8, 8)), 0.0, 1.0, np.random.default_rng(0)), "electrons is 0.0"),
    ],
)
def test_bad_input_is_told_in_one_line(call: object, named: str) -> None:
    with pytest.raises(InputError, match=named) as refused:
        call()  # type: ignore[operator]
    assert "\n" not in str(refused.value)
