"""Networks of several tasks that share blocks: what any of them owes, and one made of any networks with blocks."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from graft.models.losses import LOSS, Batch, Loss, Objective
from graft.models.surgery import blocks_of
from graft.spaces.errors import InputError
from graft.spaces.sharing import Sharing


def per_task(loss_of: Loss, prediction: Tensor, wanted: Tensor) -> Tensor:
    """Loss of each task (tasks,) from (batch, tasks, ...)."""
    return torch.stack([loss_of(prediction[:, i], wanted[:, i]) for i in range(prediction.shape[1])])


class Joined(nn.Module, ABC):
    """One network for several tasks: it maps (batch, tasks, ...) to (batch, tasks, ...).

    Args:
        plan: Who shares what.

    Attributes:
        log_scale: Learned uncertainties (tasks,), where the plan weighs losses by them.
    """

    def __init__(self, plan: Sharing) -> None:
        super().__init__()
        self.plan = plan
        if plan.weighting == "uncertainty":
            self.log_scale = nn.Parameter(torch.zeros(len(plan.tasks)))

    @abstractmethod
    def stacked(self, rows: Sequence[Tensor]) -> Tensor:
        """Inputs of all tasks, as many examples of each, as one tensor that the network takes."""

    @abstractmethod
    def alone(self, task: str) -> nn.Module:
        """The path of one task as a network of its own."""

    def losses(self, batch: Batch, own: Objective | None = None) -> Tensor:
        """Loss of each task (tasks,), by the recipe; by ``own`` where that makes something else of a network."""
        assert own is None
        return per_task(LOSS[self.plan.recipe.loss], self(batch.inputs), batch.outputs)


class Tied(Joined):
    """A network for each task, those of one group with the same module as their block.

    Args:
        plan: Who shares what.
        paths: The network of each task, in the plan's order, whatever it does with its ordered blocks. Of a shared
            block the first member's weights are kept.

    Raises:
        InputError: If the plan is for another number of blocks, or blocks that are shared differ in their weights.
    """

    def __init__(self, plan: Sharing, paths: Sequence[nn.Module]) -> None:
        super().__init__(plan)
        counts = [len(blocks_of(path)) for path in paths]
        if set(counts) != {len(plan.groups)} or len(paths) != len(plan.tasks):
            raise InputError(
                f"the plan has {len(plan.groups)} blocks for {', '.join(plan.tasks)}, the networks {counts}; allowed: "
                "one partition a block, and a network for every task"
            )
        self.paths = nn.ModuleList(paths)
        for number, groups in enumerate(plan.groups):
            for group in groups:
                first, *others = (paths[plan.tasks.index(task)] for task in group)
                for task, other in zip(group[1:], others, strict=True):
                    kept, dropped = blocks_of(first)[number], blocks_of(other)[number]
                    if [one.shape for one in kept.parameters()] != [one.shape for one in dropped.parameters()]:
                        both = f"block {number + 1} of {group[0]} and {task}"
                        raise InputError(f"{both} differ in their weights; allowed: tasks whose networks are alike")
                    _replace(other, dropped, kept)
        held = [blocks_of(path) for path in paths]
        self.blocks = nn.ModuleList(
            nn.ModuleList(held[plan.tasks.index(group[0])][number] for group in groups)
            for number, groups in enumerate(plan.groups)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x`` (batch, tasks, ...), each task by its own path."""
        return torch.stack([path(x[:, place]) for place, path in enumerate(self.paths)], 1)

    def stacked(self, rows: Sequence[Tensor]) -> Tensor:
        """Inputs of all tasks as one tensor (examples, tasks, ...).

        Raises:
            InputError: If they differ in shape or number.
        """
        shapes = [tuple(one.shape) for one in rows]
        if len(set(shapes)) != 1:
            raise InputError(f"tasks have inputs {shapes}; allowed: as many examples of each, of one shape")
        return torch.stack(list(rows), 1)

    def alone(self, task: str) -> nn.Module:
        """The network of one task."""
        return self.paths[self.plan.tasks.index(task)]

    def losses(self, batch: Batch, own: Objective | None = None) -> Tensor:
        """Loss of each task (tasks,); as of `Joined`."""
        if own is None:
            return super().losses(batch)
        inputs, outputs = batch
        found = [own(path, Batch(inputs[:, i], outputs[:, i])) for i, path in enumerate(self.paths)]
        return torch.stack(found)


def _replace(network: nn.Module, old: nn.Module, new: nn.Module) -> None:
    """Put a module in the place of another, wherever the network holds that."""
    for part in list(network.modules()):
        for name in [name for name, child in part._modules.items() if child is old]:
            setattr(part, name, new)
