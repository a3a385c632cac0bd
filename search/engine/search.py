"""A search: an Optuna study in the run's folder, the single record of its trials.

Order of calls: `ask` gives the next trial until the budget is spent; `tell` takes one training's outcome and says
whether the trial stops; `close` ends it. A process killed in between loses nothing that was told: a new search on the
same file gives interrupted trials again first, with their numbers and parameters.

A search with finalists begins each trial with one seed, for recipes differ by more than seeds do. What is kept of the
budget goes to the best: they are given again, best first, and earn seed after seed until they have all of them or are
clearly behind on the same seeds. Only a trial with all seeds is complete.
"""

import math
import time
from bisect import insort
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import optuna
from optuna.samplers import BaseSampler
from optuna.search_space import IntersectionSearchSpace
from optuna.trial import FrozenTrial, Trial, TrialState

from graft.search.engine.journal import Journal, storage
from graft.search.engine.outcome import Outcome
from graft.search.engine.pruners import behind
from graft.search.engine.sampler import NumberedTPE
from graft.search.engine.trials import ENDED, best_trial, importance, leading, record, with_further
from graft.search.run.scale import RATIO, Scale
from graft.search.run.seeds import Role, sequence
from graft.spaces.plan import Plan
from graft.spaces.ranges import Ranges

__all__ = ["Search", "Rules", "best_trial", "record", "storage"]

optuna.logging.set_verbosity(optuna.logging.ERROR)

DRAWS = 60
"""Draws in a row that no constraint lets through, after which a search ends."""
FURTHER = "further seeds of trial "
"""Attribute of the Optuna study that holds what a finalist told: its trial has ended, and Optuna changes it no more."""

Space = Callable[[Trial, Any], Any]
OnClose = Callable[[dict[str, Any], float], None]
Constraints = Callable[[Any], dict[str, float]]
Sampler = Callable[[np.random.SeedSequence, IntersectionSearchSpace], BaseSampler]


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
        until: `time.monotonic` after which no trial is started; finalists get their seeds all the same.
        finalists: How many trials the budget keeps further seeds for. 0: each trial has all seeds, raced.
        scale: On which errors are averaged and compared.
    """

    phase: str
    seed: int
    role: Role
    trainings: int
    seeds: int
    widen: tuple[float, ...] = ()
    until: float = math.inf
    finalists: int = 0
    scale: Scale = RATIO

    @property
    def explored(self) -> int:
        """Trainings with which trials begin; what is left is kept for finalists."""
        return self.trainings - self.finalists * (self.seeds - 1)


def affordable(finalists: int, trainings: int, seeds: int, least: int = 1) -> int:
    """Finalists for whose further seeds a third of the budget suffices, ``least`` at least; one training is left."""
    further = seeds - 1
    return max(1, min(finalists, max(least, trainings // (3 * further)), (trainings - 1) // further))


@dataclass
class Live:
    """A trial under way.

    Attributes:
        plan: What it trains.
        trial: Optuna's, while it explores; None for a finalist, of which Optuna has been told already.
        errors: Of all its seeds so far.
        by_task: Of each task, where there are several.
        seconds: Of each training.
        diverged: What happened if it did.
        known: How many of them Optuna's trial holds already.
        counted: How many of them were counted against the budget before.
    """

    plan: Any
    trial: Trial | None
    errors: list[float] = field(default_factory=list)
    by_task: list[dict[str, float]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    diverged: str = ""
    known: int = 0
    counted: int = 0

    def add(self, outcome: Outcome) -> None:
        """One more seed."""
        self.errors.append(outcome.error)
        self.seconds.append(outcome.seconds)
        if outcome.by_task:
            self.by_task.append(outcome.by_task)

    def told(self) -> dict[str, Any]:
        """What is written down of it, errors last: what is written down without them did not happen."""
        by_task = {"by_task": self.by_task[self.known :]} if self.by_task else {}
        return by_task | {"seconds": self.seconds[self.known :], "errors": self.errors[self.known :]}


class Search:
    """Ask, tell and close the trials of one search.

    Args:
        journal: From `storage`.
        rules: Of this search.
        space: Draws a plan from a trial and the ranges in force.
        ranges: At the start of the search; `Ranges`, or whatever else ``space`` takes.
        guesses: Parameters of the first trials.
        constraints: Of a plan; one above 0 means that it is not trained at all.
        on_close: Called with the record of each trial that ends, and the seconds it trained.
        family: Groups plans; a trial is raced against its own group and against those of no group, and the best of
            each group is a finalist.
        read: A plan from plain values.
        sampler: Draws what no guess says.

    Attributes:
        unit: What is counted against the budget.
        live: Trials under way.
        states: How many trials ended in each state.
        best: Record of the best trial so far: a complete one, if there is any.
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
        sampler: Sampler = NumberedTPE,
    ) -> None:
        self.rules, self.space, self.constraints, self.on_close = rules, space, constraints, on_close
        self.family, self.read, self.journal, self.sampler = family, read, journal, sampler
        self.study = optuna.create_study(storage=journal, study_name=rules.phase, load_if_exists=True)  # minimises
        for guess in guesses:
            self.study.enqueue_trial(guess, skip_if_exists=True)
        self._ranges: list[tuple[int, Any]] = [(0, ranges)]
        for first, held in sorted(self.study.user_attrs.get("widened", {}).items(), key=lambda item: int(item[0])):
            self._ranges.append((int(first), Ranges(**{key: tuple(ends) for key, ends in held.items()})))
        self._further: dict[int, dict[str, Any]] = {
            int(key.removeprefix(FURTHER)): held
            for key, held in self.study.user_attrs.items()
            if key.startswith(FURTHER)
        }
        self.live: dict[int, Live] = {}
        self.interrupted = [t.number for t in self._trials(TrialState.RUNNING)]
        # Added up as trials end: to read all of them at each trial would leave a search of thousands no time.
        self._common = IntersectionSearchSpace(include_pruned=True)
        self._trained = 0
        self._finished: dict[int, dict[str, Any]] = {}
        self._complete: list[tuple[int, str | None, list[float]]] = []
        self.states: Counter[str] = Counter()
        self.best: dict[str, Any] | None = None
        self.first: dict[str, Any] | None = None
        for trial in self._trials(*ENDED):
            self._note(trial)

    def ask(self) -> tuple[int, Any] | None:
        """The next trial to run as (number, plan), from seed `begins` on; None if there is none.

        Where finalists wait for trials under way, there may be one later.
        """
        for _ in range(DRAWS):
            if not (resumed := bool(self.interrupted)):
                late = time.monotonic() > self.rules.until and self.used > 0
                if late or self.used >= self.rules.explored:
                    return self._finalist()
                self._widen()
            trial = self._resume(self.interrupted.pop(0)) if resumed else self._new()
            plan = self.space(trial, self.ranges_at(trial.number))
            trial.set_user_attr("plan", plan.to_dict())
            diverged = trial.user_attrs.get("diverged", "")
            self.live[trial.number] = Live(plan, trial, **_kept(trial.user_attrs), diverged=diverged)
            held, broken = trial.constraints, dict[str, float]()
            for key, value in self.constraints(plan).items():
                if key not in held:
                    trial.set_constraint(key, value)
                if value > 0:
                    broken[key] = value
            if not broken and not self._over(trial.number):
                self.journal.sync()
                return trial.number, plan
            if not broken:
                continue
            reason = "not trained: " + ", ".join(f"{key} over by {value:g}" for key, value in broken.items())
            self._end(trial.number, TrialState.PRUNED, reason)
        return self._finalist()

    def begins(self, trial: int) -> int:
        """The seed with which a live trial goes on."""
        return len(self.live[trial].errors)

    def tell(self, trial: int, index: int, outcome: Outcome) -> bool:
        """Record the outcome of seed ``index`` of a live trial. Telling a seed again changes nothing.

        Returns:
            Whether the trial ends here: diverged, all seeds done, or stopped by the race.
        """
        live = self.live[trial]
        if index >= len(live.errors):
            if not math.isfinite(outcome.error):
                live.diverged = f"seed {index}: {outcome.reason}"
                self._keep(trial)
                return True
            live.add(outcome)
            self._keep(trial)
        if live.trial is not None:
            self._report(live.trial, live.errors)
        self.journal.sync()
        return self._verdict(trial, live.errors) is not None

    def close(self, trial: int, problem: str = "") -> None:
        """End a live trial as what it is: complete, pruned by the race, or failed.

        Args:
            trial: Its number.
            problem: Why it could not go on, if it could not.
        """
        live = self.live[trial]
        problem = live.diverged or problem
        state = TrialState.FAIL if problem else self._verdict(trial, live.errors) or TrialState.FAIL
        reason = problem or ("behind on the same seeds" if state == TrialState.PRUNED else "")
        if live.trial is not None:
            self._end(trial, state, reason)
            return
        self._keep(trial, reason, state == TrialState.FAIL)
        del self.live[trial]
        self.journal.sync()
        self.on_close(self._note(self._trials()[trial]), self.seconds(trial))

    def release(self, trial: int) -> None:
        """Put a live trial back: it is given again first, with all that was told."""
        if self.live.pop(trial).trial is not None:  # a finalist that is not done is given again anyway
            self.interrupted.append(trial)

    @property
    def used(self) -> int:
        """What counts against the budget: trainings started."""
        return self.spent

    @property
    def spent(self) -> int:
        """Trainings started: those told, the one that made a trial fail, and one for each trial under way."""
        return self._trained + sum(1 + len(live.errors) - live.counted for live in self.live.values())

    def ranges_at(self, trial: int) -> Any:
        """The ranges in force when that trial was drawn."""
        return next(ranges for first, ranges in reversed(self._ranges) if first <= trial)

    def records(self) -> list[dict[str, Any]]:
        """Every trial as plain values, times left out: the same for the same seed and one worker."""
        return [self._record(t) for t in self._trials() if t.state != TrialState.WAITING]

    def seconds(self, trial: int) -> float:
        """How long a trial's trainings took."""
        further = self._further.get(trial, {}).get("seconds", [])
        return float(sum([*self._trials()[trial].user_attrs.get("seconds", []), *further]))

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
        """What a trial's errors so far are worth, on the scale on which they are compared; small is good."""
        return float(self.rules.scale.of(errors).mean())

    def worth(self, errors: Sequence[float]) -> float:
        """The same as an error."""
        return self.rules.scale.back(self.score(errors))

    def shown(self, value: float) -> str:
        """A trial's value for people: a fraction, in per cent."""
        return f"{value:.2%}"

    def _verdict(self, trial: int, errors: Sequence[float]) -> TrialState | None:
        begins = self.rules.finalists and self.live[trial].trial is not None
        if len(errors) >= (1 if begins else self.rules.seeds):
            return TrialState.COMPLETE
        return TrialState.PRUNED if trial > 0 and behind(errors, self._rivals(trial), scale=self.rules.scale) else None

    def _rivals(self, trial: int) -> list[list[float]]:
        """Errors of the complete trials against which this one is raced."""
        group = self.family(self.live[trial].plan)
        return [errors for _, other, errors in self._complete if other is None or other == group]

    def _report(self, trial: Trial, errors: Sequence[float]) -> None:
        """Tell Optuna the running means; a process killed in between may have left some out."""
        held = self._trials()[trial.number].intermediate_values
        for step in range(len(errors)):
            if step not in held:
                trial.report(self.score(errors[: step + 1]), step)

    def _keep(self, trial: int, reason: str = "", failed: bool = False) -> None:
        """Write down what a live trial has told; with a reason, why it ended."""
        live = self.live[trial]
        if live.trial is None:
            held = live.told() | ({"reason": reason, "failed": failed} if reason else {})
            self._further[trial] = held
            self.study.set_user_attr(f"{FURTHER}{trial}", held)
            return
        for key, values in live.told().items():
            live.trial.set_user_attr(key, values)
        if live.diverged:
            live.trial.set_user_attr("diverged", live.diverged)

    def _finalist(self) -> tuple[int, Any] | None:
        """The next trial that earns further seeds, or None."""
        if not self.rules.finalists or any(live.trial is not None for live in self.live.values()):
            return None  # trials under way decide who goes on
        late = time.monotonic() > self.rules.until
        owed = self._trained + sum(self.rules.seeds - live.counted for live in self.live.values())
        for place, number in enumerate(self._ranked()):
            told = self._finished[number]
            over = owed + self.rules.seeds - len(told["errors"]) > self.rules.trainings
            # Where every finalist so far diverged there are more of them, but not without end.
            enough = bool(self._complete) or len(self._further) >= 2 * self.rules.finalists
            if enough and (over or (late and place >= self.rules.finalists)):
                return None
            if number in self.live or told["state"] == "complete" or "reason" in self._further.get(number, {}):
                continue
            own, further = _kept(self._trials()[number].user_attrs), _kept(self._further.get(number, {}))
            plan, both = self.read(told["plan"]), {key: own[key] + further[key] for key in own}
            known, counted = len(own["errors"]), len(told["errors"])
            self.live[number] = Live(plan, None, **both, known=known, counted=counted)
            if not self._over(number):
                return number, plan
        return None

    def _over(self, trial: int) -> bool:
        """Close a live trial that a process ended before it could: what it had told decides."""
        live = self.live[trial]
        if live.trial is not None:
            self._report(live.trial, live.errors)
        over = bool(live.diverged) or (bool(live.errors) and self._verdict(trial, live.errors) is not None)
        if over:
            self.close(trial)
        return over

    def _ranked(self) -> list[int]:
        """Trials by their first seed's error, those first that a verdict cannot do without.

        These are trial 0, if it is of no group and others are of one, and the best of each group. A search with one
        finalist has none to spare for trial 0.
        """
        told = [one for one in self._finished.values() if one["errors"] and one["state"] != "failed"]
        told.sort(key=lambda one: (one["errors"][0], one["number"]))
        groups = {one["number"]: self.family(self.read(one["plan"])) for one in told}
        named = dict.fromkeys(group for group in groups.values() if group is not None)
        first = [number for number in (0,) if named and self.rules.finalists > 1 and groups.get(0, "") is None]
        first += [next(number for number, group in groups.items() if group == name) for name in named]
        return list(dict.fromkeys([*first, *groups]))

    def _end(self, trial: int, state: TrialState, reason: str) -> None:
        live = self.live.pop(trial)
        assert live.trial is not None
        live.trial.set_user_attr("reason", reason)
        value = self.score(live.errors) if state == TrialState.COMPLETE else None
        self.study.tell(live.trial, value, state)
        self.journal.sync()
        self.on_close(self._note(self._trials()[trial]), self.seconds(trial))

    def _note(self, trial: FrozenTrial) -> dict[str, Any]:
        """Add up a trial that ended, or that has had further seeds since; its record."""
        told, before = self._record(trial), self._finished.get(trial.number)
        self._trained += len(told["errors"]) + (told["state"] == "failed")
        if before is not None:
            self._trained -= len(before["errors"])
            self.states[before["state"]] -= 1
        self.states[told["state"]] += 1
        if told["state"] == "complete":
            insort(self._complete, (trial.number, self.family(self.read(told["plan"])), told["errors"]))
            self.best = best_trial([told] if self.best is None else [self.best, told])
        if trial.number == 0:
            self.first = told
        if self.rules.finalists:
            self._finished[trial.number] = told
            self.best = best_trial(list(self._finished.values())) or leading(list(self._finished.values()))
        return told

    def _record(self, trial: FrozenTrial) -> dict[str, Any]:
        told = record(trial, self.worth)
        if not self.rules.finalists:
            return told
        return with_further(told, self._further.get(trial.number, {}), self.rules.seeds, self.worth)

    def _new(self) -> Trial:
        waiting = [t.number for t in self._trials(TrialState.WAITING)]
        self.study.sampler = self._sampler(min(waiting, default=len(self._trials())))
        return self.study.ask()

    def _resume(self, trial: int) -> Trial:
        self.study.sampler = self._sampler(trial)
        return Trial(self.study, self._trials()[trial]._trial_id)

    def _sampler(self, trial: int) -> BaseSampler:
        return self.sampler(sequence(self.rules.seed, self.rules.role, trial), self._common)

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


def _kept(held: Mapping[str, Any]) -> dict[str, Any]:
    """What was written down of a trial's seeds."""
    told = len(held.get("errors", []))
    return {key: list(held.get(key, []))[:told] for key in ("errors", "by_task", "seconds")}
