"""The phases of a run of transfer between sequence models: those of any transfer, with states in place of examples."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from search.seeds import Role, entropy, sequence
from search.transfer.bases import Base
from search.transfer.objective import Examples
from search.transfer.pipeline import Pipeline
from search.watchers import conclusion
from search.watchers.bases import reference, train_base
from search.watchers.objective import WatcherTask, exactly
from search.watchers.study import WatcherStudy
from simulators.watched import watch
from spaces.plan import Plan, Recipe
from spaces.sources import Lesson


def nothing_beforehand(task: WatcherTask, recipe: Recipe) -> dict[str, Any]:
    """Cheap priors of sequence models: none, for there are no outputs that a block's features could be tried on."""
    return {}


class WatcherPipeline(Pipeline):
    """One run; arguments as of `search.tuning.work.Work`."""

    study: WatcherStudy
    teach: Callable[..., Base] = staticmethod(train_base)
    priors: Callable[..., dict[str, Any]] = staticmethod(nothing_beforehand)
    final_network: Callable[..., dict[str, Any]] = staticmethod(conclusion.final_network)

    def prepare(self) -> None:
        """As of any transfer; of a system that is watched too little nothing is left in the folder."""
        with self.run.possible("reference.json"):
            super().prepare()

    def examples(self, simulator: str, role: Role, rows: int) -> Examples:
        """States of a watched system in an order drawn from the seed: index (states, sites), no outputs.

        Raises:
            Refusal: If they are worth too few independent ones.
        """
        system = self.study.system(simulator)
        name = role.name.lower() + (f"-{system.name}" if role == Role.SOURCE else "")
        seen = watch(
            system.model,
            system.temperature,
            rows,
            entropy(self.study.seed, role),
            self.data(name),
            actors=self.means.workers,
            progress=self.progress.count,
        )
        seen.require()
        # Rows follow each other in time, and the last of them are no sample of all.
        order = np.random.default_rng(sequence(self.study.seed, role)).permutation(rows)
        index = system.model.index(seen.states).reshape(rows, -1)[order]
        return Examples(index, np.zeros((rows, 0)))

    def prepare_examples(self) -> None:
        """The sources' states, the pool less its locked rows, and how well the linear-logistic baseline does there."""
        study = self.study
        self.sources = {name: self.examples(name, Role.SOURCE, study.rows.source) for name in study.taught}
        self.standard = None
        self.pool = self.examples(study.target, Role.POOL, study.rows.pool).first(study.rows.pool - study.rows.locked)
        if not self.run.has("reference.json"):
            self.reference = 0.0
            (nats,) = self.trainer.calls(reference, [(self.task(Role.BASELINE, {}),)], 1, self.means.gpus)
            self.run.write("reference.json", {"nats": nats})
        self.reference = float(self.run.read("reference.json")["nats"])
        self.judge()  # what it refuses is refused before anything was searched

    def judge(self) -> Examples:
        """Newly watched states with the exact logarithms of their probabilities."""
        states = self.examples(self.study.target, Role.TEST, self.study.rows.test)
        return Examples(states.inputs, exactly(self.study.target, states.inputs))

    def task(self, role: Role, bases: Mapping[str, Base], judge: Examples | None = None) -> WatcherTask:
        """What the trainings of one phase share."""
        study = self.study
        data = {name: base.data for name, base in bases.items()}
        rows, symmetries = study.rows.validation, study.symmetries
        return WatcherTask(
            study.target, study.seed, role, self.pool, rows, study.shape, symmetries, data, judge, self.reference
        )

    def lesson(self, name: str, lesson: Lesson, recipe: Recipe) -> tuple[Any, ...]:
        """What `teach` gets to train the base network that plans call ``name``."""
        study, states = self.study, self.sources[lesson.source].first(lesson.rows)
        return name, lesson.source, states, study.shape, recipe, study.seed, study.symmetries

    def champions(self, plans: Mapping[str, Plan], bases: Mapping[str, Base]) -> dict[str, dict[str, Any]]:
        """As of any transfer, and beside them the linear-logistic baseline, which every network has to beat."""
        found = super().champions(plans, bases)
        with self.phase("linear-logistic baseline"):
            task = replace(self.task(Role.CONFIRMATION, {}, self.judge()), validation=0)
            (plain,) = self.trainer.calls(conclusion.linear_network, [(task,)], 1, self.means.gpus)
        return {"linear": plain, **found}

    def shown(self, networks: Mapping[str, Any]) -> dict[str, Any]:
        """What the result keeps of all of these: learned and exact energies."""
        return {"energies": {name: one["energies"] | {"error": one["error"]} for name, one in networks.items()}}

    def digest(self, task: WatcherTask, training: Any) -> str:
        """Names everything that a training's error depends on."""
        return task.digest(training)
