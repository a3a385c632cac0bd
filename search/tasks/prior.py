"""Gaussian priors around the weights of source networks: what is kept of a source's, and what a training is given."""

from collections.abc import Callable, Mapping, Sequence

from torch import Tensor, nn

from graft.models.fisher import prior
from graft.models.surgery import shuffle
from graft.search.run.seeds import Draws
from graft.search.tasks.request import Request

Masks = Callable[[nn.Module, Sequence[int]], Sequence[Tensor | None] | None]
"""Of `graft.search.tasks.base.Task`."""


def held_back(
    asked: Request, network: nn.Module, precise: Mapping[str, nn.Module], draws: Draws, masks: Masks
) -> nn.Module | None:
    """Precisions of the weights of a training's network, those of copied weights shuffled where these are.

    Args:
        asked: The training.
        network: What it trains.
        precise: Precisions of the weights of each source network, in their place.
        draws: Of its seed.
        masks: Where entries of copied blocks take part at all.

    Returns:
        A network of the same shape that holds them (`graft.models.fisher.prior`); None where the plan asks for none.
    """
    numbers = [number for number, block in enumerate(asked.plan.blocks, 1) if block.prior == "fisher"]
    if not numbers:
        return None
    found, told = prior(network, precise, asked.plan.blocks)
    if asked.shuffled:  # where a source is sensitive is knowledge too
        shuffle(told, draws.shuffle, masks(found, numbers))
    return found
