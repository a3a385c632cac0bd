"""Several tasks trained together: the vocabulary (which tasks share which block) and the space that is searched."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import median_low, mode
from typing import Any, Literal, Self, get_args

from graft.spaces.errors import InputError, whole
from graft.spaces.plan import Plan, Recipe
from graft.spaces.ranges import SETTINGS, Ranges, Trial
from graft.spaces.settings import Positive, Settings, Truth, settings
from graft.spaces.words import describe_layers, join_names

Alignment = Literal["left", "right"]
Weighting = Literal["equal", "fixed", "uncertainty", "surgery"]
ALIGNMENTS, WEIGHTINGS = get_args(Alignment), get_args(Weighting)
EMPHASIS = 2.0
"""Largest power of the direct error that a task's weight may be the inverse of."""

LEAST_SHARE = 0.01
"""Of the largest direct error: a smaller one weighs no more than this."""

Groups = tuple[tuple[str, ...], ...]


@settings("sharing")
class Sharing(Settings):
    """One training of several tasks, complete but for data and seed. Sharing nothing is direct learning.

    Attributes:
        recipe: How to train; its batch is rows of each task, for every update sees all tasks.
        tasks: Names, in the order that weights and the one-hot follow.
        groups: For each block, head included, the groups of tasks that share it; a task by itself has its own.
        one_hot: Whether the network is told its task, by a one-hot vector beside the input.
        align: Which ends of inputs of different widths meet where the first block is shared.
        weighting: ``equal``; ``fixed`` by ``weights``; ``uncertainty`` (Kendall et al. 2018), learned on the way;
            ``surgery`` (PCGrad, Yu et al. 2020), which projects conflicting gradients, of losses times ``weights``.
        weights: Factor on each task's loss, for ``fixed`` and ``surgery``.
    """

    recipe: Recipe
    tasks: tuple[str, ...]
    groups: tuple[Groups, ...]
    one_hot: Truth = False
    align: Alignment = "left"
    weighting: Weighting = "equal"
    weights: tuple[Positive, ...] = ()

    def __post_init__(self) -> None:
        if not self.tasks or len(set(self.tasks)) < len(self.tasks):
            raise InputError(f"sharing.tasks is {list(self.tasks)}; allowed: one task or more, each once")
        if not self.groups:
            raise InputError("sharing.groups is empty; allowed: one partition of the tasks for each block")
        for block, groups in enumerate(self.groups, 1):
            members = [task for group in groups for task in group]
            if sorted(members) != sorted(self.tasks) or not all(groups):
                raise InputError(
                    f"sharing.groups of block {block} are {[list(group) for group in groups]}; "
                    f"allowed: each of {', '.join(self.tasks)} in exactly one group"
                )
        object.__setattr__(self, "groups", tuple(_ordered(groups, self.tasks) for groups in self.groups))
        if len(self.weights) != (len(self.tasks) if self.weighting in ("fixed", "surgery") else 0):
            raise InputError(
                f"sharing.weights has {len(self.weights)} values; allowed: one for each task with weighting "
                "fixed or surgery, none otherwise"
            )

    @property
    def direct(self) -> bool:
        """Whether no block is shared."""
        return all(len(group) == 1 for groups in self.groups for group in groups)

    @property
    def alone(self) -> Plan:
        """Direct learning of one task with this plan's own recipe."""
        return Plan(self.recipe)

    def only(self, kept: Sequence[str]) -> Self:
        """The same plan for some of its tasks."""
        tasks = tuple(task for task in self.tasks if task in kept)
        groups = tuple(_kept(blocks, tasks) for blocks in self.groups)
        weights = tuple(weight for task, weight in zip(self.tasks, self.weights, strict=False) if task in kept)
        return replace(self, tasks=tasks, groups=groups, weights=weights)

    @classmethod
    def ends(cls, recipe: Recipe, tasks: Sequence[str], blocks: int, first: int, last: int = 0, **how: Any) -> Self:
        """The common plan: all tasks share the first and the last so many blocks, as in Fig. 4b of Qu et al. 2018.

        Raises:
            InputError: If there are fewer blocks than that.
        """
        whole("sharing.first", first, 0, blocks)
        whole("sharing.last", last, 0, blocks)
        together, apart = (tuple(tasks),), tuple((task,) for task in tasks)
        groups = tuple(together if i < first or i >= blocks - last else apart for i in range(blocks))
        return cls(recipe, tuple(tasks), groups, **how)

    def describe(self) -> str:
        """Say how tasks share, as in "share layers 1 to 2 of 7 among all, the network told its task by a one-hot"."""
        last, parts = len(self.groups), []
        whole = [i for i, groups in enumerate(self.groups, 1) if len(groups) == 1]
        if whole:
            head = " (the head included)" if last in whole else ""
            parts.append(f"share {describe_layers(whole)} of {last}{head} among all")
        partly: dict[Groups, list[int]] = {}
        for i, groups in enumerate(self.groups, 1):
            if 1 < len(groups) < len(self.tasks):
                partly.setdefault(groups, []).append(i)
        for groups, numbers in partly.items():
            together = " and among ".join(join_names(group) for group in groups if len(group) > 1)
            parts.append(f"share {describe_layers(numbers)} among {together}")
        text = ", ".join(parts) or "share nothing"
        text += ", the network told its task by a one-hot" if self.one_hot else ""
        weighed = ":".join(f"{weight:.2g}" for weight in self.weights)
        return (
            text
            + {
                "equal": "",
                "fixed": f", losses weighed {weighed}",
                "uncertainty": ", losses weighed by learned uncertainties",
                "surgery": f", losses weighed {weighed} and conflicting gradients projected",
            }[self.weighting]
        )

    @property
    def label(self) -> str:
        """How tasks share, for a title."""
        return self.describe()

    def to_dict(self) -> dict[str, object]:
        """Plain values, for JSON."""
        return super().to_dict() | {"recipe": self.recipe.to_dict()}


def weights(errors: Mapping[str, float], emphasis: float) -> tuple[float, ...]:
    """Weight of each task's loss: its direct error to the power -``emphasis``, scaled to a mean of 1.

    0 weighs errors equally, so that the hardest task rules; 1 weighs relative changes equally, which is what sharing
    is judged by.
    """
    least = LEAST_SHARE * max(errors.values())  # an error of 0 would outweigh everything
    raw = [max(error, least) ** -emphasis if least else 1.0 for error in errors.values()]
    return tuple(value * len(raw) / sum(raw) for value in raw)


def divisions(tasks: Sequence[str]) -> dict[str, Groups]:
    """How the tasks may divide at one block, by name: apart, all together, or in two at one place of their order."""
    found = {"apart": tuple((task,) for task in tasks), "together": (tuple(tasks),)}
    for cut in range(1, len(tasks)):
        found[f"{cut} | {len(tasks) - cut}"] = (tuple(tasks[:cut]), tuple(tasks[cut:]))
    return found


def suggest(
    trial: Trial,
    ranges: Ranges,
    start: Recipe,
    errors: Mapping[str, float],
    blocks: int,
    weightings: Sequence[str] = WEIGHTINGS,
    told: bool = True,
) -> Sharing:
    """Draw a plan: which blocks are shared by whom, whether the task is told, how tasks are weighed, and a recipe.

    Either the first and last so many blocks are shared by all, or each block is divided by itself (`divisions`).

    Args:
        trial: Draws.
        ranges: The same recipe ranges as the baselines'; rate and decay are drawn anew, for sharing wants others.
        start: Whatever of the recipe is not searched.
        errors: Of tuned direct learning, by task, in the study's order: neighbours should be alike.
        blocks: Blocks of the network, head included.
        weightings: Those allowed.
        told: Whether the network may be told its task, and inputs of different widths be aligned.
    """
    tasks, recipe = tuple(errors), ranges.recipe(trial, start)
    if trial.suggest_categorical("pattern", ("ends", "blocks")) == "ends":
        ends = (trial.suggest_int("first", 0, blocks), trial.suggest_int("last", 0, blocks))
        groups = Sharing.ends(recipe, tasks, blocks, *ends).groups
    else:
        allowed = divisions(tasks)
        drawn = [trial.suggest_categorical(f"block_{i}", tuple(allowed)) for i in range(1, blocks + 1)]
        groups = tuple(allowed[name] for name in drawn)
    one_hot = told and trial.suggest_categorical("one_hot", (False, True))
    align = trial.suggest_categorical("align", ALIGNMENTS) if told else ALIGNMENTS[0]
    weighting = trial.suggest_categorical("weighting", tuple(weightings))
    held: tuple[float, ...] = ()
    if weighting in ("fixed", "surgery"):
        held = weights(errors, trial.suggest_float("emphasis", 0.0, EMPHASIS))
    return Sharing(recipe, tasks, groups, one_hot, align, weighting, held)


def first_guesses(
    ranges: Ranges, start: Recipe, blocks: int, weightings: Sequence[str] = WEIGHTINGS, told: bool = True
) -> list[dict[str, object]]:
    """Parameters worth trying before anything is known: (first, last) blocks shared, told or not, weighing.

    Everything shared collapses unless the network is told its task, and does best with tasks weighed by their direct
    error (and at no smaller rate than learning alone wants); the first two blocks alone are the paper's choice.
    Networks that cannot be told their task (``told``) are not.
    """

    def guess(first: int, last: int, one_hot: bool, emphasis: float | None, faster: float = 1.0) -> dict[str, object]:
        recipe: dict[str, object] = dict(ranges.guess(replace(start, rate=start.rate * faster)))
        ends: dict[str, object] = {"pattern": "ends", "first": min(first, blocks), "last": min(last, blocks)}
        how: dict[str, object] = {"one_hot": one_hot, "align": "left"} if told else {}
        how |= {"weighting": "equal"} if emphasis is None else {"weighting": "fixed", "emphasis": emphasis}
        return recipe | ends | how

    found = [
        guess(blocks, 0, True, 1.0),
        guess(2, 0, False, None),
        guess(2, 2, False, None),
        guess(2, 2, True, 1.0),
        guess(blocks, 0, True, 1.0, faster=1.5),
        guess(blocks, 0, True, None),
        guess(3, 0, True, 1.0),
    ]
    for one in found:
        if one["weighting"] not in weightings:  # then whichever is allowed is drawn
            del one["weighting"]
    return [one for i, one in enumerate(found) if one not in found[:i]]


def middle(recipes: Sequence[Recipe]) -> Recipe:
    """A recipe to set out from: of the tasks' tuned ones the median of each setting that is searched, so one in use.

    Epochs and batch are those of the recipe that learns longest: to learn all tasks takes at least as long as the one
    that takes longest. The activation is the one that most tasks chose (of equals, the first).
    """
    settings = {name: median_low(getattr(recipe, name) for recipe in recipes) for name in SETTINGS}
    longest = max(recipes, key=lambda recipe: recipe.epochs)
    settings |= {"epochs": longest.epochs, "batch": longest.batch}
    return replace(recipes[0], activation=mode(recipe.activation for recipe in recipes), **settings)


def around(ranges: Sequence[Ranges]) -> Ranges:
    """The narrowest ranges that hold all of ``ranges``: what widened for one task is allowed to sharing too."""
    ends = {name: [getattr(one, name) for one in ranges] for name in SETTINGS}
    wide = {name: (min(low for low, _ in held), max(high for _, high in held)) for name, held in ends.items()}
    return replace(ranges[0], **wide)


def constraints(plan: Sharing, rows: int, steps: int) -> dict[str, float]:
    """What a plan must satisfy to be trained at all: each value at most 0.

    Args:
        plan: The plan.
        rows: Training rows of each task.
        steps: The most optimiser steps a training may take.
    """
    return {"something is shared": float(plan.direct), "optimiser steps": float(plan.recipe.steps(rows) - steps)}


def _ordered(groups: Iterable[tuple[str, ...]], tasks: Sequence[str]) -> Groups:
    """Groups and their members in the order of the tasks: equal plans are equal."""
    inside = (tuple(sorted(group, key=tasks.index)) for group in groups)
    return tuple(sorted(inside, key=lambda group: tasks.index(group[0])))


def _kept(groups: Groups, tasks: Sequence[str]) -> Groups:
    """The groups without the tasks that left, and without groups that have none left."""
    left = (tuple(task for task in group if task in tasks) for group in groups)
    return tuple(group for group in left if group)
