"""Truths behind seeing: real images that come with graft, and the spectra measured in them."""

import numpy as np
import pytest

from graft.simulators.solar import fields
from graft.simulators.solar.truths import CORONAL, PIXEL, TIMES, TRUTHS, WINDOW, corona, hinode, truth
from graft.spaces.errors import InputError


def test_hinode_s_images_are_a_spot_in_granulation_at_two_times() -> None:
    images = hinode()
    assert images.shape == (2 * TIMES, 224, 288) and np.isfinite(images).all()
    for image in images:
        assert image.min() < 0.5 and np.median(image) == pytest.approx(1, abs=0.1)
        assert 0.03 < image[:90, 200:].std() < 0.08  # granulation
    # Five minutes later the spot is there still, the granules are others.
    early, late = images[0, :90, 200:].ravel(), images[TIMES, :90, 200:].ravel()
    assert np.corrcoef(early, late)[0, 1] < 0.7 < np.corrcoef(early, images[1, :90, 200:].ravel())[0, 1]


def test_the_corona_is_two_active_regions_of_loops() -> None:
    images = corona()
    assert images.shape == (2, 320, 384) and images.min() >= 0.9 and np.median(images) == pytest.approx(1, abs=1e-3)
    for image in images:  # loops are smooth along themselves: fine structure has little of the power
        power = np.abs(np.fft.fft2(image - image.mean())) ** 2
        f = np.hypot(*np.meshgrid(np.fft.fftfreq(320), np.fft.fftfreq(384), indexing="ij"))
        assert power[f > 0.25].sum() < 0.05 * power.sum()
    assert truth("corona").pixel == CORONAL and np.corrcoef(images[0].ravel(), images[1].ravel())[0, 1] < 0.5


@pytest.mark.parametrize("name", TRUTHS)
def test_fields_of_a_truth_are_cut_from_what_its_half_may_show(name: str) -> None:
    early, late = (truth(name).field(32, later, np.random.default_rng(0)) for later in (False, True))
    assert early.shape == late.shape == (32, 32) and np.isfinite(early).all()
    assert (early == late).all() == (name == "granulation")


def test_a_measured_spectrum_is_the_one_that_noise_was_drawn_with() -> None:
    rng = np.random.default_rng(0)
    images = [fields.granulation(256, PIXEL, rng) for _ in range(4)]
    told = fields.measured(images, WINDOW, PIXEL)
    f = np.array([0.35, 0.55, 0.75, 0.95])
    assert told(f) == pytest.approx(fields.spectrum(f), rel=0.3)
    white = fields.measured([rng.standard_normal((256, 256))], 64, 0.5)(f)
    assert white == pytest.approx(0.25, rel=0.15)  # variance 1 over a square of 2 x 2 cycles per arc second
    holed = rng.standard_normal((256, 256))
    holed[::40], holed[:, ::40] = np.nan, np.nan  # windows of 32 fit between
    assert fields.measured([holed], 64, 0.5)(f) == pytest.approx(0.25, rel=0.2)
    with pytest.raises(InputError, match="no window of 8 x 8 pixels is whole"):
        fields.measured([np.full((80, 80), np.nan)], 64, 0.5)
