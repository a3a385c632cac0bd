"""Small files of images, as tests need them."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

HINODE = {
    "TELESCOP": "HINODE",
    "INSTRUME": "SOT/NB",
    "WAVE": "TF Fe I 5576",
    "DATE_OBS": "2011-10-08T11:15:42.585",
    "CDELT1": 0.16,
    "CUNIT1": "arcsec",
}
"""What the header of a real image says (Hinode/SOT, 2011-10-08)."""


def sun(seed: int = 0, side: int = 16, columns: int | None = None) -> NDArray[np.int16]:
    """An image with structure, about 1000 counts."""
    noise = np.random.default_rng(seed).standard_normal((side, columns or side))
    smooth = gaussian_filter(noise, 1.5)
    return np.int16(1000 + 100 * smooth / smooth.std())


def fits(path: Path, data: NDArray | None, header: dict[str, Any] | None = None, compressed: bool = False) -> Path:
    """Write a FITS file, tile-compressed if asked."""
    from astropy.io import fits as astropy

    path.parent.mkdir(parents=True, exist_ok=True)
    cards = astropy.Header({**HINODE, **(header or {})})
    if compressed:
        astropy.HDUList([astropy.PrimaryHDU(), astropy.CompImageHDU(data, cards)]).writeto(path)
    else:
        astropy.PrimaryHDU(data, cards).writeto(path)
    return path


def png(path: Path, data: NDArray) -> Path:
    """Write a PNG, or a JPEG 2000 if it ends so, of the data's own depth."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(data).save(path)
    return path
