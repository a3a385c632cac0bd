"""Undoing seeing without a network: Richardson-Lucy by scikit-image, with the transfer that fits each frame."""

from collections.abc import Sequence
from importlib.util import find_spec

import numpy as np

from graft.simulators.solar import wiener
from graft.simulators.solar.fields import Floats
from graft.simulators.solar.seeing import Optics

ITERATIONS = (3, 5, 7, 10, 14, 20, 28)
"""Numbers of them that are tried: few leave it blurred, many make structure out of noise."""
TRIED = 50
"""Frames on which they are tried, at most."""
DARKEST = 1e-3
"""Intensity of a pixel, at least: the method divides by it."""


def available() -> bool:
    """Whether scikit-image is installed (``graft[images]``)."""
    return find_spec("skimage") is not None


def restored(frames: Floats, true: Floats, optics: Optics, fits: Sequence[wiener.Fit]) -> tuple[Floats, int]:
    """Return frames (n, side, side) restored, with the number of iterations that suits them best.

    That number is chosen by the true images, so that the result is better than anybody could have it who has none.

    Args:
        frames: In units of the quiet Sun.
        true: What lies behind them.
        optics: Of frames of this side.
        fits: Of each frame, from `graft.simulators.solar.wiener.fits`.
    """
    few = slice(TRIED)

    def off(iterations: int) -> float:
        return float(np.mean((_restored(frames[few], optics, fits[few], iterations) - true[few]) ** 2))

    best = min(ITERATIONS, key=off)
    return _restored(frames, optics, fits, best), best


def _restored(frames: Floats, optics: Optics, fits: Sequence[wiener.Fit], iterations: int) -> Floats:
    """Frames after so many iterations; edges are mirrored."""
    from skimage.restoration import richardson_lucy

    side = frames.shape[-1]
    odd = Optics(optics.telescope, optics.wavelength, optics.pixel, side + 1 - side % 2)  # so that it has a middle
    margin, found = side // 2, np.empty(frames.shape)
    for frame, (r0, _), clear in zip(frames, fits, found, strict=True):
        spread = np.maximum(np.fft.fftshift(np.fft.ifft2(wiener.transfer(odd, r0)).real), 0)
        padded = np.maximum(np.pad(frame, margin, mode="symmetric"), DARKEST)
        clear[:] = richardson_lucy(padded, spread / spread.sum(), iterations, clip=False)[
            margin : margin + side, margin : margin + side
        ]
    return found
