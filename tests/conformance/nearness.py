"""A loss term of a stranger's own: predictions may not go far from the source's, a little at a time."""

from collections.abc import Sequence

from torch import Tensor

from graft.models.losses import Batch
from graft.models.terms import LossTerm


class Near(LossTerm):
    """The mean distance between what the network and its source predict, whatever the block."""

    def value(self, batch: Batch, made: Sequence[Tensor]) -> Tensor:
        return (made[-1] - self.theirs(batch)[-1]).abs().mean()
