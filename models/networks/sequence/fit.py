"""Training of sequence models, and their log-probabilities of many states."""

from collections.abc import Sequence

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from graft.models.losses import Batch
from graft.models.networks.sequence.chain import Autoregressive
from graft.models.symmetries import Symmetries
from graft.models.train import Callback, Training, train
from graft.spaces.plan import Block, Recipe


def fit(
    model: Autoregressive,
    index: Tensor,
    recipe: Recipe,
    generator: torch.Generator,
    *,
    symmetries: Symmetries | None = None,
    blocks: Sequence[Block] = (),
    on_epoch: Callback | None = None,
) -> float:
    """Train ``model`` in place on watched states: by likelihood, or by what else its kind raises.

    Args:
        model: Its weights already initialised (and copied).
        index: uint8 (states, sites). Read batch by batch, never copied as a whole.
        recipe: Optimiser, rate, schedule, batch, epochs; its ``loss`` takes no part.
        generator: Draws the order of states and the symmetries; dropout begins at its seed.
        symmetries: Shows every batch under elements of this group, drawn anew each time.
        blocks: Decisions for each block.
        on_epoch: Called with (epoch from 1, mean loss over the epoch's batches).

    Returns:
        The mean loss over the last epoch's batches: nats a state of a likelihood.

    Raises:
        NonFiniteLoss: As soon as an epoch's loss is not a finite number.
        InputError: If there are no states.
    """
    noise, loss = generator.initial_seed(), negative_log_likelihood
    return train(
        Training(model, index, None, recipe, generator, blocks, loss, noise=noise, augment=symmetries), on_epoch
    )


def negative_log_likelihood(network: nn.Module, batch: Batch) -> Tensor:
    """Minus the mean of what a network gives for each state: nats a state where that is a log-probability."""
    prediction: Tensor = network(batch.inputs)
    return -prediction.mean()


def log_probabilities(
    model: Autoregressive,
    index: Tensor,
    *,
    symmetries: Symmetries | None = None,
    copies: int | None = None,
    generator: torch.Generator | None = None,
    batch: int = 4096,
) -> NDArray:
    """Log-probabilities of states, float64 (states,), in nats.

    Args:
        model: A sequence model.
        index: uint8 (states, sites).
        symmetries: If given, the mean over images under this group.
        copies: Over how many images, drawn once for all states from ``generator``; None takes the whole group.
        generator: Draws, if ``copies`` is given.
        batch: States at once.
    """

    def of(rows: Tensor) -> Tensor:
        return model.log_prob(rows).double()

    elements = symmetries.draw(copies, generator) if symmetries is not None else []
    model.eval()
    with torch.inference_mode():
        parts = [symmetries.mean(of, rows, elements) if symmetries else of(rows) for rows in index.split(batch)]
    return torch.cat(parts).numpy()
