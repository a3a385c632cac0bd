"""Real and simulated images under seeing, split by time, and Wiener's filter of them."""

import numpy as np
import pytest

from graft.models.fidelity import image_error, psnr
from graft.simulators.registry import find
from graft.simulators.solar import richardson_lucy, wiener
from graft.simulators.solar.observed import ELECTRONS, READ_NOISE, Observed, levelled, noise
from graft.simulators.solar.screens import screens
from graft.simulators.solar.seeing import Optics, detected
from graft.simulators.solar.truths import TIMES, hinode, truth
from graft.spaces.errors import InputError


def test_what_judges_is_cut_from_images_of_the_later_time_alone() -> None:
    for later in (False, True):
        drawn = Observed(truth("hinode"), 16, later).draw(4, np.random.default_rng(0))["image"]
        mine, others = (hinode()[TIMES:], hinode()[:TIMES]) if later else (hinode()[:TIMES], hinode()[TIMES:])
        for image in drawn:
            values = np.sort(image.ravel())
            assert np.isin(values, mine).all() and not np.isin(values, others).all()
    assert find("seeing-hinode").judging().later


def test_better_seeing_shows_more_and_a_frame_keeps_the_mean() -> None:
    rows = Observed(truth("hinode"), 16).draw(60, np.random.default_rng(1))
    frame, image, r0 = rows["frame"], rows["image"], rows["r0"][:, 0]
    assert (0.05 <= r0).all() and (r0 <= 0.2).all()
    error = image_error(frame, image)
    assert error[r0 > 0.13].mean() < 0.8 * error[r0 < 0.08].mean()
    assert frame.mean() == pytest.approx(image.mean(), rel=0.02)


def test_simulated_truth_is_granulation_with_a_spot_now_and_then() -> None:
    images = Observed(truth("granulation"), 16).draw(12, np.random.default_rng(2))["image"]
    spread = images.std((1, 2))
    assert 0.03 < np.median(spread) < 0.08 and np.median(images) == pytest.approx(1, abs=0.06)


def test_tilt_is_taken_out_and_nothing_else() -> None:
    pupil = np.hypot(*np.meshgrid(np.arange(20) - 9.5, np.arange(20) - 9.5)) < 9
    phase = screens(2, 20, 0.05, 0.1, np.random.default_rng(3))
    x = np.arange(20) - 9.5
    level = levelled(phase, pupil)
    assert levelled(phase + 2 * x[:, None] - 3 * x, pupil) == pytest.approx(level)
    assert np.sum(level * pupil * x, (1, 2)) == pytest.approx(0, abs=1e-9)


def test_wiener_s_filter_fits_r0_and_gains() -> None:
    simulator = Observed(truth("hinode"), 32, later=True)
    rows = simulator.draw(24, np.random.default_rng(4))
    given = simulator.optics
    optics = Optics(given.telescope, given.wavelength, given.pixel, 32)
    noises, spectrum = noise(rows["frame"].mean((1, 2))), simulator.truth.spectrum
    fits = wiener.fits(rows["frame"], optics, noises, spectrum)
    found = wiener.restored(rows["frame"], optics, noises, spectrum, fits)
    assert (psnr(found, rows["image"]) - psnr(rows["frame"], rows["image"])).mean() > 0.8
    r0 = [r0 for r0, _ in fits]
    assert np.corrcoef(np.log(r0), np.log(rows["r0"][:, 0]))[0, 1] > 0.3


def test_richardson_lucy_gains_with_the_number_of_iterations_that_suits_best() -> None:
    pytest.importorskip("skimage")
    simulator = Observed(truth("hinode"), 32, later=True)
    rows = simulator.draw(12, np.random.default_rng(4))
    given = simulator.optics
    optics = Optics(given.telescope, given.wavelength, given.pixel, 32)
    fits = wiener.fits(rows["frame"], optics, noise(rows["frame"].mean((1, 2))), simulator.truth.spectrum)
    found, iterations = richardson_lucy.restored(rows["frame"], rows["image"], optics, fits)
    assert iterations in richardson_lucy.ITERATIONS
    assert (psnr(found, rows["image"]) - psnr(rows["frame"], rows["image"])).mean() > 0.4
    assert found.mean() == pytest.approx(rows["frame"].mean(), rel=0.01)


def test_wiener_s_filter_gains_on_the_corona_by_the_spectrum_of_the_image_that_teaches() -> None:
    simulator = Observed(truth("corona"), 32, later=True)
    rows = simulator.draw(24, np.random.default_rng(4))
    given = simulator.optics
    optics = Optics(given.telescope, given.wavelength, given.pixel, 32)
    noises, spectrum = noise(rows["frame"].mean((1, 2))), simulator.truth.spectrum
    found = wiener.restored(
        rows["frame"], optics, noises, spectrum, wiener.fits(rows["frame"], optics, noises, spectrum)
    )
    gained = image_error(found, rows["image"]) / image_error(rows["frame"], rows["image"])
    poor = rows["r0"][:, 0] < np.median(rows["r0"])
    assert gained.mean() < 1 and gained[poor].mean() < 0.85


def test_noise_is_that_of_the_detector() -> None:
    drawn = detected(np.full((200, 200), 0.7), ELECTRONS, READ_NOISE, np.random.default_rng(0))
    assert drawn.std() == pytest.approx(noise(np.array(0.7)), rel=0.02)


def test_the_same_fields_are_seen_under_each_r0() -> None:
    judging = find("seeing-hinode").judging()
    bad, good = (judging.under(r0).draw(1, np.random.default_rng(3)) for r0 in (0.05, 0.2))
    assert (bad["image"] == good["image"]).all() and (bad["r0"], good["r0"]) == (0.05, 0.2)
    assert image_error(bad["frame"], bad["image"]) > image_error(good["frame"], good["image"])


def test_an_unknown_truth_is_told_with_those_there_are() -> None:
    with pytest.raises(InputError, match=r"unknown truth 'hinod' \(did you mean 'hinode'\?\)"):
        find("seeing-hinod")
    with pytest.raises(InputError, match="side is 4"):
        Observed(truth("hinode"), 4)
