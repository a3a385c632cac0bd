"""What one training of a sharing plan is worth: build, initialise, train all tasks at once, judge each.

Whatever the tasks are, they are asked through `graft.search.tasks.base.Task`: several of one class, of equal shapes
unless their networks take any width, with a loss, a metric and a scale of their own.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import torch

from graft.models.train import Augment, Training, train
from graft.models.weighting import objective, operation
from graft.search.run.evidence import Beside
from graft.search.run.seeds import Draws, Role, stream
from graft.search.tasks.base import Examples, Fitted, Task
from graft.spaces.sharing import Sharing


@dataclass(frozen=True)
class SharedTraining:
    """One training asked for: a plan and a seed.

    For the control also the one task whose labels stay as they are, and which shuffle (from 1) the others' have.
    """

    plan: Sharing
    index: int
    intact: str = ""
    shuffle: int = 0


@dataclass(frozen=True)
class SharedTask:
    """All that the trainings of one phase share, as `Task` for a single task; each reaches a worker once.

    Attributes:
        seed: The study's.
        role: Which seeds this phase draws.
        tasks: Each by itself.
        pools: Unlocked examples of each task, as many of each: every update sees all tasks.
        validation: Rows of each set aside by each seed: the same row numbers that learning one task alone sets aside.
        tests: Examples that score a training. None in the search: there, the seed's validation rows do.
        device: ``cpu`` or ``cuda``.
    """

    seed: int
    role: Role
    tasks: Mapping[str, Task]
    pools: Mapping[str, Examples]
    validation: int
    tests: Mapping[str, Examples] | None = None
    device: str = "cpu"

    def training(self, plan: Sharing, index: int) -> SharedTraining:
        """What a search asks for."""
        return SharedTraining(plan, index)

    def errors(self, training: SharedTraining) -> tuple[float, Beside]:
        """The mean of the tasks' errors on their scale, and each, as an `Outcome` tells them.

        Of ratios the mean is geometric: trials are compared by differences of its logarithm on the same seeds. What
        direct learning reaches drops out of those, so this is the mean log-ratio to it: every task counts by its
        relative change, and not film-14 ten times as much as film-8. That no single task is made worse is asked when a
        plan is chosen, not in the race: a mean over tasks varies less from seed to seed than the worst of them.
        """
        found = learn(self, training).errors
        known = all(map(math.isfinite, found.values()))
        scale = self.tasks[training.plan.tasks[0]].scale
        return scale.mean(list(found.values())) if known else math.inf, {"by_task": found}

    def labelled(self, name: str, training: SharedTraining) -> Examples:
        """Examples of a task as a training sees them: in the control those of the others have each other's labels."""
        pool = self.pools[name]
        if training.intact in ("", name):
            return pool
        rng = stream(self.seed, Role.PLACEBO, training.shuffle, list(self.pools).index(name))
        return self.tasks[name].placebo(pool, rng)

    def stacks(self, training: SharedTraining) -> bool:
        """No: its steps are made of several losses."""
        return False

    def digest(self, training: SharedTraining) -> str:
        """Names everything that one training's errors depend on."""
        names = {
            "seed": self.seed,
            "role": int(self.role),
            "rows": [{task: len(pool) for task, pool in self.pools.items()}, self.validation],
            "tasks": {name: self.tasks[name].identity() for name in self.pools},
            "plan": training.plan.to_dict(),
            "training": [training.index, training.intact, training.shuffle],
            "batches": "near-equal",
        }
        if training.plan.recipe.head == "constant":
            names["head"] = "weights of zero"
        return hashlib.sha256(json.dumps(names, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Learned:
    """What came of a training: the error of each judged task, and each task's path as a network of its own."""

    errors: dict[str, float]
    fitted: dict[str, Fitted]


def learn(shared: SharedTask, training: SharedTraining) -> Learned:
    """Train once; in the control only the intact task is judged.

    Raises:
        NonFiniteLoss: If training diverges.
    """
    plan, device = training.plan, shared.device
    afresh = partial(Draws.of, shared.seed, shared.role, training.index)
    draws, tasks = afresh(), [shared.tasks[name] for name in plan.tasks]
    pools = [shared.labelled(name, training) for name in plan.tasks]
    learned, held = draws.rows(len(pools[0]), shared.validation, pools[0].groups)
    rows = [pool.take(learned).tensors() for pool in pools]
    scalings = [task.scaling(inputs, None) for task, (inputs, _) in zip(tasks, rows, strict=True)]
    seen = [scale(inputs) if scale else inputs for scale, (inputs, _) in zip(scalings, rows, strict=True)]
    exact = [outputs for _, outputs in rows]
    network, own = tasks[0].joined(plan, seen, exact, afresh), tasks[0].loss()
    network.to(device)
    predicting = exact[0].shape[-1] > 0
    train(
        Training(
            network,
            network.stacked(seen).to(device),
            torch.stack(exact, 1).to(device) if predicting else None,
            plan.recipe,
            draws.order,
            loss=objective(network, own),
            step=operation(network, draws.shuffle, own),
            noise=tasks[0].noise(draws),
            augment=_of_each(tasks[0].augment()),
        )
    )
    fitted, errors = dict[str, Fitted](), dict[str, float]()
    for name, task, pool, scale in zip(plan.tasks, tasks, pools, scalings, strict=True):
        shapes = pool.inputs.shape[1:], pool.outputs.shape[1:]
        fitted[name] = Fitted(network.alone(name).to(device), plan.recipe, *shapes, scale)
        if training.intact in ("", name):
            test = pool.take(held) if shared.tests is None else shared.tests[name]
            errors[name] = task.errors(fitted[name], test, device).value
    return Learned(errors, fitted)


def _of_each(augment: Augment | None) -> Augment | None:
    """What augments the inputs of one task, for those of several (batch, tasks, ...)."""
    if augment is None:
        return None
    return lambda inputs, draws: torch.stack([augment(one, draws) for one in inputs.unbind(1)], 1)
