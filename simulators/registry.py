"""Simulators by name: ``film-8``, ``nano-8``, or a user's own as ``package.module:Class``."""

import importlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from simulators.base import Simulator
from simulators.film import Film
from simulators.nanoparticle import Nanoparticle
from spaces.refusal import Refusal, unknown


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


def find(name: str) -> Simulator:
    """Return the simulator called ``name``.

    Args:
        name: ``FAMILY-N``, for example ``film-8``, or ``module:Class`` of a `Simulator` that needs no arguments.

    Raises:
        Refusal: If there is none of that name.
    """
    if ":" in name:
        return _load(name)
    match = re.fullmatch(r"(.+)-(0|[1-9][0-9]{0,8})", name)
    if match is None or match[1] not in FAMILIES:
        raise unknown("simulator", name, [*(f"{family}-N" for family in FAMILIES), "module:Class"])
    family, size = FAMILIES[match[1]], int(match[2])
    if not family.low <= size <= family.high:
        raise Refusal(
            f"simulator {name!r} is out of range; allowed: {match[1]}-{family.low} to {match[1]}-{family.high}"
        )
    return family.build(size)


def _load(name: str) -> Simulator:
    """Import a user's simulator."""
    module, _, attribute = name.partition(":")
    try:
        kind = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise Refusal(
            f"simulator {name!r} cannot be imported ({error}); allowed: an importable module:Class"
        ) from error
    if not (isinstance(kind, type) and issubclass(kind, Simulator)):
        raise Refusal(f"simulator {name!r} is not a simulator; allowed: a subclass of simulators.base.Simulator")
    return kind()
