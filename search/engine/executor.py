"""Where trainings run: an `Executor` carries out single jobs, and the trials of a search."""

from collections.abc import Iterator, Mapping
from typing import Protocol, TypeVar

from graft.cluster.pool import Job, Result
from graft.models.train import prepare_process
from graft.search.engine.budget import RangesOf
from graft.search.engine.outcome import Made, Shared, measure
from graft.search.engine.search import PlanOf, Search

Key = TypeVar("Key", str, int)


class Executor(Protocol):
    """Carries trainings out; `LocalExecutor` is its plain version, `graft.search.engine.ray` that of a cluster.

    With one worker all give the same trials and the same numbers: tests/conformance holds them to it.
    """

    def run(self, jobs: Mapping[Key, Job[Result]]) -> Iterator[tuple[Key, Result]]:
        """Call the function of each job; they begin in their order, and each is yielded with its result as it is done.

        What a job raises is raised here, and no further one begins; so is a job that killed its worker time and again.
        """

    def explore(self, search: Search[PlanOf, RangesOf], task: Shared[PlanOf, Made]) -> None:
        """Run the trials of a search until its budget is spent; ``task`` is what their trainings share."""


class LocalExecutor:
    """One training after the other in this process.

    Calibration uses it, because its repeats are smaller than what starting Tune costs, and run side by side anyway.
    """

    def run(self, jobs: Mapping[Key, Job[Result]]) -> Iterator[tuple[Key, Result]]:
        """Call the function of each job, as of `Executor`."""
        prepare_process()
        for key, (function, arguments) in jobs.items():
            yield key, function(*arguments)

    def explore(self, search: Search[PlanOf, RangesOf], task: Shared[PlanOf, Made]) -> None:
        """Run the trials of a search until its budget is spent."""
        prepare_process()
        while (asked := search.ask()) is not None:
            number, plan = asked
            index = search.begins(number)
            while not search.tell(number, index, measure(task, task.training(plan, index))):
                index += 1
            search.close(number)
