"""Trainings on Ray: the trials of a search through Tune, and single trainings on a pool of actors."""

import shutil
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import ray
from ray import tune
from ray.exceptions import ObjectLostError, OutOfMemoryError, RayActorError, RayError, RayTaskError, WorkerCrashedError

from models.train import prepare_process
from search.tuning.ledger import Ledger
from search.tuning.outcome import Outcome, measure
from search.tuning.sampler import LedgerSearcher
from search.tuning.scheduler import RaceScheduler
from spaces.refusal import Refusal

Key = TypeVar("Key", bound=Hashable)
Call = Callable[[Any], Any]
"""Given an actor, begins a call of it."""
FAILURES = 2
"""How often a trial or a training is tried again after its worker died."""
LOST = (RayActorError, WorkerCrashedError, OutOfMemoryError, ObjectLostError)
"""What Ray raises if a process or its machine is gone; an exception of the code itself is a `RayTaskError`."""


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


def search(ledger: Ledger, task: Any, workers: int, folder: Path, gpus: float = 0.0) -> None:
    """Run the trials of a ledger until its budget is spent.

    Args:
        ledger: Asked for trials, told what came of them.
        task: What the trainings share: a `Task`, or a `SharedTask`.
        workers: Trials at a time, one CPU each.
        folder: Where Tune may keep its own state while it runs; removed afterwards, for nothing in it is needed.
        gpus: Share of a GPU for each trial.
    """
    if ledger.used >= ledger.rules.trainings and not ledger.interrupted:
        return
    shutil.rmtree(folder, ignore_errors=True)
    searcher = LedgerSearcher(ledger, workers, FAILURES)
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


@ray.remote(max_restarts=0, max_task_retries=0)
class Trainer:
    """Carries out single trainings. It holds no state that another would not have."""

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
    shared: dict[int, Any] = {}

    def measured(task: Any, training: Any) -> Call:
        def call(actor: Any) -> Any:
            if id(task) not in shared:
                shared[id(task)] = ray.put(task)
            return actor.measure.remote(shared[id(task)], training)

        return call

    try:
        yield from _pooled([(key, measured(*what)) for key, *what in trainings], workers, gpus)
    except RayError as problem:
        raise RuntimeError(str(problem).strip().splitlines()[-1]) from problem


PLAIN = (str, int, float, type(None))


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

    What several calls have in common is handed over once: it may hold millions of states.

    Yields:
        (place of the arguments, result) as each ends; they begin in their order.
    """
    times = Counter(id(value) for given in arguments for value in given if not isinstance(value, PLAIN))
    values = {id(value): value for given in arguments for value in given}
    shared = {key: ray.put(values[key]) for key, count in times.items() if count > 1}

    def called(given: tuple[Any, ...]) -> Call:
        return lambda actor: actor.call.remote(function, *(shared.get(id(value), value) for value in given))

    try:
        yield from _pooled([(place, called(given)) for place, given in enumerate(arguments)], workers, gpus)
    except RayTaskError as problem:
        # What a worker refuses is one line here as well.
        raise problem.cause if isinstance(problem.cause, Refusal) else problem.as_instanceof_cause() from None


def _pooled(jobs: Sequence[tuple[Key, Call]], workers: int, gpus: float) -> Iterator[tuple[Key, Any]]:
    """Carry out jobs on a pool of actors, yielding (key, result) as each is done.

    An actor that dies is replaced here and its job done again: Ray's own retries are spent within a second, long before
    it notices that a machine is gone.
    """
    remote = Trainer.options(num_cpus=1, num_gpus=gpus)  # type: ignore[attr-defined]
    waiting, failures = deque(jobs), Counter[Key]()
    pool = [remote.remote() for _ in jobs[:workers]]
    running: dict[Any, tuple[Key, Call, Any]] = {}

    def start(actor: Any) -> None:
        if waiting:
            key, call = waiting.popleft()
            running[call(actor)] = key, call, actor
        else:
            ray.kill(actor)  # where a machine was lost, another actor may be waiting for this one's CPU

    try:
        for actor in pool:
            start(actor)
        while running:
            (done,), _ = ray.wait(list(running), num_returns=1)
            key, call, actor = running.pop(done)
            try:
                result = ray.get(done)
            except LOST as problem:
                failures[key] += 1
                if failures[key] > FAILURES:
                    problem.add_note(f"{key} killed its process {failures[key]} times")
                    raise
                ray.kill(actor)
                waiting.append((key, call))
                pool.append(remote.remote())
                start(pool[-1])
            else:
                start(actor)
                yield key, result
    finally:
        for actor in pool:
            ray.kill(actor)
