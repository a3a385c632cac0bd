"""Trials as the journal holds them and as results record them, and the best of them."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Self

import optuna
from optuna.trial import FrozenTrial, TrialState

from graft.search.engine.budget import SearchBudget
from graft.search.engine.outcome import Outcome
from graft.search.run.record import Record
from graft.search.run.trials import AnyPlan, Trial

ENDED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
"""States of trials that are over."""
FURTHER = "further seeds of trial "
"""Attribute of the Optuna study that holds what a finalist told: its trial has ended, and Optuna changes it no more."""


class Told(Record):
    """What the seeds of a trial have told, as attributes in the journal hold it.

    Attributes:
        by_task: What each told beside its error, where there is anything.
        seconds: Of each.
        errors: Of each. They are written down last: what is there without them did not happen.
        reason: Why it ended early.
        failed: Whether a finalist ended because it diverged.
        diverged: What happened if a trial did that explores.
    """

    by_task: tuple[dict[str, float], ...] = ()
    seconds: tuple[float, ...] = ()
    errors: tuple[float, ...] = ()
    reason: str = ""
    failed: bool = False
    diverged: str = ""

    @classmethod
    def by(cls, trial: FrozenTrial) -> Self:
        """What a trial told before it ended."""
        return cls.read(trial.user_attrs).whole

    @property
    def whole(self) -> Self:
        """The seeds that were written down whole."""
        told = len(self.errors)
        return self.model_copy(update={"by_task": self.by_task[:told], "seconds": self.seconds[:told]})

    def also(self, outcome: Outcome) -> Self:
        """This and one more seed."""
        by_task = (*self.by_task, outcome.by_task) if outcome.by_task else self.by_task
        errors, seconds = (*self.errors, outcome.error), (*self.seconds, outcome.seconds)
        return self.model_copy(update={"by_task": by_task, "seconds": seconds, "errors": errors})

    def seeds(self) -> dict[str, list[float] | list[dict[str, float]]]:
        """What is written down of them, in that order."""
        beside = {"by_task": list(self.by_task)} if self.by_task else {}
        return {**beside, "seconds": list(self.seconds), "errors": list(self.errors)}


def further_seeds(study: optuna.Study) -> dict[int, Told]:
    """What finalists told, by the number of their trial."""
    held = study.user_attrs.items()
    return {int(key.removeprefix(FURTHER)): Told.read(told).whole for key, told in held if key.startswith(FURTHER)}


def all_errors(trial: FrozenTrial, further: Mapping[int, Told]) -> list[float]:
    """Errors of a trial, those of its `further_seeds` too."""
    return [*Told.by(trial).errors, *further.get(trial.number, Told()).errors]


def record(trial: FrozenTrial, plan: AnyPlan | None, budget: SearchBudget, further: Told) -> Trial:
    """What results record of a trial.

    Args:
        trial: Optuna's.
        plan: What it trained; None where it came to none.
        budget: Of the search.
        further: Of the seeds that it earned after it had ended.
    """
    names = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}
    told, state = Told.by(trial), names.get(trial.state, "interrupted")
    reason, errors = told.reason, (*told.errors, *further.errors)
    if budget.finalists and state == "complete" and len(errors) < budget.seeds:
        state = "failed" if further.failed else "pruned"
        reason = further.reason or "others were better with the first seed"
    found = Trial(
        number=trial.number,
        state=state,
        plan=plan,
        errors=errors,
        value=budget.scale.back(budget.score(errors)) if errors else None,
        reason=reason,
        params=dict(sorted(trial.params.items())),  # a resumed trial may have drawn them in another order
    )
    return found.model_copy(update={"by_task": (*told.by_task, *further.by_task)}) if told.by_task else found


def ranked(trials: Sequence[Trial], group: Callable[[int], str | None], reference: bool) -> list[int]:
    """Numbers of trials by their first seed's error, those first that a verdict cannot do without.

    These are trial 0, if it is of no group and others are of one, and the best of each group.

    Args:
        trials: Those that ended.
        group: Names the group of the trial of a number.
        reference: Whether trial 0 is among them: a search with one finalist has none to spare for it.
    """
    told = [(one.errors[0], one.number) for one in trials if one.errors and one.state != "failed"]
    groups = {number: group(number) for _, number in sorted(told)}
    named = dict.fromkeys(name for name in groups.values() if name is not None)
    first = [number for number in (0,) if named and reference and groups.get(0, "") is None]
    first += [next(number for number, its in groups.items() if its == name) for name in named]
    return list(dict.fromkeys([*first, *groups]))


def best_trial(trials: Sequence[Trial]) -> Trial | None:
    """The complete trial with the lowest error; of equals, the first."""
    complete = [trial for trial in trials if trial.state == "complete"]
    return min(complete, key=lambda trial: (trial.value, trial.number), default=None)


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
