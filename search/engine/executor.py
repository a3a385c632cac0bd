"""Where trainings run: an `Executor` carries out single jobs, and the trials of a search."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

from graft.cluster.pool import Job, Result
from graft.cluster.times import spending
from graft.models.train import prepare_process
from graft.search.engine.budget import RangesOf
from graft.search.engine.fused import side_by_side
from graft.search.engine.outcome import Made, Outcome, Shared, measure
from graft.search.engine.search import PlanOf, Search

Key = TypeVar("Key", str, int)


class Executor(Protocol):
    """Carries trainings out; `LocalExecutor` is its plain version, `graft.search.engine.ray` that of a cluster.

    With one worker all give the same trials and the same numbers: tests/conformance holds them to it.
    """

    def run(
        self, jobs: Mapping[Key, Job[Result]], shares: Sequence[Sequence[Key]] = ()
    ) -> Iterator[tuple[Key, Result]]:
        """Call the function of each job; they begin in their order, and each is yielded with its result as it is done.

        Jobs of a share (`graft.search.engine.fused`) are carried out side by side by one worker, so that their
        trainings meet; by default each by itself.

        What a job raises is raised here, and no further one begins; so is a job that killed its worker time and again.
        """

    def explore(self, search: Search[PlanOf, RangesOf], task: Shared[PlanOf, Made]) -> None:
        """Run the trials of a search until its budget is spent; ``task`` is what their trainings share."""


class LocalExecutor:
    """One training after the other in this process.

    Calibration uses it, because its repeats are smaller than what starting Tune costs, and run side by side anyway.
    """

    def run(
        self, jobs: Mapping[Key, Job[Result]], shares: Sequence[Sequence[Key]] = ()
    ) -> Iterator[tuple[Key, Result]]:
        """Call the function of each job, as of `Executor`."""
        prepare_process()
        for share in shares or [(key,) for key in jobs]:
            with spending("training"):
                results = side_by_side([jobs[key] for key in share])
            yield from zip(share, results, strict=True)

    def explore(self, search: Search[PlanOf, RangesOf], task: Shared[PlanOf, Made]) -> None:
        """Run the trials of a search until its budget is spent."""
        prepare_process()
        while (asked := search.ask()) is not None:
            number, plan = asked
            index = search.begins(number)
            while not search.tell(number, index, _measured(task, plan, index)):
                index += 1
            search.close(number)


@spending("training")
def _measured(task: Shared[PlanOf, Made], plan: PlanOf, index: int) -> Outcome:
    return measure(task, task.training(plan, index))
