"""Undoing seeing without a network: Wiener's filter, r0 fitted to each frame's own power spectrum."""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from graft.simulators.solar.fields import Floats
from graft.simulators.solar.seeing import Optics, short_exposure

GUESSES = np.geomspace(0.03, 0.4, 28)
"""Values of r0 that are tried, metres."""
LARGER = np.geomspace(0.5, 64, 15)
"""Variances of the true image that are tried, in those of the frame."""

Fit = tuple[float, float]
"""r0 in metres, and the variance of the true image."""


def fits(frames: Floats, optics: Optics, noises: Floats, spectrum: Callable[[Floats], Floats]) -> list[Fit]:
    """Return what fits each of several frames (n, side, side) best, each with its noise; arguments as of `fitted`."""
    return [fitted(frame, optics, noise, spectrum) for frame, noise in zip(frames, noises, strict=True)]


def fitted(frame: Floats, optics: Optics, noise: float, spectrum: Callable[[Floats], Floats]) -> Fit:
    """Return r0 in metres and the variance of the true image that fit a frame's periodogram best (Whittle 1953).

    The model is variance x `spectrum` x (mean transfer)^2 + noise. Frequencies below one cycle per two sides are left
    out, for a spot or a gradient has nothing to do with seeing.

    Args:
        frame: (side, side), in units of the quiet Sun.
        optics: Of frames of this side; its transfer is the short exposure's mean (Fried 1966).
        noise: Deviation of a pixel.
        spectrum: Of true images, as a share of their variance, by cycles per arc second.
    """
    side = len(frame)
    window = np.outer(np.hanning(side), np.hanning(side))
    window = window / np.sqrt(np.mean(window**2))
    power = np.abs(np.fft.fft2((frame - frame.mean()) * window)) ** 2 / side**2  # noise has power noise^2 in it
    f = optics.frequencies
    used = (f * optics.pixel * side * np.pi / 180 / 3600 >= 2) & (f < f.max())
    prior, variances = _prior(optics, spectrum)[used], LARGER * max(float(frame.var()), noise**2)
    seen = np.stack([transfer(optics, float(r0))[used] ** 2 for r0 in GUESSES])
    model = variances[:, None] * (prior * seen)[:, None] + noise**2  # (guesses, variances, frequencies)
    told = np.sum(np.log(model) + power[used] / model, -1)
    r0, variance = np.unravel_index(int(np.argmin(told)), told.shape)
    return float(GUESSES[r0]), float(variances[variance])


def restored(
    frames: Floats, optics: Optics, noises: Floats, spectrum: Callable[[Floats], Floats], fits: Sequence[Fit]
) -> Floats:
    """Return frames (n, side, side) filtered; edges are mirrored.

    Args:
        frames: In units of the quiet Sun.
        optics: Of frames of this side.
        noises: Deviation of a pixel of each (n,).
        spectrum: As of `fitted`.
        fits: Of each frame, from `graft.simulators.solar.wiener.fits`.
    """
    side = frames.shape[-1]
    wide = Optics(optics.telescope, optics.wavelength, optics.pixel, 2 * side)
    found, prior = np.empty(frames.shape), _prior(wide, spectrum)
    for frame, noise, (r0, variance), clear in zip(frames, noises, fits, found, strict=True):
        mean = transfer(wide, r0)
        filtered = mean / (mean**2 + noise**2 / (variance * prior))
        padded = np.pad(frame - frame.mean(), side // 2, mode="symmetric")[: 2 * side, : 2 * side]
        middle = slice(side // 2, side // 2 + side)
        clear[:] = np.fft.ifft2(np.fft.fft2(padded) * filtered).real[middle, middle] + frame.mean()
    return found


def transfer(optics: Optics, r0: float) -> Floats:
    """Return the mean transfer of stabilised frames (side, side), in FFT order; r0 in metres."""
    return clear(optics) * short_exposure(optics.frequencies, optics.wavelength, r0, optics.telescope.diameter)


@lru_cache(maxsize=8)
def clear(optics: Optics) -> Floats:
    """Return the telescope's own transfer (side, side), in FFT order; it is kept, so do not write."""
    return optics.transfer().real


def _prior(optics: Optics, spectrum: Callable[[Floats], Floats]) -> Floats:
    """Power of true images of variance 1 in a periodogram of theirs."""
    cycles = optics.frequencies * np.pi / 180 / 3600
    return spectrum(cycles) / optics.pixel**2
