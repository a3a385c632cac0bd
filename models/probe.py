"""What a network, as it stands, says of a task's data before any training: features of each block, and gradients."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from graft.models.losses import LOSS
from graft.models.surgery import blocks_of
from graft.models.terms import observing
from graft.models.train import predict

TINY = 1e-30
"""In place of the norm of weights that are all zero."""


def features(network: nn.Module, inputs: Tensor) -> list[NDArray[np.float64]]:
    """Outputs of each hidden block, first to last, flattened; a block that the network passes by gives zeros.

    Args:
        network: With ordered blocks.
        inputs: (examples, inputs), standardised.

    Returns:
        One (examples, features) array a block, the head left out.
    """
    with observing(network) as made:
        predict(network, inputs, batch=len(inputs))
    hidden = [one if one.numel() else torch.zeros(len(inputs), 1) for one in made[:-2]]
    return [one.flatten(1).double().cpu().numpy() for one in hidden]


def gradient_ratios(network: nn.Module, inputs: Tensor, outputs: Tensor, loss: str) -> list[float]:
    """Norm of the loss's gradient over norm of the weights, for each block: how much the data want it to change.

    Args:
        network: With ordered blocks; its weights are left as they are.
        inputs: (examples, inputs), standardised.
        outputs: (examples, outputs).
        loss: One of `graft.models.losses.LOSS`.
    """
    groups = [list(block.parameters()) for block in blocks_of(network)]
    with torch.enable_grad():
        weights = [weight for group in groups for weight in group]
        held = [weight.requires_grad for weight in weights]
        for weight in weights:
            weight.requires_grad_(True)
        value = LOSS[loss](network.eval()(inputs), outputs)
        found = iter(torch.autograd.grad(value, weights, materialize_grads=True))
        for weight, before in zip(weights, held, strict=True):
            weight.requires_grad_(before)
    return [_norm([next(found) for _ in group]) / max(_norm(group), TINY) for group in groups]


def _norm(tensors: Sequence[Tensor]) -> float:
    return float(np.sqrt(sum(float(tensor.detach().double().square().sum()) for tensor in tensors)))
