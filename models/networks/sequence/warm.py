"""A network's start from the linear-logistic model: it has only to learn what that one cannot."""

import torch
from torch import nn

from graft.models.networks.sequence.chain import Autoregressive
from graft.models.networks.sequence.made import LinearLogistic, LookBack
from graft.models.surgery import copy_span
from graft.spaces.errors import InputError
from graft.spaces.plan import Span


def from_linear(model: Autoregressive, linear: LinearLogistic) -> None:
    """Copy the masked linear term (block 1) and set the head to zero, so that ``model`` begins as ``linear``.

    The term is best trained on at a lower rate: ``blocks=(Block("linear", rate=0.1), Block(), ...)`` in `fit`.

    Args:
        model: With a linear term, the rest of its weights already initialised.
        linear: Trained, of the same lattice.

    Raises:
        InputError: If ``model`` has no linear term, or the two differ in sites, values or order.
    """
    if not isinstance(model.blocks[0], LookBack) or not torch.equal(model.order, linear.order) or model.q != linear.q:
        raise InputError(
            "a model cannot start from this linear one; allowed: a masked linear term, and the same sites, order and q"
        )
    copy_span(model, linear, Span(1, 1))
    if len(model.blocks) > 1:
        head = [layer for layer in model.blocks[-1].modules() if isinstance(layer, nn.Linear)][-1]
        nn.init.zeros_(head.weight)
        nn.init.zeros_(head.bias)
