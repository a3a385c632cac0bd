"""Teaching a sequence model by watching, and the energies that it has learned."""

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from graft.models.energies import boltzmann
from graft.models.initialise import draw_weights
from graft.models.networks.sequence.chain import Autoregressive
from graft.models.networks.sequence.fit import fit, log_probabilities
from graft.models.networks.sequence.made import LinearLogistic
from graft.models.networks.sequence.shape import SequenceShape
from graft.models.networks.sequence.warm import from_linear
from graft.models.symmetries import Symmetries
from graft.search.run.seeds import Draws, torch_stream
from graft.spaces.compute import states_for
from graft.spaces.dcl import WARM, Watch, linear
from graft.spaces.plan import Block, Recipe

Index = NDArray[np.uint8]
TERM_RATE = 0.1
"""Factor on the rate of a linear term that has been learned already."""
NAMES = {"all": ("translations", "reflections", "rotations", "colours"), "flip": ("colours",), "none": ()}


def group(symmetries: str, shape: tuple[int, ...], q: int) -> Symmetries | None:
    """The symmetries that a study allows, as a group; None for none. A lattice that is no square has no rotations."""
    names = [name for name in NAMES[symmetries] if name != "rotations" or len(set(shape)) == 1 < len(shape)]
    return Symmetries.of(names, shape, q) if names else None


def sequence_shape(plan: Watch, shape: tuple[int, ...], q: int) -> SequenceShape:
    """The shape of a pipeline's sequence model."""
    return SequenceShape(
        plan.kind, shape, q, plan.order, plan.depth, plan.width, plan.dropout, plan.linear_term, plan.loss
    )


def watch(
    plan: Watch,
    observed: Index,
    shape: tuple[int, ...],
    q: int,
    seconds: float,
    draws: Draws,
    symmetries: Symmetries | None,
) -> Autoregressive:
    """Train a sequence model on as many of the observed states as it may see in ``seconds`` of the reference machine.

    Args:
        plan: Which model, and how.
        observed: Index of every state that was watched, (states, sites), in no particular order.
        shape: Of the lattice.
        q: Values of a spin.
        seconds: Compute, as `graft.spaces.compute.step_seconds` counts it.
        draws: Weights, order and symmetries.
        symmetries: Shown where the plan says so.

    Raises:
        NonFiniteLoss: If training diverges.
    """
    model = sequence_shape(plan, shape, q).build()
    draw_weights(model, 1.0, draws.weights)
    shown, blocks = symmetries if plan.augmented else None, tuple[Block, ...]()
    if plan.warm:
        first = replace(linear(), order=plan.order, augmented=plan.augmented)
        start = watch(first, observed, shape, q, WARM * seconds, draws, symmetries)
        from_linear(model, cast(LinearLogistic, start))
        seconds, blocks = (1 - WARM) * seconds, (Block("linear", rate=TERM_RATE), *[Block()] * (len(model.blocks) - 1))
    states = states_for(plan, seconds, int(np.prod(shape)), q)
    epochs = max(1, -(-states // len(observed)))
    learn_from(model, observed[: max(plan.batch, states // epochs)], plan.recipe(epochs), draws, shown, blocks)
    return model


def most_seen(plan: Watch, seconds: float, shape: tuple[int, ...], q: int) -> int:
    """Different states that `watch` looks at in ``seconds``, at most, the linear start included."""
    sites = int(np.prod(shape))
    parts = [(plan, (1 - WARM * plan.warm) * seconds)] + [(linear(), WARM * seconds)] * plan.warm
    return max(plan.batch, *(states_for(one, part, sites, q) for one, part in parts), 1)


def learn_from(
    model: Autoregressive,
    index: Index,
    recipe: Recipe,
    draws: Draws,
    symmetries: Symmetries | None,
    blocks: Sequence[Block] = (),
) -> None:
    """Train ``model`` in place on states (states, sites); the order is drawn from ``draws``, dropout too.

    Raises:
        NonFiniteLoss: If training diverges.
    """
    fit(model, tensor(index), recipe, draws.order, symmetries=symmetries, blocks=blocks)


class Energies:
    """The energies that a sequence model has learned: E = -T log p, up to a constant (Eqs. 1 and 3 of Sprague et al.).

    Args:
        model: Trained.
        temperature: At which its states were watched.
        symmetries: If given, energies are averaged over random images under this group.
        copies: Over how many.
        seed: Draws them: the same for all states.
    """

    def __init__(
        self,
        model: Autoregressive,
        temperature: float,
        symmetries: Symmetries | None = None,
        copies: int = 1,
        seed: int = 0,
    ) -> None:
        self.model, self.temperature, self.symmetries = model, temperature, symmetries
        self.copies = min(copies, len(symmetries)) if symmetries else 1
        self.seed = seed

    def __call__(self, index: Index) -> NDArray[np.float64]:
        """Energies (states,) of index arrays (states, sites)."""
        drawn = torch_stream(self.seed)
        logs = log_probabilities(
            self.model, tensor(index), symmetries=self.symmetries, copies=self.copies, generator=drawn
        )
        return boltzmann(logs, self.temperature)

    def images(self, index: Index, copies: int) -> NDArray[np.float64]:
        """Energies (copies, states) of random images of the same states, not averaged: what tells inconsistency."""
        assert self.symmetries is not None
        elements = self.symmetries.draw(min(copies, len(self.symmetries)), torch_stream(self.seed))
        plain = Energies(self.model, self.temperature)
        return np.stack([plain(self.symmetries.image(tensor(index), one).numpy()) for one in elements])


def tensor(index: Index) -> Tensor:
    """An index array as torch takes it: what Ray has handed over is for reading only, and is copied."""
    return torch.from_numpy(np.require(index, requirements=("C", "W")))
