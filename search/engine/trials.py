"""Trials as plain values, and the best of them."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

ENDED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
"""States of trials that are over."""


def record(trial: FrozenTrial, worth: Callable[[Sequence[float]], float]) -> dict[str, Any]:
    """A trial as plain values; ``worth`` tells the error of a trial from those of its seeds."""
    names = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}
    errors = list(trial.user_attrs.get("errors", []))
    return {
        "number": trial.number,
        "state": names.get(trial.state, "interrupted"),
        "params": dict(sorted(trial.params.items())),  # a resumed trial may have drawn them in another order
        "plan": trial.user_attrs.get("plan"),
        "errors": errors,
        "value": worth(errors) if errors else None,
        "reason": trial.user_attrs.get("reason", ""),
        **{key: list(trial.user_attrs[key]) for key in ("by_task",) if key in trial.user_attrs},
    }


def with_further(
    told: dict[str, Any], further: Mapping[str, Any], seeds: int, worth: Callable[[Sequence[float]], float]
) -> dict[str, Any]:
    """A trial's record with the seeds that it earned after it had ended.

    Args:
        told: From `record`.
        further: ``errors`` and perhaps ``by_task`` of these seeds, ``reason`` and ``failed`` where they were ended.
        seeds: How many make a trial complete.
        worth: As of `record`.
    """
    errors = [*told["errors"], *further.get("errors", [])]
    found = told | {"errors": errors, "value": worth(errors) if errors else None}
    if "by_task" in told:
        found["by_task"] = [*told["by_task"], *further.get("by_task", [])]
    if told["state"] == "complete" and len(errors) < seeds:
        found["state"] = "failed" if further.get("failed") else "pruned"
        found["reason"] = further.get("reason") or "others were better with the first seed"
    return found


def leading(records: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The trial with the lowest error, complete or not; of equals, the first."""
    finished = [trial for trial in records if trial["value"] is not None and trial["state"] != "failed"]
    return min(finished, key=lambda trial: (trial["value"], trial["number"])) if finished else None


def best_trial(records: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The complete trial with the lowest error; of equals, the first."""
    complete = [trial for trial in records if trial["state"] == "complete"]
    return min(complete, key=lambda trial: (trial["value"], trial["number"])) if complete else None


def importance(study: optuna.Study, complete: Sequence[FrozenTrial]) -> dict[str, float]:
    """How much each parameter mattered among complete trials (PED-ANOVA), largest first; empty for too few."""
    if len(complete) < 4 or len({trial.value for trial in complete}) < 2:
        return {}
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    with warnings.catch_warnings():  # a setting of few trials has an uncertain share, as all of few trials have
        warnings.simplefilter("ignore", UserWarning)
        found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    ranked = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return {name: float(share) for name, share in ranked}
