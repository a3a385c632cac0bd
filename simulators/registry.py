"""Simulators by name: ``film-8``, ``nano-8``, ``solar-halpha``, one of a package, or a user's own; lattices."""

import importlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import pyarrow as pa

from graft.simulators.base import Simulator
from graft.simulators.optics.film import Film
from graft.simulators.optics.nanoparticle import Nanoparticle
from graft.simulators.solar.bands import BANDS
from graft.simulators.solar.observed import Observed
from graft.simulators.solar.regions import PLACES, Regions
from graft.simulators.solar.scenes import SolarClasses
from graft.simulators.solar.truths import TRUTHS, truth
from graft.simulators.spins.lattice import SpinModel
from graft.simulators.spins.models import EdwardsAnderson, Ising, Potts
from graft.simulators.spins.watched import Watched
from graft.spaces.errors import InputError, traced, unknown
from graft.spaces.errors import name as plain_name
from graft.spaces.installed import PATH, installed, located


@dataclass(frozen=True)
class Family:
    """Simulators that differ by one whole number.

    Attributes:
        build: Makes the simulator of that number.
        low: Least number allowed.
        high: Greatest number allowed.
    """

    build: Callable[[int], Simulator]
    low: int
    high: int


FAMILIES: Mapping[str, Family] = MappingProxyType({"film": Family(Film, 1, 50), "nano": Family(Nanoparticle, 1, 20)})

SOLAR = "solar-"
"""Before the name of a waveband: images of the Sun in it."""
SEEING = "seeing-"
"""Before what is true: images of it under seeing."""
TILES = "regions-"
"""Before where they are: tiles of the surface, with the region that each lies in."""


def find(name: str) -> Simulator:
    """Return the simulator called ``name``.

    Args:
        name: ``FAMILY-N``, for example ``film-8``; ``solar-BAND``, for example ``solar-304``, or several,
            ``solar-halpha+171``; ``seeing-hinode``; ``regions-hinode``;
            ``LATTICE@TEMPERATURE``, a watched system such as ``ising-8x8@2.5``;
            ``module:Class`` of a `Simulator` that needs no arguments, or the name under which a package registers one.

    Raises:
        InputError: If there is none of that name.
    """
    made = _made(name)
    plain_name(f"name of simulator {name!r}", made.name)  # its shards lie in folders that are called so
    return made


def _made(name: str) -> Simulator:
    """As of `find`."""
    if ":" in name:
        return _load(name)
    if "@" in name:
        return _watched(name)
    if name.startswith(SOLAR):
        return SolarClasses(name.removeprefix(SOLAR))
    if name.startswith(SEEING):
        return Observed(truth(name.removeprefix(SEEING)))
    if name.startswith(TILES):
        return Regions(name.removeprefix(TILES))
    match = re.fullmatch(r"(.+)-(0|[1-9][0-9]{0,8})", name)
    if match is None or match[1] not in FAMILIES:
        if name in installed("simulator"):
            return _load(name)
        families = [
            *(f"{family}-N" for family in FAMILIES),
            *(f"{SOLAR}{band}" for band in BANDS),
            *(f"{SEEING}{one}" for one in TRUTHS),
            *(f"{TILES}{one}" for one in PLACES),
        ]
        raise unknown("simulator", name, [*families, *installed("simulator"), "LATTICE@T", PATH])
    family, size = FAMILIES[match[1]], int(match[2])
    if not family.low <= size <= family.high:
        raise InputError(
            f"simulator {name!r} is out of range; allowed: {match[1]}-{family.low} to {match[1]}-{family.high}"
        )
    return family.build(size)


def _load(name: str) -> Simulator:
    """Import a user's simulator, or a package's."""
    module, _, attribute = located("simulator", name).partition(":")
    try:
        kind = getattr(importlib.import_module(module), attribute)
    except Exception as error:  # whatever a user's module does when it is imported
        plain = isinstance(error, ImportError | AttributeError | ValueError)
        raise (InputError if plain else traced)(
            f"simulator {name!r} cannot be imported ({type(error).__name__}: {error}); allowed: an importable "
            "module:Class"
        ) from error
    if not (isinstance(kind, type) and issubclass(kind, Simulator)):
        raise InputError(
            f"simulator {name!r} is not a simulator; allowed: a subclass of graft.simulators.base.Simulator"
        )
    try:
        made = kind()
    except Exception as error:
        raise traced(
            f"simulator {name!r} cannot be made ({type(error).__name__}: {error}); allowed: a class that needs no "
            "arguments"
        ) from error
    if not isinstance(getattr(made, "name", None), str) or not isinstance(getattr(made, "schema", None), pa.Schema):
        raise InputError(f"simulator {name!r} lacks a name or a schema; allowed: a class that has both")
    return made


def _watched(name: str) -> Simulator:
    """A lattice at a temperature."""
    system, _, temperature = name.partition("@")
    try:
        T = float(temperature)
    except ValueError:
        raise InputError(f"{name!r} has no temperature; allowed: a number after the @, as in ising-8x8@2.5") from None
    return Watched(lattice(system), T)


LATTICES = ("ising-8x8", "potts3-8x8", "potts3-delta-8x8", "glass-8x8-0", "signs-8x8-0")
_LATTICE = re.compile(
    r"(?P<kind>ising|potts(?P<q>[1-9]\d?)(?P<delta>-delta)?|glass|signs)(-J(?P<J>-?\d[\d.e-]*))?"
    r"-(?P<shape>[1-9]\d{0,6}(x[1-9]\d{0,6})*)(-(?P<seed>0|[1-9]\d{0,18}))?(?P<open>-open)?"
)


def lattice(name: str) -> SpinModel:
    """Return the model of spins called ``name``.

    Args:
        name: Kind and lengths, ``ising-8x8``, ``potts3-16x16`` (clock form), ``potts3-delta-8x8``, ``ising-64``,
            ``potts4-4x4x4``; couplings drawn with a seed, ``glass-8x8-0`` (standard normal), ``signs-8x8-0`` (-1 or 1);
            ``-J0.5`` after the kind for another coupling; ``-open`` at the end for edges that are not joined.

    Raises:
        InputError: If there is none of that name.
    """
    match = _LATTICE.fullmatch(name)
    disordered = match is not None and match["kind"] in ("glass", "signs")
    if match is None or disordered != (match["seed"] is not None) or (disordered and match["J"]):
        raise unknown("lattice", name, LATTICES)
    shape, periodic = tuple(map(int, match["shape"].split("x"))), match["open"] is None
    if disordered:
        draw = EdwardsAnderson.gaussian if match["kind"] == "glass" else EdwardsAnderson.signs
        return draw(shape, int(match["seed"]), periodic)
    try:
        J = float(match["J"] or 1)
    except ValueError:
        raise unknown("lattice", name, LATTICES) from None
    if match["kind"] == "ising":
        return Ising(shape, J, periodic)
    return Potts(shape, int(match["q"]), "delta" if match["delta"] else "clock", J, periodic)
