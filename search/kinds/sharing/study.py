"""A study of several tasks, none of which has plenty of data."""

from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from graft.models.networks.network import AnyNetwork, Network, OwnNetwork
from graft.search.kinds.transfer.study import FAIR, Budget, Rows
from graft.search.settings import BEFORE_LOOKS, Confirmed, Name, Scale, Seed, StudySettings
from graft.search.tasks.base import Task
from graft.search.tasks.registry import TASKS, find_task
from graft.search.tasks.regression import Alone
from graft.spaces.errors import InputError
from graft.spaces.plan import OWN, Recipe
from graft.spaces.ranges import Ranges
from graft.spaces.settings import settings
from graft.spaces.sharing import WEIGHTINGS, Weighting


@settings("study")
class SharingStudy(StudySettings):
    """Everything that determines a run on several tasks, but for the machine it runs on.

    Attributes:
        name: Registered as this; also the name of its folder.
        tasks: Simulators, neighbours alike: where tasks share a block in two groups, they are cut in this order.
        title: One line for people.
        scale: ``demo`` or ``paper``.
        seed: Fixes every random number.
        rows: Numbers of examples of each task (``source`` is of no use here).
        network: Shape of every task's network.
        start: The recipe from which the baseline searches set out.
        ranges: What all searches may choose.
        budget: What each task's baseline search may spend, and the search of plans: a training of a plan trains all
            tasks, so both sides get the same.
        proof: What the certificate asks for.
        weighting: How the losses of tasks may be weighed: the search chooses among these.
        metric: What the error of each task is, as of `graft.search.kinds.transfer.study.Study`.
        task: What each of the tasks is: ``regression`` of a simulator's outputs, or a task of a user's own by
            ``module:Class``, whose targets the ``tasks`` are then.
    """

    kind: ClassVar[str] = "sharing"
    before: ClassVar[Mapping[str, Mapping[str, object]]] = {
        **StudySettings.before,
        "proof": {**BEFORE_LOOKS, "placebos": 0},
    }

    name: Name
    tasks: tuple[str, ...]
    title: str = ""
    scale: Scale = "paper"
    seed: Seed = 0
    rows: Rows = field(default_factory=Rows)
    network: AnyNetwork = field(default_factory=Network)
    start: Recipe = FAIR
    ranges: Ranges = field(default_factory=Ranges)
    budget: Budget = field(default_factory=Budget)
    proof: Confirmed = field(default_factory=Confirmed)
    weighting: Annotated[tuple[Weighting, ...], Field(min_length=1)] = WEIGHTINGS
    metric: Literal["relative-l1", "normalised-l1"] = "relative-l1"
    task: str = "regression"

    def __post_init__(self) -> None:
        if len(self.tasks) < 2 or len(set(self.tasks)) < len(self.tasks):
            raise InputError(f"tasks is {list(self.tasks)}; allowed: two tasks or more, each once")
        if self.start.linear or any(self.ranges.linear):
            raise InputError("start.linear or ranges.linear is true; allowed in sharing: false, for tasks share blocks")
        if len(set(self.weighting)) < len(self.weighting):
            raise InputError(f"weighting is {list(self.weighting)}; allowed: each once")
        if self.task in TASKS:  # a task of a user's own refuses what it cannot use by itself
            self._activated()
            self._alike()

    def _activated(self) -> None:
        """Refuse activations that the network cannot have."""
        own = isinstance(self.network, OwnNetwork)
        told = {"start.activation": [self.start.activation], "ranges.activation": list(self.ranges.activation)}
        for where, found in told.items():
            if own != (found == [OWN]):
                allowed = f"{OWN!r}, for your module's own code says it" if own else "not 'own' without network.module"
                raise InputError(f"{where} is {', '.join(map(repr, found))}; allowed: {allowed}")

    def _alike(self) -> None:
        """Refuse tasks that no network can join."""
        held = {name: self.alone(name) for name in self.tasks}
        names = [task.called for task in held.values()]
        if len(set(names)) < len(names):
            raise InputError(f"tasks are called {', '.join(names)}; allowed: names that differ")
        shapes = {name: task.shapes for name, task in held.items()}
        if len({outputs for _, outputs in shapes.values()}) > 1:
            told = " and ".join(f"{name} has {_size(outputs)} outputs" for name, (_, outputs) in shapes.items())
            raise InputError(f"{told}; allowed: tasks of equal width, so that the head can be shared")
        if len({inputs for inputs, _ in shapes.values()}) > 1 and not held[self.tasks[0]].told:
            told = " and ".join(f"{name} has {_size(inputs)} inputs" for name, (inputs, _) in shapes.items())
            raise InputError(f"{told}; allowed: tasks of equal inputs, for this network is built for one shape")

    def tried(self) -> None:
        """Refuse networks that do not fit, and tasks of a user's own that cannot be joined."""
        for name in self.tasks:
            self.alone(name).tried()
        self._alike()

    def alone(self, name: str) -> Task:
        """One of the tasks by itself."""
        return find_task(self.task)(Alone(name, self.seed, self.network, self.start, self.metric, self.rows))

    @property
    def blocks(self) -> int:
        """Blocks of the network, the head included."""
        return self.learned.blocks

    @property
    def learned(self) -> Task:
        """Any of them, for what all have in common: metric and scale."""
        return self.alone(self.tasks[0])

    def phase_of(self, name: str) -> str:
        """The phase that searches one task's recipe of direct learning; also a part of paths."""
        return f"baseline-{self.alone(name).called}"

    @property
    def rounds(self) -> int:
        """Confirmations there can be at most: each but the last takes at least one task out, and two must be left."""
        return len(self.tasks) - 1


def _size(shape: tuple[int, ...]) -> str:
    """A shape in words."""
    return " x ".join(map(str, shape))
