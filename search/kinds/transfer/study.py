"""A study of transfer: what is asked, at which size, and what may be spent."""

import math
from collections.abc import Mapping
from dataclasses import field
from functools import cached_property
from itertools import chain
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from graft.models.networks.network import AnyNetwork, Network, OwnNetwork
from graft.models.pretrained import Pretrained
from graft.models.terms import find_term
from graft.search.run.seeds import Role
from graft.search.settings import BEFORE_LOOKS, Confirmed, Name, Scale, Seed, StudySettings
from graft.search.tasks.base import Task
from graft.search.tasks.crossfit import Folds
from graft.search.tasks.grouping import cut
from graft.search.tasks.registry import ALONE, TASKS, find_task
from graft.search.tasks.tables import LOCKED, pool_order
from graft.simulators.base import Simulator
from graft.simulators.data.table import Measured, Table
from graft.simulators.registry import find
from graft.spaces.errors import InputError, number, whole
from graft.spaces.plan import OWN, Recipe
from graft.spaces.ranges import Ranges
from graft.spaces.settings import Count, Ends, Settings, Whole, settings
from graft.spaces.sources import Sources

Mode = Literal["fresh", "holdout"]
MODES = get_args(Mode)
FAIR = Recipe(head="constant")
"""A recipe whose fresh head brings what a copied head would bring with no knowledge at all."""
LIGHTEST = 1e-9
"""Weight of a loss term, at least: none is none."""
TermWeights = Annotated[dict[str, Ends], Field(description="a table of [lowest, highest] by the names of loss terms")]
FEWEST = 6
"""Source networks from which something can be said of their source: with three, no gain below 15 % could be proved."""
FOLDS, LEAST_FOLDS = 5, 3
"""Of a cross-fitted confirmation, where groups allow it, and at least; of five, a fit learns from four fifths."""
LEAST = 20
"""Examples of a target below which nothing is left to lock away."""


@settings("rows")
class Rows(Settings):
    """How many examples there are of each kind.

    Attributes:
        source: Cheap examples of the source task (80 % train its network, 10 % judge it, as in Qu et al. 2018).
        pool: Expensive examples of the target task: all there are, in every phase.
        locked: Of these, kept away from search and training alike.
        validation: Of the unlocked ones, those that score a training in the searches; redrawn with each seed.
        test: Newly simulated examples on which the certificate measures the truth.
    """

    source: Annotated[Whole, Field(ge=10)] = 50_000
    pool: Count = 500
    locked: Count = 50
    validation: Count = 50
    test: Annotated[Whole, Field(ge=2)] = 2000

    def __post_init__(self) -> None:
        if self.pool < LEAST:
            raise InputError(
                f"rows.pool is {self.pool}; allowed: at least {LEAST} examples of the target, for fewer neither "
                "teach a network nor prove anything"
            )
        if self.training < 1:
            raise InputError(
                f"rows.pool is {self.pool}; allowed: more than rows.locked + rows.validation = "
                f"{self.locked + self.validation}"
            )

    @property
    def training(self) -> int:
        """Rows that a training learns from."""
        return self.pool - self.locked - self.validation


@settings("budget")
class Budget(Settings):
    """What may be spent.

    Attributes:
        trainings: Trainings started in the search of plans, and in that of direct learning before it.
        rival: How many times as many direct learning gets in all, before anything is confirmed: what the run spends on
            both, so twice.
        seeds: Trainings of one trial, at most: the race stops it earlier.
        steps: Optimiser steps of one training, at most.
        curve: Seeds for each point of the learning curve.
        map: Seeds for each cell of a map.
        members: Networks whose mean is handed over beside the single one, with intervals; 1: none but the single one.
    """

    trainings: Count = 60
    seeds: Annotated[Whole, Field(ge=2)] = 4
    steps: Count = 6400
    rival: Count = 2
    curve: Count = 2
    map: Annotated[Whole, Field(ge=2)] = 3
    members: Annotated[Whole, Field(ge=1, le=100)] = 4

    def __post_init__(self) -> None:
        whole("budget.trainings", self.trainings, self.seeds)

    def share(self, parts: float) -> float:
        """Share of a run's time after so many parts, one for each N trainings; the rest is to catch up with."""
        return parts / (1 + self.rival)


@settings("study")
class Study(StudySettings):
    """Everything that determines a run, but for the machine it runs on.

    Attributes:
        name: Registered as this; also the name of its folder.
        sources: Simulators of cheap tasks, files of data, files of weights; the search chooses among them.
        chains: Sources that teach one network one after the other, each beginning with what the one before it left: a
            list of such lists, each of which is one more source to choose. None by default.
        target: Simulator of the task that matters.
        title: One line for people.
        scale: ``demo`` or ``paper``.
        seed: Fixes every random number.
        rows: Numbers of examples.
        network: Of both networks: the perceptron's shape, or a user's own module.
        source_training: How the source network is trained; its activation is the tuned baseline's.
        start: The recipe from which the baseline search sets out.
        space: What a plan may be: one contiguous ``span``, or a decision for each of the ``blocks``.
        terms: Loss terms that a plan may take from its source beside what it copies, each with its weights, [lowest,
            highest]: ``feature``, or a user's own by ``module:Class``. None by default.
        ranges: What both searches may choose.
        budget: What they may spend.
        proof: What the certificate asks for.
        mode: ``fresh``: confirmed on newly simulated examples; ``holdout``: on rows of the pool locked away before.
        source_networks: Networks taught by each source: 1, and the certificate speaks of that one; or at least 6, which
            take turns over the seeds of the confirmation, and it speaks of any network of that source.
        metric: What the error is: ``relative-l1`` (Eq. 1 of Qu et al. 2018), or ``normalised-l1``, which outputs that
            cross zero need: the distance in mean absolute deviations of each output.
        task: What is learned: ``regression`` of outputs, ``likelihood`` of states, or a task of a user's own by
            ``module:Class``.
        tables: The files of data among sources and target.
        weights: The files of weights among the sources.
    """

    kind: ClassVar[str] = "transfer"
    before: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        **StudySettings.before,
        "proof": {**BEFORE_LOOKS, "placebos": 0},
    }

    name: Name
    sources: tuple[str, ...]
    target: str
    chains: tuple[tuple[str, ...], ...] = ()
    title: str = ""
    scale: Scale = "paper"
    seed: Seed = 0
    rows: Rows = field(default_factory=Rows)
    network: AnyNetwork = field(default_factory=Network)
    source_training: Recipe = FAIR
    start: Recipe = FAIR
    space: Literal["span", "blocks"] = "span"
    terms: TermWeights = field(default_factory=dict)
    ranges: Ranges = field(default_factory=Ranges)
    budget: Budget = field(default_factory=Budget)
    proof: Confirmed = field(default_factory=Confirmed)
    mode: Mode = "fresh"
    source_networks: Annotated[Whole, Field(ge=1, le=64)] = 1
    metric: Literal["relative-l1", "normalised-l1"] = "relative-l1"
    task: str = "regression"
    tables: tuple[Table, ...] = ()
    weights: tuple[Pretrained, ...] = ()

    def __post_init__(self) -> None:
        self._chained()
        if self.task in TASKS:  # a task of a user's own refuses what it cannot use by itself
            for simulator in (*self.taught, self.target):
                self.scenario(simulator)
            self._judged()
        if self.task in (*TASKS, *ALONE):
            self._activated()
        self._several()
        for name, ends in self.terms.items():
            find_term(name)
            number(f"terms.{name}[0]", ends[0], LIGHTEST)
            number(f"terms.{name}[1]", ends[1], ends[0])
        if self.ranges.fisher and self.weights:
            raise InputError(
                f"ranges.prior is {list(self.ranges.prior)}, but {self.weights[0].name} comes trained, and there are "
                "no examples to take its Fisher information from; allowed: ['flat']"
            )
        for rows in self.ranges.source_rows:
            whole("ranges.source_rows", rows, 10, self.rows.source)
        self.source_space.lessons()

    def _judged(self) -> None:
        """Refuse a mode or metric that this study cannot have."""
        if self.mode == "fresh" and self.table(self.target) is not None:
            raise InputError(
                f"mode is 'fresh', but {self.target} is a file; allowed: 'holdout', which needs no simulator"
            )
        if self.mode == "holdout":
            whole("rows.locked (holdout mode locks 20 %)", self.rows.locked, math.ceil(LOCKED * self.rows.pool))
        for table, wanted in ((self.table(simulator), rows) for simulator, rows in self._wanted()):
            if table is not None and table.rows < wanted:
                raise InputError(f"{table.name} has {table.rows} rows, {wanted} asked; allowed: as many as there are")
        table = self.table(self.target)
        largest = 1 if table is None else max(map(len, table.groups), default=1)
        if self.mode == "holdout" and self.folds < LEAST_FOLDS:
            raise InputError(
                f"rows.locked is {self.rows.locked}, which locks {self.folds} groups of {self.target}; allowed: rows "
                f"in at least {LEAST_FOLDS} groups, for these take turns in judging"
            )
        if self.unlocked - self.rows.validation < largest:
            raise InputError(
                f"rows.locked is {self.rows.locked}, rows.validation {self.rows.validation}, and {largest} rows of "
                f"{self.target} belong together; allowed: fewer, so that of {self.rows.pool} rows a whole group "
                "remains to be learned from"
            )
        for where, recipe in (("source_training", self.source_training), ("start", self.start)):
            if recipe.loss == "cross-entropy":
                raise InputError(f"{where}.loss is 'cross-entropy', for classes; allowed: relative-l1, l1, mse, huber")
            if self.metric == "normalised-l1" and recipe.loss == "relative-l1":
                raise InputError(f"{where}.loss is 'relative-l1'; allowed with metric 'normalised-l1': l1, mse, huber")

    def _chained(self) -> None:
        """Refuse chains of what has no examples."""
        trained = {file.name for file in self.weights}
        for link in chain(*self.chains):
            if link in trained:
                raise InputError(f"chains has {link}, which comes trained; allowed: sources that teach")

    def _several(self) -> None:
        """Refuse a number of source networks from which nothing could be said of their source."""
        networks = self.source_networks
        if 1 < networks < FEWEST:
            raise InputError(
                f"source_networks is {networks}; allowed: 1, for a claim about that network, or at least {FEWEST}, for "
                "one about its source"
            )
        if networks > 1 and self.mode != "fresh":
            raise InputError(f"source_networks is {networks} in mode {self.mode!r}; allowed: 1, or mode 'fresh'")
        if networks > 1 and self.weights:
            trained = self.weights[0].name
            raise InputError(f"source_networks is {networks}, but {trained} comes trained, as one network; allowed: 1")

    def _activated(self) -> None:
        """Refuse activations that the network cannot have."""
        own = isinstance(self.network, OwnNetwork)
        told = {
            "source_training.activation": [self.source_training.activation],
            "start.activation": [self.start.activation],
        }
        for where, found in (told | {"ranges.activation": list(self.ranges.activation)}).items():
            if own != (found == [OWN]):
                allowed = f"{OWN!r}, for your module's own code says it" if own else "not 'own' without network.module"
                raise InputError(f"{where} is {', '.join(map(repr, found))}; allowed: {allowed}")
        for file in self.weights:
            if not own and list(self.ranges.activation) != [file.activation or self.ranges.activation[0]]:
                allowed = repr(file.activation) if file.activation else "the one that its network had"
                raise InputError(
                    f"ranges.activation is {list(self.ranges.activation)}, but {file.name} is trained; "
                    f"allowed: a list of {allowed}"
                )

    def _wanted(self) -> list[tuple[str, int]]:
        return [(self.target, self.rows.pool), *((name, self.rows.source) for name in self.sources)]

    @classmethod
    def reopened(cls, values: Mapping[str, object]) -> Self:
        """As of `StudySettings`; ``source_training`` was once called ``base``, and holdout mode ``small``."""
        held = {"source_training" if key == "base" else key: value for key, value in values.items()}
        return super().reopened({**held, "mode": "holdout"} if held.get("mode") == "small" else held)

    @property
    def taught(self) -> tuple[str, ...]:
        """The sources that come as examples, those of chains too: their networks are trained here."""
        trained = {file.name for file in self.weights}
        return tuple(dict.fromkeys(name for name in (*self.sources, *chain(*self.chains)) if name not in trained))

    @cached_property
    def pool_rows(self) -> list[int]:
        """Numbers of the pool's rows in the file of the target, in the order in which they are taken."""
        table = self.table(self.target)
        rows = range(self.rows.pool) if table is None else pool_order(table, self.seed, Role.POOL)[0].tolist()
        return list(rows[: self.rows.pool])

    @cached_property
    def pool_groups(self) -> NDArray[np.int64]:
        """The group of each of them, by number."""
        table = self.table(self.target)
        groups = None if table is None else pool_order(table, self.seed, Role.POOL)[1]
        return np.arange(self.rows.pool) if groups is None else groups[: self.rows.pool]

    @cached_property
    def unlocked(self) -> int:
        """Rows of the pool that are not locked away: whole groups, so at most ``rows.pool - rows.locked``."""
        return cut(self.pool_groups, self.rows.locked)

    @property
    def folds(self) -> int:
        """Folds of a cross-fitted confirmation: as many as locked groups allow."""
        return min(FOLDS, len(np.unique(self.pool_groups[self.unlocked :])))

    def cut(self, folds: int) -> Folds:
        """How its pool is cut into so many folds, in each repeat anew."""
        return Folds(self.seed, folds, self.pool_groups[self.unlocked :], self.pool_groups[: self.unlocked])

    def table(self, name: str) -> Table | None:
        """The file of data that is called ``name``, or None if it is a simulator."""
        return next((table for table in self.tables if table.name == name), None)

    def scenario(self, name: str) -> Simulator:
        """A source or the target, whether simulated or measured."""
        table = self.table(name)
        return find(name) if table is None else Measured(table)

    @cached_property
    def learned(self) -> Task:
        """What is learned."""
        return find_task(self.task)(self)

    @cached_property
    def blocks(self) -> int:
        """Blocks of the network, the head included."""
        return self.learned.blocks

    def tried(self) -> None:
        """Refuse networks and files of weights that do not fit."""
        self.learned.tried()

    @property
    def source_space(self) -> Sources:
        """The source networks that plans may copy from."""
        return Sources(
            self.sources,
            self.ranges.source_rows or (self.rows.source,),
            self.ranges.source_epochs or (self.source_training.epochs,),
            tuple(file.name for file in self.weights),
            self.scales,
            self.chains,
        )

    @property
    def scales(self) -> tuple[float, ...]:
        """Factor on the weights of each source that theory expects; none where it is silent."""
        return ()
