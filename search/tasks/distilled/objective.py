"""What one pipeline is worth: a sequence model watches, its energies are judged, and a student learns them."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from graft.models.energies import gauged
from graft.models.networks.sequence.chain import Autoregressive
from graft.models.networks.sequence.fit import log_probabilities
from graft.models.symmetries import Symmetries
from graft.search.run.evidence import Beside
from graft.search.run.seeds import Draws, Role
from graft.search.tasks.distilled import scores
from graft.search.tasks.distilled.study import DclStudy
from graft.search.tasks.distilled.teaching import METHOD, Taught, teach
from graft.search.tasks.distilled.watcher import Energies, Index, group, most_seen, tensor, watch
from graft.simulators.registry import lattice
from graft.spaces.dcl import Watch

IMAGES = 8
"""Random symmetries on which inconsistency is measured."""


@dataclass(frozen=True)
class ExactStates:
    """States of known energy, the same number of each level, and random states that set the gauge.

    Attributes:
        index: (states, sites).
        exact: Their exact energies, less the mean exact energy of the reference states.
        reference: Uniformly random states, (states, sites).
    """

    index: Index
    exact: NDArray[np.float64]
    reference: Index

    def learned(self, energy: scores.Energy) -> NDArray[np.float64]:
        """The learned energies of the judging states, gauged."""
        return gauged(energy(self.index), energy(self.reference))

    def error(self, energy: scores.Energy) -> float:
        """Their RMSE over all levels, in J."""
        return scores.over_levels(self.learned(energy), self.exact)


@dataclass(frozen=True)
class Watching:
    """One training asked for: a pipeline, which seed, how much compute, whether a student is taught, and how long."""

    plan: Watch
    index: int
    seconds: float
    taught: bool
    epochs: int | None = None


@dataclass(frozen=True)
class WatchTask:
    """All that the trainings of one phase share; it reaches each worker once.

    Attributes:
        study: What is watched, and what may be spent.
        role: Which seeds this phase draws.
        observed: Index of all states that were watched, (states, sites).
        wide: States of all energies, drawn without the Hamiltonian, (states, sites).
        test: States of known energy. In the search they are for the record: only ``--score exact`` reads them.
        proof: Whether errors are those of the proof: RMSE of teacher and student, with and without symmetries.
        margin: Observations on either side of those kept from training that are left out: neighbours in time are
            alike in a file of one's own. 0 where observations are independent in any order.
    """

    study: DclStudy
    role: Role
    observed: Index
    wide: Index
    test: ExactStates
    proof: bool = False
    margin: int = 0

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Of the lattice."""
        return lattice(self.study.system).shape

    @cached_property
    def q(self) -> int:
        """Values of a spin."""
        return lattice(self.study.system).q

    @cached_property
    def symmetries(self) -> Symmetries | None:
        """The group that the study allows."""
        return group(self.study.symmetries, self.shape, self.q)

    def training(self, plan: Watch, index: int) -> Watching:
        """What a search asks for: one rung, always with seed 0; the student is taught on the last."""
        rungs = self.study.budget.rungs
        return Watching(plan, 0, rungs[index] * self.study.budget.seconds, index == len(rungs) - 1)

    def errors(self, training: Watching) -> tuple[float, Beside]:
        """The score that is to be small, and beside it each of its parts, as an `Outcome` tells them."""
        learned = learn(self, training)
        if self.proof:
            found = self.proved(training, learned)
            return found["student"], {"by_task": found}
        found = label_free_errors(self, learned)
        found["exact"] = self.test.error(learned.energies)
        if learned.taught is not None:
            found["student"] = self.test.error(learned.taught)
        return score(self.study, found), {"by_task": found}

    def proved(self, training: Watching, learned: "Learned") -> dict[str, float]:
        """RMSE over all levels of teacher and student, each as trained and averaged over symmetries, in J.

        The paper's recipe is judged as it stands.
        """
        assert learned.taught is not None
        study, test = self.study, self.test
        found = {"teacher": test.error(learned.energies), "student": test.error(learned.taught)}
        if self.symmetries is not None and training.plan != study.paper:
            averaged = Energies(learned.model, study.temperature, self.symmetries, study.budget.copies, training.index)
            found["teacher_symmetrised"] = test.error(averaged)
            found["student_symmetrised"] = test.error(learned.taught.symmetrised(study.symmetries))
        return found

    def stacks(self, training: Watching) -> bool:
        """No: plans differ in their networks, so two are seldom alike."""
        return False

    def digest(self, training: Watching) -> str:
        """Names everything that one training's errors depend on."""
        names = {
            "study": self.study.to_dict(),
            "role": int(self.role),
            "plan": training.plan.to_dict(),
            "training": [training.index, training.seconds, training.taught, training.epochs, self.proof],
            "error": ["over levels", self.margin],
            "teaching": METHOD,
            "batches": "near-equal",
        }
        return hashlib.sha256(json.dumps(names, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Learned:
    """A trained sequence model, its energies, the states kept from it, and the student if one was taught."""

    model: Autoregressive
    energies: Energies
    held: Index
    taught: Taught | None


def split(states: int, held: int, margin: int, draws: Draws) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which observations train, in a random order, and which are kept: with a margin, one stretch of time."""
    if not margin:
        return draws.rows(states, held)
    margin = min(margin, (states - held) // 4)  # at least half of the others train
    first = int(draws.split.integers(states - held + 1))
    rest = np.concatenate([np.arange(max(0, first - margin)), np.arange(min(states, first + held + margin), states)])
    return draws.split.permutation(rest), np.arange(first, first + held)


def learn(task: WatchTask, training: Watching) -> Learned:
    """Train once.

    Raises:
        NonFiniteLoss: If training diverges.
    """
    plan, study = training.plan, task.study
    draws = Draws.of(study.seed, task.role, training.index)
    rows, held = split(len(task.observed), study.states.held, task.margin, draws)
    # Of ten million states only those are copied that there is compute for.
    rows = rows[: most_seen(plan, training.seconds, task.shape, task.q)]
    model = watch(plan, task.observed[rows], task.shape, task.q, training.seconds, draws, task.symmetries)
    energies = Energies(model, study.temperature)
    taught = None
    if training.taught:
        taught = teach(
            plan.student, energies, task.shape, task.q, study.states.student, training.epochs or study.budget.student,
            draws, lattice(study.system).uniform,
        )  # fmt: skip
    return Learned(model, energies, task.observed[held], taught)


def label_free_errors(task: WatchTask, learned: Learned) -> dict[str, float]:
    """Everything that tells good energies from bad ones without knowing any: nats a state, and J."""
    study = task.study
    found = {"likelihood": scores.likelihood(log_probabilities(learned.model, tensor(learned.held)))}
    if task.symmetries is not None:
        images = Energies(learned.model, study.temperature, task.symmetries).images(task.wide, IMAGES)
        found["symmetry"] = scores.inconsistency(images)
    if learned.taught is not None:
        found["agreement"] = scores.agreement(learned.energies(task.wide), learned.taught(task.wide))
    return found


def score(study: DclStudy, found: Mapping[str, float]) -> float:
    """What the search makes small: see `DclStudy.score`."""
    if study.score == "label-free":
        return scores.label_free(
            study.temperature, found["likelihood"], found.get("symmetry", 0.0), found.get("agreement")
        )
    return found[study.score]
