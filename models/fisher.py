"""How much a trained network depends on each of its weights: the precision of a Gaussian prior around them.

The empirical Fisher information, its diagonal alone (Kirkpatrick et al. 2017, PNAS 114, 3521): the mean over examples
of the squared gradient of an example's loss. A pull of this precision holds a weight back as firmly as the source needs
it.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn

from graft.models.losses import Batch, Objective
from graft.models.surgery import blocks_of, transplant
from graft.spaces.errors import InputError
from graft.spaces.plan import Block


def diagonal(network: nn.Module, inputs: Tensor, outputs: Tensor, loss: Objective) -> dict[str, Tensor]:
    """The diagonal of the empirical Fisher information, by name of each parameter, in float64.

    Args:
        network: Trained; asked as it predicts (nothing is dropped out), and left as it was.
        inputs: (examples, ...), as the network takes them.
        outputs: (examples, ...).
        loss: A mean over the examples of a batch.

    Raises:
        InputError: If there are no examples.
    """
    if len(inputs) == 0:
        raise InputError("0 examples of a source; allowed: at least one, for its Fisher information")
    named = {name: parameter for name, parameter in network.named_parameters() if parameter.requires_grad}
    total = {name: torch.zeros_like(tensor, dtype=torch.float64) for name, tensor in named.items()}
    trains = network.training
    network.eval()
    # One example after the other: any module can do that, and a few hundred take a second, once in a run.
    for seen, exact in zip(inputs.split(1), outputs.split(1), strict=True):
        found = torch.autograd.grad(loss(network, Batch(seen, exact)), [*named.values()], allow_unused=True)
        for name, gradient in zip(named, found, strict=True):
            if gradient is not None:
                total[name] += gradient.abs().double().square()
    network.train(trains)
    return {name: squares / len(inputs) for name, squares in total.items()}


def precise(network: nn.Module, information: Mapping[str, Tensor]) -> nn.Module:
    """A copy of a network that holds in the place of each weight its precision, of mean 1 over the weights of a block.

    A block on which nothing depends says nothing of its weights: all of them have precision 1.

    Args:
        network: The one that was asked.
        information: Of `diagonal`.

    Raises:
        InputError: If it is not finite.
    """
    found = _empty(network)
    named = dict(found.named_parameters())
    places = {id(parameter): name for name, parameter in named.items()}
    for number, block in enumerate(blocks_of(found), 1):
        names = [places[id(parameter)] for parameter in block.parameters() if places[id(parameter)] in information]
        if not names:
            continue
        mean = torch.cat([information[name].flatten() for name in names]).mean()
        if not bool(torch.isfinite(mean)):
            raise InputError(f"the Fisher information of block {number} is {float(mean)}; allowed: finite gradients")
        for name in names:
            named[name].data.copy_(information[name] / mean if mean > 0 else torch.ones_like(information[name]))
    return found


def prior(
    network: nn.Module, sources: Mapping[str, nn.Module], blocks: Sequence[Block]
) -> tuple[nn.Module, list[Tensor]]:
    """Precisions of the weights that a plan copies and pulls back by their Fisher information.

    Args:
        network: Of the plan.
        sources: Of `precise`, by the names of source networks.
        blocks: Of the plan.

    Returns:
        A network of the same shape that holds them, 0 for weights that the source does not know; and views of what it
        was told by the sources.

    Raises:
        InputError: If a source is unknown, or shapes differ.
    """
    found = _empty(network)
    told = [Block(block.source) if block.prior == "fisher" else Block() for block in blocks]
    return found, transplant(found, sources, told)


def _empty(network: nn.Module) -> nn.Module:
    """A copy whose weights are 0, never trained."""
    found = deepcopy(network).requires_grad_(False)
    for parameter in found.parameters():
        parameter.zero_()
    return found
