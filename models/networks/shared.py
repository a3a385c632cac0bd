"""Perceptrons of several tasks that share blocks, all tasks in one product, and one task's path afterwards."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from graft.models.initialise import best_constant
from graft.models.networks.joined import Joined
from graft.models.networks.mlp import MLP, layer
from graft.spaces.errors import InputError
from graft.spaces.sharing import Sharing


class SharedMLP(Joined):
    """One perceptron for each task, where tasks of one group have the same module as their block.

    Rows of all tasks go through together, (batch, tasks, inputs) to (batch, tasks, outputs). A first block is as wide
    as the widest input of its group, and as many columns more as there are tasks if it is told its task.

    Args:
        plan: Who shares what.
        inputs: Width of each task's input.
        outputs: Width of every task's output.
        depth: Hidden blocks.
        width: Neurons in each.

    Raises:
        InputError: If the plan is for another number of blocks or lacks a task's width.
    """

    def __init__(
        self, plan: Sharing, inputs: Mapping[str, int], outputs: int, depth: int = 6, width: int = 200
    ) -> None:
        super().__init__(plan)
        if len(plan.groups) != depth + 1 or set(plan.tasks) - set(inputs):
            raise InputError(
                f"the plan has {len(plan.groups)} blocks for {', '.join(plan.tasks)}, the network {depth + 1} for "
                f"{', '.join(inputs)}; allowed: one partition a block, and every task"
            )
        self.inputs = {task: inputs[task] for task in plan.tasks}
        self.depth, self.width, self.outputs = depth, width, outputs
        places = {task: i for i, task in enumerate(plan.tasks)}
        self.members = [[[places[task] for task in group] for group in groups] for groups in plan.groups]
        told = len(plan.tasks) if plan.one_hot else 0
        sizes = list(self.inputs.values())
        self.blocks = nn.ModuleList()
        for number, groups in enumerate(self.members, 1):
            activation = plan.recipe.activation if number <= depth else None
            after = width if activation else outputs
            seen = [max(sizes[i] for i in group) + told if number == 1 else width for group in groups]
            self.blocks.append(nn.ModuleList(layer(before, after, activation) for before in seen))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x`` (batch, tasks, widest input), aligned by `stack`, to (batch, tasks, outputs)."""
        for number, groups in enumerate(self.members, 1):
            seen = [self._first(x, group) if number == 1 else self._rows(x, group) for group in groups]
            parts = [self._block(number, group[0])(rows) for group, rows in zip(groups, seen, strict=True)]
            order = [place for group in groups for place in group]
            x = parts[0] if len(parts) == 1 else torch.cat(parts, 1)
            if order != sorted(order):
                x = x[:, [order.index(place) for place in range(len(order))]]
        return x

    def stacked(self, rows: Sequence[Tensor]) -> Tensor:
        """Inputs of all tasks as `stack` aligns them."""
        return stack(rows, self.plan.align)

    def start_heads(self, outputs: Tensor) -> None:
        """Let each head begin at the constant that is best for the loss of its tasks, its weights at zero.

        Args:
            outputs: (examples, tasks, outputs), what it will be trained on.
        """
        weights = self.plan.weights or (1.0,) * len(self.plan.tasks)
        for number, group in enumerate(self.members[-1]):
            rows = outputs[:, group].flatten(0, 1)
            counted = torch.tensor([weights[place] for place in group]).repeat(len(outputs))
            head = self.get_submodule(f"blocks.{self.depth}.{number}")
            with torch.no_grad():
                head.weight.zero_()  # type: ignore[operator, union-attr]
                head.bias.copy_(best_constant(self.plan.recipe.loss, rows, counted))  # type: ignore[operator, union-attr]

    def alone(self, task: str) -> MLP:
        """The path of one task as a network of its own: what told it its task is part of the first bias."""
        place, told = self.plan.tasks.index(task), len(self.plan.tasks) if self.plan.one_hot else 0
        own = MLP(self.inputs[task], self.outputs, self.depth, self.width, self.plan.recipe.activation)
        for number, mine in enumerate(own.blocks, 1):
            held = {name: value.detach() for name, value in self._block(number, place).named_parameters()}
            weight, bias = held.values()
            if number == 1:
                inputs = weight[:, : weight.shape[1] - told]
                bias = bias + weight[:, inputs.shape[1] + place] if told else bias
                weight = inputs[:, _columns(self.inputs[task], inputs.shape[1], self.plan.align)]
            mine.load_state_dict(dict(zip(held, (weight, bias), strict=True)))
        return own

    def _block(self, number: int, place: int) -> nn.Module:
        """The module that is block ``number`` of the task at ``place``."""
        group = next(i for i, group in enumerate(self.members[number - 1]) if place in group)
        return self.get_submodule(f"blocks.{number - 1}.{group}")

    def _rows(self, x: Tensor, group: list[int]) -> Tensor:
        return x if len(group) == x.shape[1] else x[:, group]

    def _first(self, x: Tensor, group: list[int]) -> Tensor:
        """What the first block of a group sees: its columns of the inputs and, if told, which task each row is of."""
        sizes = list(self.inputs.values())
        rows = self._rows(x, group)[..., _columns(max(sizes[i] for i in group), x.shape[2], self.plan.align)]
        if not self.plan.one_hot:
            return rows
        which = torch.eye(x.shape[1], dtype=x.dtype, device=x.device)[group]
        return torch.cat([rows, which.expand(len(x), -1, -1)], 2)


def stack(rows: Sequence[Tensor], align: str) -> Tensor:
    """Standardised inputs of several tasks as one tensor (examples, tasks, widest), padded with 0: the mean.

    Raises:
        InputError: If the tasks differ in their number of examples.
    """
    if len({len(one) for one in rows}) != 1:
        raise InputError(f"tasks have {[len(one) for one in rows]} examples; allowed: as many of each")
    widest = max(one.shape[1] for one in rows)
    stacked = rows[0].new_zeros(len(rows[0]), len(rows), widest)
    for place, one in enumerate(rows):
        stacked[:, place, _columns(one.shape[1], widest, align)] = one
    return stacked


def _columns(width: int, widest: int, align: str) -> slice:
    return slice(0, width) if align == "left" else slice(widest - width, widest)
