"""Trainings on Ray: the trials of a search through Tune, and single trainings on a pool of actors."""

import shutil
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import ray
from ray import tune
from ray.exceptions import RayError, RayTaskError
from ray.util import ActorPool

from models.train import prepare_process
from search.ledger import Ledger
from search.objectives import Outcome, measure
from search.sampler import LedgerSearcher
from search.scheduler import RaceScheduler

FAILURES = 2
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
        self.plan, self.index = self.task.read(new_config["plan"]), 0
        return True

    def step(self) -> dict[str, Any]:
        """Train with the next seed."""
        outcome = measure(self.task, self.task.training(self.plan, self.index))
        self.index += 1
        last = self.index >= self.seeds or bool(outcome.reason)
        by_task = list(outcome.by_task.items())  # a dictionary would be taken apart by Tune
        return vars(outcome) | {"by_task": by_task, "index": self.index - 1, "done": last}


def search(ledger: Ledger, task: Any, workers: int, folder: Path, gpus: float = 0.0) -> None:
    """Run the trials of a ledger until its budget is spent.

    Args:
        ledger: Asked for trials, told what came of them.
        task: What the trainings share: a `Task`, or a `SharedTask`.
        workers: Trials at a time, one CPU each.
        folder: Where Tune may keep its own state while it runs; removed afterwards, for nothing in it is needed.
        gpus: Share of a GPU for each trial.
    """
    if ledger.spent >= ledger.rules.trainings and not ledger.interrupted:
        return
    shutil.rmtree(folder, ignore_errors=True)
    searcher = LedgerSearcher(ledger, workers)
    trainable = tune.with_resources(
        tune.with_parameters(SeedBySeed, task=task, seeds=ledger.rules.seeds), {"cpu": 1, "gpu": gpus}
    )
    tuner = tune.Tuner(
        trainable,
        tune_config=tune.TuneConfig(
            num_samples=-1, search_alg=searcher, scheduler=RaceScheduler(searcher), reuse_actors=True
        ),
        run_config=tune.RunConfig(
            name=ledger.rules.phase,
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


@ray.remote(max_restarts=3, max_task_retries=3)
class Trainer:
    """Carries out single trainings; started anew if its process dies."""

    def __init__(self) -> None:
        prepare_process()

    def measure(self, task: Any, training: Any) -> Outcome:
        """One training."""
        return measure(task, training)

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Anything else that trains."""
        return function(*arguments)


def outcomes(
    trainings: Iterable[tuple[Hashable, Any, Any]], workers: int, gpus: float = 0.0
) -> Iterator[tuple[Hashable, Outcome]]:
    """Carry out single trainings on a pool of actors, yielding (key, outcome) as each is done.

    Args:
        trainings: (key, what it shares with others, what to train).
        workers: Actors, one CPU each.
        gpus: Share of a GPU for each.

    Raises:
        RuntimeError: If an actor died more often than it is restarted.
    """
    asked = list(trainings)
    waiting = iter(asked)
    shared: dict[int, Any] = {}
    pool = [Trainer.options(num_cpus=1, num_gpus=gpus).remote() for _ in asked[:workers]]  # type: ignore[attr-defined]
    running: dict[Any, tuple[Hashable, Any]] = {}

    def start(actor: Any) -> None:
        following = next(waiting, None)
        if following is not None:
            key, task, training = following
            if id(task) not in shared:
                shared[id(task)] = ray.put(task)
            running[actor.measure.remote(shared[id(task)], training)] = (key, actor)

    try:
        for actor in pool:
            start(actor)
        while running:
            done, _ = ray.wait(list(running), num_returns=1)
            key, actor = running.pop(done[0])
            try:
                outcome = ray.get(done[0])
            except RayError as problem:
                raise RuntimeError(f"training {key}: {str(problem).strip().splitlines()[-1]}") from problem
            start(actor)
            yield key, outcome
    finally:
        for actor in pool:
            ray.kill(actor)


def calls(
    function: Callable[..., Any], arguments: Sequence[tuple[Any, ...]], workers: int, gpus: float = 0.0
) -> list[Any]:
    """Call a function that trains, once for each tuple of arguments, on up to ``workers`` actors."""
    actors = [
        Trainer.options(num_cpus=1, num_gpus=gpus).remote()  # type: ignore[attr-defined]
        for _ in arguments[:workers]
    ]
    try:
        pool: Any = ActorPool(actors)
        return list(pool.map(lambda actor, given: actor.call.remote(function, *given), list(arguments)))
    except RayTaskError as problem:
        raise problem.as_instanceof_cause() from None
    finally:
        for actor in actors:
            ray.kill(actor)
