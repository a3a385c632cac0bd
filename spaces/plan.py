"""The vocabulary: what to move between networks (Span, Block, Plan) and how to train them (Recipe)."""

import math
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import Field

from graft.spaces.errors import InputError, whole
from graft.spaces.settings import Count, NotNegative, Number, Positive, Settings, Truth, Whole, settings
from graft.spaces.words import OWN, WEIGHTS, describe_layers, describe_source, join_names

Head = Literal["random", "constant"]
Optimiser = Literal["adamw", "adam", "sgd", "muon"]
Schedule = Literal["cosine", "constant"]
Loss = Literal["relative-l1", "l1", "mse", "huber", "cross-entropy"]
Prior = Literal["flat", "fisher"]
Activation = Literal["relu", "gelu", "silu", "tanh", "own"]
ACTIVATIONS = tuple(name for name in get_args(Activation) if name != OWN)
OPTIMISERS, SCHEDULES, LOSSES = get_args(Optimiser), get_args(Schedule), get_args(Loss)


@settings("recipe")
class Recipe(Settings):
    """How one network is trained.

    Attributes:
        rate: Peak learning rate.
        decay: Decoupled weight decay (multiplied by the rate at each step).
        batch: Examples in each step.
        epochs: Passes over the training rows.
        activation: Of every hidden block; ``own`` where the network is a user's own.
        initial_scale: Factor on PyTorch's default initial weights of fresh blocks.
        loss: ``relative-l1`` is Eq. 1 of Qu et al. 2018; ``l1`` is for outputs that may cross zero, ``cross-entropy``
            for one-hot classes.
        optimiser: ``adamw``, ``adam``, ``sgd``, or ``muon``, which steps matrices along the orthogonal part of their
            momentum (`graft.models.muon`) and everything else as AdamW does, at AdamW's rates and decays.
        schedule: ``cosine`` falls to zero over the training; ``constant`` stays.
        warmup: Steps over which the rate rises linearly from zero.
        head: Where the output of a network with a fresh head begins: ``random``, as PyTorch draws it, or ``constant``:
            weights of zero, and the bias that is best for the loss on the training rows.
        linear: Whether a linear part is added to what the blocks of a perceptron make of the inputs: the ridge
            regression of the training rows, so that the blocks learn what it leaves. It needs no source, is no block,
            and nothing is copied into it.
    """

    rate: Positive = 1e-3
    decay: NotNegative = 0.0
    batch: Count = 100
    epochs: Count = 400
    activation: Activation = "relu"
    initial_scale: Positive = 1.0
    loss: Loss = "relative-l1"
    optimiser: Optimiser = "adamw"
    schedule: Schedule = "cosine"
    warmup: Annotated[Whole, Field(ge=0)] = 50
    head: Head = "random"
    linear: Truth = False

    def __post_init__(self) -> None:
        if self.linear and self.activation == OWN:
            raise InputError("recipe.linear is true; allowed with activation 'own': false, for the network says it")

    def steps(self, rows: int) -> int:
        """Optimiser steps of a training on that many rows."""
        return self.epochs * math.ceil(rows / self.batch)

    def within(self, rows: int, steps: int) -> Self:
        """The recipe with as few epochs as keep it within ``steps`` on that many rows, one at least."""
        return replace(self, epochs=max(1, min(self.epochs, steps // math.ceil(rows / self.batch))))

    def to_dict(self) -> dict[str, object]:
        """Plain values, for JSON; a random head and no linear part are left out, as earlier runs know nothing else."""
        values = super().to_dict()
        if self.head == "random":
            del values["head"]
        if not self.linear:
            del values["linear"]
        return values


@settings("span", order=True)
class Span(Settings):
    """Blocks ``first`` to ``last`` of a network, counted from 1, both ends included."""

    first: Count
    last: Whole

    def __post_init__(self) -> None:
        whole("span.last", self.last, self.first)

    def __str__(self) -> str:
        return f"({self.first}, {self.last})"

    def __len__(self) -> int:
        return self.last - self.first + 1

    @classmethod
    def every(cls, blocks: int) -> list[Self]:
        """All spans of a network with that many blocks: 28 for 7, as in Fig. 3b of Qu et al. plus the head."""
        return [cls(first, last) for first in range(1, blocks + 1) for last in range(first, blocks + 1)]


@settings("block")
class Block(Settings):
    """What happens to one block of the target network.

    Attributes:
        source: Name of the source network its weights are copied from; None leaves it fresh.
        rate: Factor on the recipe's learning rate; 0 freezes the block.
        scale: Factor on the copied weights (biases too).
        pull: Strength of the pull toward the copied weights: a Gaussian prior around them, which adds
            pull/2 * sum of precision * (w - w_source)^2 to the loss.
        prior: Its precision: ``flat``, 1 for every weight (L2-SP: Xuhong, Grandvalet & Davoine 2018,
            arXiv:1802.01483), or ``fisher``, the diagonal Fisher information of the source, of mean 1 over the block
            (Kirkpatrick et al. 2017, PNAS 114, 3521).
        thaw: Share of the steps for which the copied block stays frozen before it is trained; 0: from the first on.
    """

    source: str | None = None
    rate: NotNegative = 1.0
    scale: Positive = 1.0
    pull: NotNegative = 0.0
    prior: Prior = "flat"
    thaw: Annotated[Number, Field(ge=0, lt=1)] = 0.0

    def __post_init__(self) -> None:
        if self.source is None and self.rate == 0:
            raise InputError("block.rate is 0 on a fresh block; allowed: a frozen block needs a source")
        if self.thaw > 0 and (self.source is None or self.rate == 0):
            raise InputError(f"block.thaw is {self.thaw}; allowed: 0 on a fresh block and on one that stays frozen")
        if self.source is None and (self.scale != 1 or self.pull != 0):
            raise InputError("block.scale and block.pull need a source; allowed on a fresh block: scale 1, pull 0")
        if self.pull == 0 and self.prior != "flat":
            raise InputError(f"block.prior is {self.prior!r} with a pull of 0; allowed: 'flat', or a pull above 0")

    def to_dict(self) -> dict[str, object]:
        """Plain values, for JSON; a flat prior and no thaw are left out, as earlier runs know nothing else."""
        values = super().to_dict()
        if self.prior == "flat":
            del values["prior"]
        if self.thaw == 0:
            del values["thaw"]
        return values


@settings("term")
class Term(Settings):
    """Something more that training makes small, taken from a source network that stays as it is.

    Attributes:
        name: Registered as this in `graft.models.terms`, or a class of a user's own by ``module:Class``.
        source: Name of the source network.
        block: Number of the block that it is about.
        weight: Factor on it.
    """

    name: str
    source: str
    block: Count
    weight: Positive = 1.0

    def __str__(self) -> str:
        return f"{self.name} {self.block}"


@settings("plan")
class Plan(Settings):
    """One training, complete but for data and seed: how to train, what to copy into each block first, what to add.

    A plan that takes neither block nor term from a source is direct learning.
    """

    recipe: Recipe
    blocks: tuple[Block, ...] = ()
    terms: tuple[Term, ...] = ()

    @property
    def direct(self) -> bool:
        """Whether nothing is taken from a source."""
        return not self.sources

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the source networks from which blocks or terms are taken, each once."""
        named = [*(block.source for block in self.blocks), *(term.source for term in self.terms)]
        return tuple(dict.fromkeys(name for name in named if name is not None))

    @property
    def copied(self) -> tuple[int, ...]:
        """Numbers of the blocks that are copied."""
        return tuple(i for i, block in enumerate(self.blocks, 1) if block.source is not None)

    @property
    def transferred(self) -> Span | None:
        """The span copied, or None where nothing is or where the copied blocks are not contiguous."""
        copied = self.copied
        whole = bool(copied) and copied[-1] - copied[0] + 1 == len(copied)
        return Span(copied[0], copied[-1]) if whole else None

    @classmethod
    def span(
        cls,
        recipe: Recipe,
        blocks: int,
        source: str,
        span: Span,
        *,
        copied_rate: float = 1.0,
        fresh_rate: float = 1.0,
        scale: float = 1.0,
        pull: float = 0.0,
        prior: Prior = "flat",
    ) -> Self:
        """The common plan: copy one span from one source, leave the rest fresh.

        Args:
            recipe: How to train.
            blocks: Number of blocks of the target network, its head included.
            source: Name of the source network.
            span: Which blocks to copy.
            copied_rate: Factor on the rate of copied blocks; 0 freezes them.
            fresh_rate: Factor on the rate of the others.
            scale: Factor on copied weights.
            pull: Pull toward copied weights.
            prior: How the pull is shared among them.

        Raises:
            InputError: If the span lies outside the network.
        """
        if span.last > blocks:
            raise InputError(f"span {span} lies outside the network; allowed: blocks 1 to {blocks}")
        copied = Block(source, copied_rate, scale, pull, prior)
        fresh = Block(rate=fresh_rate)
        return cls(recipe, tuple(copied if span.first <= i <= span.last else fresh for i in range(1, blocks + 1)))

    def thawing(self, share: float) -> Self:
        """The plan with copied blocks unfrozen one after the other, from the head down (Howard & Ruder 2018).

        Args:
            share: Of the steps, after which the first block of the network would be the last to be trained
                (arXiv:1801.06146, "gradual unfreezing"); a head is trained from the first step on.
        """
        last = len(self.blocks)
        found = [
            replace(block, thaw=share * (last - number) / max(1, last - 1)) if block.source and block.rate else block
            for number, block in enumerate(self.blocks, 1)
        ]
        return replace(self, blocks=tuple(found))

    def without_source(self) -> Self:
        """Direct learning with this plan's own recipe, its rates of blocks included (a frozen block trains at 1)."""
        return replace(self, blocks=tuple(Block(rate=block.rate or 1.0) for block in self.blocks), terms=())

    @property
    def label(self) -> str:
        """What is taken, for a title: "span (1, 7)", "blocks 1, 3 and 7", "span (1, 2) + feature 3" or "direct"."""
        if self.direct:
            return "direct"
        span = f"span {self.transferred}" if self.transferred else f"blocks {join_names([*map(str, self.copied)])}"
        return " + ".join([span] * bool(self.copied) + [*map(str, self.terms)])

    @property
    def marks(self) -> str:
        """One mark for each block, from the first to the head: fresh ·, frozen ❄, copied ●, copied but slow ◐."""
        return "".join(
            "·" if block.source is None else "❄" if block.rate == 0 else "●" if block.rate >= 1 else "◐"
            for block in self.blocks
        )

    def describe(self, *, rates: bool = False) -> str:
        """Say what is copied and how it is trained: "copy layer 2 of 7 from the network trained on film-10, then ...".

        Args:
            rates: Whether factors on rates, weights and terms and the pull are told as well.
        """
        text = self._copying() if self.copied else "train the whole network" if self.terms else "copy nothing"
        for term in self.terms:
            text += f", adding the loss term {term.name} of layer {term.block} from {_origin([term.source])}"
        return "; ".join([text, *self._rates()]) if rates else text

    def _copying(self) -> str:
        """Say what is copied, and what is trained then."""
        copied, last = self.copied, len(self.blocks)
        head = ", the head included," if last in copied else ""
        sources = dict.fromkeys(str(self.blocks[i - 1].source) for i in copied)
        frozen = tuple(i for i in copied if self.blocks[i - 1].rate == 0)
        how = "then fine-tune the whole network"
        if frozen:
            them = describe_layers(frozen) if frozen != copied else "it" if len(copied) == 1 else "them"
            how = f"keep {them} frozen and train the rest"
        return f"copy {describe_layers(copied)} of {last}{head} from {_origin(sources)}, {how}"

    def _rates(self) -> Iterator[str]:
        """Say which settings of blocks differ from the recipe's, block by block where they differ; what terms weigh."""
        told: dict[str, list[int]] = {}
        for i, block in enumerate(self.blocks, 1):
            words = f"at {block.rate:.3g} times the rate, " if block.rate not in (0, 1) else ""
            words += f"with weights scaled by {block.scale:.3g}, " if block.scale != 1 else ""
            words += f"pulled to the source with strength {block.pull:.3g}, " if block.pull else ""
            words += "each weight by its Fisher information, " if block.prior == "fisher" else ""
            told.setdefault(words.removesuffix(", "), []).append(i)
        yield from (f"{describe_layers(numbers)} {words}" for words, numbers in told.items() if words)
        thawed = [i for i, block in enumerate(self.blocks, 1) if block.thaw]
        if thawed:
            last = max(block.thaw for block in self.blocks)
            yield f"{describe_layers(thawed)} unfrozen one after the other, the last after {last:.0%} of the steps"
        yield from (f"{term.name} weighs {term.weight:.3g}" for term in self.terms)

    def to_dict(self) -> dict[str, object]:
        """Plain values, for JSON; no terms are left out, as earlier runs know none."""
        blocks = [block.to_dict() for block in self.blocks]
        values = super().to_dict() | {"recipe": self.recipe.to_dict(), "blocks": blocks}
        if not self.terms:
            del values["terms"]
        return values


def _origin(sources: Collection[str]) -> str:
    """Name the networks that something is taken from."""
    ready = all(Path(source).suffix in WEIGHTS for source in sources)
    return f"{'the weights of' if ready else 'the network trained on'} {' and '.join(map(describe_source, sources))}"
