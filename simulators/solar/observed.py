"""Pairs of images: as they are, and as a telescope under a turbulent atmosphere shows them.

The truth is simulated, or what Hinode saw from space (hinode.md), or images of a folder. Real images are few and split
by time: what is learned from was taken before what judges, Hinode's five minutes. The telescope is the Swedish Solar
Telescope at 557.6 nm; a frame averages four instants, its tilt corrected, r0 between 5 and 20 cm.
"""

from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from importlib.resources import files
from types import MappingProxyType
from typing import Protocol

import numpy as np
import pyarrow as pa

from graft.simulators.base import Simulator, tensor_field
from graft.simulators.data.table import Table
from graft.simulators.solar.album import opened
from graft.simulators.solar.bands import band
from graft.simulators.solar.fields import Floats
from graft.simulators.solar.folder import MASKED
from graft.simulators.solar.scenes import scene, shown
from graft.simulators.solar.screens import screens
from graft.simulators.solar.seeing import TELESCOPES, Optics, detected, seen
from graft.spaces.errors import InputError, unknown, whole

PIXEL = 0.16
WAVELENGTH = 557.6e-9
R0 = (0.05, 0.20)
INSTANTS = 4
ELECTRONS = 40_000.0
READ_NOISE = 20.0
NOISE = (1 / ELECTRONS + (READ_NOISE / ELECTRONS) ** 2) ** 0.5
"""Deviation of a pixel of the quiet Sun."""
SPOTS = 0.3
"""Share of simulated fields with a sunspot."""
TIMES = 3
"""Images of Hinode at each of its two times."""
TRIES = 1000
"""Fields that are cut out of masked images before they are given up."""


@cache
def hinode() -> Floats:
    """Images of Hinode in units of the quiet Sun (6, 224, 288): three of 11:15:42 to 46, three five minutes later."""
    with np.load(str(files("graft.simulators.solar") / "hinode.npz"), allow_pickle=False) as held:
        return held["frames"] / held["quiet"][:, None, None]


class Truth(Protocol):
    """What lies behind seeing.

    Attributes:
        name: What it is called by.
    """

    name: str

    @property
    def pixel(self) -> float:
        """Arc seconds."""

    def field(self, side: int, later: bool, rng: np.random.Generator) -> Floats:
        """Draw a true image (side, side); of the later time where there are times."""


class Granulation:
    """Simulated granulation, in three fields of ten with a sunspot."""

    name, pixel = "granulation", PIXEL

    def field(self, side: int, later: bool, rng: np.random.Generator) -> Floats:
        """Draw one; nothing depends on time."""
        kind = "sunspot" if rng.random() < SPOTS else "quiet Sun"
        found = shown(scene(kind, side, PIXEL, rng), band("continuum"))
        while found.min() < 0.05:  # beyond the limb
            found = shown(scene(kind, side, PIXEL, rng), band("continuum"))
        return found / np.median(found) if kind == "quiet Sun" else found


class Hinode:
    """What Hinode saw at two times."""

    name, pixel = "hinode", PIXEL

    def field(self, side: int, later: bool, rng: np.random.Generator) -> Floats:
        """Cut one out of a whole image, in any orientation."""
        return cut(hinode()[TIMES:] if later else hinode()[:TIMES], side, rng)


class Pictures:
    """Images of a folder that a study holds: the earlier half of its times teaches, the later half judges."""

    def __init__(self, table: Table) -> None:
        self.name, self.table = f"{table.name}-{table.sha256[:12]}", table

    @property
    def pixel(self) -> float:
        """Arc seconds, as the first image tells; all tell the same."""
        return opened(self.table, 2 * self.table.shape[0]).images[0].told.pixel

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
def _taken(table: Table, later: bool) -> Sequence[Floats]:
    """Whole images of one half of a folder's times."""
    folder = opened(table, 2 * table.shape[0])
    teaching = -(-folder.groups // 2)
    return [folder.image(one) for one in folder.images if (one.group >= teaching) == later]


def cut(images: Sequence[Floats] | Floats, side: int, rng: np.random.Generator) -> Floats:
    """Draw a field (side, side) of one of several images, turned and mirrored in one of eight ways."""
    image = images[int(rng.integers(len(images)))]
    row, column = (int(rng.integers(size - side + 1)) for size in image.shape)
    found = np.rot90(image[row : row + side, column : column + side], int(rng.integers(4)))
    return found[:, ::-1] if rng.random() < 0.5 else found


TRUTHS: Mapping[str, Truth] = MappingProxyType({"granulation": Granulation(), "hinode": Hinode()})


def truth(name: str) -> Truth:
    """The truth of that name.

    Raises:
        InputError: If there is none.
    """
    if name not in TRUTHS:
        raise unknown("truth", name, TRUTHS)
    return TRUTHS[name]


class Observed(Simulator):
    """Frames of a truth under seeing, and the truth: ``seeing-granulation``, ``seeing-hinode``.

    Attributes:
        later: Whether real images are those of the later time.
    """

    version = 1
    positive = True

    def __init__(self, truth: Truth, side: int = 32, later: bool = False) -> None:
        """Describe frames of ``side`` x ``side`` pixels.

        Raises:
            InputError: If a side is out of range.
        """
        whole("side", side, 8, 96)
        self.truth, self.side, self.later = truth, side, later
        self.name = f"seeing-{truth.name}"
        unit = "intensity of the quiet Sun"
        self.schema = pa.schema(
            [
                tensor_field("frame", (side, side), "input", unit, "as a telescope shows it"),
                tensor_field("image", (side, side), "output", unit, "as it is"),
                tensor_field("r0", 1, "aside", "m", "Fried's parameter at 557.6 nm"),
            ]
        )

    @cached_property
    def optics(self) -> Optics:
        """The telescope's, of fields of twice the side."""
        return Optics(TELESCOPES["sst"], WAVELENGTH, self.truth.pixel, 2 * self.side)

    def judging(self) -> "Observed":
        """The same of images that nothing was learned from: of the later time, where they are real."""
        return Observed(self.truth, self.side, later=True)

    def sample(self, n: int, rng: np.random.Generator) -> dict[str, Floats]:
        """Draw ``n`` frames, images (n, side, side) and r0 (n, 1)."""
        frames, images, told = (
            np.empty((n, self.side, self.side)),
            np.empty((n, self.side, self.side)),
            np.empty((n, 1)),
        )
        middle = slice(self.side // 2, self.side // 2 + self.side)  # the rest is margin: blurring is periodic
        for frame, image, value in zip(frames, images, told, strict=True):
            true = self.truth.field(2 * self.side, self.later, rng)
            r0 = float(np.exp(rng.uniform(*np.log(R0))))
            phase = screens(INSTANTS, len(self.optics.pupil()), self.optics.spacing, r0, rng)
            transfer = self.optics.transfer(levelled(phase, self.optics.pupil())).mean(0)
            frame[:] = detected(seen(true, transfer)[middle, middle], ELECTRONS, READ_NOISE, rng)
            image[:], value[:] = true[middle, middle], r0
        return {"frame": frames, "image": images, "r0": told}


def levelled(phase: Floats, pupil: Floats) -> Floats:
    """Take the tilt over a pupil out of phases (..., points, points), as a mirror that follows the image does."""
    x = np.arange(len(pupil)) - (len(pupil) - 1) / 2
    square = np.sum(pupil * x[:, None] ** 2)
    tip = np.sum(phase * pupil * x[:, None], (-2, -1)) / square
    tilt = np.sum(phase * pupil * x, (-2, -1)) / square
    return phase - tip[..., None, None] * x[:, None] - tilt[..., None, None] * x
