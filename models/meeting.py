"""Calls that train, carried out side by side so that their trainings meet and advance as one.

Each call runs in a greenlet of its own. Where it trains (`graft.models.train.train`) it hands its training over and
waits; when all wait, those alike (`Training.fuse_key`) are carried out together (`graft.models.replicas`), and each
goes on with its own result. What is called knows nothing of this: a training that is measured, a source network, a
member of an ensemble and the network that is handed over are all written as if each were alone.
"""

import time
from collections.abc import Callable, Hashable, Sequence
from typing import Protocol, TypeVar, cast

from greenlet import getcurrent, greenlet


class Alike(Protocol):
    """A training, as far as it is known here."""

    @property
    def fuse_key(self) -> Hashable:
        """What it has in common with those that may be carried out with it; None: it is carried out alone."""


Result = TypeVar("Result")
Training = TypeVar("Training", bound=Alike)
Call = tuple[Callable[..., Result], tuple[object, ...]]
"""A function, and what it is called with."""
Outcome = float | ArithmeticError
"""The mean loss of a training's last epoch, or why it has none."""


class Member(greenlet):
    """One call among others.

    Attributes:
        waited: Seconds during which it waited for others, the share of a common training that is its own left out.
    """

    waited = 0.0


def hand_over(training: Alike) -> float | None:
    """Hand a training to the meeting in which this is called, and return its loss; None outside of any.

    Raises:
        ArithmeticError: If it diverged.
    """
    here = getcurrent()
    return cast(float, here.parent.switch(training)) if isinstance(here, Member) and here.parent else None


def clock() -> float:
    """Seconds on a clock that stands still while a call waits for others."""
    here = getcurrent()
    return time.perf_counter() - (here.waited if isinstance(here, Member) else 0.0)


def meet(calls: Sequence[Call[Result]], together: Callable[[Sequence[Training]], Sequence[Outcome]]) -> list[Result]:
    """Carry out calls, their trainings together where they are alike; results in the order of the calls.

    Args:
        calls: What is called.
        together: Carries out trainings of one `Training.fuse_key`.

    Raises:
        Exception: What a call raises; the others come to no end then.
    """
    found = dict[int, Result]()
    members = [Member(function) for function, _ in calls]
    waiting: dict[int, tuple[Training, Hashable, float]] = {}

    def go_on(place: int, told: object) -> None:
        """Let a member run until it waits again or is done."""
        if members[place].dead:
            found[place] = cast(Result, told)
        else:
            training = cast(Training, told)
            waiting[place] = training, training.fuse_key, time.perf_counter()

    for place, (_, arguments) in enumerate(calls):
        go_on(place, members[place].switch(*arguments))
    while waiting:
        alike = _alike({place: key for place, (_, key, _) in waiting.items()})
        began = time.perf_counter()
        losses = together([waiting[place][0] for place in alike])
        share = (time.perf_counter() - began) / len(alike)
        for place, loss in zip(alike, losses, strict=True):
            member, since = members[place], waiting.pop(place)[2]
            member.waited += time.perf_counter() - since - share
            go_on(place, member.throw(loss) if isinstance(loss, ArithmeticError) else member.switch(loss))
    return [found[place] for place in range(len(calls))]


def _alike(keys: dict[int, Hashable]) -> list[int]:
    """The first and those that have its key; the first alone if it has none."""
    first, key = next(iter(keys.items()))
    return [first] if key is None else [place for place, other in keys.items() if other == key]
