"""Trials as plain values, and the best of them."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from graft.search.engine.budget import SearchBudget

ENDED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
"""States of trials that are over."""
FURTHER = "further seeds of trial "
"""Attribute of the Optuna study that holds what a finalist told: its trial has ended, and Optuna changes it no more."""


def further_seeds(study: optuna.Study) -> dict[int, dict[str, Any]]:
    """What finalists told, by the number of their trial."""
    held = study.user_attrs.items()
    return {int(key.removeprefix(FURTHER)): told for key, told in held if key.startswith(FURTHER)}


def all_errors(trial: FrozenTrial, further: Mapping[int, Mapping[str, Any]]) -> list[float]:
    """Errors of a trial, those of its `further_seeds` too."""
    return [*trial.user_attrs.get("errors", []), *further.get(trial.number, {}).get("errors", [])]


def record(trial: FrozenTrial, budget: SearchBudget, further: Mapping[str, Any]) -> dict[str, Any]:
    """A trial as plain values.

    Args:
        trial: Optuna's.
        budget: Of the search.
        further: ``errors`` and perhaps ``by_task`` of the seeds that it earned after it had ended, ``reason`` and
            ``failed`` where they were ended.
    """
    names = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}
    told, state = trial.user_attrs, names.get(trial.state, "interrupted")
    reason, errors = told.get("reason", ""), [*told.get("errors", []), *further.get("errors", [])]
    if budget.finalists and state == "complete" and len(errors) < budget.seeds:
        state = "failed" if further.get("failed") else "pruned"
        reason = further.get("reason") or "others were better with the first seed"
    by_task = {"by_task": [*told["by_task"], *further.get("by_task", [])]} if "by_task" in told else {}
    return {
        "number": trial.number,
        "state": state,
        "params": dict(sorted(trial.params.items())),  # a resumed trial may have drawn them in another order
        "plan": told.get("plan"),
        "errors": errors,
        "value": budget.scale.back(budget.score(errors)) if errors else None,
        "reason": reason,
    } | by_task


def trainings(record: Mapping[str, Any]) -> int:
    """Trainings of a trial that ended: the one that made it fail is told no error of."""
    return len(record["errors"]) + (record["state"] == "failed")


def ranked(
    records: Sequence[Mapping[str, Any]], group: Callable[[Mapping[str, Any]], str | None], reference: bool
) -> list[int]:
    """Numbers of trials by their first seed's error, those first that a verdict cannot do without.

    These are trial 0, if it is of no group and others are of one, and the best of each group.

    Args:
        records: Of the trials that ended.
        group: Names the group of a plan.
        reference: Whether trial 0 is among them: a search with one finalist has none to spare for it.
    """
    told = [one for one in records if one["errors"] and one["state"] != "failed"]
    told.sort(key=lambda one: (one["errors"][0], one["number"]))
    groups = {one["number"]: group(one["plan"]) for one in told}
    named = dict.fromkeys(name for name in groups.values() if name is not None)
    first = [number for number in (0,) if named and reference and groups.get(0, "") is None]
    first += [next(number for number, its in groups.items() if its == name) for name in named]
    return list(dict.fromkeys([*first, *groups]))


def best_trial(records: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The complete trial with the lowest error; of equals, the first."""
    complete = [trial for trial in records if trial["state"] == "complete"]
    return min(complete, key=lambda trial: (trial["value"], trial["number"]), default=None)


def importance(study: optuna.Study) -> dict[str, float]:
    """How much each parameter mattered among complete trials (PED-ANOVA), largest first; empty for too few."""
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(complete) < 4 or len({trial.value for trial in complete}) < 2:
        return {}
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    with warnings.catch_warnings():  # a setting of few trials has an uncertain share, as all of few trials have
        warnings.simplefilter("ignore", UserWarning)
        found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    ranked = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return {name: float(share) for name, share in ranked}
