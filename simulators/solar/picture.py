"""Images in files: FITS (tile-compressed too), JPEG 2000, PNG, JPEG, .npz. What no detector measured is masked."""

import re
import warnings
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from graft.simulators.solar.fields import Floats
from graft.simulators.solar.header import Told, of_header, of_name, time_in, waveband
from graft.spaces.errors import InputError

FITS = (".fits", ".fit", ".fts", ".fits.gz", ".fit.gz", ".fts.gz", ".fits.fz")
PICTURES = (".png", ".jp2", ".j2k", ".jpg", ".jpeg")
SUFFIXES = (*FITS, *PICTURES, ".npz")
ARRAYS = ("image", "images", "frames")
"""Of an .npz; a lone array may be called anything."""
EMPTY = {"SJI": -199.0}
"""Values at and below which an instrument says that it measured nothing (irispy-lmsal 0.5: -200 of IRIS)."""


@dataclass(frozen=True)
class Picture:
    """One image.

    Attributes:
        values: (rows, columns), in the file's unit, NaN where masked.
        missing: Pixels masked because no number was there.
        saturated: Pixels masked because they are at the detector's limit.
        told: What the file tells of it.
    """

    values: Floats
    missing: int
    saturated: int
    told: Told


def is_picture(path: Path) -> bool:
    """Whether a file is called as one of these formats is."""
    return path.name.lower().endswith(SUFFIXES)


def read(path: Path) -> tuple[Picture, ...]:
    """Read a file of one image, or of several that follow one another.

    Raises:
        InputError: Naming the file, if it is damaged, no image, in colour, empty, or the same everywhere.
    """
    if not is_picture(path):
        raise InputError(f"{path} is no image; allowed: a file that ends in {', '.join(SUFFIXES)}")
    name = path.name.lower()
    found, told, limit = (_npz if name.endswith(".npz") else _fits if name.endswith(FITS) else _drawn)(path)
    told = told.over(of_name(path.name))
    planes = found if found.ndim == 3 else found[None]
    pictures = [_masked(plane, told.later(number), limit) for number, plane in enumerate(planes)]
    used = [one for one in pictures if np.isfinite(one.values).any()]
    if not used:
        raise InputError(f"{path} holds no number but NaN; allowed: images")
    if told.frame:
        return tuple(used)
    varied = [one for one in used if np.nanmax(one.values) > np.nanmin(one.values)]
    if not varied:
        raise InputError(f"{path} is the same everywhere; allowed: images")
    return tuple(varied)


def _masked(plane: Floats, told: Told, limit: float) -> Picture:
    """A plane without what is no measurement."""
    missing, saturated = ~np.isfinite(plane), plane >= limit
    values = np.where(missing | saturated, np.nan, plane)
    return Picture(values, int(missing.sum()), int((saturated & ~missing).sum()), told)


def _limit(kind: np.dtype[Any]) -> float:
    """The largest number that a detector of that kind can tell; floats have none."""
    return float(np.iinfo(kind).max) if kind.kind in "iu" and kind.itemsize <= 2 else np.inf


def _fits(path: Path) -> tuple[Floats, Told, float]:
    """The first extension that is an image."""
    try:
        from astropy.io import fits
    except ImportError:
        raise InputError(f"{path} needs astropy; allowed: pip install 'graft[images]', or other formats") from None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # headers that break the standard are common, and read all the same
        try:
            # Raw numbers, for scaled ones have lost what is blank and what is saturated.
            with fits.open(path, do_not_scale_image_data=True, memmap=False) as held:
                names = [one.name or type(one).__name__ for one in held]
                images = [one for one in held if one.is_image and one.shape and len(one.shape) in (2, 3)]
                if not images:
                    raise InputError(
                        f"{path} has no image in its {len(names)} extensions ({', '.join(names)}); allowed: an image "
                        "of two axes, or three"
                    )
                raw, header = np.asarray(images[0].data), images[0].header
                keys = {str(key).upper(): value for key, value in {**held[0].header, **header}.items()}
        except InputError:
            raise
        except Exception as problem:  # whatever a damaged file does to astropy
            raise InputError(f"{path}: {_said(problem)}; allowed: a FITS file that is whole") from None
    if raw.dtype.kind not in "iuf":
        raise InputError(f"{path} holds {raw.dtype}; allowed: real numbers")
    if any("WAVE" in str(keys.get(f"CTYPE{axis}", "")).upper() for axis in (1, 2)):
        raise InputError(f"{path} holds spectra (an axis of wavelengths); allowed: images")
    scale, zero = float(keys.get("BSCALE", 1)), float(keys.get("BZERO", 0))
    values = raw.astype(np.float64) * scale + zero
    if raw.dtype.kind in "iu" and isinstance(keys.get("BLANK"), int):
        values[raw == keys["BLANK"]] = np.nan
    for instrument, value in EMPTY.items():
        if instrument in str(keys.get("INSTRUME", "")):
            values[values <= value] = np.nan
    limit = keys.get("SATURATE", keys.get("SATLEVEL"))
    limit = float(limit) if isinstance(limit, int | float) and limit > 0 else _limit(raw.dtype) * scale + zero
    try:
        return values, of_header(keys), limit
    except InputError as problem:
        raise InputError(f"{path}: {problem}") from None


def _drawn(path: Path) -> tuple[Floats, Told, float]:
    """What Pillow reads, in its own depth of 8 or 16 bits."""
    try:
        with Image.open(path) as held:
            held.load()
            mode, levels = held.mode, _levels(held, path)
    except InputError:
        raise
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as problem:
        raise InputError(f"{path}: {_said(problem)}; allowed: an image that is whole") from None
    told = Told()
    if path.suffix.lower() in (".jp2", ".j2k"):
        try:
            told = of_header(_boxed(path.read_bytes()))
        except InputError as problem:
            raise InputError(f"{path}: {problem}") from None
    values = levels.astype(np.float64)
    if mode in ("LA", "La"):
        with Image.open(path) as held:
            values[np.asarray(held)[..., 1] == 0] = np.nan
    return values, told, _limit(levels.dtype)


def _levels(held: Image.Image, path: Path) -> NDArray[Any]:
    """Grey levels; three equal channels are grey too."""
    if held.mode in ("L", "I", "I;16", "I;16B", "I;16L", "F"):
        levels = np.asarray(held)
        # Pillow has 32 bits for what PNG and JPEG 2000 keep in 16.
        return levels.astype(np.uint16) if held.mode == "I" and 0 <= levels.min() <= levels.max() < 65536 else levels
    if held.mode in ("LA", "La"):
        return np.asarray(held)[..., 0]
    channels = np.asarray(held.convert("RGB"))
    if (channels != channels[..., :1]).any():
        raise InputError(
            f"{path} is in colour ({held.mode}), and the colours of a picture are no intensities; allowed: one channel"
        )
    return channels[..., 0]


def _boxed(data: bytes) -> dict[str, object]:
    """The FITS keywords in the XML box of a JPEG 2000 file, as Helioviewer writes them."""
    start, end = data.find(b"<meta>"), data.find(b"</meta>")
    text = data[start:end].decode("utf-8", "replace") if 0 <= start < end else ""
    text = text.partition("<helioviewer>")[0]
    found: dict[str, object] = {}
    for key, value in re.findall(r"<([A-Za-z][\w-]*)(?:\s[^>]*)?>([^<]*)</\1>", text):
        number = re.fullmatch(r"[-+]?\d+(\.\d*)?", value.strip())
        found.setdefault(key.upper(), float(value) if number else value)
    return found


def _npz(path: Path) -> tuple[Floats, Told, float]:
    """An array ``image``, ``images`` or ``frames``, and if need be ``pixel``, ``band``, ``time``."""
    try:
        with zipfile.ZipFile(path):
            pass
        with np.load(path, allow_pickle=False) as file:
            held = {key: file[key] for key in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as problem:
        raise InputError(f"{path}: {_said(problem)}; allowed: an .npz of plain arrays, none pickled") from None
    arrays = {key: one for key, one in held.items() if one.ndim in (2, 3) and one.dtype.kind in "iuf"}
    called = [key for key in ARRAYS if key in arrays] or list(arrays)
    if len(called) != 1:
        raise InputError(f"{path} holds {', '.join(held) or 'nothing'}; allowed: one array, image or images")
    image = arrays[called[0]]
    told = Told()
    if "pixel" in held and held["pixel"].size == 1:
        told = replace(told, pixel=float(held["pixel"]))
    if "time" in held and held["time"].size == 1:
        told = replace(told, time=time_in(str(held["time"])))
    if "band" in held and held["band"].size == 1:
        told = replace(told, band=waveband(str(held["band"])))
    return image.astype(np.float64), told, _limit(image.dtype)


def _said(problem: Exception) -> str:
    """An exception in one line, its type where it says nothing."""
    return (str(problem).strip().splitlines() or [type(problem).__name__])[0]
