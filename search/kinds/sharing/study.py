"""A study of several tasks, none of which has plenty of data."""

from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, ClassVar

from pydantic import Field

from graft.models.networks.network import Network
from graft.search.kinds.transfer.study import FAIR, Budget, Rows
from graft.search.settings import BEFORE_LOOKS, Confirmed, Name, Scale, Seed, StudySettings
from graft.search.tasks.regression import Alone, Regression
from graft.simulators.registry import find
from graft.spaces.errors import InputError
from graft.spaces.plan import Recipe
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
    network: Network = field(default_factory=Network)
    start: Recipe = FAIR
    ranges: Ranges = field(default_factory=Ranges)
    budget: Budget = field(default_factory=Budget)
    proof: Confirmed = field(default_factory=Confirmed)
    weighting: Annotated[tuple[Weighting, ...], Field(min_length=1)] = WEIGHTINGS

    def __post_init__(self) -> None:
        if len(self.tasks) < 2 or len(set(self.tasks)) < len(self.tasks):
            raise InputError(f"tasks is {list(self.tasks)}; allowed: two tasks or more, each once")
        widths = {task: find(task).outputs for task in self.tasks}
        names = [find(task).name for task in self.tasks]
        if len(set(names)) < len(names):
            raise InputError(f"tasks are called {', '.join(names)}; allowed: names that differ")
        if len(set(widths.values())) > 1:
            told = " and ".join(f"{task} has {width} outputs" for task, width in widths.items())
            raise InputError(f"{told}; allowed: tasks of equal width, so that the head can be shared")
        if self.start.linear or any(self.ranges.linear):
            raise InputError("start.linear or ranges.linear is true; allowed in sharing: false, for tasks share blocks")
        if len(set(self.weighting)) < len(self.weighting):
            raise InputError(f"weighting is {list(self.weighting)}; allowed: each once")

    def alone(self, task: str) -> Regression:
        """One of the tasks by itself."""
        return Regression(Alone(task, self.seed, self.network, self.start))

    @property
    def blocks(self) -> int:
        """Blocks of the network, the head included."""
        return self.network.depth + 1

    @property
    def rounds(self) -> int:
        """Confirmations there can be at most: each but the last takes at least one task out, and two must be left."""
        return len(self.tasks) - 1
