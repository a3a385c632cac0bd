"""The phases of a run, each of which finds what is done already and does the rest."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from graft.cluster.pool import Job
from graft.models.train import gains
from graft.search.engine.search import Search
from graft.search.engine.searched import Direct, settled
from graft.search.engine.work import Work
from graft.search.kinds.transfer import confirmation, holdout
from graft.search.kinds.transfer.phases import catching_up, direct_budget, direct_search, plans_search
from graft.search.kinds.transfer.precisions import load_precision, save_precision, with_precision
from graft.search.kinds.transfer.sources import FOLDER, Link, SourceNetwork, load_source, save_source, train_source
from graft.search.kinds.transfer.standins import NETWORKS, PLACEBOS, StandIns, wanted
from graft.search.kinds.transfer.study import Budget, Study
from graft.search.run.certificate import Comparison, Curve
from graft.search.run.results import Confirmation
from graft.search.run.seeds import Role
from graft.search.tasks.base import Examples, Exhibit, Phase, Request, Task, fit
from graft.search.tasks.transferability import favourites
from graft.spaces.plan import Plan, Recipe
from graft.spaces.ranges import Ranges


class Confirmed(NamedTuple):
    """A confirmation: what was fixed beforehand, errors by arm, what follows from them, and networks that stood in."""

    fixed: Confirmation
    arms: confirmation.Arms
    comparison: Comparison
    placebos: Mapping[str, SourceNetwork]
    networks: Mapping[str, SourceNetwork]


class Taught(NamedTuple):
    """What a network learns: examples of sources one after the other, and its number among those taught alike."""

    links: Sequence[Link]
    number: int = 0


CURVE = (2, 4, 8)
"""Training examples on the learning curve, as multiples of what the study has."""


class Pipeline(Work[Study]):
    """One run of a transfer study; arguments as of `Work`."""

    def examples(self, name: str, role: Role, rows: int) -> Examples:
        """Examples of a source or of the target, the same each time."""
        return self.task.examples(name, role, rows, self)

    def prepare(self) -> None:
        """The sources' examples and the target's pool, which is all that the searches see."""
        study = self.study
        self.task: Task = study.learned
        test = study.rows.test if study.mode == "fresh" else 0
        with (
            self.run.possible(self.task.possible_with),
            self.phase("data", study.rows.source * len(study.taught) + study.rows.pool + test),
        ):
            self.sources = {name: self.examples(name, Role.SOURCE, study.rows.source) for name in study.taught}
            for name, examples in self.sources.items():
                self.task.admit(examples, f"{name} (source)")
            self.sources = {name: self.task.of_source(examples, name) for name, examples in self.sources.items()}
            # The last rows are locked: no phase of fresh mode reads them, as the paper keeps 10 % for its own test, and
            # in holdout mode only the confirmation does.
            pool = self.examples(study.target, Role.POOL, study.rows.pool).first(study.unlocked)
            self.task.admit(pool, f"{study.target} (pool)")
            self.task = self.task.knowing(pool, self.calls, self.run)
            self.pool = self.task.of_target(pool)
            if study.mode == "fresh":
                self.test()  # what it refuses is refused before anything was searched

    def test(self) -> Examples:
        """What confirms: newly drawn examples, or in holdout mode the pool's locked rows."""
        study = self.study
        if study.mode == "holdout":
            return self.locked()
        return self.task.of_test(self.examples(study.target, Role.TEST, study.rows.test))

    def locked(self) -> Examples:
        """The pool's locked rows, which no search and no training has seen."""
        study = self.study
        locked = self.examples(study.target, Role.POOL, study.rows.pool).last(study.rows.pool - study.unlocked)
        return self.task.of_test(locked)

    def shared(self, role: Role, sources: Mapping[str, SourceNetwork], test: Examples | None = None) -> Phase:
        """What the trainings of one phase share."""
        study = self.study
        return Phase(
            self.task,
            study.seed,
            role,
            self.pool,
            study.rows.validation,
            {name: one.data for name, one in sources.items()},
            test,
            self.resources.device,
            crossed=test is not None and study.mode == "holdout",
            precisions={name: one.precision for name, one in sources.items() if one.precision is not None},
        )

    def baseline(self) -> Direct:
        """Search the recipe of direct learning, with the budget that the plans get: what they start from."""
        search = self._direct_search(self.study.budget, until=self.until(self.study.budget.share(1)))
        self.explore(search, self.shared(Role.BASELINE, {}), "direct learning")
        self.baseline_search = search
        return settled(self.run, search, "direct.json")

    def rival(self, direct: Direct) -> Direct:
        """Go on with that search until it has had all that the run spends on searching: what candidates must beat."""
        budget = catching_up(self.study.budget, direct)
        search = self._direct_search(budget, budget.rival)
        self.explore(search, self.shared(Role.BASELINE, {}), "direct learning, gone on with", "rival")
        self.baseline_search = search
        return settled(self.run, search, "rival.json")

    def _direct_search(self, budget: Budget, times: int = 1, until: float = math.inf) -> Search[Plan, Ranges]:
        study = self.study
        return direct_search(
            self.journal,
            "baseline",
            study.seed,
            direct_budget(budget, until, times, study.learned.scale),
            study.start,
            study.ranges,
            study.rows.training,
            study.budget.steps,
            self.closed("baseline"),
        )

    def source_networks(self, recipe: Recipe) -> dict[str, SourceNetwork]:
        """Train every source network once, with the activation and linear part that the target network will have."""
        study, folder, lessons = self.study, self.run.path(FOLDER), self.study.source_space.lessons()
        taught = replace(study.source_training, activation=recipe.activation, linear=recipe.linear)
        how: dict[str, Recipe | None] = {name: replace(taught, epochs=one.epochs) for name, one in lessons.items()}
        for name in lessons:
            if (data := self.task.pretrained(name)) is not None:
                how[name] = None
                if load_source(name, None, folder) is None:
                    save_source(SourceNetwork(name, data, None, None), folder)

        def teach(name: str) -> Taught:
            rows = lessons[name].rows
            return Taught([Link(source, self.sources[source].first(rows)) for source in lessons[name].links])

        return self.kept("source network" if len(lessons) == 1 else "source networks", folder, how, teach)

    def kept(
        self, title: str, folder: Path, how: Mapping[str, Recipe | None], taught: Callable[[str], Taught]
    ) -> dict[str, SourceNetwork]:
        """Networks that a folder of the run keeps, by name; those that are not there yet are taught.

        Args:
            title: Of the phase, which is shown even where all are there.
            folder: Of theirs.
            how: The recipe of each by name; None for one that came trained, and is there.
            taught: What one of that name learns.
        """
        with self.phase(title):
            found = {name: load_source(name, recipe, folder) for name, recipe in how.items()}
            missing = [name for name, one in found.items() if one is None]
            seed, device = self.study.seed, self.resources.device
            lessons = {name: taught(name) for name, recipe in how.items() if missing and recipe is not None}
            jobs: dict[str, Job[SourceNetwork]] = {
                name: (train_source, (name, one.links, self.task, how[name], seed, device, one.number))
                for name, one in lessons.items()
            }
            stacks = all(self._stacks(recipe) for name in missing if (recipe := how[name]) is not None)
            for name, network in self.shared_out(folder.name, jobs, missing, stacks):
                save_source(network, folder)
                found[name] = network
            networks = {name: one for name, one in found.items() if one is not None}
            return self._precise(networks, folder, taught) if self.study.ranges.fisher else networks

    def _stacks(self, recipe: Recipe) -> bool:
        """Whether source networks of this recipe are taught faster in one step with others."""
        return gains(self.task.network(recipe, *self.task.shapes), recipe, self.resources.device)

    def _precise(
        self, networks: Mapping[str, SourceNetwork], folder: Path, taught: Callable[[str], Taught]
    ) -> dict[str, SourceNetwork]:
        """The same with the precisions of their weights; arguments as of `kept`."""
        found = {name: load_precision(one, folder) for name, one in networks.items()}
        device = self.resources.device
        asked = [
            (one, self.task, taught(name).links[-1].examples, device)
            for name, one in found.items()
            if one.precision is None
        ]
        for network in self.calls(with_precision, asked):
            save_precision(network, folder)
            found[network.name] = network
        return found

    def plans(self, direct: Direct, sources: Mapping[str, SourceNetwork]) -> None:
        """Search the plans of transfer, starting from what cheap priors favour."""
        task = self.shared(Role.PLANS, sources)
        if not self.run.has("priors.json"):
            self.run.write("priors.json", self.task.transferability(task, direct.plan.recipe))
        self.plans_search = plans_search(
            self.study,
            self.journal,
            self.until(self.study.budget.share(2)),
            self.closed("plans"),
            direct.plan.recipe,
            direct.ranges,
            min(self.study.budget.trainings, direct.spent),
            favourites(self.run.read("priors.json")),
        )
        self.explore(self.plans_search, task, "transfer plans")

    def confirm(self, rival: Plan, sources: Mapping[str, SourceNetwork]) -> Confirmed:
        """Fix what will be confirmed, then measure its arms on seeds and examples that no search has seen."""
        if not self.run.has("confirmation.json"):
            fixed = confirmation.protocol(self.plans_search.records(), self.study, sources)
            self.run.write("confirmation.json", fixed.fixed)
        fixed, test = Confirmation.read(self.run.read("confirmation.json")), self.test()
        plans, turns = [one.plan for one in fixed.candidates], fixed.networks
        networks = self.stand_ins(NETWORKS, plans, turns, sources) if turns > 1 else {}
        phase, placebos = self.confirming({**sources, **networks}, test), dict[str, SourceNetwork]()

        def measured(seeds: int, controlled: Collection[int]) -> confirmation.Arms:
            numbers = max((fixed.candidates[i].placebos for i in controlled), default=0)
            asking = [plans[i] for i in sorted(controlled)]
            placebos.update(self.stand_ins(PLACEBOS, asking, min(numbers, seeds), sources))
            asked = {key: (phase, one) for key, one in confirmation.trainings(fixed, rival, seeds).items()}
            if controlled:
                other = self.confirming(placebos, test)
                more = confirmation.placebo_trainings(fixed, controlled, seeds)
                asked |= {key: (other, one) for key, one in more.items()}
            with self.phase("confirmation", len(asked)):
                errors = self.measure("confirmation", asked)
            return confirmation.arms(fixed, errors, seeds, controlled)

        compare = holdout.compare(self.run, self.study, fixed.folds)
        comparison, arms = confirmation.decide(fixed, self.study, measured, compare, self.run.has("more.json"))
        return Confirmed(fixed, arms, comparison, placebos, networks)

    def confirming(self, sources: Mapping[str, SourceNetwork], test: Examples) -> Phase:
        """What the trainings of a confirmation share: as of `shared`, rows cross-fitted where that was fixed."""
        phase, file = self.shared(Role.CONFIRMATION, sources, test), "confirmation.json"
        folds = Confirmation.read(self.run.read(file)).folds if self.run.has(file) else 0
        return replace(phase, folds=self.study.cut(folds)) if folds else phase

    def stand_ins(
        self, sort: StandIns, plans: Sequence[Plan], number: int, sources: Mapping[str, SourceNetwork]
    ) -> dict[str, SourceNetwork]:
        """Networks that stand in for these plans' own, each taught with its recipe, by name."""
        lessons = self.study.source_space.lessons()
        own = {sort.named(source, k): (source, k) for source, k in wanted(plans, number)}
        if not own:
            return {}

        def teach(name: str) -> Taught:
            source, k = own[name]
            lesson, place = lessons[source], (list(lessons).index(source), k)
            links = []
            for number, link in enumerate(lesson.links):
                examples, within = self.sources[link].first(lesson.rows), (*place, *[number] * bool(number))
                links.append(Link(link, sort.taught(self.task, examples, self.study.seed, within)))
            return Taught(links, k)

        how = {name: sources[source].recipe for name, (source, _) in own.items()}
        return self.kept(sort.folder, self.run.path(sort.folder), how, teach)

    def curve(self, rival: Plan, direct: float, wanted: float) -> Curve:
        """Learning curve of direct learning on new examples, until it reaches the error ``wanted``."""
        study = self.study
        rows, errors = [study.rows.training], [[direct]]
        sizes = [study.rows.training * factor for factor in CURVE]
        with self.phase("learning curve", len(sizes) * study.budget.curve):
            examples = self.examples(study.target, Role.CURVE, sizes[-1] + study.rows.validation)
            whole = replace(self.shared(Role.CURVE, {}, self.test()), pool=self.task.of_target(examples))
            # The two smaller sizes together, so that no worker waits; the largest only if they do not reach it.
            for together in (sizes[:-1], sizes[-1:]):
                if any(self.task.scale.mean(found) <= wanted for found in errors):
                    break
                tasks = {size: confirmation.curve_phase(whole, size) for size in together}
                found = self.measure(
                    "curve",
                    {f"{n}/{i}": (tasks[n], Request(rival, i)) for i in range(study.budget.curve) for n in together},
                )
                for n in together:
                    rows.append(n)
                    mine = [error for key, error in found.items() if key.startswith(f"{n}/")]
                    errors.append([error for error in mine if error is not None])
        return Curve(rows=tuple(rows), errors=tuple(map(tuple, errors)), candidate_error=wanted)

    def handing_over(self, sources: Mapping[str, SourceNetwork]) -> Phase:
        """What the trainings of what is handed over share: all rows that may be learned from teach."""
        return replace(self.confirming(sources, self.test()), validation=0)

    def champions(self, phase: Phase, plans: Mapping[str, Plan]) -> dict[str, Exhibit]:
        """Train each plan once more, on all rows that may be learned from, to keep its network and show what it can.

        Where rows were cross-fitted these are all of the pool, and what is shown comes from the first fit, for no row
        is left that the network kept could be judged by.
        """
        with self.phase("champion"):
            found = self.calls(final_network, [(phase, plan) for plan in plans.values()])
        beside = {}
        for name, measure in self.task.yardsticks.items():
            with self.phase(f"{name} baseline"):
                (beside[name],) = self.calls(measure, [(phase,)])
        return beside | dict(zip(plans, found, strict=True))

    def shown(self, networks: Mapping[str, Exhibit]) -> Exhibit:
        """What the result keeps of all of these, for its figures."""
        return self.task.shown(networks, self.confirming({}, self.test()).rows(0)[1])


def final_network(phase: Phase, plan: Plan) -> Exhibit:
    """Train a plan once more with confirmation seed 0.

    Returns:
        ``error``, ``data`` (safetensors), and what the task exhibits.
    """
    fitted, off = fit(phase, Request(plan, 0))
    exhibit = phase.task.exhibit(fitted, phase.rows(0)[1], phase.device)
    if phase.folds is not None:
        fitted, _ = fit(phase.whole(), Request(plan, 0))
    return {"error": off.value, "data": phase.task.pack(fitted)} | exhibit
