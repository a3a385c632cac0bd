"""Seeing that differs over a field: turbulence in layers, each looked through at another place from each direction.

A layer at height h is met by the light of direction theta at the pupil's footprint, h theta from that of the middle.
Near the ground all directions see the same phase; high layers make neighbouring parts of an image blur and wander by
themselves (Fried 1982, J. Opt. Soc. Am. 72, 52). A field is cut into patches, each seen through the phase of its own
middle, and blended from one to the next.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from graft.simulators.solar.fields import Floats
from graft.simulators.solar.screens import screens
from graft.simulators.solar.seeing import ARCSEC, Optics, seen
from graft.spaces.errors import InputError, number, whole


class Layer(NamedTuple):
    """Turbulence at one height.

    Attributes:
        height: Metres above the telescope.
        share: Of all turbulence: of r0^(-5/3).
    """

    height: float
    share: float


DAYTIME = (Layer(0.0, 0.75), Layer(8_000.0, 0.25))
"""Most near the warm ground, the rest in the jet stream: chosen, not measured."""


def frame(
    image: Floats,
    optics: Optics,
    r0: float,
    rng: np.random.Generator,
    layers: Sequence[Layer] = DAYTIME,
    patches: int = 4,
) -> Floats:
    """Return an instant of an image (side, side), each patch of it seen through its own phase.

    Args:
        image: In units of the quiet Sun, taken to go on periodically.
        optics: Of images of its side.
        r0: Fried's parameter of all layers together, metres.
        rng: Draws the screens.
        layers: Their shares add up to 1.
        patches: Along each axis.

    Raises:
        InputError: If a number is out of range, or shares do not add up.
    """
    whole("patches", patches, 1, optics.side)
    for layer in layers:
        number("height of a layer", layer.height, 0)
        number("share of a layer", layer.share, 0, 1)
    if abs(sum(layer.share for layer in layers) - 1) > 1e-6:
        raise InputError(f"shares of layers are {[layer.share for layer in layers]}; allowed: those that add up to 1")
    weights = blend(optics.side, patches)
    found = np.zeros(image.shape)
    for place, phase in phases(optics, r0, rng, layers, patches):
        row, column = place
        found += np.outer(weights[row], weights[column]) * seen(image, optics.transfer(phase))
    return found


def phases(
    optics: Optics, r0: float, rng: np.random.Generator, layers: Sequence[Layer], patches: int
) -> Iterator[tuple[tuple[int, int], Floats]]:
    """Yield row and column of each patch, and the phase in the pupil towards its middle, rad (points, points)."""
    points = len(optics.pupil())
    middles = (middle(optics.side, patches) - (optics.side - 1) / 2) * optics.pixel * ARCSEC
    shifts = [np.rint(layer.height * middles / optics.spacing).astype(int) for layer in layers]
    drawn = [
        screens(1, points + int(shift.max() - shift.min()), optics.spacing, r0 * layer.share ** (-3 / 5), rng)[0]
        for layer, shift in zip(layers, shifts, strict=True)
        if layer.share > 0
    ]
    held = [shift - shift.min() for layer, shift in zip(layers, shifts, strict=True) if layer.share > 0]
    for row in range(patches):
        for column in range(patches):
            footprints = [
                screen[at[row] : at[row] + points, at[column] : at[column] + points]
                for screen, at in zip(drawn, held, strict=True)
            ]
            yield (row, column), np.sum(footprints, 0)


def middle(side: int, patches: int) -> Floats:
    """Pixel in the middle of each patch along one axis."""
    return (np.arange(patches) + 0.5) * side / patches - 0.5


def blend(side: int, patches: int) -> Floats:
    """Weight of each patch along one axis (patches, side), linear from one middle to the next; they add up to 1."""
    x, middles = np.arange(side), middle(side, patches)
    return np.array([np.interp(x, middles, one) for one in np.eye(patches)])
