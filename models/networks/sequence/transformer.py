"""A causal transformer that reads a lattice site by site."""

import torch.nn.functional as F
from torch import Tensor, nn

from graft.models.networks.sequence.chain import Autoregressive, shifted
from graft.models.networks.sequence.made import LookBack
from graft.models.orders import Order

HEAD_WIDTH = 16


class Embedding(nn.Module):
    """The spin read last, and which site comes next, as one vector."""

    def __init__(self, sites: int, channels: int, width: int) -> None:
        super().__init__()
        self.spin = nn.Linear(channels, width)
        self.place = nn.Embedding(sites, width)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, sites, channels) to (batch, sites, width)."""
        return self.spin(x) + self.place.weight


class Layer(nn.Module):
    """Causal self-attention, then a perceptron, each normalised before and added (pre-norm).

    Args:
        width: Of a site's vector; a multiple of 16, the width of an attention head.
        dropout: Of both branches.
    """

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.heads = width // HEAD_WIDTH
        self.before_attention, self.before_mlp = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query_key_value, self.merge = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.widen, self.narrow = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, sites, width) to the same."""
        parts = self.query_key_value(self.before_attention(x)).unflatten(2, (3, self.heads, HEAD_WIDTH))
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.dropout(self.merge(seen.transpose(1, 2).flatten(2)))
        return x + self.dropout(self.narrow(F.gelu(self.widen(self.before_mlp(x)))))


class Transformer(Autoregressive):
    """Causal transformer (Vaswani et al. 2017, arXiv:1706.03762), positions learned.

    Blocks: the masked linear term if there is one, the embedding, ``depth`` layers, the head.

    Args:
        order: Raster numbers in the order of reading.
        q: Values of a spin.
        depth: Layers of attention and perceptron.
        width: Of a site's vector, a multiple of 16.
        dropout: Probability that an entry of a layer's output is dropped.
        linear_term: Whether there is a masked linear term.
    """

    def __init__(
        self, order: Order, q: int, depth: int = 2, width: int = 64, dropout: float = 0.0, linear_term: bool = True
    ) -> None:
        super().__init__(order, q)
        layers: list[nn.Module] = [LookBack(self.sites, q)] if linear_term else []
        layers += [Embedding(self.sites, self.channels, width), *(Layer(width, dropout) for _ in range(depth))]
        head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, self.channels))
        self.blocks = nn.ModuleList([*layers, head])
        self.linear_term = linear_term

    def logits(self, x: Tensor) -> Tensor:
        """See `Autoregressive`."""
        hidden = shifted(x)
        for block in self.blocks[1:] if self.linear_term else self.blocks:
            hidden = block(hidden)
        return hidden + self.blocks[0](x) if self.linear_term else hidden
