"""What lies behind seeing: simulated granulation, real images that come with graft, images of a folder.

Real images are few and split by time: what is learned from was taken before what judges. Hinode's six show one spot at
two times five minutes apart (hinode.md); the corona is one active region that TRACE saw in 1998, and another that AIA
saw in 2013 (corona.md).
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Protocol

import numpy as np

from graft.simulators.data.table import Table
from graft.simulators.solar import fields
from graft.simulators.solar.album import opened
from graft.simulators.solar.bands import band
from graft.simulators.solar.fields import Floats
from graft.simulators.solar.folder import MASKED
from graft.simulators.solar.scenes import scene, shown
from graft.spaces.errors import InputError, unknown

PIXEL = 0.16
"""Arc seconds of a pixel of Hinode's images."""
CORONAL = 0.6
"""The same of the corona's."""
FAINTER = 0.1
"""Factor on what deviates from the median in the corona, which varies there by up to 15 times."""
SPOTS = 0.3
"""Share of simulated fields with a sunspot."""
TIMES = 3
"""Images of Hinode at each of its two times."""
TRIES = 1000
"""Fields that are cut out of masked images before they are given up."""
WINDOW = 64
"""Pixels a side of what spectra are measured in, at most."""
Spectrum = Callable[[Floats], Floats]
"""Power of true images as a share of their variance, by cycles per arc second."""


@cache
def hinode() -> Floats:
    """Images of Hinode in units of the quiet Sun (6, 224, 288): three of 11:15:42 to 46, three five minutes later."""
    return _held("hinode.npz")


@cache
def corona() -> Floats:
    """Two active regions at 171 A (2, 320, 384): TRACE's of 1998, AIA's of 2013.

    The median is 1 and structure `FAINTER` than it is, so that telescope and detector see loops as they see granules: a
    bright background that varies by some per cent.
    """
    return 1 + FAINTER * (_held("corona.npz") - 1)


def _held(name: str) -> Floats:
    with np.load(str(files("graft.simulators.solar") / name), allow_pickle=False) as held:
        return held["frames"] / held["quiet"][:, None, None]


class Truth(Protocol):
    """What lies behind seeing.

    Attributes:
        name: What it is called by.
    """

    name: str

    @property
    def shows(self) -> str:
        """What real images that judge show, in words; '' where there is no end of true images."""

    @property
    def pixel(self) -> float:
        """Arc seconds."""

    def field(self, side: int, later: bool, rng: np.random.Generator) -> Floats:
        """Draw a true image (side, side); of the later time where there are times."""

    @property
    def spectrum(self) -> Spectrum:
        """Their power spectrum: of granulation as measured once, else as the images that teach have it."""


class Granulation:
    """Simulated granulation, in three fields of ten with a sunspot."""

    name, pixel, shows, spectrum = "granulation", PIXEL, "", staticmethod(fields.spectrum)

    def field(self, side: int, later: bool, rng: np.random.Generator) -> Floats:
        """Draw one; nothing depends on time."""
        kind = "sunspot" if rng.random() < SPOTS else "quiet Sun"
        found = shown(scene(kind, side, PIXEL, rng), band("continuum"))
        while found.min() < 0.05:  # beyond the limb
            found = shown(scene(kind, side, PIXEL, rng), band("continuum"))
        return found / np.median(found) if kind == "quiet Sun" else found


class Hinode:
    """What Hinode saw at two times."""

    name, pixel, shows, spectrum = "hinode", PIXEL, "one region", staticmethod(fields.spectrum)

    def field(self, side: int, later: bool, rng: np.random.Generator) -> Floats:
        """Cut one out of a whole image, in any orientation."""
        return cut(hinode()[TIMES:] if later else hinode()[:TIMES], side, rng)


class Corona:
    """The corona at 171 A, of which the ground sees nothing: a stand-in for what varies as it does."""

    name, pixel, shows = "corona", CORONAL, "one region"

    def field(self, side: int, later: bool, rng: np.random.Generator) -> Floats:
        """Cut one out of a whole image, in any orientation."""
        return cut(corona()[1:] if later else corona()[:1], side, rng)

    @property
    def spectrum(self) -> Spectrum:
        """As measured in TRACE's image."""
        return _coronal()


class Pictures:
    """Images of a folder that a study holds: the earlier half of its times teaches, the later half judges."""

    def __init__(self, table: Table) -> None:
        self.name, self.table = f"{table.name}-{table.sha256[:12]}", table

    @property
    def pixel(self) -> float:
        """Arc seconds, as the first image tells; all tell the same."""
        return opened(self.table, 2 * self.table.shape[0]).images[0].told.pixel

    @property
    def shows(self) -> str:
        """The times that judge."""
        times = opened(self.table, 2 * self.table.shape[0]).groups // 2
        return "one time" if times == 1 else f"{times} times"

    @property
    def spectrum(self) -> Spectrum:
        """As measured in the images that teach."""
        return _measured(self.table, self.pixel)

    def field(self, side: int, later: bool, rng: np.random.Generator) -> Floats:
        """Cut one out of a whole image, in any orientation, with hardly anything masked in it.

        Raises:
            InputError: If in a thousand tries there was none.
        """
        images = _taken(self.table, later)
        for _ in range(TRIES):
            found = cut(images, side, rng)
            holes = np.isnan(found)
            if holes.mean() <= MASKED:
                return np.where(holes, np.nanmedian(found), found) if holes.any() else found
        raise InputError(f"{self.table.path}: hardly a field of {side} x {side} pixels has {MASKED:.0%} or less masked")


@cache
def _measured(table: Table, pixel: float) -> Spectrum:
    """As measured in the images of a folder that teach."""
    window = min(WINDOW, 2 * table.shape[0])  # no image is smaller
    return fields.measured(_taken(table, False), window, pixel)


@cache
def _coronal() -> Spectrum:
    """As measured in the image of the corona that teaches."""
    return fields.measured(corona()[:1], WINDOW, CORONAL)


@cache
def _taken(table: Table, later: bool) -> Sequence[Floats]:
    """Whole images of one half of a folder's times."""
    folder = opened(table, 2 * table.shape[0])
    teaching = -(-folder.groups // 2)
    return [folder.image(one) for one in folder.images if (one.group >= teaching) == later]


def cut(images: Sequence[Floats] | Floats, side: int, rng: np.random.Generator) -> Floats:
    """Draw a field (side, side) of one of several images, turned and mirrored in one of eight ways."""
    image = images[int(rng.integers(len(images)))]
    row, column = (int(rng.integers(size - side + 1)) for size in image.shape)
    return turned(image[row : row + side, column : column + side], rng)


def turned(image: Floats, rng: np.random.Generator) -> Floats:
    """Turn and mirror a square image in one of eight ways."""
    found = np.rot90(image, int(rng.integers(4)))
    return found[:, ::-1] if rng.random() < 0.5 else found


TRUTHS: Mapping[str, Truth] = MappingProxyType({"granulation": Granulation(), "hinode": Hinode(), "corona": Corona()})


def truth(name: str) -> Truth:
    """The truth of that name.

    Raises:
        InputError: If there is none.
    """
    if name not in TRUTHS:
        raise unknown("truth", name, TRUTHS)
    return TRUTHS[name]
