"""The phases of a run, each of which finds what is done already and does the rest."""

import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from models.loss import away_from_zero
from models.weights import Shape, sha256
from search import confirmation, tuning
from search.bases import Base, load_base, save_base, train_base
from search.ledger import Ledger, storage
from search.means import SHARES, Means
from search.objectives import Examples, Task, Training
from search.phases import baseline_ledger, best_plan, plans_ledger
from search.priors import favourites, priors
from search.progress import Progress
from search.record import Evidence, Run, write_bytes
from search.seeds import Role, entropy
from simulators.registry import find
from simulators.shards import generate
from spaces.plan import Plan, Recipe

CURVE = (2, 4, 8)
"""Training examples on the learning curve, as multiples of what the study has."""


class Pipeline:
    """One run of a study in a folder that this process holds, connected to Ray.

    Args:
        run: The folder.
        means: What it may use.
        progress: Told what goes on.
        tracker: Shown every trial that ends (MLflow), or None.
        trainer: What carries trainings out: the module `tuning` (on Ray) or `serial` (in this process).
    """

    def __init__(self, run: Run, means: Means, progress: Progress, tracker: Any = None, trainer: Any = None) -> None:
        self.run, self.means, self.progress, self.tracker = run, means, progress, tracker
        self.trainer = trainer or tuning
        self.study = run.study
        self.journal = storage(run.path("optuna.journal"))
        self.began = time.monotonic()
        self.spent: dict[str, float] = run.read("spent.json") if run.has("spent.json") else {}

    @contextmanager
    def phase(self, name: str, total: int = 0) -> Iterator[None]:
        """Show a phase, and add its wall time to what the run has cost so far."""
        self.progress.phase(name, total)
        began = time.monotonic()
        try:
            yield
        finally:
            self.spent[name] = self.spent.get(name, 0.0) + time.monotonic() - began
            self.run.write("spent.json", self.spent)

    def examples(self, simulator: str, role: Role, rows: int) -> Examples:
        """Rows of a simulator, generated if they are not there yet."""
        # Several sources, each in a folder of its own; every other role has one data set.
        name = role.name.lower() + (f"-{find(simulator).name}" if role == Role.SOURCE else "")
        folder = self.run.path("data", name)
        data = generate(
            find(simulator),
            entropy(self.study.seed, role),
            rows,
            folder,
            actors=self.means.workers,
            progress=self.progress.count,
        )
        found = Examples(data.inputs(), data.outputs())
        away_from_zero(found.outputs, f"{simulator} ({role.name.lower()})")
        return found

    def prepare(self) -> None:
        """Generate the sources' examples and the target's pool; search sees nothing else."""
        study = self.study
        with self.phase("data", study.rows.source * len(study.sources) + study.rows.pool):
            self.prepare_examples()

    def prepare_examples(self) -> None:
        """The sources' examples, and the pool less its locked rows."""
        study = self.study
        self.sources = {name: self.examples(name, Role.SOURCE, study.rows.source) for name in study.sources}
        pool = self.examples(study.target, Role.POOL, study.rows.pool)
        # The last rows are locked: no phase of fresh mode reads them, as the paper keeps 10 % for its own test.
        open_rows = study.rows.pool - study.rows.locked
        self.pool = Examples(pool.inputs[:open_rows], pool.outputs[:open_rows])

    def task(self, role: Role, bases: Mapping[str, Base], judge: Examples | None = None) -> Task:
        """What the trainings of one phase share."""
        study = self.study
        return Task(
            study.seed,
            role,
            self.pool,
            study.rows.validation,
            study.network.depth,
            study.network.width,
            {name: base.data for name, base in bases.items()},
            judge,
            self.means.device,
        )

    def baseline(self) -> Plan:
        """Search the recipe of direct learning; the same budget as the plans get."""
        self.baseline_ledger = baseline_ledger(self.study, self.journal, self._until(0), self._closed("baseline"))
        self._search(self.baseline_ledger, self.task(Role.BASELINE, {}))
        return best_plan(self.baseline_ledger)

    def bases(self, recipe: Recipe) -> dict[str, Base]:
        """Train every base network once, with the activation that the target network will have."""
        study = self.study
        folder = self.run.path("bases")
        lessons = study.bases.lessons()
        how = {
            name: replace(study.base, epochs=lesson.epochs, activation=recipe.activation)
            for name, lesson in lessons.items()
        }
        with self.phase("base network" if len(lessons) == 1 else "base networks"):
            found = {name: load_base(name, how[name], folder) for name in lessons}
            missing = [name for name, base in found.items() if base is None]
            arguments = [
                (name, self.sources[lessons[name].source].first(lessons[name].rows))
                + (self._shape(lessons[name].source, how[name]), how[name], study.seed, self.means.device)
                for name in missing
            ]
            for base in self.trainer.calls(train_base, arguments, self.means.workers, self.means.gpus):
                save_base(base, folder)
                found[base.name] = base
        return {name: base for name, base in found.items() if base is not None}

    def _shape(self, simulator: str, recipe: Recipe) -> Shape:
        """The study's network for the inputs and outputs of a simulator."""
        task, network = find(simulator), self.study.network
        return Shape(task.inputs, task.outputs, network.depth, network.width, recipe.activation)

    def plans(self, baseline: Plan, bases: Mapping[str, Base]) -> None:
        """Search the plans of transfer, starting from what cheap priors favour."""
        task = self.task(Role.PLANS, bases)
        if not self.run.has("priors.json"):
            self.run.write("priors.json", priors(task, baseline.recipe))
        ranges = self.baseline_ledger.ranges_at(len(self.baseline_ledger.records()))
        self.plans_ledger = plans_ledger(
            self.study,
            self.journal,
            self._until(1),
            self._closed("plans"),
            baseline.recipe,
            ranges,
            min(self.study.budget.trainings, self.baseline_ledger.spent),
            favourites(self.run.read("priors.json")),
        )
        self._search(self.plans_ledger, task)

    def confirm(self, baseline: Plan, bases: Mapping[str, Base]) -> tuple[dict[str, Any], dict[str, list[Any]]]:
        """Fix what will be confirmed, then measure every arm on seeds and examples that no search has seen."""
        if not self.run.has("confirmation.json"):
            self.run.write("confirmation.json", confirmation.protocol(self.plans_ledger.records(), self.study))
        fixed = self.run.read("confirmation.json")
        asked = confirmation.trainings(fixed, baseline)
        with self.phase("confirmation", len(asked)):
            test = self.examples(self.study.target, Role.TEST, self.study.rows.test)
            task = self.task(Role.CONFIRMATION, bases, test)
            errors = self.measure("confirmation", {key: (task, training) for key, training in asked.items()})
        return fixed, confirmation.arms(fixed, errors)

    def curve(self, baseline: Plan, direct: float, wanted: float) -> dict[str, Any]:
        """Learning curve of direct learning on new examples, until it reaches the error ``wanted``."""
        study = self.study
        rows, errors = [study.rows.training], [[direct]]
        sizes = [study.rows.training * factor for factor in CURVE]
        with self.phase("learning curve", len(sizes) * study.budget.curve):
            examples = self.examples(study.target, Role.CURVE, sizes[-1] + study.rows.validation)
            test = self.examples(study.target, Role.TEST, study.rows.test)
            whole = replace(self.task(Role.CURVE, {}, test), pool=examples)
            # The two smaller sizes together, so that no worker waits; the largest only if they do not reach it.
            for together in (sizes[:-1], sizes[-1:]):
                if any(_geometric(found) <= wanted for found in errors):
                    break
                tasks = {size: confirmation.curve_task(whole, size) for size in together}
                found = self.measure(
                    "curve",
                    {
                        f"{n}/{i}": (tasks[n], Training(baseline, i))
                        for i in range(study.budget.curve)
                        for n in together
                    },
                )
                for n in together:
                    rows.append(n)
                    errors.append([error for key, error in found.items() if key.startswith(f"{n}/") and error])
        return {"rows": rows, "errors": errors, "candidate_error": wanted}

    def measure(self, name: str, asked: Mapping[str, tuple[Task, Training]]) -> dict[str, float | None]:
        """Errors of single trainings by key, None where one diverged; what is on record is not trained again."""
        evidence = Evidence(self.run.path("evidence", f"{name}.jsonl"))
        told = {key: digest(*what) for key, what in asked.items()}
        missing = [(key, *what) for key, what in asked.items() if evidence.done.get(key, {}).get("what") != told[key]]
        done = len(asked) - len(missing)
        self.progress.count(done, len(asked))
        for key, outcome in self.trainer.outcomes(missing, self.means.workers, self.means.gpus):
            error = outcome.error if math.isfinite(outcome.error) else None
            entry = {"what": told[str(key)], "error": error, "seconds": outcome.seconds, "reason": outcome.reason}
            evidence.add(str(key), entry)
            done += 1
            self.progress.count(done, len(asked))
        return {key: evidence.done[key]["error"] for key in asked}

    def _search(self, ledger: Ledger, task: Task) -> None:
        name = {"baseline": "search: direct learning", "plans": "search: transfer plans"}[ledger.rules.phase]
        with self.phase(name, ledger.rules.trainings):
            self.progress.ledger(ledger)
            if self.tracker is not None:
                for trial in ledger.records():
                    if trial["state"] != "interrupted":
                        self.tracker.trial(ledger.rules.phase, trial, ledger.seconds(trial["number"]))
            # A search that ended stays ended: what follows rests on what it found.
            if not self.run.has(f"{ledger.rules.phase}.ended"):
                self.trainer.search(ledger, task, self.means.workers, self.run.path("tune"), self.means.gpus)
                write_bytes(self.run.path(f"{ledger.rules.phase}.ended"), b"")

    def _until(self, share: int) -> float:
        return self.began + SHARES[share] * self.means.search_seconds

    def _closed(self, phase: str) -> Any:
        def closed(trial: dict[str, Any], seconds: float) -> None:
            self.progress.closed()
            if self.tracker is not None:
                self.tracker.trial(phase, trial, seconds)

        return closed


def _geometric(errors: Sequence[float]) -> float:
    """Geometric mean, infinite for none."""
    return math.exp(sum(map(math.log, errors)) / len(errors)) if errors else math.inf


def digest(task: Task, training: Training) -> str:
    """Names everything that one training's error depends on: recorded errors of anything else are not reused."""
    names = {
        "seed": task.seed,
        "role": int(task.role),
        "rows": [len(task.pool), task.validation],
        "shape": [task.depth, task.width],
        "bases": {name: sha256(data) for name, data in task.bases.items()},
        "plan": training.plan.to_dict(),
        "training": [training.index, training.shuffled],
    }
    return sha256(json.dumps(names, sort_keys=True).encode())[:16]
