"""Trainings on Ray: the trials of a search through Tune, and single trainings on a pool of actors."""

import shutil
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ray import tune

from graft.cluster.pool import TRIES, Failed, carry_out
from graft.models.train import prepare_process
from graft.search.engine.outcome import Outcome, measure
from graft.search.engine.scheduler import TuneScheduler
from graft.search.engine.search import Search
from graft.search.engine.tune import TuneSearcher

FAILURES = TRIES - 1
"""How often a trial is tried again after its worker died."""


class SeedBySeed(tune.Trainable):
    """A trial: one plan, one training for each seed, reported as it comes. Its process serves many trials."""

    def setup(self, config: dict[str, Any], task: Any, seeds: int) -> None:  # type: ignore[override]
        """Once in each process: the data arrive here."""
        prepare_process()
        self.task, self.seeds = task, seeds
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take on another trial."""
        self.plan, self.index = self.task.read(new_config["plan"]), new_config["first"]
        return True

    def step(self) -> dict[str, Any]:
        """Train with the next seed."""
        outcome = measure(self.task, self.task.training(self.plan, self.index))
        self.index += 1
        last = self.index >= self.seeds or bool(outcome.reason)
        by_task = list(outcome.by_task.items())  # a dictionary would be taken apart by Tune
        return vars(outcome) | {"by_task": by_task, "index": self.index - 1, "done": last}


def explore(search: Search, task: Any, workers: int, folder: Path, gpus: float = 0.0) -> None:
    """Run the trials of a search until its budget is spent.

    Args:
        search: Asked for trials, told what came of them.
        task: What the trainings share: a `Task`, or a `SharedTask`.
        workers: Trials at a time, one CPU each.
        folder: Where Tune may keep its own state while it runs; removed afterwards, for nothing in it is needed.
        gpus: Share of a GPU for each trial.
    """
    if search.used >= search.rules.trainings and not search.interrupted:
        return
    shutil.rmtree(folder, ignore_errors=True)
    searcher = TuneSearcher(search, workers, FAILURES)
    trainable = tune.with_resources(
        tune.with_parameters(SeedBySeed, task=task, seeds=search.rules.seeds), {"cpu": 1, "gpu": gpus}
    )
    tuner = tune.Tuner(
        trainable,
        tune_config=tune.TuneConfig(
            num_samples=-1, search_alg=searcher, scheduler=TuneScheduler(searcher), reuse_actors=True
        ),
        run_config=tune.RunConfig(
            name=search.rules.phase,
            storage_path=str(folder),
            verbose=0,
            failure_config=tune.FailureConfig(max_failures=FAILURES),
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
        ),
    )
    try:
        tuner.fit()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def outcomes(
    trainings: Iterable[tuple[Hashable, Any, Any]], workers: int, gpus: float = 0.0
) -> Iterator[tuple[Hashable, Outcome]]:
    """Carry out single trainings on a pool of actors, yielding (key, outcome) as each is done.

    Args:
        trainings: (key, what it shares with others, what to train).
        workers: Actors, one CPU each.
        gpus: Share of a GPU for each.

    Raises:
        RuntimeError: If a training killed its worker time and again.
    """
    return carry_out(
        {key: (measure, tuple(what)) for key, *what in trainings}, workers, prepare=prepare_process, gpus=gpus
    )


def calls(
    function: Callable[..., Any], arguments: Sequence[tuple[Any, ...]], workers: int, gpus: float = 0.0
) -> list[Any]:
    """Call a function that trains, once for each tuple of arguments; results in their order, as of `as_done`."""
    found = dict(as_done(function, arguments, workers, gpus))
    return [found[place] for place in range(len(arguments))]


def as_done(
    function: Callable[..., Any], arguments: Sequence[tuple[Any, ...]], workers: int, gpus: float = 0.0
) -> Iterator[tuple[int, Any]]:
    """Call a function that trains, once for each tuple of arguments, on up to ``workers`` actors.

    Yields:
        (place of the arguments, result) as each ends; they begin in their order.
    """
    jobs = {place: (function, given) for place, given in enumerate(arguments)}
    try:
        yield from carry_out(jobs, workers, prepare=prepare_process, gpus=gpus)
    except Failed as problem:
        raise problem.cause or problem from None  # what a worker refuses is one line here as well
