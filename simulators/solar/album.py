"""A folder of images by the interface of a simulator: its tiles with their classes, in the folder's order."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from graft.simulators.base import Simulator, tensor_field
from graft.simulators.data.columns import unit
from graft.simulators.data.table import Table
from graft.simulators.solar.fields import Floats
from graft.simulators.solar.folder import Folder, survey
from graft.spaces.errors import InputError

LINEAR, LOGARITHMIC = "intensity of the quiet Sun", "log10(1 + intensity of the quiet Sun)"
"""Units of tiles."""


class Album(Simulator):
    """Tiles and classes of a folder that a study holds as a `Table`; it draws no others.

    Attributes:
        classes: What its images show.
    """

    positive = True

    def __init__(self, table: Table) -> None:
        self.table, self.classes = table, table.outputs
        self.name = f"{table.name}-{table.sha256[:12]}"
        _, self.unit = unit(table.inputs[0])
        self.schema = pa.schema(
            [
                tensor_field("image", table.shape, "input", self.unit, "a tile of an image"),
                tensor_field("class", len(self.classes), "output", "1", f"1 at the class: {', '.join(self.classes)}"),
            ]
        )

    def sample(self, n: int, rng: np.random.Generator) -> dict[str, Floats]:
        """The first ``n`` tiles and their classes, one-hot.

        Raises:
            InputError: If the folder is not the one that the study was made with.
        """
        folder = opened(self.table, self.table.shape[0])
        images, classes = np.empty((n, *self.table.shape)), np.zeros((n, len(self.classes)))
        place = 0
        for one in folder.images:
            if place == n:
                break
            tiles = folder.tiles(one, self.unit == LOGARITHMIC)[: n - place]
            images[place : place + len(tiles)] = tiles
            classes[place : place + len(tiles), self.classes.index(one.shows)] = 1
            place += len(tiles)
        return {"image": images, "class": classes}


def opened(table: Table, side: int) -> Folder:
    """The folder that a study holds.

    Args:
        table: As the study holds it.
        side: Of tiles, pixels.

    Raises:
        InputError: If it is not the one that the study was made with.
    """
    folder = survey(Path(table.path), side)
    if folder.sha256 != table.sha256:
        raise InputError(
            f"{table.path} does not hold the images that this study began with; allowed: these, or another --out"
        )
    return folder
