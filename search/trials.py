"""Trials as plain values, and the best of them."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from optuna.trial import FrozenTrial, TrialState


def mean_log(errors: Sequence[float]) -> float:
    """Mean log error: differences of it are log-ratios of geometric means."""
    return sum(map(math.log, errors)) / len(errors)


def record(trial: FrozenTrial, score: Callable[[Sequence[float]], float] = mean_log) -> dict[str, Any]:
    """A trial as plain values; ``score`` is the ledger's."""
    names = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}
    errors = list(trial.user_attrs.get("errors", []))
    return {
        "number": trial.number,
        "state": names.get(trial.state, "interrupted"),
        "params": dict(sorted(trial.params.items())),  # a resumed trial may have drawn them in another order
        "plan": trial.user_attrs.get("plan"),
        "errors": errors,
        "value": math.exp(score(errors)) if errors else None,
        "reason": trial.user_attrs.get("reason", ""),
        **{key: list(trial.user_attrs[key]) for key in ("by_task",) if key in trial.user_attrs},
    }


def best_trial(records: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The complete trial with the lowest error; of equals, the first."""
    complete = [trial for trial in records if trial["state"] == "complete"]
    return min(complete, key=lambda trial: (trial["value"], trial["number"])) if complete else None
