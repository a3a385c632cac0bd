"""Source networks: trained once on plenty of cheap examples, then only read."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from torch import nn

from graft.models.train import prepare_process, train
from graft.models.weights import sha256
from graft.search.run.folder import write_bytes, write_json
from graft.search.run.seeds import Draws, Role
from graft.search.tasks.base import Examples, Task
from graft.spaces.plan import Block, Plan, Recipe
from graft.spaces.transfer import SLOWER

FOLDER = "bases"
"""Where a run keeps them: what it was called at first."""
HELD = 0.1


@dataclass(frozen=True)
class SourceNetwork:
    """A source network: safetensors bytes, its error on source examples it never saw, how it was trained.

    These two are not known where it came trained (`graft.search.tasks.pretrained`). Precisions of its weights, in
    their place, are there where a plan may ask for them (`graft.search.kinds.transfer.precisions`).
    """

    name: str
    data: bytes
    error: float | None
    recipe: Recipe | None
    precision: bytes | None = None

    @property
    def sha256(self) -> str:
        """Digest of the weights: the certificate's claim is conditional on them."""
        return sha256(self.data)

    def card(self) -> dict[str, object]:
        """What the record says of it."""
        recipe = self.recipe.to_dict() if self.recipe else None
        precision = {} if self.precision is None else {"precision": sha256(self.precision)}
        return {"name": self.name, "sha256": self.sha256, "error": self.error, "recipe": recipe, **precision}


class Link(NamedTuple):
    """What a source network learns at a time: the name of a source, and its examples."""

    source: str
    examples: Examples


def train_source(
    name: str,
    links: Sequence[Link],
    task: Task,
    recipe: Recipe,
    seed: int,
    device: str = "cpu",
    index: int = 0,
) -> SourceNetwork:
    """Train a source network as Qu et al. 2018 do: 80 % of the examples train it, 10 % judge it, 10 % stay unused.

    Of a chain of sources each begins with all blocks that the one before it left, as a plan that copies them would
    first be tried (`graft.spaces.transfer.SLOWER`); the last of them judges.

    Args:
        name: What plans call it.
        links: What it learns, one after the other.
        task: In whose terms.
        recipe: How it is trained.
        seed: The study's.
        device: ``cpu`` or ``cuda``.
        index: Numbers the networks trained of one seed; a run has one, number 0.

    Raises:
        NonFiniteLoss: If training diverges.
    """
    prepare_process()
    before = dict[str, nn.Module]()
    draws = Draws.of(seed, Role.SOURCE_NETWORK, index)
    for source, examples in links:
        held = held_out(examples)
        learned, judged = draws.rows(len(examples) - held, held)  # the last ``held`` rows stay unused
        plan = _onward(recipe, next(iter(before)), task.blocks) if before else Plan(recipe)
        training, fitted = task.to_train(plan, examples.take(learned), draws, before, device=device)
        train(training)
        before = {source: fitted.network}
    off = task.errors(fitted, task.of_other(source, examples.take(judged)), device)
    return SourceNetwork(name, task.pack(fitted), off.value, recipe)


def _onward(recipe: Recipe, before: str, blocks: int) -> Plan:
    """How a link of a chain goes on from the network of the link before it."""
    slower, looser = SLOWER
    return Plan(replace(recipe, rate=recipe.rate / slower, decay=recipe.decay / looser), (Block(before),) * blocks)


def held_out(examples: Examples) -> int:
    """How many examples of a source judge its network, and how many stay unused."""
    return max(1, int(HELD * len(examples)))


def save_source(network: SourceNetwork, folder: Path) -> None:
    """Write weights, then the card that makes them valid."""
    weights, card = stored(network.name, network.recipe, folder)
    write_bytes(weights, network.data)
    write_json(card, network.card())


def stored(name: str, recipe: Recipe | None, folder: Path) -> tuple[Path, Path]:
    """Where weights and card of a source network lie; no recipe if it came trained."""
    stem = f"{name}-{recipe.activation if recipe else 'pretrained'}"
    return folder / f"{stem}.safetensors", folder / f"{stem}.json"


def load_source(name: str, recipe: Recipe | None, folder: Path) -> SourceNetwork | None:
    """The stored source network of that name and recipe, or None if there is none intact."""
    weights, card = stored(name, recipe, folder)
    try:
        told = json.loads(card.read_text())
        taught = Recipe.from_dict(told["recipe"]) if told["recipe"] else None
        found = SourceNetwork(name, weights.read_bytes(), told["error"], taught)
    except (OSError, ValueError, KeyError):
        return None
    return found if found.sha256 == told["sha256"] and found.recipe == recipe else None
