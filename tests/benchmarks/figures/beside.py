"""Two that do the same work, timed in turn in one process: what is read is their ratio."""

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from threadpoolctl import threadpool_limits

from graft.models.train import prepare_process

Clock = Callable[[], float]


def nothing() -> None:
    """Prepare nothing."""


@dataclass(frozen=True)
class Side:
    """One of the two.

    Attributes:
        call: What is timed, given what ``fresh`` returns.
        units: How much work a call does.
        fresh: Prepares a call; not timed.
    """

    call: Callable[[Any], object]
    units: float
    fresh: Callable[[], Any] = nothing


@dataclass(frozen=True)
class Pair:
    """Ours and its peer, with the largest difference between what they find, where they find the same."""

    ours: Side
    theirs: Side
    gap: float | None = None


@dataclass(frozen=True)
class Figure:
    """What is measured.

    Attributes:
        name: Of the figure, its field first: ``film/tmm``.
        unit: Of work: ``spectra``.
        peer: In words, with what is held fixed.
        goal: Times as fast as the peer, at least: once where nothing more is promised. Where the peer is a limit, a
            share of it.
        pair: Makes the two; called only if ``package`` is installed.
        package: That the peer comes from; none if graft's own needs suffice.
        clock: Seconds. Processor time of this process by default: others may use the machine.
    """

    name: str
    unit: str
    peer: str
    goal: float
    pair: Callable[[], Pair]
    package: str = ""
    clock: Clock = time.process_time

    @property
    def possible(self) -> bool:
        """Whether the peer is installed."""
        return not self.package or find_spec(self.package) is not None


@dataclass(frozen=True)
class Measured:
    """What was found: units a second of both, and ours over theirs in each round, lowest first."""

    ours: float
    theirs: float
    ratios: tuple[float, ...]
    gap: float | None = None

    @property
    def ratio(self) -> float:
        """The median."""
        return statistics.median(self.ratios)


def measure(figure: Figure, rounds: int = 5, seconds: float = 0.2) -> Measured:
    """Time both in turn, on one thread, after a call of each that compiles.

    Args:
        figure: What.
        rounds: How often each is timed.
        seconds: How long a round of each lasts, at least.
    """
    prepare_process()
    with threadpool_limits(1):
        pair = figure.pair()
        sides = (pair.ours, pair.theirs)
        for side in sides:
            _spent(side, 1, figure.clock)
        calls = [max(1, math.ceil(seconds / max(1e-6, _spent(side, 1, figure.clock)))) for side in sides]
        speeds = [
            [side.units * count / _spent(side, count, figure.clock) for side, count in zip(sides, calls, strict=True)]
            for _ in range(rounds)
        ]
    ours, theirs = (statistics.median(one) for one in zip(*speeds, strict=True))
    return Measured(ours, theirs, tuple(sorted(mine / other for mine, other in speeds)), pair.gap)


def _spent(side: Side, calls: int, clock: Clock) -> float:
    total = 0.0
    for _ in range(calls):
        given = side.fresh()
        began = clock()
        side.call(given)
        total += clock() - began
    return total
