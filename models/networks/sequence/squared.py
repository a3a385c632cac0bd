"""The paper's own way to train a recurrent network: squared error instead of likelihood."""

import torch
from torch import Tensor

from graft.models.networks.sequence.chain import encode
from graft.models.networks.sequence.gru import GRU

SMALLEST = 1e-3
"""Probabilities are kept above it: a linear output may leave the interval from 0 to 1."""


class SquaredErrorGRU(GRU):
    """GRU with linear outputs and mean squared error, as the code of Sprague et al. 2021 has it.

    The output for a site is trained toward the spin itself (+-1 if q = 2, one-hot if q > 2), hence toward its mean
    given the sites before. A probability is read from it as P(s) = (1 + s y) / 2, or as P(a) = y_a / sum_b y_b of
    outputs cut off below at 0.001 (and, for q = 2, above at 0.999). The first spin has P = 1 / q.
    """

    def outputs_at(self, frequencies: Tensor) -> Tensor:
        """The mean spin, or the frequency of each value."""
        return 2 * frequencies[:, 1:] - 1 if self.channels == 1 else frequencies

    def conditionals(self, index: Tensor) -> Tensor:
        """See `graft.models.networks.sequence.chain.Autoregressive.conditionals`."""
        ordered = index.index_select(1, self.order)
        wanted = encode(ordered, self.q, next(self.parameters()).dtype)
        out = self.logits(wanted)
        if self.q == 2:
            p = ((1 + wanted * out) / 2).clamp(SMALLEST, 1 - SMALLEST).squeeze(-1)
        else:
            kept = out.clamp_min(SMALLEST)
            p = (kept * wanted).sum(-1) / kept.sum(-1)
        return torch.cat([torch.full_like(p[:, :1], 1 / self.q), p[:, 1:]], 1).log()

    def forward(self, index: Tensor) -> Tensor:
        """What training raises, (batch,): minus the mean squared error of all sites but the first."""
        wanted = encode(index.index_select(1, self.order), self.q, next(self.parameters()).dtype)
        return -(self.logits(wanted) - wanted)[:, 1:].square().mean((1, 2))
