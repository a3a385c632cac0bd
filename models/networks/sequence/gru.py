"""Gated recurrent units that read a lattice site by site."""

from torch import Tensor, nn

from graft.models.networks.sequence.chain import Autoregressive, shifted
from graft.models.networks.sequence.made import LookBack
from graft.models.orders import Order


class GRU(Autoregressive):
    """Stacked gated recurrent units (Cho et al. 2014, arXiv:1409.1259) and a linear head, shared by all sites.

    Blocks: the masked linear term if there is one, ``depth`` recurrent layers, the head. The term reaches bonds that
    the order puts far apart, which a recurrent network is slow to remember.

    Args:
        order: Raster numbers in the order of reading.
        q: Values of a spin.
        depth: Recurrent layers, 1 to 4 in the paper.
        width: Hidden units in each (378 to 512 in the paper).
        dropout: Probability that a hidden unit's output is dropped, after each layer.
        linear_term: Whether there is a masked linear term.
    """

    def __init__(
        self, order: Order, q: int, depth: int = 1, width: int = 128, dropout: float = 0.0, linear_term: bool = True
    ) -> None:
        super().__init__(order, q)
        layers: list[nn.Module] = [LookBack(self.sites, q)] if linear_term else []
        widths = [self.channels] + [width] * depth
        layers += [nn.GRU(before, after, batch_first=True) for before, after in zip(widths, widths[1:], strict=False)]
        self.blocks = nn.ModuleList([*layers, nn.Linear(width, self.channels)])
        self.linear_term, self.dropout = linear_term, nn.Dropout(dropout)

    def logits(self, x: Tensor) -> Tensor:
        """See `Autoregressive`."""
        hidden = shifted(x)
        for layer in self.blocks[1 if self.linear_term else 0 : -1]:
            hidden = self.dropout(layer(hidden)[0])
        out = self.blocks[-1](hidden)
        return out + self.blocks[0](x) if self.linear_term else out
