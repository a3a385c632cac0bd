"""Seeing: what a telescope under a turbulent atmosphere makes of an image.

A frame is the true image times a transfer function in the Fourier plane: the autocorrelation of pupil x exp(i phase),
whose frequencies are shifts of the pupil divided by the wavelength (Goodman, Introduction to Fourier Optics, chapter
6). One phase screen is an instant; a long exposure averages many. The mean over all screens is the telescope's own
transfer times exp(-D(lambda f)/2) = exp(-3.44 (lambda f / r0)^(5/3)) (Fried 1966, J. Opt. Soc. Am. 56, 1372).
Images are square, in units of the mean intensity of the quiet Sun, and taken to go on periodically: cut off a margin.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from graft.simulators.solar.screens import Floats, screens, structure
from graft.spaces.errors import InputError, number, whole

ARCSEC = np.pi / 180 / 3600
"""In rad."""
HALO = 8.0
"""Arc seconds a side that hold what seeing makes of a point: at r0 of 5 cm its width at half maximum is 2.3."""


@dataclass(frozen=True)
class Telescope:
    """A round pupil with a round obstruction in its middle.

    Attributes:
        diameter: Metres.
        obstruction: Diameter of what is obstructed, as a fraction of the pupil's.

    Raises:
        InputError: If the diameter is not above 0 or the obstruction not in [0, 0.95].
    """

    diameter: float
    obstruction: float = 0.0

    def __post_init__(self) -> None:
        number("telescope.diameter", self.diameter, 0, above=True)
        number("telescope.obstruction", self.obstruction, 0, 0.95)


TELESCOPES: Mapping[str, Telescope] = MappingProxyType(
    {
        "sst": Telescope(0.97),  # a lens: Scharmer et al. 2003, Proc. SPIE 4853, 341
        "sot": Telescope(0.5, 0.344),  # Suematsu et al. 2008, Solar Physics 249, 197
        "gregor": Telescope(1.44, 0.3),  # Schmidt et al. 2012, Astron. Nachr. 333, 796
        "dkist": Telescope(4.0),  # off axis: Rimmele et al. 2020, Solar Physics 295, 172
    }
)


@dataclass(frozen=True)
class Optics:
    """A telescope, a wavelength, and the image that it makes.

    Attributes:
        telescope: Its pupil.
        wavelength: Metres.
        pixel: Of the image, arc seconds.
        side: Of the image, pixels.

    Raises:
        InputError: If a number is out of range, or the pupil is too coarse for the image: fewer than 8 points across.
    """

    telescope: Telescope
    wavelength: float
    pixel: float
    side: int

    def __post_init__(self) -> None:
        number("optics.wavelength", self.wavelength, 0, above=True)
        number("optics.pixel", self.pixel, 0, above=True)
        whole("optics.side", self.side, 8)
        if self.across < 8:
            raise InputError(
                f"a field of {self.side} pixels of {self.pixel:g} arc seconds sees the pupil at {self.across} points "
                "across; allowed: at least 8, in a larger field"
            )

    @property
    def spacing(self) -> float:
        """Metres between points of the pupil: a shift by one is one cycle per field."""
        return self.wavelength / (self.side * self.pixel * ARCSEC)

    @property
    def across(self) -> int:
        """Points across the pupil."""
        return int(self.telescope.diameter / self.spacing)

    @property
    def frequencies(self) -> Floats:
        """Size of the frequency of each element of a transfer function, cycles per rad (side, side), in FFT order."""
        one = np.fft.fftfreq(self.side, self.pixel * ARCSEC)
        return np.hypot(one[:, None], one)

    def pupil(self) -> Floats:
        """1 where light passes, 0 elsewhere, (points, points)."""
        points = max(16, self.across + 2)
        x = (np.arange(points) - (points - 1) / 2) * self.spacing * 2 / self.telescope.diameter
        radius = np.hypot(x[:, None], x)
        return ((radius <= 1) & (radius >= self.telescope.obstruction)).astype(np.float64)

    def point(self) -> "Optics":
        """The same of so small a field that it just holds what seeing makes of a point: fewer points of the pupil do.

        A large field of coarse pixels would need a phase screen at many points of the pupil, to know how light spreads
        where none arrives.
        """
        side = self.side
        while side % 2 == 0 and side * self.pixel >= 2 * HALO and side >= 16:
            side //= 2
        return replace(self, side=side)

    def widened(self, transfer: NDArray[np.complex128]) -> NDArray[np.complex128]:
        """The transfer (side, side) of this field from that of a smaller one with the same pixels."""
        small = transfer.shape[-1]
        if small == self.side:
            return transfer
        order = np.rint(np.fft.fftfreq(small, 1 / small)).astype(int) % self.side
        spread = np.zeros((self.side, self.side), np.complex128)
        spread[np.ix_(order, order)] = np.fft.ifft2(transfer)
        return np.fft.fft2(spread)

    def transfer(self, phase: Floats | None = None) -> NDArray[np.complex128]:
        """Transfer functions of instants, 1 at frequency 0.

        Args:
            phase: Screens in the pupil, rad (..., points, points); None: no atmosphere.

        Returns:
            In FFT order (..., side, side): autocorrelations of the pupil at the frequencies of the image, and 0 beyond
            the telescope's.
        """
        pupil = self.pupil()
        field = pupil if phase is None else pupil * np.exp(1j * phase)
        padded = 2 * len(pupil)
        power = np.abs(np.fft.fft2(field, (padded, padded))) ** 2
        correlation = np.fft.ifft2(power) / pupil.sum()
        # Frequency k of the image is the shift by k points; a coarse image lacks the largest shifts.
        order = np.rint(np.fft.fftfreq(self.side, 1 / self.side)).astype(int)
        within = np.abs(order) < len(pupil)
        found = np.zeros((*correlation.shape[:-2], self.side, self.side), np.complex128)
        found[..., within[:, None] & within] = correlation[..., order[within][:, None], order[within]].reshape(
            *correlation.shape[:-2], -1
        )
        return found

    def psf(self, phase: Floats | None = None) -> Floats:
        """Point spread functions, sum 1, the middle at [0, 0], (..., side, side); arguments as of `transfer`."""
        return np.fft.ifft2(self.transfer(phase)).real

    def long(self, r0: float, outer: float = np.inf) -> Floats:
        """The transfer of an endless exposure (side, side): the telescope's times `long_exposure`."""
        return self.transfer().real * long_exposure(self.frequencies, self.wavelength, r0, outer)

    def exposures(
        self, count: int, r0: float, rng: np.random.Generator, instants: int = 1, outer: float = np.inf
    ) -> NDArray[np.complex128]:
        """Draw transfer functions of exposures.

        Args:
            count: How many.
            r0: Fried's parameter at this wavelength, metres.
            rng: Draws the screens.
            instants: Independent screens that an exposure averages: 1 is short.
            outer: Outer scale, metres.

        Returns:
            (count, side, side), in FFT order.

        Raises:
            InputError: If a number is out of range.
        """
        whole("instants", instants, 1)
        points = len(self.pupil())
        found = np.empty((count, self.side, self.side), np.complex128)
        for one in found:
            one[:] = self.transfer(screens(instants, points, self.spacing, r0, rng, outer)).mean(0)
        return found


def long_exposure(frequency: Floats, wavelength: float, r0: float, outer: float = np.inf) -> Floats:
    """Return the atmosphere's part of a long exposure's transfer, exp(-3.44 (lambda f / r0)^(5/3)) (Fried 1966).

    Args:
        frequency: Cycles per rad, of any shape.
        wavelength: Metres.
        r0: Fried's parameter at this wavelength, metres.
        outer: Outer scale, metres; infinite in the formula above.
    """
    return np.exp(-structure(wavelength * np.asarray(frequency), r0, outer) / 2)


def short_exposure(frequency: Floats, wavelength: float, r0: float, diameter: float) -> Floats:
    """Return the mean transfer of instants whose tilt is taken out (Fried 1966, far from the pupil).

    exp(-3.44 (lambda f / r0)^(5/3) [1 - (lambda f / D)^(1/3)]); arguments as of `long_exposure`, the diameter in
    metres. Above the telescope's last frequency it means nothing, and is that of the last one.
    """
    shift = np.minimum(wavelength * np.asarray(frequency), diameter)
    return np.exp(-3.44 * (shift / r0) ** (5 / 3) * (1 - (shift / diameter) ** (1 / 3)))


def seen(images: Floats, transfer: NDArray) -> Floats:
    """Return what an instrument with this transfer shows of images; both (..., side, side), the first periodic.

    Raises:
        InputError: If their sides differ.
    """
    if images.shape[-2:] != transfer.shape[-2:]:
        raise InputError(
            f"images are {images.shape[-2:]}, the transfer function {transfer.shape[-2:]}; allowed: equal sides"
        )
    return np.fft.ifft2(np.fft.fft2(images) * transfer).real


def detected(images: Floats, electrons: float, read_noise: float, rng: np.random.Generator) -> Floats:
    """Return images as a detector counts them, in the same unit.

    Args:
        images: In units of the quiet Sun.
        electrons: That the quiet Sun leaves in a pixel: their number is Poisson's.
        read_noise: Deviation in electrons, normal.
        rng: Draws both.

    Raises:
        InputError: If a number is out of range.
    """
    number("electrons", electrons, 0, above=True)
    number("read_noise", read_noise, 0)
    counted = rng.poisson(np.maximum(images, 0) * electrons) + rng.normal(0.0, read_noise, images.shape)
    return counted / electrons
