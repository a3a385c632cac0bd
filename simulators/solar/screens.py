"""Phase screens of atmospheric turbulence (Kolmogorov, von Karman), by FFT with subharmonics.

The phase (rad) has the power spectrum 0.0229 r0^(-5/3) (f^2 + 1/L0^2)^(-11/6), f in cycles per metre (Noll 1976,
J. Opt. Soc. Am. 66, 207), r0 Fried's parameter (1966, J. Opt. Soc. Am. 56, 1372), L0 the outer scale. An FFT alone has
no frequency below one cycle per screen, where most of the power lies. So the cells around the origin are divided by
three, again and again (Lane, Glindemann & Dainty 1992, Waves in Random Media 2, 209), here from a block of 7 x 7 cells
on, each with the spectrum integrated over its cell; what is still lower is a random tilt.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import gamma, kv

from graft.spaces.errors import number, whole

Floats = NDArray[np.float64]
BLOCK = 7
"""Cells a side that leave the FFT for subharmonics."""
LEVELS = 4
"""Of subharmonics that are drawn one by one; below them a screen is flat enough to be a tilt."""
FOLDS = 2
"""Repeats of the FFT's frequencies on each side of it, whose power is added."""
TILTS = 40
"""Levels that make up the tilt: what lies lower adds 3^(-40/3) of it."""
POINTS = 8
"""A side, at which the spectrum is averaged over a cell; even, so that the origin is none of them."""
CONSTANT = (24 / 5 * gamma(6 / 5)) ** (5 / 6) * gamma(11 / 6) ** 2 / (2 * np.pi ** (11 / 3))
"""0.0229: of the spectrum."""


def spectrum(frequency: Floats, r0: float, outer: float = np.inf) -> Floats:
    """Return the power spectrum of phase, rad^2 m^2, at frequencies in cycles per metre.

    Args:
        frequency: Of any shape, above 0 where the outer scale is infinite.
        r0: Fried's parameter in metres.
        outer: Outer scale in metres; infinite is Kolmogorov's.
    """
    return CONSTANT * r0 ** (-5 / 3) * (np.square(frequency) + outer**-2.0) ** (-11 / 6)


def structure(separation: Floats, r0: float, outer: float = np.inf) -> Floats:
    """Return the structure function of phase, the mean of (phi(x) - phi(x + r))^2, in rad^2.

    Kolmogorov: 6.88 (r/r0)^(5/3) (Fried 1966). Von Karman: Conan 2008, J. Opt. Soc. Am. A 25, 840, Eq. 8.

    Args:
        separation: r in metres, of any shape.
        r0: Fried's parameter in metres.
        outer: Outer scale in metres.
    """
    r = np.asarray(separation, np.float64)
    if np.isinf(outer):
        return 2 * (24 / 5 * gamma(6 / 5)) ** (5 / 6) * (r / r0) ** (5 / 3)
    x = 2 * np.pi * np.where(r > 0, r, 1.0) / outer
    scale = gamma(11 / 6) / (2 ** (5 / 6) * np.pi ** (8 / 3)) * (24 / 5 * gamma(6 / 5)) ** (5 / 6)
    at_zero = 2 ** (-1 / 6) * gamma(5 / 6)
    found = 2 * scale * (outer / r0) ** (5 / 3) * (at_zero - x ** (5 / 6) * kv(5 / 6, x))
    return np.where(r > 0, found, 0.0)


@dataclass(frozen=True)
class Modes:
    """What screens of one size are drawn from.

    Attributes:
        fine: Deviation of each FFT coefficient (side, side), in FFT order.
        waves: exp(2 pi i f x) of the subharmonics, level by level (side, levels * 3 BLOCK).
        coarse: Deviation of each subharmonic (levels, 3 BLOCK, 3 BLOCK); 0 where a finer level takes over.
        tilt: Deviation of the gradient along each axis, rad per pixel.
    """

    fine: Floats
    waves: NDArray[np.complex128]
    coarse: Floats
    tilt: float


@lru_cache(maxsize=8)
def modes(side: int, pixel: float, outer: float = np.inf) -> Modes:
    """Work out what screens of ``side`` pixels of ``pixel`` metres are drawn from, where r0 is 1 metre."""
    step = 1 / (side * pixel)
    order = np.fft.fftfreq(side, 1 / side)
    along, across = np.meshgrid(order, order, indexing="ij")
    kept = np.maximum(np.abs(along), np.abs(across)) > BLOCK / 2
    fine = np.where(kept, _in_cells(along * step, across * step, step, outer), 0.0)
    for repeat in np.ndindex(2 * FOLDS + 1, 2 * FOLDS + 1):  # what is finer than the pixels is seen at their points too
        beyond = (np.array(repeat) - FOLDS) * side
        if beyond.any():
            fine += _in_cells((along + beyond[0]) * step, (across + beyond[1]) * step, step, outer)
    places = (np.arange(3 * BLOCK) - (3 * BLOCK - 1) / 2) / 3
    u, v = np.meshgrid(places, places, indexing="ij")
    inner = np.maximum(np.abs(u), np.abs(v)) < BLOCK / 6
    x = np.arange(side) * pixel
    coarse, waves, gradient = [], [], 0.0
    for level in range(TILTS):
        width = step / 3**level
        power = np.where(inner, 0.0, _in_cells(u * width, v * width, width / 3, outer, slopes=level > 0))
        if level < LEVELS:
            coarse.append(np.sqrt(power))
            waves.append(np.exp(2j * np.pi * x[:, None] * places * width))
        else:
            gradient += float(np.sum(power * (2 * np.pi * u * width * pixel) ** 2))
    return Modes(np.sqrt(fine), np.concatenate(waves, 1), np.stack(coarse), gradient**0.5)


def _in_cells(along: Floats, across: Floats, width: float, outer: float, slopes: bool = False) -> Floats:
    """Power in square cells around frequencies, cycles per metre; or what gives their middle the slopes of the cell."""
    shifts = ((np.arange(POINTS) + 0.5) / POINTS - 0.5) * width
    middle = along**2 + across**2
    found = np.zeros_like(along)
    for du in shifts:
        for dv in shifts:
            square = (along + du) ** 2 + (across + dv) ** 2
            weight = square / np.where(middle > 0, middle, np.inf) if slopes else 1.0
            found += spectrum(np.sqrt(square), 1.0, outer) * weight
    return found * (width / POINTS) ** 2


def screens(count: int, side: int, pixel: float, r0: float, rng: np.random.Generator, outer: float = np.inf) -> Floats:
    """Draw phase screens.

    Their structure function is within 0.5 % of `structure` up to half a side (von Karman: 2 %).

    Args:
        count: How many; they do not depend on one another.
        side: Pixels a side, at least 16.
        pixel: Metres.
        r0: Fried's parameter in metres.
        rng: Draws them.
        outer: Outer scale in metres.

    Returns:
        Phase in rad, (count, side, side), mean not removed.

    Raises:
        InputError: If an argument is out of range.
    """
    whole("count", count, 1)
    whole("side", side, 16)
    for name, value in (("pixel", pixel), ("r0", r0)):
        number(name, value, 0, above=True)
    if not np.isinf(outer):
        number("outer", outer, 0, above=True)
    found = modes(side, float(pixel), float(outer))
    drawn = np.empty((count, side, side))
    x = np.arange(side) - (side - 1) / 2
    by_level = np.stack([part.T for part in np.split(found.waves, LEVELS, 1)])
    for one in drawn:  # each draws the same number of values, so that more screens begin with the same ones
        normal = rng.standard_normal((2, *found.fine.shape))
        one[:] = (np.fft.ifft2(found.fine * (normal[0] + 1j * normal[1])) * side**2).real
        normal = rng.standard_normal((2, *found.coarse.shape))
        amplitudes = found.coarse * (normal[0] + 1j * normal[1])
        one += (found.waves @ np.concatenate(amplitudes @ by_level, 0)).real
        tip, tilt = found.tilt * rng.standard_normal(2)
        one += tip * x[:, None] + tilt * x
    return drawn * float(r0) ** (-5 / 6)


def expected(along: Floats, across: Floats, side: int, pixel: float, r0: float, outer: float = np.inf) -> Floats:
    """Return the structure function that `screens` have in the mean, exactly, in rad^2.

    Args:
        along: First component of the separation, pixels (separations,).
        across: Second component.
        side: As of `screens`.
        pixel: As of `screens`.
        r0: As of `screens`.
        outer: As of `screens`.
    """
    found = modes(side, float(pixel), float(outer))
    order = np.fft.fftfreq(side)
    places = (np.arange(3 * BLOCK) - (3 * BLOCK - 1) / 2) / 3 / side
    held = [(found.fine, order)] + [(power, places / 3**level) for level, power in enumerate(found.coarse)]
    total = found.tilt**2 * (along**2 + across**2)
    for deviation, frequency in held:
        first = np.exp(2j * np.pi * np.multiply.outer(along, frequency))
        second = np.exp(2j * np.pi * np.multiply.outer(across, frequency))
        together = np.einsum("ri,ij,rj->r", first, deviation**2, second).real
        total = total + 2 * (np.sum(deviation**2) - together)
    return total * float(r0) ** (-5 / 3)
