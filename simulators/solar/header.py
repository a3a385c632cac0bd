"""What a header, or a name, tells of an image: waveband, pixel scale, time, and whether it is a dark or flat frame.

Instruments are known by the keywords that sunpy's map sources look for (sunpy 7.0, sunpy/map/sources). Wavebands have
the names of `graft.simulators.solar.bands` where these are simulated.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import isfinite, log
from types import MappingProxyType

from graft.spaces.errors import InputError, unknown

WAVEBANDS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "xray": (1, 70),
        "94": (92, 96),
        "131": (129, 133),
        "171": (169, 176),  # AIA, EIT and TRACE 171, EUI and SWAP 174
        "193": (191, 197),  # AIA 193, EIT and SUVI 195
        "211": (209, 213),
        "284": (282, 286),
        "304": (302, 306),
        "335": (333, 337),
        "1216": (1210, 1222),
        "1330": (1325, 1345),
        "1400": (1385, 1415),
        "1600": (1550, 1650),
        "1700": (1650, 1750),
        "2796": (2785, 2810),
        "2832": (2825, 2840),
        "cak": (3929, 3938),
        "cah": (3964, 3973),
        "gband": (4290, 4320),
        "halpha": (6558, 6568),
        "10830": (10820, 10840),
        "continuum": (3800, 25_000),  # what of it is no line above
    }
)
"""Wavelengths of each, angstrom."""
SPELT: Mapping[str, str] = MappingProxyType(
    {
        "ha": "halpha",
        "hydrogenalpha": "halpha",
        "hi6563": "halpha",
        "tfhi6563": "halpha",
        "whitelight": "continuum",
        "wl": "continuum",
        "continuumintensity": "continuum",
        "softxray": "xray",
        "sxr": "xray",
        "caiik": "cak",
        "caiih": "cah",
        "caiihline": "cah",
        "gbandch4305": "gband",
        "lymanalpha": "1216",
        "mgiik": "2796",
        "heii": "304",
    }
)
"""Other spellings, without what is neither letter nor digit."""
XRAYS = ("XRT", "SXT", "RHESSI")
"""Instruments that see nothing else."""
NANOMETRES = ("VBI", "VISP", "COSMO K-Coronagraph")
"""Instruments that give wavelengths in nm where no unit stands beside them."""
TYPES = ("IMG_TYPE", "IMGTYPE", "IMAGETYP", "OBSTYPE", "OBS_TYPE", "FRAMETYP", "DATA_TYP", "FRAME")
"""Keywords that tell light from dark and flat frames."""
TIMES = ("DATE-OBS", "DATE_OBS", "DATE-BEG", "STARTOBS", "T_OBS")
WHEN = re.compile(
    r"(?<!\d)((?:19|20)\d\d)[-/._]?(\d\d)[-/._]?(\d\d)"
    r"(?:[T _.]{1,2}(\d\d)[-:._]?(\d\d)(?:[-:._]?(\d\d)(?:[._](\d+))?)?)?"
)
"""A date, and a time of day if one follows."""


@dataclass(frozen=True)
class Told:
    """What is told of an image; empty, 0 or None where nothing is.

    Attributes:
        band: Its waveband, one of `WAVEBANDS`.
        pixel: Arc seconds.
        time: When it was taken, or the first of several that follow one another.
        step: Seconds from one of these to the next.
        frame: ``dark`` or ``flat`` if it shows no Sun.
    """

    band: str = ""
    pixel: float = 0.0
    time: datetime | None = None
    step: float = 0.0
    frame: str = ""

    def over(self, other: "Told") -> "Told":
        """This, and what only the other tells."""
        timed = self if self.time else other
        band, pixel, frame = self.band or other.band, self.pixel or other.pixel, self.frame or other.frame
        return Told(band, pixel, timed.time, timed.step, frame)

    def later(self, steps: int) -> "Told":
        """The same so many steps later."""
        return replace(self, time=self.time and self.time + timedelta(seconds=steps * self.step))


def of_header(header: Mapping[str, object]) -> Told:
    """What a FITS header tells, keywords in capitals.

    Raises:
        InputError: If its wavelength lies in no known waveband.
    """
    typed = [str(header[key]) for key in TYPES if key in header]
    frame = next(filter(None, map(frame_in, typed)), "")
    return Told(_band(header), _pixel(header), _time(header), _step(header), frame)


def of_name(name: str) -> Told:
    """What the name of a file tells: a date with a time of day, ``dark`` or ``flat``."""
    match = WHEN.search(name)
    return Told(time=_moment(match) if match and match[4] else None, frame=frame_in(name))


def waveband(text: str) -> str:
    """The waveband that is meant.

    Args:
        text: A name in any spelling, or a wavelength in angstrom.

    Raises:
        InputError: If it is none, with the nearest.
    """
    found = named(text)
    if not found:
        raise _unknown(text)
    return found


def named(text: str) -> str:
    """The same, '' if it is none."""
    plain = re.sub(r"[^a-z0-9.]", "", text.lower().replace("α", "alpha"))
    plain = SPELT.get(plain, plain)
    if plain in WAVEBANDS:
        return plain
    number = re.fullmatch(r"(\d+(?:\.\d+)?)(?:a|å|angstroms?)?", plain)
    return _near(float(number[1])) if number else ""


def time_in(text: str) -> datetime | None:
    """The time that a text begins with or holds; a date alone is its midnight."""
    match = WHEN.search(text)
    return _moment(match) if match else None


def frame_in(text: str) -> str:
    """``dark`` or ``flat`` if a text has that word (a bias is dark), else ''."""
    words = re.split(r"[^a-z]+", text.lower())
    found = next((word for word in words if re.fullmatch(r"(dark|flat|bias)(s|field|fields|frame|frames)?", word)), "")
    return "dark" if found[:4] == "bias" else found[:4]


def _band(header: Mapping[str, object]) -> str:
    """By the instrument, by a wavelength, or by what a filter is called."""
    instrument = f"{header.get('INSTRUME', '')} {header.get('TELESCOP', '')}"
    if any(name in instrument for name in XRAYS):
        return "gband" if "gband" in str(header.get("EC_FW2_", "")).lower().replace("-", "") else "xray"
    if "CONTINUUM" in str(header.get("CONTENT", "")).upper():
        return "continuum"
    for key in ("WAVELNTH", "TWAVE1", "WAVE_LEN", "WAVE", "IMTYPE", "WAVELEN"):
        told = header.get(key)
        if isinstance(told, int | float) and not isinstance(told, bool):
            found = _near(angstrom := float(told) * _angstrom(header, instrument))
            if not found:
                raise _unknown(f"{angstrom:g}")
            return found
        if isinstance(told, str) and told.strip():
            number = re.search(r"\d{2,5}(\.\d+)?", told)
            found = named(told) or (_near(float(number[0]) * _angstrom(header, instrument)) if number else "")
            if not found:
                raise _unknown(told.strip())
            return found
    return ""


def _angstrom(header: Mapping[str, object], instrument: str) -> float:
    """How many are in the unit of a header's wavelengths."""
    unit = str(header.get("WAVEUNIT", "")).lower()
    if unit in ("nm", "nanometer", "nanometre") or (not unit and any(name in instrument for name in NANOMETRES)):
        return 10.0
    return 1.0


def _near(angstrom: float) -> str:
    """The waveband of a wavelength, '' if there is none."""
    return next((name for name, (low, high) in WAVEBANDS.items() if low <= angstrom <= high), "")


def _unknown(text: str) -> InputError:
    """A refusal with the nearest waveband: by wavelength, where one is told."""
    number = re.search(r"\d+(\.\d+)?", text)
    if number is None or not float(number[0]):
        return unknown("waveband", text, WAVEBANDS)
    away = {name: min(abs(log(float(number[0]) / end)) for end in ends) for name, ends in WAVEBANDS.items()}
    near = min(away, key=lambda name: away[name])
    return InputError(f"unknown waveband {text!r} (did you mean {near!r}?); allowed: {', '.join(sorted(WAVEBANDS))}")


def _pixel(header: Mapping[str, object]) -> float:
    """Arc seconds: of the world coordinates, or of a limb fitted to the image (GONG)."""
    units = {"": 1.0, "arcsec": 1.0, "arcsecs": 1.0, "deg": 3600.0}
    unit = str(header.get("CUNIT1", "")).strip().lower()
    told = header.get("CDELT1", header.get("XSCALE"))
    if _positive(told) and unit in units and "WAVE" not in str(header.get("CTYPE1", "")).upper():
        return float(str(told)) * units[unit]
    radius, pixels = header.get("RSUN_OBS", header.get("SOLAR-R")), header.get("FNDLMBMI")
    return float(str(radius)) / float(str(pixels)) if _positive(radius) and _positive(pixels) else 0.0


def _positive(value: object) -> bool:
    try:
        return isfinite(float(str(value))) and float(str(value)) > 0
    except ValueError:
        return False


def _time(header: Mapping[str, object]) -> datetime | None:
    """The first keyword that tells a time of day, with one that tells that alone if need be."""
    for key in TIMES:
        match = WHEN.search(str(header.get(key, "")))
        clock = str(header.get("TIME-OBS") or header.get("TIME_OBS") or "")
        if match and not match[4] and re.match(r"\d\d:\d\d", clock):
            match = WHEN.search(f"{match[0]} {clock}")
        if match:
            return _moment(match)
    return None


def _step(header: Mapping[str, object]) -> float:
    """Seconds between the images along a third axis that is time: from first to last, or as the axis says.

    Frames may have been left out since the axis was described, so the times are believed first.
    """
    if str(header.get("CTYPE3", "")).upper() != "TIME":
        return 0.0
    start, end = _time(header), time_in(str(header.get("DATE_END", "")))
    if start and end and end > start and _positive(header.get("NAXIS3")):
        return (end - start).total_seconds() / float(str(header["NAXIS3"]))
    return float(str(header["CDELT3"])) if _positive(header.get("CDELT3")) else 0.0


def _moment(match: re.Match[str]) -> datetime | None:
    """The time that `WHEN` found, None if there is no such day."""
    year, month, day, hour, minute, second, fraction = match.groups()
    micro = int(float(f"0.{fraction or 0}") * 1e6)
    try:
        return datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), micro)
    except ValueError:
        return None
