"""A search: an Optuna study in the run's folder, the single record of its trials.

Order of calls: `ask` gives the next trial until the budget is spent; `tell` takes one training's outcome and says
whether the trial stops; `close` ends it. A process killed in between loses nothing that was told: a new search on the
same file gives interrupted trials again first, with their numbers and parameters.

A search with finalists begins each trial with one seed, for recipes differ by more than seeds do. What is kept of the
budget goes to the best: they are given again, best first, and earn seed after seed until they have all of them or are
clearly behind on the same seeds. Only a trial with all seeds is complete.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import optuna
from optuna.pruners import BasePruner
from optuna.search_space import IntersectionSearchSpace
from optuna.trial import FrozenTrial, TrialState

from graft.cluster.times import spending
from graft.search.engine.budget import RangesOf, SearchBudget, Widening
from graft.search.engine.journal import Journal
from graft.search.engine.outcome import Outcome
from graft.search.engine.pruners import PairedRacePruner
from graft.search.engine.sampler import Sampling
from graft.search.engine.trials import ENDED, FURTHER, Told, further_seeds, ranked, record
from graft.search.run.record import Values
from graft.search.run.trials import Trial
from graft.spaces.dcl import Watch
from graft.spaces.plan import Plan
from graft.spaces.sharing import Sharing

optuna.logging.set_verbosity(optuna.logging.ERROR)

DRAWS = 60
"""Draws in a row that no constraint lets through, after which a search ends."""
OnClose = Callable[[Trial, float], None]
PlanOf = TypeVar("PlanOf", Plan, Sharing, Watch)
"""The plans of a search."""


@dataclass(frozen=True)
class Space(Generic[PlanOf, RangesOf]):
    """What is searched.

    Attributes:
        plans: The class of its plans.
        suggest: Draws a plan from a trial and the ranges in force.
        ranges: At the start of the search; `Ranges`, or whatever else ``suggest`` takes.
        guesses: Parameters of the first trials.
        constraints: Of a plan; one above 0 means that it is not trained at all.
        family: Groups plans, for pruners and because the best of each group is a finalist; None is of no group.
        reference: What the first trial is, where it is what the others are to beat.
        widened: The ranges made wider where a plan touches their edge.
    """

    plans: type[PlanOf]
    suggest: Callable[[optuna.Trial, RangesOf], PlanOf]
    ranges: RangesOf
    guesses: Sequence[Values] = ()
    constraints: Callable[[PlanOf], dict[str, float]] = lambda plan: {}
    family: Callable[[PlanOf], str | None] = lambda plan: None
    reference: str = ""
    widened: Callable[[RangesOf, PlanOf], RangesOf] = lambda ranges, plan: ranges

    def plan(self, trial: FrozenTrial) -> PlanOf:
        """What a trial trains, or has trained."""
        return self.plans.from_dict(trial.user_attrs["plan"])

    def group(self, trial: FrozenTrial) -> str | None:
        """The group of a trial's plan."""
        return self.family(self.plan(trial))


@dataclass(frozen=True)
class Standing:
    """How far a search has come: trials by how they ended; for people, the best value and what it is to beat."""

    states: Mapping[str, int]
    best: str
    reference: str


@dataclass
class Live:
    """A trial under way.

    Attributes:
        trial: Optuna's, while it explores; None for a finalist, of which Optuna has been told already.
        told: By its seeds.
        explored: Errors that a finalist told before, which Optuna's trial holds.
        diverged: What happened if it did.
    """

    trial: optuna.Trial | None
    told: Told
    explored: Sequence[float] = ()
    diverged: str = ""

    @property
    def errors(self) -> list[float]:
        """Of all its seeds so far."""
        return [*self.explored, *self.told.errors]

    def add(self, index: int, outcome: Outcome) -> None:
        """One more seed."""
        if math.isfinite(outcome.error):
            self.told = self.told.also(outcome)
        else:
            self.diverged = f"seed {index}: {outcome.reason}"


class Search(Generic[PlanOf, RangesOf]):
    """Ask, tell and close the trials of one search.

    Args:
        journal: From `storage`.
        phase: Names the Optuna study: ``baseline`` or ``plans``.
        space: What is searched.
        budget: What it may spend.
        sampling: Draws what no guess says.
        pruner: Stops trials; reads what they have told from Optuna's trials. `PairedRacePruner` by default.
        on_close: Called with the record of each trial that ends, and the seconds it trained.

    Attributes:
        live: Trials under way.
        interrupted: Trials that a killed process left under way.
    """

    space: Space[PlanOf, RangesOf]

    def __init__(
        self,
        journal: Journal,
        phase: str,
        space: Space[PlanOf, RangesOf],
        budget: SearchBudget,
        sampling: Sampling,
        pruner: BasePruner | None = None,
        on_close: OnClose = lambda trial, seconds: None,
    ) -> None:
        self.journal, self.phase, self.space, self.budget = journal, phase, space, budget
        self.sampling, self.on_close = sampling, on_close
        self.pruner = pruner or PairedRacePruner(budget.seeds, space.group, budget.scale)
        self.study = optuna.create_study(storage=journal, study_name=phase, load_if_exists=True)  # minimises
        for guess in space.guesses:
            self.study.enqueue_trial(dict(guess), skip_if_exists=True)
        milestones = [share * budget.trainings for share in budget.widen]
        self.ranges: Widening[RangesOf] = Widening(self.study, space.ranges, milestones)
        self.live: dict[int, Live] = {}
        self.interrupted = [t.number for t in self._trials(TrialState.RUNNING)]
        # Added up as trials end: to read all of them at each trial would leave a search of thousands no time.
        self._common = IntersectionSearchSpace(include_pruned=True)
        self._further = further_seeds(self.study)
        self._plans: dict[int, PlanOf] = {}
        self._ended: dict[int, Trial] = {}
        self._trained = self._begun = 0
        for trial in self._trials(*ENDED):
            self._note(trial)

    @spending("sampling")
    def ask(self) -> tuple[int, PlanOf] | None:
        """The next trial to run as (number, plan), from seed `begins` on; None if there is none.

        Where finalists wait for trials under way, there may be one later.
        """
        for _ in range(DRAWS):
            if not self.interrupted and (self.used >= self.budget.explored or (self.budget.late and self.used > 0)):
                break
            trial = self._next()
            plan = self.space.suggest(trial, self.ranges.at(trial.number))
            trial.set_user_attr("plan", plan.to_dict())
            told = Told.by(self._trials()[trial.number])
            self.live[trial.number] = Live(trial, told, diverged=told.diverged)
            held, wanted = trial.constraints, self.space.constraints(plan)
            for key in (key for key in wanted if key not in held):
                trial.set_constraint(key, wanted[key])
            broken = [f"{key} over by {value:g}" for key, value in wanted.items() if value > 0]
            if broken:
                self._end(trial.number, TrialState.PRUNED, "not trained: " + ", ".join(broken))
            elif not self._over(trial.number):
                self.journal.sync()
                return trial.number, plan
        return self._finalist()

    def begins(self, trial: int) -> int:
        """The seed with which a live trial goes on."""
        return len(self.live[trial].errors)

    def tell(self, trial: int, index: int, outcome: Outcome) -> bool:
        """Record the outcome of seed ``index`` of a live trial. Telling a seed again changes nothing.

        Returns:
            Whether the trial ends here: diverged, all seeds done, or stopped by the pruner.
        """
        if index >= self.begins(trial):
            self.live[trial].add(index, outcome)
            self._keep(trial)
        self._report(trial)
        self.journal.sync()
        return self._verdict(trial) is not None

    def close(self, trial: int, problem: str = "") -> None:
        """End a live trial as what it is: complete, pruned, or failed.

        Args:
            trial: Its number.
            problem: Why it could not go on, if it could not.
        """
        problem = self.live[trial].diverged or problem
        state = TrialState.FAIL if problem else self._verdict(trial) or TrialState.FAIL
        self._end(trial, state, problem or ("behind on the same seeds" if state == TrialState.PRUNED else ""))

    def release(self, trial: int) -> None:
        """Put a live trial back: it is given again first, with all that was told."""
        if self.live.pop(trial).trial is not None:  # a finalist that is not done is given again anyway
            self.interrupted.append(trial)

    @property
    def used(self) -> int:
        """What counts against the budget."""
        return self.budget.used(self.spent, self._begun + len(self.live))

    @property
    def spent(self) -> int:
        """Trainings started: those told, the one that made a trial fail, and one for each trial under way."""
        under_way = (1 + len(live.errors) - self._counted(number) for number, live in self.live.items())
        return self._trained + sum(under_way)

    @property
    def states(self) -> Counter[str]:
        """How many trials ended in each state."""
        return Counter(told.state for told in self._ended.values())

    @property
    def best(self) -> Trial | None:
        """The best trial so far: a complete one, if there is any."""
        told = [one for one in self._ended.values() if one.value is not None and one.state != "failed"]
        return min(told, key=lambda one: (one.state != "complete", one.value, one.number), default=None)

    def standing(self) -> Standing:
        """How far it has come."""
        best, first, shown = self.best, self._ended.get(0), self.budget.shown
        known = first.value if self.space.reference and first and first.state == "complete" else None
        reference = "" if known is None else f"{self.space.reference} {shown(known)}"
        return Standing(self.states, "" if best is None or best.value is None else shown(best.value), reference)

    def records(self) -> list[Trial]:
        """Every trial, times left out: the same for the same seed and one worker."""
        return [self._record(t) for t in self._trials() if t.state != TrialState.WAITING]

    def plan(self, trial: int) -> PlanOf:
        """What a trial trains, or has trained; it is read once."""
        if trial not in self._plans:
            self._plans[trial] = self.space.plan(self._trials()[trial])
        return self._plans[trial]

    def seconds(self, trial: int) -> float:
        """How long a trial's trainings took."""
        return float(sum([*Told.by(self._trials()[trial]).seconds, *self._later(trial).seconds]))

    def _next(self) -> optuna.Trial:
        """The trial to go on with: an interrupted one, a guess, or a new one."""
        trials = self._trials()
        if self.interrupted:
            number = self.interrupted.pop(0)
            self.study.sampler = self.sampling.at(number, self._common)
            return optuna.Trial(self.study, trials[number]._trial_id)
        if self.ranges.due(self.spent) and self.best is not None:
            ranges = self.space.widened(self.ranges.at(len(trials)), self.plan(self.best.number))
            self.ranges.widen(len(trials), ranges)
        number = min((t.number for t in trials if t.state == TrialState.WAITING), default=len(trials))
        self.study.sampler = self.sampling.at(number, self._common)
        return self.study.ask()

    def _finalist(self) -> tuple[int, PlanOf] | None:
        """The next trial that earns further seeds, or None."""
        most, seeds = self.budget.finalists, self.budget.seeds
        if not most or any(live.trial is not None for live in self.live.values()):
            return None  # trials under way decide who goes on
        owed = self._trained + sum(seeds - self._counted(number) for number in self.live)
        for place, number in enumerate(ranked(list(self._ended.values()), self._group, most > 1)):
            told, further = self._ended[number], self._later(number)
            over = owed + seeds - len(told.errors) > self.budget.trainings
            # Where every finalist so far diverged there are more of them, but not without end.
            enough = "complete" in self.states or len(self._further) >= 2 * most
            if enough and (over or (self.budget.late and place >= most)):
                return None
            if number in self.live or told.state == "complete" or further.reason:
                continue
            self.live[number] = Live(None, further, Told.by(self._trials()[number]).errors)
            if not self._over(number):
                return number, self.plan(number)
        return None

    def _group(self, trial: int) -> str | None:
        return self.space.family(self.plan(trial))

    def _later(self, trial: int) -> Told:
        """What a trial has told as a finalist."""
        return self._further.get(trial, Told())

    def _over(self, trial: int) -> bool:
        """Close a live trial that a process ended before it could: what it had told decides."""
        self._report(trial)
        over = self._verdict(trial) is not None
        if over:
            self.close(trial)
        return over

    def _verdict(self, trial: int) -> TrialState | None:
        """How a live trial ends by what it has told; None if it goes on."""
        live = self.live[trial]
        if live.diverged:
            return TrialState.FAIL
        if len(live.errors) >= (1 if self.budget.finalists and live.trial is not None else self.budget.seeds):
            return TrialState.COMPLETE
        frozen = self._trials()[trial]
        stopped = "stopped" in frozen.user_attrs
        if not stopped and not (live.errors and self.pruner.prune(self.study, frozen)):
            return None
        if live.trial is not None and not stopped:  # others may arrive before it is closed, and the rule be kinder then
            live.trial.set_user_attr("stopped", len(live.errors) - 1)
        return TrialState.PRUNED

    def _report(self, trial: int) -> None:
        """Tell Optuna the running values of a trial that explores; a killed process may have left some out."""
        live = self.live[trial]
        if live.trial is None:
            return
        held = self._trials()[trial].intermediate_values
        for step in range(len(live.errors)):
            if step not in held:
                live.trial.report(self.budget.score(live.errors[: step + 1]), step)

    def _keep(self, trial: int, reason: str = "", failed: bool = False) -> None:
        """Write down what a live trial has told; of a finalist also how it ended."""
        live = self.live[trial]
        if live.trial is None:
            self._further[trial] = live.told.model_copy(update={"reason": reason, "failed": failed})
            ended = {"reason": reason, "failed": failed} if reason else {}
            self.study.set_user_attr(f"{FURTHER}{trial}", live.told.seeds() | ended)
            return
        for key, values in live.told.seeds().items():
            live.trial.set_user_attr(key, values)
        if live.diverged:
            live.trial.set_user_attr("diverged", live.diverged)

    def _end(self, trial: int, state: TrialState, reason: str) -> None:
        live = self.live[trial]
        if live.trial is None:
            self._keep(trial, reason, state == TrialState.FAIL)
        else:
            live.trial.set_user_attr("reason", reason)
            self.study.tell(live.trial, self.budget.score(live.errors) if state == TrialState.COMPLETE else None, state)
        del self.live[trial]
        self.journal.sync()
        self.on_close(self._note(self._trials()[trial]), self.seconds(trial))

    def _note(self, trial: FrozenTrial) -> Trial:
        """Add up a trial that ended, or that has had further seeds since; its record."""
        told, before = self._record(trial), self._ended.get(trial.number)
        self._trained += told.trainings - (before.trainings if before else 0)
        self._begun += before is None and told.trainings > 0
        self._ended[trial.number] = told
        return told

    def _counted(self, trial: int) -> int:
        """Trainings of a trial under way that were counted before: those with which a finalist explored."""
        return self._ended[trial].trainings if trial in self._ended else 0

    def _record(self, trial: FrozenTrial) -> Trial:
        plan = self.plan(trial.number) if "plan" in trial.user_attrs else None
        return record(trial, plan, self.budget, self._later(trial.number))

    def _trials(self, *states: TrialState) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False, states=states or None)
