"""What a search has recorded: its trials, the best of them, and how far direct learning had come by budget."""

import math
from collections.abc import Iterable
from functools import cached_property

from graft.search.run.record import Errors, Record, Values
from graft.spaces.dcl import Watch
from graft.spaces.plan import Plan
from graft.spaces.sharing import Sharing

AnyPlan = Plan | Sharing | Watch


def finite(errors: Iterable[float | None]) -> list[float]:
    """The errors that are numbers; JSON records a non-finite one as null."""
    return [float(error) for error in errors if error is not None and math.isfinite(error)]


def geometric_mean(errors: Iterable[float | None]) -> float | None:
    """Geometric mean of the finite errors, or None if there is none above zero."""
    logs = [math.log(error) for error in finite(errors) if error > 0]
    return math.exp(sum(logs) / len(logs)) if logs else None


class Trial(Record):
    """One trial of a search.

    Attributes:
        number: From 0.
        state: ``complete``, ``pruned``, ``failed`` or ``interrupted``.
        plan: What was trained; None where the trial came to none.
        errors: One for each unit of evidence: a seed, or a rung.
        value: What they are worth together.
        reason: Why it ended early.
        params: As the sampler drew them.
        by_task: What else each unit of evidence told: the error of each task, or the parts of a score.
    """

    number: int
    state: str
    plan: AnyPlan | None
    errors: Errors
    value: float | None
    reason: str = ""
    params: Values = {}
    by_task: tuple[dict[str, float | None], ...] = ()

    @property
    def transfers(self) -> bool:
        """Whether its plan takes anything from a source."""
        return isinstance(self.plan, Plan) and not self.plan.direct

    @property
    def trainings(self) -> int:
        """Trainings that it took, once it has ended: the one that made it fail is told no error of."""
        return len(self.errors) + (self.state == "failed")


class Searched(Record):
    """What a search came to: its trials, the number of the best, settings that ended at an edge."""

    trials: tuple[Trial, ...] = ()
    best: int | None = None
    edges: tuple[str, ...] = ()

    @cached_property
    def by_number(self) -> list[Trial]:
        """Its trials in the order of their numbers."""
        return sorted(self.trials, key=lambda trial: trial.number)

    @property
    def winner(self) -> Trial | None:
        """The best trial."""
        return next((trial for trial in self.trials if trial.number == self.best), None)


class Stage(Record):
    """How far direct learning had come at a stage: ``half`` of the plans' budget, its ``start``, the ``rival``."""

    stage: str
    trainings: int
    trial: int
    error: float | None
    seeds: int
