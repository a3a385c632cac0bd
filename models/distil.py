"""Teaching an extensive network the energies that another model gives."""

import torch
from torch import Tensor

from graft.models.losses import LOSS, supervised
from graft.models.networks.ednn import EDNN
from graft.models.symmetries import Symmetries
from graft.models.train import Training, train
from graft.spaces.plan import Recipe


def distil(
    network: EDNN,
    index: Tensor,
    energies: Tensor,
    recipe: Recipe,
    generator: torch.Generator,
    *,
    symmetries: Symmetries | None = None,
    centred: bool = False,
) -> float:
    """Train ``network`` in place on states and their energies by mean squared error.

    Args:
        network: Its weights already initialised, or trained in an earlier round.
        index: uint8 (states, rows, columns).
        energies: (states,), the teacher's, in any gauge: the network takes it over.
        recipe: Optimiser, rate, schedule, batch, epochs; its ``loss`` takes no part.
        generator: Draws the order of states and the symmetries.
        symmetries: Shows each state under an element of this group, drawn anew each time, with the same energy: then
            the network learns the teacher's mean over the group.
        centred: Whether the network already has the unit and zero of its outputs, from an earlier round.

    Returns:
        The mean loss over the last epoch's batches, in squared units of energy.

    Raises:
        NonFiniteLoss: As soon as an epoch's loss is not a finite number.
        InputError: If there are no states, or not as many energies.
    """
    if not centred and len(energies):
        network.centre(energies, index.shape[1:])
    loss = supervised(LOSS["mse"])
    return train(Training(network, index, energies.float(), recipe, generator, loss=loss, augment=symmetries))
