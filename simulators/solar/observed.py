"""Pairs of images: as they are, and as a telescope under a turbulent atmosphere shows them.

The truth is simulated, or what Hinode saw from space (hinode.md). Real images are few and split by time: what is
learned from was taken five minutes before what judges. The telescope is the Swedish Solar Telescope at 557.6 nm; a
frame averages four instants, its tilt corrected, r0 between 5 and 20 cm.
"""

from functools import cache
from importlib.resources import files

import numpy as np
import pyarrow as pa

from graft.simulators.base import Simulator, tensor_field
from graft.simulators.solar.bands import band
from graft.simulators.solar.fields import Floats
from graft.simulators.solar.scenes import scene, shown
from graft.simulators.solar.screens import screens
from graft.simulators.solar.seeing import TELESCOPES, Optics, detected, seen
from graft.spaces.errors import unknown, whole

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
TRUTHS = ("granulation", "hinode")
TIMES = 3
"""Images of Hinode at each of its two times."""


@cache
def hinode() -> Floats:
    """Images of Hinode in units of the quiet Sun (6, 224, 288): three of 11:15:42 to 46, three five minutes later."""
    with np.load(str(files("graft.simulators.solar") / "hinode.npz"), allow_pickle=False) as held:
        return held["frames"] / held["quiet"][:, None, None]


class Observed(Simulator):
    """Frames of a truth under seeing, and the truth: ``seeing-granulation``, ``seeing-hinode``.

    Attributes:
        later: Whether real images are those of the later time.
    """

    version = 1
    positive = True

    def __init__(self, truth: str, side: int = 32, later: bool = False) -> None:
        """Describe frames of ``side`` x ``side`` pixels of 0.16 arc seconds.

        Raises:
            InputError: If the truth is unknown or a side is out of range.
        """
        if truth not in TRUTHS:
            raise unknown("truth", truth, TRUTHS)
        whole("side", side, 8, 96)
        self.truth, self.side, self.later = truth, side, later
        self.name = f"seeing-{truth}"
        self.optics = Optics(TELESCOPES["sst"], WAVELENGTH, PIXEL, 2 * side)
        unit = "intensity of the quiet Sun"
        self.schema = pa.schema(
            [
                tensor_field("frame", (side, side), "input", unit, "as a telescope shows it"),
                tensor_field("image", (side, side), "output", unit, "as it is"),
                tensor_field("r0", 1, "aside", "m", "Fried's parameter at 557.6 nm"),
            ]
        )

    def judging(self) -> "Observed":
        """The same of images that nothing was learned from: of the later time, where they are real."""
        return Observed(self.truth, self.side, later=True)

    def field(self, rng: np.random.Generator) -> Floats:
        """Draw a true image of twice the side."""
        side = 2 * self.side
        if self.truth == "granulation":
            kind = "sunspot" if rng.random() < SPOTS else "quiet Sun"
            found = shown(scene(kind, side, PIXEL, rng), band("continuum"))
            while found.min() < 0.05:  # beyond the limb
                found = shown(scene(kind, side, PIXEL, rng), band("continuum"))
            return found / np.median(found) if kind == "quiet Sun" else found
        images = hinode()[TIMES:] if self.later else hinode()[:TIMES]
        image = images[rng.integers(TIMES)]
        row, column = (int(rng.integers(size - side + 1)) for size in image.shape)
        cut = np.rot90(image[row : row + side, column : column + side], int(rng.integers(4)))
        return cut[:, ::-1] if rng.random() < 0.5 else cut

    def sample(self, n: int, rng: np.random.Generator) -> dict[str, Floats]:
        """Draw ``n`` frames, images (n, side, side) and r0 (n, 1)."""
        frames, images, told = (
            np.empty((n, self.side, self.side)),
            np.empty((n, self.side, self.side)),
            np.empty((n, 1)),
        )
        middle = slice(self.side // 2, self.side // 2 + self.side)  # the rest is margin: blurring is periodic
        for frame, image, value in zip(frames, images, told, strict=True):
            truth = self.field(rng)
            r0 = float(np.exp(rng.uniform(*np.log(R0))))
            phase = screens(INSTANTS, len(self.optics.pupil()), self.optics.spacing, r0, rng)
            transfer = self.optics.transfer(levelled(phase, self.optics.pupil())).mean(0)
            frame[:] = detected(seen(truth, transfer)[middle, middle], ELECTRONS, READ_NOISE, rng)
            image[:], value[:] = truth[middle, middle], r0
        return {"frame": frames, "image": images, "r0": told}


def levelled(phase: Floats, pupil: Floats) -> Floats:
    """Take the tilt over a pupil out of phases (..., points, points), as a mirror that follows the image does."""
    x = np.arange(len(pupil)) - (len(pupil) - 1) / 2
    square = np.sum(pupil * x[:, None] ** 2)
    tip = np.sum(phase * pupil * x[:, None], (-2, -1)) / square
    tilt = np.sum(phase * pupil * x, (-2, -1)) / square
    return phase - tip[..., None, None] * x[:, None] - tilt[..., None, None] * x
