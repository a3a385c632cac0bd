"""How a confirmation goes on: from look to look as was fixed beforehand, until what was asked is decided.

Every kind says what a look finds (`Course`); that one look follows another, that a control is measured where all else
is beaten, and that a record is replayed by the same rules, is written here, once.
"""

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from graft.search.proof.claims import Claim, Compare, Errors, Finding, paired, tested
from graft.search.proof.looks import Look, Looks

Key = TypeVar("Key", bound=Hashable)
Found = TypeVar("Found")
Arms = Mapping[str, Errors]
"""Errors by arm, seed by seed."""


@dataclass(frozen=True)
class Course(Generic[Key, Found]):
    """What a confirmation is about.

    Attributes:
        looks: Fixed beforehand.
        wanted: From the seeds of a look, what the look before has found (None at the first), and the claims whose
            controls are measured, to the seeds of each arm that the look needs.
        found: From those errors, the look, and what the look before has found, to what this one finds.
        proved: Claims that beat whatever is measured, and have a control: it has to be measured too.
        open: Whether further looks might still decide something.
    """

    looks: Looks
    wanted: Callable[[int, Found | None, Collection[Key]], Mapping[str, int]]
    found: Callable[[Arms, Look, Found | None], Found]
    proved: Callable[[Found], Collection[Key]]
    open: Callable[[Found], bool]


def decide(
    course: Course[Key, Found], measured: Callable[[Mapping[str, int]], Arms], more: bool = False
) -> tuple[Found, Arms]:
    """Look until something is decided, or for the last time.

    Args:
        course: What is confirmed.
        measured: The first errors of each arm, so many.
        more: Whether the second stage has been asked for.

    Returns:
        What the last look has found, and all errors that it took.
    """
    before: Found | None = None
    controlled: set[Key] = set()
    for seeds in course.looks.glances + course.looks.seeds + (course.looks.more if more else ()):
        while True:
            arms = measured(course.wanted(seeds, before, controlled))
            found = course.found(arms, Look(course.looks, seeds), before)
            missing = {*course.proved(found)} - controlled
            if not missing:
                break
            controlled |= missing
        before = found
        if not course.open(found):
            break
    return found, arms


def replayed(course: Course[Key, Found], recorded: Arms) -> Found:
    """What follows from recorded errors.

    Raises:
        ValueError: If the protocol asks for other seeds or arms than were recorded.
    """

    def first(wanted: Mapping[str, int]) -> Arms:
        if any(len(recorded.get(arm, ())) < seeds for arm, seeds in wanted.items()):
            raise ValueError("the confirmation ended before its protocol allows")
        return {arm: recorded[arm][:seeds] for arm, seeds in wanted.items()}

    longest = max(map(len, recorded.values()), default=0)
    found, arms = decide(course, first, longest > course.looks.seeds[-1])
    if {arm: list(errors) for arm, errors in arms.items()} != {arm: list(e) for arm, e in recorded.items()}:
        raise ValueError("more was measured than the protocol allows")
    return found


@dataclass(frozen=True)
class Settled:
    """What was found of one of several claims, and after how many seeds: what is decided is measured no more."""

    finding: Finding
    seeds: int

    @property
    def decision(self) -> str:
        """As of `Finding`."""
        return self.finding.decision


def one_by_one(
    looks: Looks,
    names: Sequence[str],
    arms: Callable[[str, bool], Collection[str]],
    claim: Callable[[str, Arms], Claim],
    controlled: bool = False,
    compare: Compare = paired,
    family: int | None = None,
) -> Course[str, Mapping[str, Settled]]:
    """A confirmation of several claims, each of which ends as soon as it is decided; Holm over all of them.

    A claim that was proved stays proved and leaves its part of the level to the others; one that was given up keeps
    its own. Never is a claim proved that Holm's procedure would not prove from the least p-value of each over all
    looks, so the family keeps its level.

    Args:
        looks: Fixed beforehand, with the level of the whole family.
        names: Of the claims.
        arms: From a claim and whether its control is measured to its arms.
        claim: From a claim's name and errors to what is tested.
        controlled: Whether claims have a control.
        compare: How an arm is compared with a candidate.
        family: Over how many claims the intervals hold together; over all if None.
    """

    def wanted(seeds: int, before: Mapping[str, Settled] | None, measured: Collection[str]) -> Mapping[str, int]:
        found = dict[str, int]()
        for name in names:
            mine = seeds if name in _open(names, before) else (before or {})[name].seeds
            for arm in arms(name, name in measured):
                found[arm] = max(mine, found.get(arm, 0))
        return found

    def look(errors: Arms, now: Look, before: Mapping[str, Settled] | None) -> Mapping[str, Settled]:
        left = _open(names, before)
        done = {name: one for name, one in (before or {}).items() if name not in left}
        given_up = sum(one.decision != "transfer" for one in done.values())
        claims = [claim(name, errors) for name in left]
        found = tested(claims, looks.alpha, family or len(names), compare, now, given_up)
        done |= {name: Settled(one, now.seeds) for name, one in zip(left, found, strict=True)}
        return {name: done[name] for name in names}

    def proved(found: Mapping[str, Settled]) -> Collection[str]:
        return [name for name, one in found.items() if controlled and one.decision == "transfer"]

    return Course(looks, wanted, look, proved, lambda found: bool(_open(names, found)))


def _open(names: Sequence[str], before: Mapping[str, Settled] | None) -> list[str]:
    """Claims that are not decided."""
    return [name for name in names if before is None or before[name].decision == "undecided"]


def overall(decisions: Collection[str]) -> str:
    """What several claims come to: ``transfer`` if one holds, ``undecided`` if one is open, else ``direct``."""
    return next((one for one in ("transfer", "undecided") if one in decisions), "direct")
