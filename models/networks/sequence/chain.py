"""The chain rule, and what all sequence models share."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Autoregressive(nn.Module):
    """log p(s) = sum_t log p(s_t | s_1 .. s_{t-1}): Eq. 3 of Sprague et al. 2021, as a sum of logarithms.

    States come and go as **index tensors**: uint8 or int64 (batch, sites), values 0 .. q-1, sites in raster order.
    Inside, sites are in the model's own order and a spin is x = 2 index - 1 (q = 2, one channel) or one-hot
    (q > 2, q channels).

    Args:
        order: Raster number of each site in the order of reading.
        q: Number of values of a spin.
    """

    blocks: nn.ModuleList
    order: Tensor

    def __init__(self, order: Sequence[int], q: int) -> None:
        super().__init__()
        self.q, self.sites, self.channels = q, len(order), channels(q)
        self.register_buffer("order", torch.tensor(order), persistent=False)

    def logits(self, x: Tensor) -> Tensor:
        """Logits (batch, sites, channels) of every site from x (batch, sites, channels); row t may read rows < t only.

        With one channel it is the logit of index 1; with q channels those of all indices.
        """
        raise NotImplementedError

    def begin(self, index: Tensor) -> None:
        """Let every conditional begin at the frequency of its values among states, whatever the sites before hold.

        The last layer of the head gets weights of zero and that bias; where it is shared by all sites, one for all.

        Args:
            index: (states, sites). A value that none of them has counts as half a state.
        """
        ordered = index.index_select(1, self.order.to(index.device)).long()
        counts = F.one_hot(ordered, self.q).sum(0).double()
        layers = [layer for layer in self.blocks[-1].modules() if isinstance(getattr(layer, "bias", None), Tensor)]
        weight, bias = layers[-1].weight, layers[-1].bias
        assert isinstance(weight, Tensor) and isinstance(bias, Tensor)
        if len(bias) == self.channels:
            counts = counts.sum(0, keepdim=True)
        frequencies = counts.clamp(min=0.5) / counts.sum(1, keepdim=True)
        with torch.no_grad():
            weight.zero_()
            bias.copy_(self.outputs_at(frequencies).flatten())

    def outputs_at(self, frequencies: Tensor) -> Tensor:
        """What the network puts out (sites, channels) where values have these frequencies (sites, q)."""
        logs = frequencies.log()
        return logs[:, 1:] - logs[:, :1] if self.channels == 1 else logs

    def conditionals(self, index: Tensor) -> Tensor:
        """Logarithms of p(s_t | s_1 .. s_{t-1}), (batch, sites) in the order of reading."""
        ordered = index.index_select(1, self.order)
        return chosen(self.logits(encode(ordered, self.q, next(self.parameters()).dtype)), ordered)

    def log_prob(self, index: Tensor) -> Tensor:
        """The logarithm of p of each state, (batch,), in nats."""
        return self.conditionals(index).sum(1)

    def forward(self, index: Tensor) -> Tensor:
        """What training raises, (batch,): log p."""
        return self.log_prob(index)


def channels(q: int) -> int:
    """Numbers that describe one spin: its sign if q = 2, else one-hot."""
    return 1 if q == 2 else q


def encode(index: Tensor, q: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Indices (...) as numbers (..., channels)."""
    if q == 2:
        return (index.to(dtype) * 2 - 1).unsqueeze(-1)
    return F.one_hot(index.long(), q).to(dtype)


def chosen(logits: Tensor, index: Tensor) -> Tensor:
    """The logarithm of p of each index (...) that ``logits`` (..., channels) give it."""
    if logits.shape[-1] == 1:
        return F.logsigmoid(logits.squeeze(-1) * (index.to(logits.dtype) * 2 - 1))
    return logits.log_softmax(-1).gather(-1, index.long().unsqueeze(-1)).squeeze(-1)


def shifted(x: Tensor) -> Tensor:
    """Row t holds what row t - 1 of x (batch, sites, channels) held; row 0 is zero: nothing has been read yet."""
    return F.pad(x[:, :-1], (0, 0, 1, 0))
