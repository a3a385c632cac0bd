"""Trainings one after the other in this process: the plain version of what `actors` does on Ray.

With one worker both give the same trials and the same numbers, which a test holds them to. Calibration uses it,
because its repeats are smaller than what starting Tune costs, and run side by side anyway.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from graft.models.train import prepare_process
from graft.search.engine.outcome import Outcome, measure
from graft.search.engine.search import Search


def explore(search: Search, task: Any, workers: int, folder: Path, gpus: float = 0.0) -> None:
    """Run the trials of a search until its budget is spent; as `actors.explore` with one worker."""
    prepare_process()
    while (asked := search.ask()) is not None:
        number, plan = asked
        index = search.begins(number)
        while not search.tell(number, index, measure(task, task.training(plan, index))):
            index += 1
        search.close(number)


def outcomes(
    trainings: Iterable[tuple[Hashable, Any, Any]], workers: int, gpus: float = 0.0
) -> Iterator[tuple[Hashable, Outcome]]:
    """Carry out single trainings in the order given; as `actors.outcomes`."""
    prepare_process()
    for key, task, training in trainings:
        yield key, measure(task, training)


def calls(
    function: Callable[..., Any], arguments: Sequence[tuple[Any, ...]], workers: int, gpus: float = 0.0
) -> list[Any]:
    """Call a function that trains, once for each tuple of arguments; as `actors.calls`."""
    return [found for _, found in as_done(function, arguments, workers, gpus)]


def as_done(
    function: Callable[..., Any], arguments: Sequence[tuple[Any, ...]], workers: int, gpus: float = 0.0
) -> Iterator[tuple[int, Any]]:
    """The same, as each ends; as `actors.as_done`."""
    prepare_process()
    for place, given in enumerate(arguments):
        yield place, function(*given)
