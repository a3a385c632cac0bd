"""Undoing seeing without a network: Wiener's filter, r0 fitted to each frame's own power spectrum."""

from collections.abc import Sequence

import numpy as np

from graft.simulators.solar.fields import Floats, spectrum
from graft.simulators.solar.seeing import Optics, short_exposure

GUESSES = np.geomspace(0.03, 0.4, 28)
"""Values of r0 that are tried, metres."""


Fit = tuple[float, float]
"""r0 in metres, and the variance of the true image."""


def fits(frames: Floats, optics: Optics, noise: float) -> list[Fit]:
    """Return what fits each of several frames (n, side, side) best; arguments as of `fitted`."""
    return [fitted(frame, optics, noise) for frame in frames]


def fitted(frame: Floats, optics: Optics, noise: float) -> Fit:
    """Return r0 in metres and the variance of the true image that fit a frame's periodogram best (Whittle 1953).

    The model is variance x `spectrum` x (mean transfer)^2 + noise. Frequencies below one cycle per two sides are left
    out, for a spot or a gradient has nothing to do with seeing.

    Args:
        frame: (side, side), in units of the quiet Sun.
        optics: Of frames of this side; its transfer is the short exposure's mean (Fried 1966).
        noise: Deviation of a pixel.
    """
    side = len(frame)
    window = np.outer(np.hanning(side), np.hanning(side))
    window = window / np.sqrt(np.mean(window**2))
    power = np.abs(np.fft.fft2((frame - frame.mean()) * window)) ** 2 / side**2  # noise has power noise^2 in it
    f = optics.frequencies
    used = (f * optics.pixel * side * np.pi / 180 / 3600 >= 2) & (f < f.max())
    prior = _prior(optics)
    best = (np.inf, float(GUESSES[0]), 1.0)
    for r0 in GUESSES:
        shape = prior * transfer(optics, float(r0)) ** 2
        for variance in np.geomspace(2e-4, 2e-2, 13):
            model = variance * shape[used] + noise**2
            best = min(best, (float(np.sum(np.log(model) + power[used] / model)), float(r0), float(variance)))
    return best[1], best[2]


def restored(frames: Floats, optics: Optics, noise: float, fits: Sequence[Fit]) -> Floats:
    """Return frames (n, side, side) filtered; edges are mirrored.

    Args:
        frames: In units of the quiet Sun.
        optics: Of frames of this side.
        noise: Deviation of a pixel.
        fits: Of each frame, from `graft.simulators.solar.wiener.fits`.
    """
    side = frames.shape[-1]
    wide = Optics(optics.telescope, optics.wavelength, optics.pixel, 2 * side)
    found = np.empty(frames.shape)
    for frame, (r0, variance), clear in zip(frames, fits, found, strict=True):
        mean = transfer(wide, r0)
        filtered = mean / (mean**2 + noise**2 / (variance * _prior(wide)))
        padded = np.pad(frame - frame.mean(), side // 2, mode="symmetric")[: 2 * side, : 2 * side]
        middle = slice(side // 2, side // 2 + side)
        clear[:] = np.fft.ifft2(np.fft.fft2(padded) * filtered).real[middle, middle] + frame.mean()
    return found


def transfer(optics: Optics, r0: float) -> Floats:
    """Return the mean transfer of stabilised frames (side, side), in FFT order; r0 in metres."""
    mean = short_exposure(optics.frequencies, optics.wavelength, r0, optics.telescope.diameter)
    return optics.transfer().real * mean


def _prior(optics: Optics) -> Floats:
    """Power of true images of variance 1 in a periodogram of theirs."""
    cycles = optics.frequencies * np.pi / 180 / 3600
    return spectrum(cycles) / optics.pixel**2
