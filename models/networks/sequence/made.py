"""Linear maps that look back only, and the two models made of them alone."""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graft.models.networks.sequence.chain import Autoregressive, channels
from graft.models.orders import Order


class LookBack(nn.Module):
    """logit_t += b_t + sum_{i<t} S_ti x_i: the masked linear term, zero at first.

    To first order in 1/T it *is* the energy function of pair interactions, at any distance along the order.
    """

    mask: Tensor

    def __init__(self, sites: int, q: int) -> None:
        super().__init__()
        each = channels(q)
        self.weight = nn.Parameter(torch.empty(sites * each, sites * each))
        self.bias = nn.Parameter(torch.empty(sites * each))
        number = torch.arange(sites).repeat_interleave(each)
        self.register_buffer("mask", (number[None, :] < number[:, None]).float(), persistent=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """No couplings, no fields."""
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, sites, channels) of x (batch, sites, channels)."""
        return F.linear(x.flatten(1), self.weight * self.mask, self.bias).view(x.shape)


class LinearLogistic(Autoregressive):
    """One logistic regression a site on the sites before it: the baseline that a network has to beat."""

    def __init__(self, order: Order, q: int) -> None:
        super().__init__(order, q)
        self.blocks = nn.ModuleList([LookBack(self.sites, q)])

    def logits(self, x: Tensor) -> Tensor:
        """See `Autoregressive`."""
        return self.blocks[0](x)


class MaskedLinear(nn.Linear):
    """A linear map of which some weights are absent.

    Args:
        before: For each input, the last site that it knows.
        after: For each output, the last site that it may know. Input i reaches output k if before_i <= after_k.
    """

    mask: Tensor

    def __init__(self, before: Tensor, after: Tensor) -> None:
        super().__init__(len(before), len(after))
        self.register_buffer("mask", (before[None, :] <= after[:, None]).float(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, inputs) to (batch, outputs)."""
        return F.linear(x, self.weight * self.mask, self.bias)


def masks(model: Autoregressive, numbers: Iterable[int]) -> list[Tensor | None]:
    """The mask of every parameter of some blocks, in the order in which `graft.models.surgery.transplant` returns them.

    Args:
        model: Whose.
        numbers: Of blocks, counted from 1.
    """
    layers = [layer for number in numbers for layer in model.blocks[number - 1].modules()]
    return [
        getattr(layer, "mask", None) if name == "weight" else None
        for layer in layers
        for name, _ in layer.named_parameters(recurse=False)
    ]


class MADE(Autoregressive):
    """Masked autoregressive network (Germain et al. 2015, arXiv:1502.03509): all conditionals in one pass.

    Blocks: the masked linear term if there is one, ``depth`` hidden layers (ReLU), the head.

    Args:
        order: Raster numbers in the order of reading.
        q: Values of a spin.
        depth: Hidden layers.
        width: Units in each; their degrees run evenly through the sites.
        dropout: Probability that a hidden unit is dropped.
        linear_term: Whether there is a masked linear term.
    """

    def __init__(
        self, order: Order, q: int, depth: int = 1, width: int = 512, dropout: float = 0.0, linear_term: bool = True
    ) -> None:
        super().__init__(order, q)
        sites = torch.arange(self.sites).repeat_interleave(self.channels)
        hidden = torch.arange(width) * max(1, self.sites - 1) // width
        degrees = [sites] + [hidden] * depth
        layers: list[nn.Module] = [LookBack(self.sites, q)] if linear_term else []
        for before, after in zip(degrees, degrees[1:], strict=False):
            layers.append(nn.Sequential(MaskedLinear(before, after), nn.ReLU(), nn.Dropout(dropout)))
        self.blocks = nn.ModuleList([*layers, MaskedLinear(hidden, sites - 1)])
        self.linear_term = linear_term

    def logits(self, x: Tensor) -> Tensor:
        """See `Autoregressive`."""
        hidden = x.flatten(1)
        for block in self.blocks[1:] if self.linear_term else self.blocks:
            hidden = block(hidden)
        out = hidden.view(x.shape)
        return out + self.blocks[0](x) if self.linear_term else out
