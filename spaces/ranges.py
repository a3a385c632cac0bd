"""What a search may choose from: one set of recipe ranges, the same for direct learning and for transfer."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any, Protocol, Self, TypeVar

from pydantic import Field

from graft.spaces.errors import InputError, number
from graft.spaces.plan import OWN, Activation, Prior, Recipe
from graft.spaces.settings import Count, Ends, Settings, Truth, WholeEnds, settings

SETTINGS = ("rate", "decay", "batch", "epochs", "initial_scale")
"""Recipe settings with an ordered range; each is a field of `Ranges` and of `Recipe`."""
FLOOR = {"rate": 1e-7, "decay": 0.0, "batch": 4, "epochs": 1, "initial_scale": 1e-3}
EDGE = 0.05


class Trial(Protocol):
    """The part of ``optuna.Trial`` that a space uses."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """A real number of [low, high]."""

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        """A whole number of [low, high]."""

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        """One of the choices."""


class Trained(Protocol):
    """What a space draws: anything with a recipe."""

    @property
    def recipe(self) -> Recipe:
        """How it is trained."""


Drawn = TypeVar("Drawn", bound=Trained)


def shortened(
    trial: Trial, ranges: "Ranges", space: Callable[[Trial, "Ranges"], Drawn], rows: int, steps: int
) -> Drawn:
    """Draw a plan; a recipe that would take too long is shortened in epochs, so that no draw is wasted.

    Args:
        trial: Draws.
        ranges: What ``space`` may choose.
        space: Draws a plan.
        rows: Training rows.
        steps: The most optimiser steps a training may take.
    """
    plan = space(trial, ranges)
    return replace(plan, recipe=plan.recipe.within(rows, steps))  # type: ignore[type-var]


@settings("ranges")
class Ranges(Settings):
    """Lowest and highest value of each setting, ends included.

    Attributes:
        rate: Learning rate, drawn on a log scale.
        decay: Weight decay, drawn linearly.
        batch: Examples a step, log scale.
        epochs: Passes over the data, log scale. Its upper end is a limit of cost: more epochs nearly always help.
        initial_scale: Factor on default initial weights of fresh blocks, log scale.
        activation: Those allowed; ``own`` alone where the network is a user's own.
        linear: Whether there is a linear part beside the blocks (``[false, true]``: direct learning's search decides,
            plans follow). Empty: as the study's ``start`` says.
        copied_rate: Factor on the rate of copied blocks, log scale (transfer only).
        fresh_rate: Factor on the rate of the other blocks, log scale (transfer only).
        copied_scale: Factor on copied weights, log scale (transfer only).
        pull: Strength of the pull toward copied weights, log scale, or none (transfer only). Up to 0: never.
        prior: How it is shared among them, those allowed: ``flat``, alike (L2-SP), or ``fisher``, each weight by the
            Fisher information of its source (transfer only).
        thaw: Share of the steps after which the last of the copied blocks is unfrozen, one after the other from the
            head down, drawn linearly (transfer only). Up to 0: all are trained from the first step on.
        source_rows: Numbers of examples that a source network may have been trained on. Empty: all of them.
        source_epochs: Epochs that it may have been trained for. Empty: as the study's ``source_training`` says.
    """

    rate: Ends = (3e-4, 2e-2)
    decay: Ends = (0.0, 1.0)
    batch: WholeEnds = (25, 200)
    epochs: WholeEnds = (100, 400)
    initial_scale: Ends = (0.5, 2.0)
    activation: Annotated[tuple[Activation, ...], Field(min_length=1)] = ("relu", "gelu", "silu")
    linear: tuple[Truth, ...] = ()
    copied_rate: Ends = (0.1, 1.0)
    fresh_rate: Ends = (0.5, 2.0)
    copied_scale: Ends = (0.7, 1.4)
    pull: Ends = (0.0, 0.0)
    prior: Annotated[tuple[Prior, ...], Field(min_length=1)] = ("flat",)
    thaw: Ends = (0.0, 0.0)
    source_rows: tuple[Count, ...] = ()
    source_epochs: tuple[Count, ...] = ()

    def __post_init__(self) -> None:
        floors = FLOOR | {"copied_rate": 1e-6, "fresh_rate": 1e-6, "copied_scale": 1e-3, "pull": 0.0, "thaw": 0.0}
        for field, floor in floors.items():
            ends = getattr(self, field)
            number(f"ranges.{field}[0]", ends[0], floor)
            number(f"ranges.{field}[1]", ends[1], ends[0])
        if self.thaw[1] >= 1:
            raise InputError(f"ranges.thaw is {list(self.thaw)}; allowed: shares of the steps below 1")
        if self.pull[0] == 0 < self.pull[1]:
            raise InputError(f"ranges.pull is {list(self.pull)}; allowed: [0, 0], or a lowest value above 0")
        if len(set(self.prior)) < len(self.prior):
            raise InputError(f"ranges.prior is {list(self.prior)}; allowed: each of 'flat' and 'fisher' once at most")
        if self.pull[1] == 0 and self.fisher:
            raise InputError(
                f"ranges.prior is {list(self.prior)} where ranges.pull is [0, 0]; allowed: ['flat'], or a pull above 0"
            )
        if len(set(self.linear)) < len(self.linear):
            raise InputError(f"ranges.linear is {list(self.linear)}; allowed: each of false and true once at most")
        if OWN in self.activation and any(self.linear):
            raise InputError(f"ranges.linear is {list(self.linear)}; allowed with activation 'own': none")
        if OWN in self.activation and len(self.activation) > 1:
            raise InputError(f"ranges.activation is {list(self.activation)}; allowed: {OWN!r} alone, or none of it")

    def to_dict(self) -> dict[str, object]:
        """Plain values, for JSON; a flat prior alone and no thaw are left out, as earlier runs know nothing else."""
        values = super().to_dict()
        if not self.fisher:
            del values["prior"]
        if self.thaw[1] == 0:
            del values["thaw"]
        return values

    def recipe(self, trial: Trial, start: Recipe) -> Recipe:
        """Draw a recipe; what has no range here is taken from ``start``."""
        return replace(
            start,
            rate=trial.suggest_float("rate", *self.rate, log=True),
            decay=trial.suggest_float("decay", *self.decay),
            batch=trial.suggest_int("batch", *self.batch, log=True),
            epochs=trial.suggest_int("epochs", *self.epochs, log=True),
            initial_scale=trial.suggest_float("initial_scale", *self.initial_scale, log=True),
        )

    @property
    def fisher(self) -> bool:
        """Whether a pull may be shared by the Fisher information of the source."""
        return "fisher" in self.prior

    def pulled(self, trial: Trial) -> tuple[float, Prior]:
        """Draw a pull toward copied weights and how it is shared among them, or none."""
        if self.pull[1] == 0:
            return 0.0, "flat"
        strength = trial.suggest_float("pull", *self.pull, log=True)
        pulled = trial.suggest_categorical("pulled", (False, True))
        prior = self.prior[0] if len(self.prior) == 1 else trial.suggest_categorical("prior", self.prior)
        return (strength, prior) if pulled else (0.0, "flat")

    def thawed(self, trial: Trial) -> float:
        """Draw the share of the steps after which the last copied block is unfrozen."""
        return trial.suggest_float("thaw", *self.thaw) if self.thaw[1] else 0.0

    def guess(self, recipe: Recipe) -> dict[str, float]:
        """The parameters that `recipe` would draw to arrive at ``recipe``, moved into the ranges where outside."""
        return {name: _clip(getattr(recipe, name), *getattr(self, name)) for name in SETTINGS}

    def edges(self, recipe: Recipe) -> list[str]:
        """Settings of ``recipe`` within 5 % of an end of their range that a wider range could move.

        Measured on the scale they are drawn on. A decay near 0 is no edge: there is nothing below.
        """
        found = []
        for name in SETTINGS:
            low, high = getattr(self, name)
            if low == high:
                continue
            place = _place(name, getattr(recipe, name), low, high)
            if place > 1 - EDGE or (place < EDGE and low > FLOOR[name]):
                found.append(name)
        return found

    def widened(self, recipe: Recipe) -> Self:
        """Ranges with every edge that ``recipe`` touches moved outward by a factor of 2 (not epochs: a cost)."""
        wider: dict[str, tuple[float, float]] = {}
        for name in self.edges(recipe):
            if name == "epochs":
                continue
            low, high = getattr(self, name)
            kind = int if name == "batch" else float
            if _place(name, getattr(recipe, name), low, high) > 0.5:
                wider[name] = (low, kind(2 * high))
            else:
                wider[name] = (kind(max(FLOOR[name], low / 2)), high)
        return replace(self, **wider)  # type: ignore[arg-type]


def widened(ranges: Ranges, plan: Trained) -> Ranges:
    """The ranges with every edge moved outward that the recipe of a plan touches."""
    return ranges.widened(plan.recipe)


def _place(name: str, value: float, low: float, high: float) -> float:
    """Where a value lies between the ends of its range, 0 to 1, on the scale that it is drawn on."""
    if name == "decay":
        return (value - low) / (high - low)
    return math.log(value / low) / math.log(high / low)


def _clip(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)
