"""Rows that judge where what is real is little: drawn from what nothing was learned from, and said so."""

from typing import NamedTuple, Protocol

from graft.search.run.seeds import Role
from graft.simulators.base import Simulator

JUDGING = (Role.TEST, Role.TRUTH)
"""Purposes of rows that judge, and never teach."""


class Drawing(Protocol):
    """A task, as far as its rows come from simulators."""

    def system(self, name: str) -> Simulator | None:
        """The simulator of that name, None where rows come from elsewhere."""


class SaidOf(NamedTuple):
    """What a verdict is said of; both as of `Simulator`."""

    judged_on: str = Simulator.judged_on
    reservation: str = Simulator.reservation


def judged(system: Simulator, role: Role) -> Simulator:
    """What the rows of one purpose are drawn from."""
    return system.judging() if role in JUDGING else system


def said_of(task: Drawing, name: str) -> SaidOf:
    """What a verdict on that system is said of."""
    system = task.system(name)
    return SaidOf() if system is None else SaidOf(system.judged_on, system.reservation)
