"""What a search may spend, and when its ranges widen."""

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

import optuna

from graft.search.run.scale import RATIO, Scale
from graft.spaces.settings import Settings

RangesOf = TypeVar("RangesOf", bound=Settings)
"""What plans are drawn from."""


@dataclass(frozen=True)
class SearchBudget:
    """What a search may spend, and what its trials report: an error for each seed, of which the mean counts.

    Attributes:
        unit: What is counted.
        trainings: How many of them may be started.
        seeds: Reports of one trial, at most.
        finalists: How many trials the budget keeps further seeds for. 0: each trial has all seeds, as far as the pruner
            lets it.
        until: `time.monotonic` after which no trial is started; finalists get their seeds all the same.
        widen: Shares of the budget after which ranges are widened where the best plan touches their edge.
        scale: On which errors are averaged and compared.
    """

    unit: ClassVar[str] = "trainings"
    trainings: int
    seeds: int
    finalists: int = 0
    until: float = math.inf
    widen: tuple[float, ...] = ()
    scale: Scale = RATIO

    @property
    def explored(self) -> int:
        """Trainings with which trials begin; what is left is kept for finalists."""
        return self.trainings - self.finalists * (self.seeds - 1)

    @property
    def late(self) -> bool:
        """Whether time is up."""
        return time.monotonic() > self.until

    def used(self, trainings: int, trials: int) -> int:
        """What counts of so many trainings in so many trials."""
        return trainings

    def score(self, errors: Sequence[float]) -> float:
        """What a trial's errors so far are worth, on the scale on which they are compared; small is good."""
        return float(self.scale.of(errors).mean())

    def shown(self, value: float) -> str:
        """A trial's value for people: a fraction, in per cent."""
        return f"{value:.2%}"


def affordable(finalists: int, trainings: int, seeds: int, least: int = 1) -> int:
    """Finalists for whose further seeds a third of the budget suffices, ``least`` at least; one training is left."""
    further = seeds - 1
    return max(1, min(finalists, max(least, trainings // (3 * further)), (trainings - 1) // further))


class Widening(Generic[RangesOf]):
    """The ranges in force, wider from certain trials on; the Optuna study keeps which.

    Args:
        study: Of the search.
        ranges: At its start.
        milestones: Trainings after each of which the ranges are widened once.
    """

    def __init__(self, study: optuna.Study, ranges: RangesOf, milestones: Iterable[float]) -> None:
        self.study, self.milestones = study, tuple(milestones)
        self._from = [(0, ranges)]
        for first, ends in sorted(self._kept().items(), key=lambda item: int(item[0])):
            self._from.append((int(first), ranges.from_dict(ends)))

    def at(self, trial: int) -> RangesOf:
        """The ranges in force when that trial was drawn."""
        return next(ranges for first, ranges in reversed(self._from) if first <= trial)

    def due(self, trainings: int) -> bool:
        """Whether the next trial's ranges are to be widened, after so many trainings."""
        return len(self._from) <= sum(trainings >= milestone for milestone in self.milestones)

    def widen(self, first: int, ranges: RangesOf) -> None:
        """From trial ``first`` on, draw from these ranges."""
        self.study.set_user_attr("widened", {**self._kept(), str(first): ranges.to_dict()})
        self._from.append((first, ranges))

    def _kept(self) -> Mapping[str, Mapping[str, object]]:
        return dict(self.study.user_attrs.get("widened", {}))
