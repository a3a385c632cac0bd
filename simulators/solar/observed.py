"""Pairs of images: as they are, and as a telescope under a turbulent atmosphere shows them.

The telescope is the Swedish Solar Telescope at 557.6 nm; a frame averages four instants, its tilt corrected, r0 between
5 and 20 cm. What is true is one of `graft.simulators.solar.truths`.
"""

from functools import cached_property

import numpy as np
import pyarrow as pa

from graft.simulators.base import Simulator, tensor_field
from graft.simulators.solar.fields import Floats
from graft.simulators.solar.screens import screens
from graft.simulators.solar.seeing import TELESCOPES, Optics, detected, seen
from graft.simulators.solar.truths import Truth
from graft.spaces.errors import whole

WAVELENGTH = 557.6e-9
R0 = (0.05, 0.20)
INSTANTS = 4
ELECTRONS = 40_000.0
"""That a pixel of intensity 1 counts."""
READ_NOISE = 20.0


def said_of(shows: str) -> str:
    """What a verdict on a few real images has to add."""
    return (
        f" This is said of these images, which show {shows}, under fresh seeing. For other regions it is undecided: "
        "five would decide if all of them agreed (sign test, level 5 %)."
    )


def noise(intensity: Floats) -> Floats:
    """Deviation of a pixel whose intensity is that, of any shape."""
    return np.sqrt(np.maximum(intensity, 0) / ELECTRONS + (READ_NOISE / ELECTRONS) ** 2)


def exposed(true: Floats, optics: Optics, rng: np.random.Generator, r0: float | None = None) -> tuple[Floats, float]:
    """Draw a frame of the middle of a true image, half its side, and tell the r0 under which it was seen.

    Args:
        true: (2 side, 2 side); what is not the middle is margin, for blurring is periodic.
        optics: Of images of its side.
        rng: Draws the instants and the noise.
        r0: Fried's parameter, m; None: drawn from `R0`, on a log scale.
    """
    r0 = float(np.exp(rng.uniform(*np.log(R0)))) if r0 is None else r0
    point = optics.point()
    phase = screens(INSTANTS, len(point.pupil()), point.spacing, r0, rng)
    transfer = optics.widened(point.transfer(levelled(phase, point.pupil())).mean(0))
    return detected(middle(seen(true, transfer)), ELECTRONS, READ_NOISE, rng), r0


def middle(image: Floats) -> Floats:
    """The inner half of a square image, along each axis."""
    half = len(image) // 2
    return image[half // 2 : half // 2 + half, half // 2 : half // 2 + half]


class Observed(Simulator):
    """Frames of a truth under seeing, and the truth.

    They are called ``seeing-granulation``, ``seeing-hinode`` and ``seeing-corona``.

    Attributes:
        later: Whether real images are those of the later time.
        r0: Fried's parameter of all frames, m; None: each its own, of `R0`.
    """

    version = 2  # 1: as many points of the pupil as a whole field needs
    positive = True

    def __init__(self, truth: Truth, side: int = 32, later: bool = False, r0: float | None = None) -> None:
        """Describe frames of ``side`` x ``side`` pixels.

        Raises:
            InputError: If a side is out of range.
        """
        whole("side", side, 8, 96)
        self.truth, self.side, self.later, self.r0 = truth, side, later, r0
        self.name = f"seeing-{truth.name}"
        if truth.shows:
            self.judged_on = "frames under fresh seeing, of images of another time than those that taught, of"
            self.reservation = said_of(truth.shows)
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
        return Observed(self.truth, self.side, later=True, r0=self.r0)

    def under(self, r0: float) -> "Observed":
        """The same under seeing of one r0, m."""
        return Observed(self.truth, self.side, self.later, r0)

    def sample(self, n: int, rng: np.random.Generator) -> dict[str, Floats]:
        """Draw ``n`` frames, images (n, side, side) and r0 (n, 1)."""
        frames, images, told = (
            np.empty((n, self.side, self.side)),
            np.empty((n, self.side, self.side)),
            np.empty((n, 1)),
        )
        for frame, image, value in zip(frames, images, told, strict=True):
            true = self.truth.field(2 * self.side, self.later, rng)
            frame[:], value[:] = exposed(true, self.optics, rng, self.r0)
            image[:] = middle(true)
        return {"frame": frames, "image": images, "r0": told}


def levelled(phase: Floats, pupil: Floats) -> Floats:
    """Take the tilt over a pupil out of phases (..., points, points), as a mirror that follows the image does."""
    x = np.arange(len(pupil)) - (len(pupil) - 1) / 2
    square = np.sum(pupil * x[:, None] ** 2)
    tip = np.sum(phase * pupil * x[:, None], (-2, -1)) / square
    tilt = np.sum(phase * pupil * x, (-2, -1)) / square
    return phase - tip[..., None, None] * x[:, None] - tilt[..., None, None] * x
