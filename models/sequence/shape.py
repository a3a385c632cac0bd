"""Everything needed to build a sequence model again."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from models.orders import order
from models.sequence.chain import Autoregressive
from models.sequence.gru import GRU
from models.sequence.masked import MADE, LinearLogistic
from models.sequence.squared import SquaredErrorGRU
from models.sequence.transformer import HEAD_WIDTH, Transformer
from spaces.plan import checked_fields
from spaces.refusal import Refusal, choice, number, whole

KINDS = ("gru", "made", "transformer", "linear")
LOSSES = ("likelihood", "mse")


@dataclass(frozen=True)
class SequenceShape:
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

    kind: str
    shape: tuple[int, ...]
    q: int = 2
    order: str | tuple[int, ...] = "snake"
    depth: int = 1
    width: int = 128
    dropout: float = 0.0
    linear_term: bool = True
    loss: str = "likelihood"

    def __post_init__(self) -> None:
        choice("sequence.kind", self.kind, KINDS)
        object.__setattr__(self, "shape", tuple(self.shape))
        if not isinstance(self.order, str):
            object.__setattr__(self, "order", tuple(self.order))
        whole("sequence.q", self.q, 2, 255)
        whole("sequence.depth", self.depth, 1, 4 if self.kind == "gru" else 64)
        whole("sequence.width", self.width, 1)
        number("sequence.dropout", self.dropout, 0, 0.99)
        if self.kind == "transformer" and self.width % HEAD_WIDTH:
            raise Refusal(f"sequence.width is {self.width}; allowed for a transformer: multiples of {HEAD_WIDTH}")
        choice("sequence.loss", self.loss, LOSSES)
        if self.loss == "mse" and self.kind != "gru":
            raise Refusal(f"sequence.loss is 'mse' of kind {self.kind!r}; allowed: 'likelihood', or kind 'gru'")
        order(self.order, self.shape)

    def build(self) -> Autoregressive:
        """A model of this shape, weights still PyTorch's own (`models.mlp.fresh` draws them from a generator)."""
        sites = order(self.order, self.shape)
        if self.kind == "linear":
            return LinearLogistic(sites, self.q)
        kind = {"gru": SquaredErrorGRU if self.loss == "mse" else GRU, "made": MADE, "transformer": Transformer}[
            self.kind
        ]
        return kind(sites, self.q, self.depth, self.width, self.dropout, self.linear_term)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`, also after JSON."""
        return cls(**checked_fields(cls, values, "sequence"))
