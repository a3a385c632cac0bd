"""What a network, as it stands, says of a task's data before any training: features of each block, and gradients."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.loss import LOSS
from models.surgery import blocks_of


def features(network: nn.Module, inputs: Tensor) -> list[NDArray[np.float64]]:
    """Outputs of each hidden block, first to last, flattened.

    Args:
        network: With ordered blocks, applied one after another.
        inputs: (examples, inputs), standardised.

    Returns:
        One (examples, features) array a block, the head left out.
    """
    found = []
    with torch.no_grad():
        for block in blocks_of(network)[:-1]:
            inputs = block(inputs)
            found.append(inputs.flatten(1).double().cpu().numpy())
    return found


def gradient_ratios(network: nn.Module, inputs: Tensor, outputs: Tensor, loss: str) -> list[float]:
    """Norm of the loss's gradient over norm of the weights, for each block: how much the data want it to change.

    Args:
        network: With ordered blocks; its weights are left as they are.
        inputs: (examples, inputs), standardised.
        outputs: (examples, outputs).
        loss: One of `models.loss.LOSS`.
    """
    groups = [list(block.parameters()) for block in blocks_of(network)]
    with torch.enable_grad():
        weights = [weight for group in groups for weight in group]
        held = [weight.requires_grad for weight in weights]
        for weight in weights:
            weight.requires_grad_(True)
        found = iter(torch.autograd.grad(LOSS[loss](network(inputs), outputs), weights))
        for weight, before in zip(weights, held, strict=True):
            weight.requires_grad_(before)
    return [_norm([next(found) for _ in group]) / _norm(group) for group in groups]


def _norm(tensors: Sequence[Tensor]) -> float:
    return float(np.sqrt(sum(float(tensor.detach().double().square().sum()) for tensor in tensors)))
