"""The phases of a DCL run; each finds what is done already and does the rest."""

import io
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, partial

import numpy as np

from graft.search.engine.budget import SearchBudget
from graft.search.engine.pruners import GroupedHalvingPruner
from graft.search.engine.sampler import Sampling
from graft.search.engine.search import Search, Space
from graft.search.engine.searched import NothingFinished, best_plan
from graft.search.engine.trials import best_trial
from graft.search.engine.work import Work
from graft.search.kinds.dcl import confirmation
from graft.search.kinds.dcl.champion import student
from graft.search.kinds.dcl.verdict import course
from graft.search.proof.confirmation import Arms, decide
from graft.search.run.folder import write_bytes
from graft.search.run.results import Equal, Final, Prediction
from graft.search.run.scale import logs
from graft.search.run.seeds import Role
from graft.search.tasks.distilled import scores
from graft.search.tasks.distilled.data import exact_states, observe
from graft.search.tasks.distilled.final import final, spread_out
from graft.search.tasks.distilled.objective import ExactStates, Watching, WatchTask
from graft.search.tasks.distilled.prediction import predicted
from graft.search.tasks.distilled.study import DclStudy
from graft.search.tasks.distilled.teaching import METHOD
from graft.search.tasks.distilled.watcher import Index
from graft.simulators.registry import lattice
from graft.spaces import compute, dcl
from graft.spaces.dcl import KINDS, Choices, Watch

MARGIN = 5.0
"""Autocorrelation times between what trains and what is kept."""

Asked = dict[str, tuple[WatchTask, Watching]]
"""Trainings by key."""


class Rungs(SearchBudget):
    """A budget of pipelines, whose trials report a score for each rung, the last of which counts."""

    unit = "pipelines"

    def used(self, trainings: int, trials: int) -> int:
        """Pipelines started: how many of their trainings go on, only the pruner knows."""
        return trials

    def score(self, errors: Sequence[float]) -> float:
        """The logarithm of the last rung's score."""
        return float(logs(errors[-1]))

    def shown(self, value: float) -> str:
        """A score: what it counts has no unit worth a name, for T times the likelihood holds the unknown entropy."""
        return f"score {value:.3f}"


class DclPipeline(Work[DclStudy]):
    """One run of a DCL study; arguments as of `Work`."""

    def prepare(self) -> None:
        """The states; of a system that is watched too little nothing is left in the folder."""
        with self.run.possible("wide.npy"):
            self.prepare_states()

    def prepare_states(self) -> None:
        """Watch, and draw the states of all energies on which label-free errors are measured.

        Those come from Monte Carlo with the energies of the linear-logistic baseline: no Hamiltonian.

        Raises:
            InputError: If the states are worth too few independent ones.
        """
        with self.phase("data", self.study.states.watched):
            self.observed, self.card = observe(
                self.study, self.run.path("data", "watched"), self.resources.workers, self.progress.count
            )
        if not self.run.has("wide.npy"):
            with self.phase("states of all energies"):
                nothing = self.observed[:0]
                task = WatchTask(self.study, Role.BASELINE, self.observed, nothing, self.no_states, margin=self.margin)
                (wide,) = self.calls(spread_out, [(task,)])
                buffer = io.BytesIO()
                np.save(buffer, wide)
                write_bytes(self.run.path("wide.npy"), buffer.getvalue())
        self.wide: Index = np.load(self.run.path("wide.npy"), allow_pickle=False)

    @property
    def margin(self) -> int:
        """Observations of a file of one's own within which neighbours in time are alike; shards are thinned."""
        if not self.study.observations:
            return 0
        return math.ceil(MARGIN * (self.card.autocorrelation_sweeps or 0.0))

    @cached_property
    def no_states(self) -> ExactStates:
        """No states of known energy."""
        none = np.zeros((0, lattice(self.study.system).sites), np.uint8)
        return ExactStates(none, np.zeros(0), none)

    @cached_property
    def test(self) -> ExactStates:
        """Fresh states of known energy, which no search reads."""
        return exact_states(self.study, Role.TEST)

    def task(self, role: Role, test: ExactStates, proof: bool = False) -> WatchTask:
        """What the trainings of a phase share."""
        return WatchTask(self.study, role, self.observed, self.wide, test, proof, self.margin)

    def plans(self) -> Search[Watch, Choices]:
        """Search the pipelines, each raced against its own kind by successive halving."""
        study, model = self.study, lattice(self.study.system)
        least = study.budget.rungs[0] * study.budget.seconds
        space = Space(
            Watch,
            dcl.suggest,
            study.usable,
            dcl.first_guesses(study.usable),
            partial(compute.constraints, seconds=least, sites=model.sites, q=model.q),
            dcl.family,
        )
        self.search = Search(
            self.journal,
            "plans",
            space,
            Rungs(study.budget.trials, len(study.budget.rungs), until=self.until()),
            Sampling(study.seed, Role.PLANS_SAMPLER),
            GroupedHalvingPruner(space.group),
            self.closed("plans"),
        )
        self.explore(self.search, self.task(Role.PLANS, exact_states(study, Role.REGRET)), "pipelines")
        return self.search

    def best_of_kinds(self) -> dict[str, Watch]:
        """The best complete pipeline of each kind, by the search's score; the linear baseline is always among them.

        Raises:
            NothingFinished: If no trial did.
        """
        records = self.search.records()
        if best_trial(records) is None:
            last = records[-1].reason if records else "no trial was started"
            raise NothingFinished(f"no pipeline of the search finished ({len(records)} tried): {last}")
        found: dict[str, Watch] = {}
        for kind in KINDS:
            best = best_trial([t for t in records if t.plan and self.search.plan(t.number).kind == kind])
            if best is not None:
                found[kind] = self.search.plan(best.number)
        return {"linear": self.study.baseline} | found

    def best(self, finals: Mapping[str, Final]) -> Watch:
        """The pipeline that is confirmed and predicts: the best of those trained longest, by the study's score.

        Kinds learn at different speeds, so the best of a short training need not be that of a long one. Of few models
        whose likelihoods are all known, likelihood counts as the error of energies that it stands for. Exact errors of
        the finals are of the states that judge the proof, so a search by exact errors keeps its own choice.
        """
        study = self.study
        if self.run.has("confirmation.json"):
            return Equal.read(self.run.read("confirmation.json")).plan
        if study.score == "exact":
            return best_plan(self.search)
        searched = {name: told for name, told in finals.items() if name != "paper"}
        highest = min(told.likelihood for told in searched.values())

        def score(told: Final) -> float:
            if study.score != "label-free":
                return float(getattr(told, study.score))
            missed = scores.in_energy(study.temperature, told.likelihood, highest)
            return missed + told.symmetry + told.agreement

        return min(searched.values(), key=score).plan

    def finals(self) -> dict[str, Final]:
        """Train the best of each kind, and the paper's recipe, longer than the search could, and judge them exactly.

        Each teaches a student; that of the best of all is what predicts. The paper's is taught as much as the others.
        """
        plans = self.best_of_kinds() | {"paper": self.study.paper}
        missing = [name for name in plans if name not in self._trained(plans)]
        with self.phase("each kind, trained longer", len(plans)):
            task = self.task(Role.SOURCE_NETWORK, self.test)
            taught = dict.fromkeys(plans, self.study.budget.taught)
            taught["paper"] = confirmation.as_long(taught["paper"], self.study.paper, self.study.baseline)
            # Recurrent networks take longest, so they begin; each is kept as soon as it is done.
            missing.reverse()
            jobs = {name: (final, (task, name, plans[name], taught[name])) for name in missing}
            for ready, (name, found) in enumerate(self.executor.run(jobs), len(plans) - len(missing) + 1):
                write_bytes(self.run.path("finals", f"{name}.safetensors"), found.pop("data"))
                write_bytes(self.run.path("finals", f"{name}-student.safetensors"), found.pop("student_data"))
                self.run.write(f"finals/{name}.json", found)
                self.progress.count(ready, len(plans))
        return self._trained(plans)

    def _trained(self, names: Iterable[str]) -> dict[str, Final]:
        """The final models that are there already, taught as today."""
        told = [name for name in names if self.run.has(f"finals/{name}.json")]
        found = {name: Final.read(self.run.read(f"finals/{name}.json")) for name in told}
        return {name: one for name, one in found.items() if one.teaching == METHOD}

    def confirm(self, best: Watch) -> Equal:
        """Train the searched pipeline and the paper's recipe at equal compute on fresh seeds, look after look.

        Returns:
            What was fixed, with its errors.
        """
        if not self.run.has("confirmation.json"):
            self.run.write("confirmation.json", confirmation.protocol(best, self.study))
        fixed = Equal.read(self.run.read("confirmation.json"))

        def measured(wanted: Mapping[str, int]) -> Arms:
            asked = self.asked(fixed, wanted)
            with self.phase("confirmation", len(asked)):
                return confirmation.arms(wanted, self.measured("confirmation", asked))

        _, arms = decide(course(fixed), measured, self.run.has("more.json"))
        found = fixed.model_copy(update={"arms": arms})
        return found.model_copy(update={"seeds": found.longest})

    def asked(self, fixed: Equal, wanted: Mapping[str, int]) -> Asked:
        """Every training of a confirmation that a look wants, by key, with what it shares with others."""
        task = self.task(Role.CONFIRMATION, self.test, proof=True)
        return {key: (task, one) for key, one in confirmation.trainings(fixed, wanted, self.study).items()}

    def predict(self, best: Watch) -> list[Prediction]:
        """Monte Carlo with the energy of the best pipeline's final student, on this lattice and on the larger one."""
        study = self.study
        name = next(name for name, plan in self.best_of_kinds().items() if plan == best)
        taught = student(self.run.path("finals", f"{name}-student.safetensors"), best, study)
        asked = [(place, taught, study) for place in (study.system, study.larger) if place]
        with self.phase("prediction", len(asked)):
            return [Prediction.read(found) for found in self.calls(predicted, asked)]
