"""What installed packages add by plain names: entry points of `GROUPS`, each name a ``module:Class``."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points

from graft.spaces.errors import InputError, unknown

GROUPS = {"simulator": "graft.simulators", "task": "graft.tasks", "network": "graft.networks"}
"""The group of entry points of each thing that can be named."""
PATH = "module:Class"
"""How a class is named that no package registers."""


@dataclass(frozen=True)
class Installed:
    """A class that a package registers under a plain name.

    Attributes:
        what: ``simulator``, ``task`` or ``network``.
        name: That studies call it.
        path: Where it is, ``module:Class``.
        package: That registers it, with its version.
    """

    what: str
    name: str
    path: str
    package: str

    def __str__(self) -> str:
        return f"{self.what} {self.name} ({self.path} of {self.package})"


@cache
def installed(what: str) -> Mapping[str, Installed]:
    """Everything of that sort that packages register, by name.

    Args:
        what: ``simulator``, ``task`` or ``network``.

    Raises:
        InputError: If two packages register one name.
    """
    found = dict[str, Installed]()
    for point in sorted(entry_points(group=GROUPS[what])):
        package = f"{point.dist.name} {point.dist.version}" if point.dist else "a package"
        one = Installed(what, point.name, point.value.replace(" ", ""), package)
        if found.setdefault(point.name, one).path != one.path:
            raise InputError(
                f"{what} {one.name!r} is registered by {found[one.name].package} and by {one.package}; allowed: one of "
                f"them installed, or {PATH} instead of the name"
            )
    return found


def everything() -> Iterator[Installed]:
    """All that packages register."""
    for what in GROUPS:
        yield from installed(what).values()


def foreign(what: str, name: str) -> bool:
    """Whether a name is one of somebody else's: ``module:Class``, or one that a package registers."""
    return ":" in name or name in installed(what)


def located(what: str, name: str, ours: Mapping[str, str] | None = None) -> str:
    """Where the class of that name is, as ``module:Class``; names of our own come first.

    Args:
        what: ``simulator``, ``task`` or ``network``.
        name: As a study says it.
        ours: Where ours are.

    Raises:
        InputError: If there is none of that name.
    """
    known = dict(ours or {})
    if ":" in name or name in known:
        return known.get(name, name)
    if name in installed(what):
        return installed(what)[name].path
    raise unknown(what, name, [*known, *installed(what), PATH])
