"""What training makes small besides its own loss: terms that a frozen source network gives.

How to add one: subclass `LossTerm`, write `value`, and name the class in `TERMS`, or in a study by ``module:Class``.

The pull of weights to where they were copied (L2-SP, `graft.spaces.plan.Block.pull`) is older than terms and no part of
the loss: it goes straight to the gradients, whose last bits would be others.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graft.models.losses import Batch, Objective
from graft.models.surgery import blocks_of
from graft.spaces.errors import InputError, unknown
from graft.spaces.plan import Term


class LossTerm(ABC):
    """A number that is added to the loss of every batch.

    Args:
        source: A trained network in the shape of the one that learns, frozen.
        block: Number of the block that it is about.
    """

    def __init__(self, source: nn.Module, block: int) -> None:
        self.source, self.block = source, block

    @classmethod  # noqa: B027  (most terms suit all examples)
    def suits(cls, inputs: Sequence[int], outputs: Sequence[int]) -> None:
        """Refuse examples of these shapes if the term means nothing of them.

        Raises:
            InputError: Saying which are allowed.
        """

    @abstractmethod
    def value(self, batch: Batch, made: Sequence[Tensor]) -> Tensor:
        """The number.

        Args:
            batch: What the network was shown.
            made: What each of its blocks made of that, from the first to the head, and last its prediction.
        """

    def theirs(self, batch: Batch) -> list[Tensor]:
        """The same of the source, as ``made``."""
        with torch.no_grad(), observing(self.source) as made:
            self.source(batch.inputs)
            return made


class Feature(LossTerm):
    """The mean squared difference between what a block and the source's make of a batch (feature matching)."""

    def value(self, batch: Batch, made: Sequence[Tensor]) -> Tensor:
        """As of `LossTerm`."""
        return F.mse_loss(made[self.block - 1], self.theirs(batch)[self.block - 1])


class Perceptual(LossTerm):
    """The mean squared difference between what the source makes of a prediction and of the truth, at one block.

    Johnson et al. 2016, arXiv:1603.08155, Eq. 2; Armstrong & Fletcher 2021 restore solar images with it. It needs
    predictions that the source can be shown: images of images.
    """

    @classmethod
    def suits(cls, inputs: Sequence[int], outputs: Sequence[int]) -> None:
        """As of `LossTerm`."""
        if len(inputs) < 2 or tuple(inputs) != tuple(outputs):
            raise InputError(
                f"terms.perceptual shows predictions to a source network, but inputs are {'x'.join(map(str, inputs))} "
                f"and outputs {'x'.join(map(str, outputs))}; allowed: images of the same shape, inputs and "
                "outputs"
            )

    def value(self, batch: Batch, made: Sequence[Tensor]) -> Tensor:
        """As of `LossTerm`."""
        with observing(self.source) as theirs:
            self.source(made[-1])
            shown = theirs[self.block - 1]
            with torch.no_grad():
                self.source(batch.outputs)
                true = theirs[self.block - 1]
        return F.mse_loss(shown, true)


TERMS: dict[str, type[LossTerm]] = {"feature": Feature, "perceptual": Perceptual}
Weighted = tuple[float, LossTerm]
"""A term and the factor on it."""


def find_term(name: str) -> type[LossTerm]:
    """The term of that name.

    Raises:
        InputError: If there is none, or it cannot be imported, or is no term.
    """
    if name in TERMS:
        return TERMS[name]
    module, colon, attribute = name.partition(":")
    if not colon:
        raise unknown("term", name, TERMS)
    try:
        found = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as problem:
        raise InputError(
            f"term {name!r} cannot be imported ({type(problem).__name__}: {problem}); allowed: {', '.join(TERMS)}, or "
            "an importable module:Class, such as one in a folder on PYTHONPATH"
        ) from problem
    if not (isinstance(found, type) and issubclass(found, LossTerm)):
        raise InputError(f"term {name!r} is no loss term; allowed: a subclass of graft.models.terms.LossTerm")
    return found


def weighted(term: Term, source: nn.Module) -> Weighted:
    """A plan's term, with the network that it reads.

    Raises:
        InputError: If that has no such block, or there is no such term.
    """
    blocks = len(blocks_of(source))
    if term.block > blocks:
        raise InputError(f"term {term.name} is about block {term.block}; allowed: blocks 1 to {blocks}")
    return term.weight, find_term(term.name)(source, term.block)


@contextmanager
def observing(network: nn.Module) -> Iterator[list[Tensor]]:
    """Inside, the list holds what each block made of the latest batch, and last what the network did.

    A block that the network passes by leaves an empty tensor.
    """
    watched = [*blocks_of(network), network]
    made = [torch.zeros(0)] * len(watched)

    def keep(place: int, module: nn.Module, given: object, output: Tensor) -> None:
        made[place] = output[0] if isinstance(output, tuple) else output

    hooks = [module.register_forward_hook(partial(keep, place)) for place, module in enumerate(watched)]
    try:
        yield made
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def adding(terms: Sequence[Weighted], network: nn.Module, loss: Objective) -> Iterator[Objective]:
    """Inside, the loss with its terms, which see what the network makes of a batch on the way."""
    if not terms:
        yield loss
        return
    with observing(network) as made:

        def objective(network: nn.Module, batch: Batch) -> Tensor:
            total = loss(network, batch)
            for weight, term in terms:
                total = total + weight * term.value(batch, made)
            return total

        yield objective
