"""What a run has recorded to be shown: spectra, how networks sort images, and what restored ones are worth."""

from collections.abc import Mapping

from graft.search.run.record import Errors, Record
from graft.spaces.plan import Plan

Numbers = tuple[float, ...]


class Film(Record):
    """One example: its exact outputs, and those that networks predict."""

    exact: Numbers
    direct: Numbers | None = None
    transfer: Numbers | None = None


class Spectra(Record):
    """Examples with exact and predicted outputs."""

    wavelength_nm: Numbers
    films: tuple[Film, ...]
    output: str = "output"
    deviation: Numbers = ()


class Bin(Record):
    """Images about which a network is as sure: the probability it told, the share that is right, how many."""

    told: float
    right: float
    images: int


class Sorted(Record):
    """How a network sorts test images: counts by exact class (rows) and by the most probable one, and reliability."""

    confusion: tuple[tuple[int, ...], ...]
    error_rate: float
    reliability: tuple[Bin, ...] = ()


class Classes(Record):
    """Names of classes, and how networks sort images into them."""

    names: tuple[str, ...]
    networks: Mapping[str, Sorted]


class Quality(Record):
    """How alike restored and true images are; power, in that of the true ones, and its incoherent share by frequency.

    Frequencies are 1, 2, ... cycles a side.
    """

    error: float
    psnr_db: float
    ssim: float
    power: Numbers = ()
    incoherent: Numbers = ()


class UnderSeeing(Record):
    """What restored images are worth of the same fields under seeing of one r0, in metres."""

    r0: float
    fields: int
    quality: Mapping[str, Quality]


class Restored(Record):
    """Images as seen, restored in several ways, and true, each (images, rows, columns), and what they are worth."""

    quality: Mapping[str, Quality]
    images: Mapping[str, tuple[tuple[Numbers, ...], ...]]
    pixel_arcsec: float
    iterations: int = 0
    by_r0: tuple[UnderSeeing, ...] = ()


class Way(Record):
    """A way of using a source: the best plan of it, its errors seed by seed, and by how much it changes the error.

    The plan is ``put_together`` from those of other ways where the search tried none of this one. The change is
    relative to direct learning's error on the same seeds, with a 95 % interval; None of that itself, and where a
    training diverged.
    """

    plan: Plan
    errors: Errors
    mean: float | None = None
    change: float | None = None
    interval: tuple[float, float] | None = None
    put_together: bool = False
