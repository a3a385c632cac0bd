"""The ledger of one search: an Optuna study in the run's folder, the single record of its trials.

Order of calls: `ask` gives the next trial until the budget is spent; `tell` takes one training's outcome and says
whether the race stops the trial; `close` ends it. A process killed in between loses nothing that was told: a new
ledger on the same file gives interrupted trials again first, with their numbers and parameters.
"""

import math
import time
from bisect import insort
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.samplers import TPESampler
from optuna.search_space import IntersectionSearchSpace
from optuna.trial import FrozenTrial, Trial, TrialState

from search.seeds import Role, sequence
from search.tuning.journal import Journal, NumberedTPE, storage
from search.tuning.outcome import Outcome
from search.tuning.race import behind
from search.tuning.trials import best_trial, importance, mean_log, record
from spaces.plan import Plan
from spaces.ranges import Ranges

__all__ = ["Ledger", "Rules", "best_trial", "mean_log", "record", "storage"]

optuna.logging.set_verbosity(optuna.logging.ERROR)

DRAWS = 60
"""Draws in a row that no constraint lets through, after which a search ends."""
ENDED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)

Space = Callable[[Trial, Any], Any]
OnClose = Callable[[dict[str, Any], float], None]
Constraints = Callable[[Any], dict[str, float]]


@dataclass(frozen=True)
class Rules:
    """How one search runs.

    Attributes:
        phase: Names the Optuna study: ``baseline`` or ``plans``.
        seed: The study's.
        role: Seeds of the sampler.
        trainings: Budget, in trainings started.
        seeds: Trainings of one trial, at most.
        widen: Shares of the budget after which ranges are widened where the best plan touches their edge.
        until: `time.monotonic` after which no trial is started.
    """

    phase: str
    seed: int
    role: Role
    trainings: int
    seeds: int
    widen: tuple[float, ...] = ()
    until: float = math.inf


class Ledger:
    """Ask, tell and close the trials of one search.

    Args:
        journal: From `storage`.
        rules: Of this search.
        space: Draws a plan from a trial and the ranges in force.
        ranges: At the start of the search; `Ranges`, or whatever else ``space`` takes.
        guesses: Parameters of the first trials.
        constraints: Of a plan; one above 0 means that it is not trained at all.
        on_close: Called with the record of each trial that ends, and the seconds it trained.
        family: Groups plans; a trial is raced against its own group and against those of no group.
        read: A plan from plain values.

    Attributes:
        unit: What is counted against the budget.
        live: Trials under way.
        states: How many trials ended in each state.
        best: Record of the best complete trial so far, None without one.
        first: Record of trial 0 once it has ended.
    """

    unit = "trainings"

    def __init__(
        self,
        journal: Journal,
        rules: Rules,
        space: Space,
        ranges: Any,
        guesses: Sequence[dict[str, Any]],
        constraints: Constraints,
        on_close: OnClose = lambda trial, seconds: None,
        family: Callable[[Any], str | None] = lambda plan: None,
        read: Callable[[dict[str, Any]], Any] = Plan.from_dict,
    ) -> None:
        self.rules, self.space, self.constraints, self.on_close = rules, space, constraints, on_close
        self.family, self.read, self.journal = family, read, journal
        self.study = optuna.create_study(storage=journal, study_name=rules.phase, load_if_exists=True)  # minimises
        for guess in guesses:
            self.study.enqueue_trial(guess, skip_if_exists=True)
        self._ranges: list[tuple[int, Any]] = [(0, ranges)]
        for first, held in sorted(self.study.user_attrs.get("widened", {}).items(), key=lambda item: int(item[0])):
            self._ranges.append((int(first), Ranges(**{key: tuple(ends) for key, ends in held.items()})))
        self.live: dict[int, Trial] = {}
        self.interrupted = [t.number for t in self._trials(TrialState.RUNNING)]
        # Added up as trials end: to read all of them at each trial would leave a search of thousands no time.
        self._common = IntersectionSearchSpace(include_pruned=True)
        self._trained = 0
        self._complete: list[tuple[int, str | None, list[float]]] = []
        self.states: Counter[str] = Counter()
        self.best: dict[str, Any] | None = None
        self.first: dict[str, Any] | None = None
        for trial in self._trials(*ENDED):
            self._note(trial)

    def ask(self) -> tuple[int, Any] | None:
        """The next trial to run as (number, plan), or None if none is to be started any more."""
        for _ in range(DRAWS):
            if not (resumed := bool(self.interrupted)):
                late = time.monotonic() > self.rules.until and self.used > 0
                if late or self.used >= self.rules.trainings:
                    return None
                self._widen()
            trial = self._resume(self.interrupted.pop(0)) if resumed else self._new()
            plan = self.space(trial, self.ranges_at(trial.number))
            trial.set_user_attr("plan", plan.to_dict())
            self.live[trial.number] = trial
            held, broken = trial.constraints, dict[str, float]()
            for key, value in self.constraints(plan).items():
                if key not in held:
                    trial.set_constraint(key, value)
                if value > 0:
                    broken[key] = value
            if not broken:
                self.journal.sync()
                return trial.number, plan
            reason = "not trained: " + ", ".join(f"{key} over by {value:g}" for key, value in broken.items())
            self._end(trial.number, TrialState.PRUNED, reason)
        return None

    def tell(self, trial: int, index: int, outcome: Outcome) -> bool:
        """Record the outcome of seed ``index`` of a live trial. Telling a seed again changes nothing.

        Returns:
            Whether the trial ends here: diverged, all seeds done, or stopped by the race.
        """
        live = self.live[trial]
        errors = list(live.user_attrs.get("errors", []))
        if index < len(errors):
            self._report(trial, len(errors) - 1, errors)
            return self._verdict(trial, errors) is not None
        if not math.isfinite(outcome.error):
            live.set_user_attr("diverged", f"seed {index}: {outcome.reason}")
            return True
        errors.append(outcome.error)
        live.set_user_attr("errors", errors)
        if outcome.by_task:
            live.set_user_attr("by_task", [*live.user_attrs.get("by_task", []), outcome.by_task])
        live.set_user_attr("seconds", [*live.user_attrs.get("seconds", []), outcome.seconds])
        self._report(trial, index, errors)
        self.journal.sync()
        return self._verdict(trial, errors) is not None

    def close(self, trial: int, problem: str = "") -> None:
        """End a live trial as what it is: complete, pruned by the race, or failed.

        Args:
            trial: Its number.
            problem: Why it could not go on, if it could not.
        """
        attrs = self.live[trial].user_attrs
        problem = attrs.get("diverged", "") or problem
        state = TrialState.FAIL if problem else self._verdict(trial, attrs.get("errors", [])) or TrialState.FAIL
        self._end(trial, state, problem or ("behind on the same seeds" if state == TrialState.PRUNED else ""))

    def release(self, trial: int) -> None:
        """Put a live trial back: it is given again first, with all that was told."""
        del self.live[trial]
        self.interrupted.append(trial)

    @property
    def used(self) -> int:
        """What counts against the budget: trainings started."""
        return self.spent

    @property
    def spent(self) -> int:
        """Trainings started: those told, the one that made a trial fail, and one for each trial under way."""
        return self._trained + sum(1 + len(live.user_attrs.get("errors", [])) for live in self.live.values())

    def ranges_at(self, trial: int) -> Any:
        """The ranges in force when that trial was drawn."""
        return next(ranges for first, ranges in reversed(self._ranges) if first <= trial)

    def records(self) -> list[dict[str, Any]]:
        """Every trial as plain values, times left out: the same for the same seed and one worker."""
        return [record(t, self.score) for t in self._trials() if t.state != TrialState.WAITING]

    def seconds(self, trial: int) -> float:
        """How long a trial's trainings took."""
        return float(sum(self._trials()[trial].user_attrs.get("seconds", [])))

    def timeline(self) -> list[dict[str, Any]]:
        """When each ended trial started and ended (seconds since the epoch) and how long its trainings took."""
        return [
            {
                "phase": self.rules.phase,
                "number": t.number,
                "start": t.datetime_start.timestamp(),
                "end": t.datetime_complete.timestamp(),
                "train_seconds": self.seconds(t.number),
            }
            for t in self._trials(*ENDED)
            if t.datetime_start and t.datetime_complete
        ]

    def importance(self) -> dict[str, float]:
        """How much each parameter mattered among complete trials, largest first; empty for too few."""
        return importance(self.study, self._trials(TrialState.COMPLETE))

    def score(self, errors: Sequence[float]) -> float:
        """What a trial's errors so far are worth, as a logarithm; small is good."""
        return mean_log(errors)

    def shown(self, value: float) -> str:
        """A trial's value for people: a fraction, in per cent."""
        return f"{value:.2%}"

    def _verdict(self, trial: int, errors: Sequence[float]) -> TrialState | None:
        if len(errors) >= self.rules.seeds:
            return TrialState.COMPLETE
        return TrialState.PRUNED if trial > 0 and behind(errors, self._rivals(trial)) else None

    def _rivals(self, trial: int) -> list[list[float]]:
        """Errors of the complete trials against which this one is raced."""
        group = self.family(self.read(self.live[trial].user_attrs["plan"]))
        return [errors for _, other, errors in self._complete if other is None or other == group]

    def _report(self, trial: int, index: int, errors: Sequence[float]) -> None:
        """Tell Optuna the running means up to ``index``; a process killed in between may have left some out."""
        held = self._trials()[trial].intermediate_values
        for step in range(index + 1):
            if step not in held:
                self.live[trial].report(self.score(errors[: step + 1]), step)

    def _end(self, trial: int, state: TrialState, reason: str) -> None:
        live = self.live.pop(trial)
        live.set_user_attr("reason", reason)
        value = self.score(live.user_attrs["errors"]) if state == TrialState.COMPLETE else None
        self.study.tell(live, value, state)
        self.journal.sync()
        self.on_close(self._note(self._trials()[trial]), self.seconds(trial))

    def _note(self, trial: FrozenTrial) -> dict[str, Any]:
        """Add up a trial that ended; its record."""
        told = record(trial, self.score)
        self._trained += len(told["errors"]) + (trial.state == TrialState.FAIL)
        self.states[told["state"]] += 1
        if trial.state == TrialState.COMPLETE:
            insort(self._complete, (trial.number, self.family(self.read(told["plan"])), told["errors"]))
            self.best = best_trial([told] if self.best is None else [self.best, told])
        if trial.number == 0:
            self.first = told
        return told

    def _new(self) -> Trial:
        waiting = [t.number for t in self._trials(TrialState.WAITING)]
        self.study.sampler = self._sampler(min(waiting, default=len(self._trials())))
        return self.study.ask()

    def _resume(self, trial: int) -> Trial:
        self.study.sampler = self._sampler(trial)
        return Trial(self.study, self._trials()[trial]._trial_id)

    def _sampler(self, trial: int) -> TPESampler:
        return NumberedTPE(sequence(self.rules.seed, self.rules.role, trial), self._common)

    def _widen(self) -> None:
        """At each milestone of the budget, move the edges that the best plan so far touches."""
        passed = sum(self.spent >= share * self.rules.trainings for share in self.rules.widen)
        if len(self._ranges) > passed or self.best is None:
            return
        held = dict(self.study.user_attrs.get("widened", {}))
        ranges = self._ranges[-1][1].widened(self.read(self.best["plan"]).recipe)
        first = len(self._trials())
        held[str(first)] = {key: list(ends) for key, ends in vars(ranges).items()}
        self.study.set_user_attr("widened", held)
        self._ranges.append((first, ranges))

    def _trials(self, *states: TrialState) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False, states=states or None)
