"""What solar structure is made of: cells, granulation with a measured spectrum, streaks along a field of directions."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from graft.simulators.solar.kernels import drawn_out, nearest_two
from graft.spaces.errors import InputError

Floats = NDArray[np.float64]
GRANULE = 1.35
"""Arc seconds between neighbouring granules (Unified Astronomy Thesaurus, "solar granulation": about 1,000 km)."""
SUPERGRANULE = 42.0
"""Arc seconds between neighbouring supergranules (Rincon & Rieutord 2018, arXiv:1005.5376: 30 to 35 Mm)."""
MEASURED = np.array(
    [
        [0.06, 4.29],
        [0.15, 1.77],
        [0.25, 1.03],
        [0.35, 0.825],
        [0.45, 0.551],
        [0.55, 0.361],
        [0.65, 0.191],
        [0.75, 0.0952],
        [0.85, 0.0518],
        [0.95, 0.0265],
        [1.1, 0.0116],
        [1.3, 0.00401],
        [1.5, 0.00175],
        [1.7, 0.00118],
        [1.9, 0.000736],
        [2.15, 0.000406],
        [2.45, 0.000212],
        [2.8, 0.000136],
    ]
)
"""Power spectrum of granulation, as a share of the variance, by cycles per arc second: azimuthal means over five fields
of 41 arc seconds without a spot in Hinode/SOT's continuum at 5576 A, 2011-10-08 11:20:46, a quadratic surface taken
off, Hann's window. The deviation itself was 0.047 of the mean. Five minutes before it is the same, by a like recipe:
within 16 % in each ring, 5 % on average."""


def spectrum(frequency: Floats) -> Floats:
    """Return the measured spectrum at frequencies in cycles per arc second, flat below the first, a power law above."""
    told, power = np.log(MEASURED).T
    f = np.log(np.maximum(frequency, MEASURED[0, 0]))
    slope = (power[-1] - power[-3]) / (told[-1] - told[-3])
    return np.exp(np.where(f > told[-1], power[-1] + slope * (f - told[-1]), np.interp(f, told, power)))


def measured(images: Sequence[Floats] | Floats, side: int, pixel: float) -> Callable[[Floats], Floats]:
    """Measure the power spectrum of images, each window of them as a share of its own variance.

    Args:
        images: (rows, columns) each, NaN where masked: windows with any are left out.
        side: Of a window (Hann's), pixels; windows overlap by half. Where none is whole, they are half as large.
        pixel: Arc seconds.

    Returns:
        As `spectrum`: flat below the lowest frequency, and above the highest.

    Raises:
        InputError: If no window of 8 pixels is whole.
    """
    taper = np.outer(np.hanning(side), np.hanning(side))
    found = []
    for image in images:
        for row in range(0, image.shape[0] - side + 1, side // 2):
            for column in range(0, image.shape[1] - side + 1, side // 2):
                window = image[row : row + side, column : column + side]
                power = np.abs(np.fft.fft2((window - window.mean()) * taper)) ** 2
                if np.isfinite(power).all() and power.mean() > 0:
                    found.append(power / power.mean())
    if not found and side >= 16:
        return measured(images, side // 2, pixel)
    if not found:
        raise InputError(f"no window of {side} x {side} pixels is whole; allowed: images with fewer masked pixels")
    order = np.fft.fftfreq(side, 1 / side)
    rings = np.rint(np.hypot(order[:, None], order)).astype(int)
    means = np.bincount(rings.ravel(), np.mean(found, 0).ravel()) / np.bincount(rings.ravel())
    f, power = np.log(np.arange(1, side // 2 + 1) / (side * pixel)), np.log(means[1 : side // 2 + 1] * pixel**2)
    return lambda frequency: np.exp(np.interp(np.log(np.maximum(frequency, 1e-9)), f, power))


def cells(
    side: int, pixel: float, size: float, rng: np.random.Generator, warp: float = 0.22
) -> tuple[Floats, NDArray[np.intp]]:
    """Draw cells around random centres, periodic, their borders bent.

    Args:
        side: Pixels.
        pixel: Arc seconds.
        size: Arc seconds from one to the next.
        rng: Draws them.
        warp: By how much borders are bent, in sizes.

    Returns:
        Distance from the nearest border, arc seconds (side, side), and the number of each point's cell.
    """
    field = side * pixel
    rows = max(2, round(field / size))
    grid = np.stack(np.meshgrid(np.arange(rows), np.arange(rows), indexing="ij"), -1).reshape(-1, 2) + 0.5
    centres = ((grid + rng.uniform(-0.45, 0.45, grid.shape)) * field / rows) % field
    x = (np.arange(side) + 0.5) * pixel
    bent = [warp * size * smooth(side, pixel, 0.35 * size, rng) for _ in range(2)]
    points = ((np.stack(np.meshgrid(x, x, indexing="ij"), -1) + np.stack(bent, -1)) % field).reshape(-1, 2)
    distance, nearest = nearest_two(points, centres, rows, field)
    border = (distance[:, 1] - distance[:, 0]) / 2
    return border.reshape(side, side), nearest.reshape(side, side)


def granulation(side: int, pixel: float, rng: np.random.Generator) -> Floats:
    """Draw granulation: bright cells and dark lanes, whose power at every frequency is the measured one.

    The pattern (the phases) is that of cells, each of a brightness of its own; the amplitudes are `MEASURED`. A unit is
    the deviation of all of it: where pixels are too coarse for granules, what is left deviates by less.

    Returns:
        (side, side), mean 0, periodic.
    """
    border, number = cells(side, pixel, GRANULE, rng)
    pattern = np.minimum(border, 0.35) + 0.035 * rng.standard_normal(number.max() + 1)[number]
    found = np.fft.fft2(pattern + 1e-3 * rng.standard_normal(pattern.shape))
    one = np.fft.fftfreq(side, pixel)
    frequency = np.hypot(one[:, None], one)
    rings = np.rint(frequency * side * pixel).astype(int)
    own = np.bincount(rings.ravel(), np.abs(found).ravel() ** 2) / np.bincount(rings.ravel())
    wanted = spectrum(frequency) / (side * pixel) ** 2 * side**4
    wanted[0, 0] = 0.0
    return np.fft.ifft2(found * np.sqrt(wanted / own[rings])).real


def smooth(side: int, pixel: float, scale: float, rng: np.random.Generator) -> Floats:
    """Draw a field of mean 0 and deviation 1, smooth over ``scale`` arc seconds (side, side), periodic."""
    found = gaussian_filter(rng.standard_normal((side, side)), scale / pixel, mode="wrap")
    return (found - found.mean()) / found.std()


def streaks(angle: Floats, length: float, rng: np.random.Generator, grain: float = 0.7) -> Floats:
    """Draw streaks along a field of directions, by line integral convolution (Cabral & Leedom 1993, SIGGRAPH).

    Args:
        angle: Of the direction at each point, from the first axis (side, side), rad.
        length: Of a streak, pixels.
        rng: Draws the noise that is drawn out.
        grain: Width of a streak, pixels.

    Returns:
        Mean 0, deviation 1 (side, side).
    """
    noise = gaussian_filter(rng.standard_normal(angle.shape), grain, mode="wrap")
    total = drawn_out(noise, np.cos(angle), np.sin(angle), max(1, round(length / 2)))
    return (total - total.mean()) / total.std()
