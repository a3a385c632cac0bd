"""One network for several tasks, made of any networks with blocks."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from graft.models.networks.joined import Tied
from graft.search.run.seeds import Draws
from graft.spaces.sharing import Sharing

if TYPE_CHECKING:
    from graft.search.tasks.base import Task


def tied(
    task: "Task", plan: Sharing, seen: Sequence[Tensor], outputs: Sequence[Tensor], draws: Callable[[], Draws]
) -> Tied:
    """Build a network for each task and share blocks among them, weights drawn, outputs where fresh ones begin.

    Every task's own blocks begin with the weights that they have where it is learned alone.

    Args:
        task: Builds and initialises: all of them are of its class.
        plan: Who shares what.
        seen: Inputs of each task (examples, ...), as networks take them; on the CPU.
        outputs: Of each task (examples, ...).
        draws: The seed's random numbers, each time from their beginning.
    """
    recipe, paths = plan.recipe, list[nn.Module]()
    for inputs, exact in zip(seen, outputs, strict=True):
        paths.append(task.network(recipe, inputs.shape[1:], exact.shape[1:]))
        task.initialise(paths[-1], recipe, draws(), inputs, exact)
    found = Tied(plan, paths)
    for group in plan.groups[-1]:
        places = [plan.tasks.index(name) for name in group]
        if len(places) > 1:  # a head of several begins at what is best for all of them
            inputs, exact = (torch.cat([rows[place] for place in places]) for rows in (seen, outputs))
            task.restart(paths[places[0]], recipe, inputs, exact)
    return found
