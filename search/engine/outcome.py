"""What one training is worth, whatever is trained."""

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graft.models.losses import NonFiniteLoss


@dataclass(frozen=True)
class Outcome:
    """What came of it. ``error`` is not finite if the training diverged.

    ``by_task`` has the error of each of several tasks, ``by_example`` of each judging example where the task asks;
    ``validation`` is that of rows that neither judge nor were learned from, where there are any, and ``in_units`` how
    far each output is off in its own unit, on average.
    """

    error: float
    seconds: float
    reason: str = ""
    by_task: dict[str, float] = field(default_factory=dict)
    by_example: tuple[float, ...] = ()
    validation: float | None = None
    in_units: tuple[float, ...] = ()


def measure(task: Any, training: Any) -> Outcome:
    """Carry out one training and score it; divergence is an outcome, not an exception."""
    began, beside = time.perf_counter(), {}
    try:
        error, beside = task.errors(training)
        reason = "" if np.isfinite(error) else f"the error is {error}"
    except NonFiniteLoss as problem:
        error, reason = float("inf"), str(problem)
    return Outcome(error, time.perf_counter() - began, reason, **beside)
