"""What one training of a sharing plan is worth: build, initialise, train all tasks at once, judge each."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from graft.models.initialise import draw_weights
from graft.models.losses import relative_error
from graft.models.networks.shared import SharedMLP, stack
from graft.models.scaling import Scaling
from graft.models.train import Training, predict, train
from graft.models.weighting import objective, operation
from graft.search.run.scale import geometric_mean
from graft.search.run.seeds import Draws, Role, stream
from graft.search.tasks.base import Examples
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
        pools: Unlocked examples of each task, as many of each: every update sees all tasks.
        validation: Rows of each set aside by each seed: the same row numbers that learning one task alone sets aside.
        depth: Hidden blocks.
        width: Neurons in each.
        judges: Examples that score a training. None in the search: there, the seed's validation rows do.
        device: ``cpu`` or ``cuda``.
    """

    seed: int
    role: Role
    pools: Mapping[str, Examples]
    validation: int
    depth: int
    width: int
    judges: Mapping[str, Examples] | None = None
    device: str = "cpu"

    def read(self, plan: Mapping[str, object]) -> Sharing:
        """A plan from plain values."""
        return Sharing.from_dict(plan)

    def training(self, plan: Sharing, index: int) -> SharedTraining:
        """What a search asks for."""
        return SharedTraining(plan, index)

    def errors(self, training: SharedTraining) -> tuple[float, dict[str, Any]]:
        """The geometric mean of the tasks' errors, and each, as an `Outcome` tells them.

        Trials are compared by differences of its logarithm on the same seeds. What direct learning reaches drops out
        of those, so this is the mean log-ratio to it: every task counts by its relative change, and not film-14 ten
        times as much as film-8. That no single task is made worse is asked when a plan is chosen, not in the race: a
        mean over tasks varies less from seed to seed than the worst of them.
        """
        found = learn(self, training).errors
        known = all(map(math.isfinite, found.values()))
        return geometric_mean(list(found.values())) if known else math.inf, {"by_task": found}

    def labelled(self, name: str, training: SharedTraining) -> Examples:
        """Examples of a task as a training sees them: in the control those of the others have each other's labels."""
        pool = self.pools[name]
        if training.intact in ("", name):
            return pool
        order = stream(self.seed, Role.PLACEBO, training.shuffle, list(self.pools).index(name)).permutation(len(pool))
        return Examples(pool.inputs, pool.outputs[order])

    def digest(self, training: SharedTraining) -> str:
        """Names everything that one training's errors depend on."""
        names = {
            "seed": self.seed,
            "role": int(self.role),
            "rows": [{task: len(pool) for task, pool in self.pools.items()}, self.validation],
            "shape": [self.depth, self.width],
            "plan": training.plan.to_dict(),
            "training": [training.index, training.intact, training.shuffle],
            "batches": "near-equal",
        }
        if training.plan.recipe.head == "constant":
            names["head"] = "weights of zero"
        return hashlib.sha256(json.dumps(names, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Learned:
    """A trained network, the scaling of each task's inputs, and each judged task's error (Eq. 1, a fraction)."""

    errors: dict[str, float]
    network: SharedMLP
    scalings: dict[str, Scaling]


def learn(task: SharedTask, training: SharedTraining) -> Learned:
    """Train once; in the control only the intact task is judged.

    Raises:
        NonFiniteLoss: If training diverges.
    """
    plan, draws = training.plan, Draws.of(task.seed, task.role, training.index)
    pools = {name: task.labelled(name, training) for name in plan.tasks}
    first = next(iter(pools.values()))
    learned, held = draws.rows(len(first), task.validation)
    widths = {name: pool.inputs.shape[1] for name, pool in pools.items()}
    network = SharedMLP(plan, widths, first.outputs.shape[1], task.depth, task.width)
    draw_weights(network, plan.recipe.initial_scale, draws.weights)
    rows = [pool.take(learned).tensors(task.device) for pool in pools.values()]
    scalings = {name: Scaling.of(inputs) for name, (inputs, _) in zip(pools, rows, strict=True)}
    outputs = torch.stack([exact for _, exact in rows], 1)
    if plan.recipe.head == "constant":
        network.start_heads(outputs.cpu())
    network.to(task.device)
    inputs = _inputs(plan, scalings, [inputs for inputs, _ in rows])
    loss, step = objective(network), operation(network, draws.shuffle)
    train(Training(network, inputs, outputs, plan.recipe, draws.order, loss=loss, step=step))
    judged = [
        task.pools[name].take(held).tensors(task.device)
        if task.judges is None
        else task.judges[name].tensors(task.device)
        for name in plan.tasks
    ]
    predicted = predict(network, _inputs(plan, scalings, [inputs for inputs, _ in judged])).cpu().numpy()
    errors = {
        name: relative_error(predicted[:, i], exact.cpu().numpy())
        for i, (name, (_, exact)) in enumerate(zip(plan.tasks, judged, strict=True))
        if training.intact in ("", name)
    }
    return Learned(errors, network, scalings)


def _inputs(plan: Sharing, scalings: Mapping[str, Scaling], rows: Sequence[Tensor]) -> Tensor:
    """Inputs of all tasks, each standardised by itself, as one tensor."""
    return stack([scale(one) for scale, one in zip(scalings.values(), rows, strict=True)], plan.align)
