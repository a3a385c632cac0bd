"""How alike two images are, against what is known of simple cases."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from graft.models.fidelity import image_error, psnr, spectral, ssim


def images(seed: int = 0) -> np.ndarray:
    return 1 + 0.1 * gaussian_filter(np.random.default_rng(seed).standard_normal((6, 32, 32)), (0, 1, 1))


def test_the_same_image_is_perfect() -> None:
    true = images()
    power, incoherent = spectral(true, true)
    assert (image_error(true, true) == 0).all() and ssim(true, true) == pytest.approx(1)
    assert power == pytest.approx(1) and incoherent == pytest.approx(0, abs=1e-9)


def test_noise_of_a_known_size_is_measured() -> None:
    true, rng = images(), np.random.default_rng(1)
    for size in (0.01, 0.05):
        found = true + size * rng.standard_normal(true.shape)
        assert image_error(found, true) == pytest.approx(size / true.std((1, 2)), rel=0.1)
        assert psnr(found, true) == pytest.approx(20 * np.log10(np.ptp(true, (1, 2)) / size), abs=0.8)
    better, worse = (ssim(true + size * rng.standard_normal(true.shape), true).mean() for size in (0.01, 0.05))
    assert 1 > better > worse > 0


def test_the_mean_image_errs_by_one_deviation() -> None:
    true = images()
    flat = np.broadcast_to(true.mean((1, 2), keepdims=True), true.shape)
    assert image_error(flat, true) == pytest.approx(1)


def test_invented_structure_is_incoherent_and_blurring_is_not() -> None:
    true, other = images(), images(9)
    assert spectral(other, true)[1].mean() > 0.6
    blurred = gaussian_filter(true, (0, 0.7, 0.7), mode="wrap")
    power, incoherent = spectral(blurred, true)
    assert incoherent[:6].max() < 0.05 and power[8] < power[1] < 1.1
