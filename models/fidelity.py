"""How alike two images are: relative error, PSNR, SSIM, power spectra. NumPy, float64; images (n, rows, columns)."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

Floats = NDArray[np.float64]


def image_error(found: NDArray, true: NDArray) -> Floats:
    """Return the root mean square of found - true, in deviations of the true image itself (n,)."""
    found, true = np.asarray(found, np.float64), np.asarray(true, np.float64)
    return np.sqrt(np.mean((found - true) ** 2, (1, 2))) / true.std((1, 2))


def psnr(found: NDArray, true: NDArray) -> Floats:
    """Return the peak signal-to-noise ratio in dB (n,); the peak is the range of the true image."""
    found, true = np.asarray(found, np.float64), np.asarray(true, np.float64)
    return 10 * np.log10(np.ptp(true, (1, 2)) ** 2 / np.mean((found - true) ** 2, (1, 2)))


def ssim(found: NDArray, true: NDArray) -> Floats:
    """Return the structural similarity (n,): Wang et al. 2004, IEEE Trans. Image Process. 13, 600.

    Gaussian windows of deviation 1.5, K = 0.01 and 0.03, the range that of the true image.
    """
    x, y = np.asarray(found, np.float64), np.asarray(true, np.float64)

    def near(z: Floats) -> Floats:
        return gaussian_filter(z, (0, 1.5, 1.5), truncate=3.5)

    size = np.ptp(y, (1, 2), keepdims=True)
    c, d = (0.01 * size) ** 2, (0.03 * size) ** 2
    mx, my = near(x), near(y)
    vx, vy, both = near(x * x) - mx**2, near(y * y) - my**2, near(x * y) - mx * my
    inner = (slice(None), slice(5, -5), slice(5, -5))
    return ((2 * mx * my + c) * (2 * both + d) / ((mx**2 + my**2 + c) * (vx + vy + d)))[inner].mean((1, 2))


def spectral(found: NDArray, true: NDArray) -> tuple[Floats, Floats]:
    """Return, by frequency, the power of found images and the share of it that is incoherent with the true ones.

    Args:
        found: (n, side, side).
        true: The same.

    Returns:
        Power in that of the true images, and 1 - coherence^2, both (side // 2,), for 1 to side // 2 cycles a side.
    """
    side = true.shape[-1]
    window = np.outer(np.hanning(side), np.hanning(side))
    x, y = (np.fft.fft2((z - z.mean((1, 2), keepdims=True)) * window) for z in (np.float64(found), np.float64(true)))
    order = np.fft.fftfreq(side, 1 / side)
    rings = np.rint(np.hypot(order[:, None], order)).astype(int)
    power, exact, cross = (
        np.array([part[:, rings == ring].sum() for ring in range(1, side // 2 + 1)])
        for part in (np.abs(x) ** 2, np.abs(y) ** 2, x * y.conj())
    )
    return (power / exact).real, 1 - np.abs(cross) ** 2 / (power * exact).real
