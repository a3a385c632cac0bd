"""Everything needed to build a sequence model again."""

from typing import Annotated

from pydantic import Field

from graft.models.networks.sequence.chain import Autoregressive
from graft.models.networks.sequence.gru import GRU
from graft.models.networks.sequence.made import MADE, LinearLogistic
from graft.models.networks.sequence.squared import SquaredErrorGRU
from graft.models.networks.sequence.transformer import HEAD_WIDTH, Transformer
from graft.models.orders import order
from graft.spaces.dcl import Kind, Loss
from graft.spaces.errors import InputError, whole
from graft.spaces.settings import Count, Dropout, Settings, Truth, Whole, settings


@settings("sequence")
class SequenceShape(Settings):
    """Which sequence model, of which lattice.

    Attributes:
        kind: ``gru``, ``made``, ``transformer`` or ``linear`` (the linear-logistic baseline).
        shape: Lengths of the lattice, 1 to 3 of them.
        q: Values of a spin, 2 to 255.
        order: ``raster``, ``snake``, ``spiral``, ``hilbert`` or a permutation of the raster numbers.
        depth: Hidden layers; 1 to 4 recurrent ones. ``linear`` has none and takes no notice.
        width: Units of a hidden layer; of a transformer a multiple of 16.
        dropout: Probability that a hidden unit is dropped.
        linear_term: Whether logits get a masked linear term.
        loss: ``likelihood``, or ``mse`` of a ``gru``: the paper's squared error.
    """

    kind: Kind
    shape: tuple[Whole, ...]
    q: Annotated[Whole, Field(ge=2, le=255)] = 2
    order: str | tuple[Whole, ...] = "snake"
    depth: Count = 1
    width: Count = 128
    dropout: Dropout = 0.0
    linear_term: Truth = True
    loss: Loss = "likelihood"

    def __post_init__(self) -> None:
        whole("sequence.depth", self.depth, 1, 4 if self.kind == "gru" else 64)
        if self.kind == "transformer" and self.width % HEAD_WIDTH:
            raise InputError(f"sequence.width is {self.width}; allowed for a transformer: multiples of {HEAD_WIDTH}")
        if self.loss == "mse" and self.kind != "gru":
            raise InputError(f"sequence.loss is 'mse' of kind {self.kind!r}; allowed: 'likelihood', or kind 'gru'")
        order(self.order, self.shape)

    def build(self) -> Autoregressive:
        """A model of this shape, weights still PyTorch's own (`draw_weights` draws them from a generator)."""
        sites = order(self.order, self.shape)
        if self.kind == "linear":
            return LinearLogistic(sites, self.q)
        kind = {"gru": SquaredErrorGRU if self.loss == "mse" else GRU, "made": MADE, "transformer": Transformer}[
            self.kind
        ]
        return kind(sites, self.q, self.depth, self.width, self.dropout, self.linear_term)
