"""The phases of a run, each of which finds what is done already and does the rest."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from models.loss import away_from_zero, geometric_mean, of_order_one, varying
from models.network import OwnNetwork, Shape
from models.scaling import Scaling
from models.standard import Standard
from models.weights import sha256
from search.seeds import Role, entropy, sequence
from search.transfer import conclusion, confirmation
from search.transfer.bases import Base, load_base, save_base, train_base
from search.transfer.objective import Examples, Task, Training
from search.transfer.phases import catching_up, direct_ledger, direct_rules, plans_ledger
from search.transfer.pretrained import fitted
from search.transfer.priors import favourites, priors
from search.transfer.study import Budget, Study
from search.tuning.ledger import Ledger
from search.tuning.searched import Direct, settled
from search.tuning.work import Work
from simulators.registry import find
from simulators.shards import generate
from simulators.table import keep
from spaces.plan import Plan, Recipe
from spaces.sources import Lesson

CURVE = (2, 4, 8)
"""Training examples on the learning curve, as multiples of what the study has."""


class Pipeline(Work):
    """One run of a transfer study; arguments as of `Work`."""

    study: Study
    teach: Callable[..., Base] = staticmethod(train_base)
    priors: Callable[..., dict[str, Any]] = staticmethod(priors)
    final_network: Callable[..., dict[str, Any]] = staticmethod(conclusion.final_network)

    def examples(self, simulator: str, role: Role, rows: int) -> Examples:
        """Rows of a simulator, generated if they are not there yet, or of a file, in an order drawn from the seed."""
        table = self.study.table(simulator)
        # Several sources, each in a folder of its own; every other role has one data set.
        name = role.name.lower() + (f"-{(table or find(simulator)).name}" if role == Role.SOURCE else "")
        if table is not None:
            data = keep(table, self.run.path("data", name))
            # Files are often sorted, and the last rows of a sorted file are no sample of it.
            order = np.random.default_rng(sequence(self.study.seed, role)).permutation(data.rows)[:rows]
            found = Examples(data.inputs()[order], data.outputs()[order])
        else:
            data = generate(
                find(simulator),
                entropy(self.study.seed, role),
                rows,
                self.data(name),
                actors=self.means.workers,
                progress=self.progress.count,
            )
            found = Examples(data.inputs(), data.outputs())
        if self.study.metric == "relative-l1" and role != Role.CURVE:  # those train only, and may diverge
            away_from_zero(found.outputs, f"{simulator} ({role.name.lower()})")
        return found

    def prepare(self) -> None:
        """Generate the sources' examples and the target's pool; search sees nothing else."""
        study = self.study
        fresh = study.rows.test if study.mode == "fresh" else 0
        with self.phase("data", study.rows.source * len(study.taught) + study.rows.pool + fresh):
            self.prepare_examples()

    def prepare_examples(self) -> None:
        """The sources' examples, and the pool less its locked rows."""
        study = self.study
        self.sources = {name: self.examples(name, Role.SOURCE, study.rows.source) for name in study.taught}
        for name, examples in self.sources.items():
            self.learnable(examples, f"{name} (source)")
        if study.metric == "normalised-l1":
            self.sources = {name: e.standardised(Standard.of(e.outputs, name)) for name, e in self.sources.items()}
        # The last rows are locked: no phase of fresh mode reads them, as the paper keeps 10 % for its own test, and in
        # small mode only the confirmation does.
        pool = self.examples(study.target, Role.POOL, study.rows.pool).first(study.rows.pool - study.rows.locked)
        self.learnable(pool, f"{study.target} (pool)")
        self.standard = Standard.of(pool.outputs, study.target) if study.metric == "normalised-l1" else None
        self.pool = pool.standardised(self.standard)
        if study.mode == "fresh":
            self.judge()  # what it refuses is refused before anything was searched

    def learnable(self, examples: Examples, where: str) -> None:
        """Refuse outputs that no network can learn."""
        varying(examples.outputs, where)
        if self.study.metric == "relative-l1":
            of_order_one(examples.outputs, where)

    def judge(self) -> Examples:
        """What confirms: newly simulated examples, or in small mode the pool's locked rows."""
        study = self.study
        if study.mode == "small":
            return self.examples(study.target, Role.POOL, study.rows.pool).last(study.rows.locked, self.standard)
        return self.examples(study.target, Role.TEST, study.rows.test).standardised(self.standard)

    def task(self, role: Role, bases: Mapping[str, Base], judge: Examples | None = None) -> Any:
        """What the trainings of one phase share."""
        study = self.study
        return Task(
            study.seed,
            role,
            self.pool,
            study.rows.validation,
            study.network,
            {name: base.data for name, base in bases.items()},
            judge,
            self.means.device,
            study.metric,
            crossed=judge is not None and study.mode == "small",
            scalings=self.scalings,
        )

    def baseline(self) -> Direct:
        """Search the recipe of direct learning, with the budget that the plans get: what they start from."""
        ledger = self._direct_ledger(self.study.budget, until=self._until(1))
        self.search(ledger, self.task(Role.BASELINE, {}), "direct learning")
        self.baseline_ledger = ledger
        return settled(self.run, ledger, "direct.json")

    def rival(self, direct: Direct) -> Direct:
        """Go on with that search until it has had all that the run spends on searching: what candidates must beat."""
        budget = catching_up(self.study.budget, direct)
        ledger = self._direct_ledger(budget, budget.rival)
        self.search(ledger, self.task(Role.BASELINE, {}), "direct learning, gone on with", "rival")
        self.baseline_ledger = ledger
        return settled(self.run, ledger, "rival.json")

    def _direct_ledger(self, budget: Budget, times: int = 1, until: float = math.inf) -> Ledger:
        study = self.study
        return direct_ledger(
            direct_rules("baseline", study.seed, budget, until, times),
            self.journal,
            study.start,
            study.ranges,
            study.rows.training,
            study.budget.steps,
            self.closed("baseline"),
        )

    def bases(self, recipe: Recipe) -> dict[str, Base]:
        """Train every base network once, with the activation that the target network will have."""
        study = self.study
        folder = self.run.path("bases")
        lessons = study.bases.lessons()
        given = {file.name: file for file in study.weights}
        how = {
            name: None if name in given else replace(study.base, epochs=lesson.epochs, activation=recipe.activation)
            for name, lesson in lessons.items()
        }
        with self.phase("base network" if len(lessons) == 1 else "base networks"):
            found = {name: load_base(name, how[name], folder) for name in lessons}
            missing = [name for name, base in found.items() if base is None]
            arguments = [
                self.lesson(name, lessons[name], taught) for name, taught in how.items() if name in missing and taught
            ]
            ready = [Base(name, fitted(study, given[name]), None, None) for name in missing if name in given]
            for base in ready + self.trainer.calls(self.teach, arguments, self.means.workers, self.means.gpus):
                save_base(base, folder)
                found[base.name] = base
        return {name: base for name, base in found.items() if base is not None}

    def lesson(self, name: str, lesson: Lesson, recipe: Recipe) -> tuple[Any, ...]:
        """What `teach` gets to train the base network that plans call ``name``."""
        study, examples = self.study, self.sources[lesson.source].first(lesson.rows)
        shape = self.shape(lesson.source, recipe)
        return name, examples, shape, recipe, study.seed, self.means.device, 0, study.metric

    def shape(self, simulator: str, recipe: Recipe) -> Shape:
        """The study's network for the inputs and outputs of a simulator."""
        task = self.study.scenario(simulator)
        return Shape(task.inputs, task.outputs, self.study.network, recipe.activation)

    @property
    def scalings(self) -> dict[str, Scaling]:
        """How inputs of sources that came trained were standardised, where that is told."""
        inputs = self.study.scenario(self.study.target).inputs
        found = {file.name: file.scaling(inputs) for file in self.study.weights}
        return {name: scaling for name, scaling in found.items() if scaling is not None}

    def plans(self, direct: Direct, bases: Mapping[str, Base]) -> None:
        """Search the plans of transfer, starting from what cheap priors favour."""
        task = self.task(Role.PLANS, bases)
        if not self.run.has("priors.json"):
            self.run.write("priors.json", self.priors(task, direct.plan.recipe))
        self.plans_ledger = plans_ledger(
            self.study,
            self.journal,
            self._until(2),
            self.closed("plans"),
            direct.plan.recipe,
            direct.ranges,
            min(self.study.budget.trainings, direct.spent),
            favourites(self.run.read("priors.json")),
        )
        self.search(self.plans_ledger, task, "transfer plans")

    def confirm(self, rival: Plan, bases: Mapping[str, Base]) -> tuple[dict[str, Any], dict[str, list[Any]]]:
        """Fix what will be confirmed, then measure every arm on seeds and examples that no search has seen."""
        if not self.run.has("confirmation.json"):
            self.run.write("confirmation.json", confirmation.protocol(self.plans_ledger.records(), self.study))
        fixed = self.run.read("confirmation.json")
        asked = confirmation.trainings(fixed, rival)
        with self.phase("confirmation", len(asked)):
            task = self.task(Role.CONFIRMATION, bases, self.judge())
            errors = self.measure("confirmation", {key: (task, training) for key, training in asked.items()})
        return fixed, confirmation.arms(fixed, errors)

    def curve(self, rival: Plan, direct: float, wanted: float) -> dict[str, Any]:
        """Learning curve of direct learning on new examples, until it reaches the error ``wanted``."""
        study = self.study
        rows, errors = [study.rows.training], [[direct]]
        sizes = [study.rows.training * factor for factor in CURVE]
        with self.phase("learning curve", len(sizes) * study.budget.curve):
            examples = self.examples(study.target, Role.CURVE, sizes[-1] + study.rows.validation)
            whole = replace(self.task(Role.CURVE, {}, self.judge()), pool=examples.standardised(self.standard))
            # The two smaller sizes together, so that no worker waits; the largest only if they do not reach it.
            for together in (sizes[:-1], sizes[-1:]):
                if any(geometric_mean(found) <= wanted for found in errors):
                    break
                tasks = {size: confirmation.curve_task(whole, size) for size in together}
                found = self.measure(
                    "curve",
                    {f"{n}/{i}": (tasks[n], Training(rival, i)) for i in range(study.budget.curve) for n in together},
                )
                for n in together:
                    rows.append(n)
                    errors.append([error for key, error in found.items() if key.startswith(f"{n}/") and error])
        return {"rows": rows, "errors": errors, "candidate_error": wanted}

    def champions(self, plans: Mapping[str, Plan], bases: Mapping[str, Base]) -> dict[str, dict[str, Any]]:
        """Train each plan once more, on all unlocked rows, to keep its network and show what it predicts."""
        with self.phase("champion"):
            task = replace(self.task(Role.CONFIRMATION, bases, self.judge()), validation=0)
            asked = [(task, plan) for plan in plans.values()]
            found = self.trainer.calls(self.final_network, asked, self.means.workers, self.means.gpus)
        return dict(zip(plans, found, strict=True))

    def shown(self, networks: Mapping[str, Any]) -> dict[str, Any]:
        """What the result keeps of the champions' predictions, for its figures."""
        task = self.task(Role.CONFIRMATION, {}, self.judge())
        return {"spectra": conclusion.spectra(self.study, task, networks, self.standard)}

    def digest(self, task: Any, training: Any) -> str:
        """Names everything that a training's error depends on."""
        return digest(task, training)


def digest(task: Task, training: Training) -> str:
    """Names everything that one training's error depends on: recorded errors of anything else are not reused."""
    names = {
        "seed": task.seed,
        "role": int(task.role),
        "rows": [len(task.pool), task.validation],
        "shape": list(task.network.to_dict().values()),
        "bases": {name: sha256(data) for name, data in task.bases.items()},
        "plan": training.plan.to_dict(),
        "training": [training.index, training.shuffled],
        "batches": "near-equal",
    }
    if training.plan.recipe.head == "constant":
        names["head"] = "weights of zero"
    if task.metric != "relative-l1":
        names["metric"] = task.metric
    if isinstance(task.network, OwnNetwork):
        names["network"] = task.network.to_dict()
    if task.scalings:
        names["standardised as told"] = sorted(task.scalings)
    return sha256(json.dumps(names, sort_keys=True).encode())[:16]
