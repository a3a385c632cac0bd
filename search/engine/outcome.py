"""What one training is worth, whatever is trained."""

import math
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import numpy as np

from graft.models.losses import NonFiniteLoss
from graft.models.meeting import clock
from graft.search.run.evidence import Beside, Entry

Training = TypeVar("Training")
"""One training as it is asked for."""
Given = TypeVar("Given", contravariant=True)
"""The same, where it is only taken."""
Wanted = TypeVar("Wanted", contravariant=True)
"""A plan."""
Made = TypeVar("Made")
"""The training that is made of it."""


class Measured(Protocol[Given]):
    """What trainings share, as far as one of them is to be carried out."""

    def errors(self, training: Given, /) -> tuple[float, Beside]:
        """Carry out a training: its error, and what it tells beside that."""


class Known(Measured[Given], Protocol[Given]):
    """What trainings share whose errors are recorded."""

    def digest(self, training: Given, /) -> str:
        """Names everything that a training's error depends on."""

    def stacks(self, training: Given, /) -> bool:
        """Whether such trainings are faster in one step with others (`graft.models.replicas`)."""


class Shared(Protocol[Wanted, Made]):
    """What the trainings of a search share."""

    def training(self, plan: Wanted, index: int, /) -> Made:
        """What is asked for: a plan, trained with one seed or up to one rung."""

    def errors(self, training: Made, /) -> tuple[float, Beside]:
        """As of `Measured`."""


@dataclass(frozen=True)
class Outcome:
    """What came of it. ``error`` is not finite if the training diverged; the others are as of `Entry`."""

    error: float
    seconds: float
    reason: str = ""
    by_task: dict[str, float] = field(default_factory=dict)
    by_example: tuple[float, ...] = ()
    validation: float | None = None
    in_units: tuple[float, ...] = ()

    def entry(self, what: str) -> Entry:
        """What is recorded of it, by a name of everything that its error depends on."""
        error = self.error if math.isfinite(self.error) else None
        beside = Beside()
        if self.by_task:
            beside["by_task"] = self.by_task
        if self.by_example:
            beside["by_example"] = self.by_example
        if self.validation is not None:
            beside["validation"] = self.validation
        if self.in_units:
            beside["in_units"] = self.in_units
        return Entry(what=what, error=error, seconds=self.seconds, reason=self.reason, **beside)


def measure(task: Measured[Training], training: Training) -> Outcome:
    """Carry out one training and score it; divergence is an outcome, not an exception."""
    began, beside = clock(), Beside()
    try:
        error, beside = task.errors(training)
        reason = "" if np.isfinite(error) else f"the error is {error}"
    except NonFiniteLoss as problem:
        error, reason = float("inf"), str(problem)
    return Outcome(error, clock() - began, reason, **beside)
