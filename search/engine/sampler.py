"""Optuna's samplers made fit for being killed: what they draw depends on the study and the trial's number alone."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, GPSampler, TPESampler
from optuna.search_space import IntersectionSearchSpace
from optuna.trial import FrozenTrial, TrialState, create_trial
from threadpoolctl import threadpool_limits

from graft.search.engine.trials import ENDED
from graft.search.run.seeds import Role, named, number, sequence

HISTORY = 100
"""Trials that TPE weighs as not good. Each makes a draw dearer, and those before them count least anyway."""
STARTUP = 6
"""Finished trials before the process is asked."""
GOOD, RECENT = 60, 90
"""How many of the best and of the latest trials it is fitted to: a draw takes 0.2 s for so many, and 4 s for 1,000."""
MANY = 16
"""Whole numbers up to which Optuna tries each; among more it searches step by step, which takes most of a draw."""


class RecentTPE(TPESampler):
    """TPE that sees all of the good trials (25 at most), but only the latest of the others.

    A draw then weighs as many after 100,000 trials as after a hundred. In a search with fewer trials than
    ``HISTORY`` it is plain TPE.
    """

    def _build_parzen_estimator(
        self, study: optuna.Study, search_space: Any, trials: list[FrozenTrial], handle_below: bool
    ) -> Any:
        kept = trials if handle_below else trials[-HISTORY:]  # in the order of their numbers
        return super()._build_parzen_estimator(study, search_space, kept, handle_below)


class NumberedTPE(RecentTPE):
    """TPE whose every draw depends on the trial's number and the parameter's name, not on how many came before.

    So a search resumed at a trial, or in the middle of drawing its parameters, draws what it would have drawn.

    Args:
        root: Seed of this trial.
        common: What all trials of this study have in common, kept from one sampler to the next: to find it anew
            means to read every trial.
    """

    def __init__(self, root: np.random.SeedSequence, common: IntersectionSearchSpace) -> None:
        super().__init__(seed=number(root))
        self.entropy = list(root.entropy)  # type: ignore[arg-type]
        self._search_space = common

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Draw one parameter by itself."""
        return RecentTPE(seed=named(self.entropy, param_name)).sample_independent(
            study, trial, param_name, param_distribution
        )


class NumberedGP(BaseSampler):
    """Optuna's Gaussian process, made fit for trials that fail, ranges that widen, searches that are killed.

    Each draw is made by a process fitted anew to what the study holds, so it depends on that and on the trial's number
    alone. A trial that diverged, or that a constraint kept from being trained, counts as the worst that finished: left
    out, as Optuna does, it would be proposed again. Trials under way are known to the process, which draws elsewhere.
    Settings that not every trial has are drawn by `NumberedTPE`.

    Args:
        root: Seed of this trial.
        common: As of `NumberedTPE`, which draws what the process does not.
    """

    def __init__(self, root: np.random.SeedSequence, common: IntersectionSearchSpace) -> None:
        self.seed, self.independent = number(root), NumberedTPE(root, common)

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """The settings that every trial has, each with the widest range that it has had."""
        return widest(study.get_trials(deepcopy=False, states=ENDED))

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Draw those settings together."""
        held = study.get_trials(deepcopy=False)
        done = sorted((t for t in held if t.value is not None), key=lambda t: (t.value, t.number))
        if not search_space or len(done) < STARTUP:
            return {}
        worst, best = done[-1].value, {t.number for t in done[:GOOD]}
        drawn = {name: _smooth(held) for name, held in search_space.items()}
        table = optuna.create_study(sampler=self._process())
        for place, other in enumerate(held):
            values = {name: other.params[name] for name in search_space if name in other.params}
            if other.number == trial.number or len(values) < len(search_space):
                continue
            if place < len(held) - RECENT and other.number not in best:
                continue
            under_way = not other.state.is_finished()
            table.add_trial(
                create_trial(
                    state=TrialState.RUNNING if under_way else TrialState.COMPLETE,
                    params=values,
                    distributions=drawn,
                    value=None if under_way else worst if other.value is None else other.value,
                )
            )
        with threadpool_limits(1):  # matrices of fifty rows gain nothing from threads, which would vary the last bits
            found = dict(table.ask(fixed_distributions=drawn).params)
        return {name: _whole(value, search_space[name]) for name, value in found.items()}

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Draw one setting by itself."""
        return self.independent.sample_independent(study, trial, param_name, param_distribution)

    def _process(self) -> GPSampler:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            return GPSampler(
                seed=self.seed, n_startup_trials=0, deterministic_objective=False, warn_independent_sampling=False
            )


@dataclass(frozen=True)
class Sampling:
    """Draws what no guess says, each trial from random numbers of its own.

    Attributes:
        seed: The study's.
        role: What is drawn.
        sampler: Made anew for each trial.
    """

    seed: int
    role: Role
    sampler: Callable[[np.random.SeedSequence, IntersectionSearchSpace], BaseSampler] = NumberedTPE

    def at(self, trial: int, common: IntersectionSearchSpace) -> BaseSampler:
        """The sampler of a trial; ``common`` is what all trials of the study have in common."""
        return self.sampler(sequence(self.seed, self.role, trial), common)


def widest(trials: list[FrozenTrial]) -> dict[str, BaseDistribution]:
    """The settings that all of these trials have drawn, each with a range that holds every one that it had."""
    if not trials:
        return {}
    names = [name for name in trials[0].distributions if all(name in t.distributions for t in trials)]
    found = {name: _union([t.distributions[name] for t in trials]) for name in sorted(names)}
    # A setting with one value is drawn as that.
    return {name: held for name, held in found.items() if held is not None and not held.single()}


def _smooth(held: BaseDistribution) -> BaseDistribution:
    """What the process draws in place of whole numbers where there are many: any number that is rounded to them.

    A draw of two such settings among six takes 0.06 s so, and 0.25 s by steps.
    """
    if not isinstance(held, IntDistribution) or (held.high - held.low) // held.step < MANY:
        return held
    return FloatDistribution(held.low - held.step / 2, held.high + held.step / 2, log=held.log)


def _whole(value: Any, held: BaseDistribution) -> Any:
    """What was drawn, as the setting wants it."""
    if not isinstance(held, IntDistribution):
        return value
    steps = round((value - held.low) / held.step)
    return min(max(held.low + steps * held.step, held.low), held.high)


def _union(ranges: list[BaseDistribution]) -> BaseDistribution | None:
    """One range around all of them; None where they are of different kinds."""
    first = ranges[0]
    if isinstance(first, FloatDistribution | IntDistribution):
        ends = [one for one in ranges if isinstance(one, type(first)) and one.log == first.log]
        if len(ends) < len(ranges):
            return None
        low, high = min(one.low for one in ends), max(one.high for one in ends)
        if isinstance(first, IntDistribution):
            return IntDistribution(int(low), int(high), log=first.log, step=first.step)
        return FloatDistribution(low, high, log=first.log, step=first.step)
    same = isinstance(first, CategoricalDistribution) and all(one == first for one in ranges)
    return first if same else None
