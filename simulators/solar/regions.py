"""Tiles of the Sun's surface, each with the region that its middle lies in: umbra, penumbra, quiet Sun.

Nobody labelled them: regions are masks of the true image, by intensity against the quiet Sun's. Networks do not see
that intensity. They are shown a tile as a telescope under a turbulent atmosphere has it (`observed`), in units of the
tile's own mean, so that what is left to tell a region by is its structure.
"""

from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from graft.simulators.base import Simulator, tensor_field
from graft.simulators.solar.bands import band
from graft.simulators.solar.fields import Floats
from graft.simulators.solar.observed import WAVELENGTH, exposed, said_of
from graft.simulators.solar.scenes import scene, shown
from graft.simulators.solar.seeing import TELESCOPES, Optics
from graft.simulators.solar.truths import PIXEL, TIMES, hinode, turned
from graft.spaces.errors import unknown, whole

REGIONS = ("umbra", "penumbra", "quiet Sun")
WIDTH = 1.0
"""Arc seconds, full at half maximum: granules and filaments of a penumbra are blurred out before masks are taken."""
UMBRA, PENUMBRA = 0.6, 0.93
"""Intensity below which a blurred image is umbra, and below which penumbra. In the wing of the line at 5576 A Hinode's
umbra goes down to 0.44, its penumbra is about 0.9, and the blurred quiet Sun 0.97 to 1.07."""
BESIDE = 0.2
"""Share of scenes with a spot among those in which the quiet Sun is looked for: it is rare in them."""
TRIES = 100
"""Scenes in which a region is looked for before they are given up."""
SCENES, HINODE = "scenes", "hinode"
PLACES: Mapping[str, str] = MappingProxyType(
    {SCENES: "simulated scenes in the continuum", HINODE: "what Hinode saw at two times"}
)


def regions(image: Floats, pixel: float) -> NDArray[np.int8]:
    """Number of the region in `REGIONS` that each point of a true image lies in.

    Args:
        image: (rows, columns), in units of the quiet Sun.
        pixel: Arc seconds.
    """
    blurred = gaussian_filter(image, WIDTH / 2.355 / pixel, mode="nearest")
    return np.digitize(blurred, (UMBRA, PENUMBRA)).astype(np.int8)


class Regions(Simulator):
    """Tiles under seeing and their regions, as many of each in the long run: ``regions-scenes``, ``regions-hinode``.

    Attributes:
        classes: Names of the regions.
        later: Whether real tiles are those of the later time.
    """

    version = 1
    positive = True
    classes = REGIONS

    def __init__(self, place: str, side: int = 24, later: bool = False) -> None:
        """Describe tiles of ``side`` x ``side`` pixels.

        Raises:
            InputError: If the place is unknown or the side out of range.
        """
        if place not in PLACES:
            raise unknown("place of regions", place, PLACES)
        whole("side", side, 16, 48)
        self.place, self.side, self.later = place, side, later
        self.name = f"regions-{place}"
        if place == HINODE:
            self.judged_on = "tiles under fresh seeing, of images of another time than those that taught, of"
            self.reservation = said_of("one region")
        told = f"{PIXEL:g} arc seconds a pixel, {PLACES[place]}"
        self.schema = pa.schema(
            [
                tensor_field("image", (side, side), "input", "mean intensity of the tile", told),
                tensor_field("class", len(REGIONS), "output", "1", f"1 at the region: {', '.join(REGIONS)}"),
            ]
        )

    @cached_property
    def optics(self) -> Optics:
        """The telescope's, of fields of twice the side."""
        return Optics(TELESCOPES["sst"], WAVELENGTH, PIXEL, 2 * self.side)

    def judging(self) -> "Regions":
        """The same of images that nothing was learned from: of the later time, where they are real."""
        return Regions(self.place, self.side, later=True)

    def sample(self, n: int, rng: np.random.Generator) -> dict[str, Floats]:
        """Draw ``n`` tiles (n, side, side) and their regions, one-hot (n, 3)."""
        images, told = np.empty((n, self.side, self.side)), np.zeros((n, len(REGIONS)))
        for image, region in zip(images, told, strict=True):
            kind = int(rng.integers(len(REGIONS)))
            frame, _ = exposed(turned(self.field(kind, rng), rng), self.optics, rng)
            image[:], region[kind] = frame / frame.mean(), 1.0
        return {"image": images, "class": told}

    def field(self, kind: int, rng: np.random.Generator) -> Floats:
        """Draw a true image of twice the side whose middle lies in a region.

        Raises:
            RuntimeError: If no scene has that region, which never happens with sides in range.
        """
        half = self.side
        for _ in range(TRIES):
            image = self._image(kind, rng)
            inner = regions(image, PIXEL)[half : image.shape[0] - half + 1, half : image.shape[1] - half + 1]
            rows, columns = np.nonzero(inner == kind)
            if len(rows):
                one = int(rng.integers(len(rows)))
                return image[rows[one] : rows[one] + 2 * half, columns[one] : columns[one] + 2 * half]
        raise RuntimeError(f"{self.name}: no {REGIONS[kind]} in {TRIES} scenes")

    def _image(self, kind: int, rng: np.random.Generator) -> Floats:
        """A whole true image: one of Hinode's, or a scene, where a spot is wanted one with a spot."""
        if self.place == HINODE:
            return hinode()[int(rng.integers(TIMES)) + TIMES * self.later]
        spotted = REGIONS[kind] != "quiet Sun" or rng.random() < BESIDE
        return shown(scene("sunspot" if spotted else "quiet Sun", 4 * self.side, PIXEL, rng), band("continuum"))
