"""A pool of Ray actors that carry out jobs, whichever of them dies meanwhile."""

import time
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from graft.cluster import times

if TYPE_CHECKING:
    from ray.actor import ActorHandle

Key = TypeVar("Key", bound=Hashable)
Result = TypeVar("Result")
Job = tuple[Callable[..., Result], tuple[object, ...]]
"""A function, and what it is called with."""
Together = Callable[[Sequence[Job[Any]]], list[Any]]
"""Carries out several jobs in one process; results in their order."""
TRIES = 3
"""How often a job is begun before its worker's deaths are put down to it."""
PLAIN = (str, int, float, type(None))


def in_turn(jobs: Sequence[Job[Result]]) -> list[Result]:
    """Carry out jobs one after the other."""
    return [function(*arguments) for function, arguments in jobs]


class Worker:
    """The actor: it calls what it is given, and holds no state that another would not have.

    Args:
        prepare: Called once in each process, before its first job.
        together: Carries out the jobs of a share.
    """

    def __init__(self, prepare: Callable[[], None] | None, together: Together) -> None:
        self.together = together
        if prepare is not None:
            prepare()

    def call(
        self, functions: Sequence[tuple[Callable[..., object], int]], *arguments: object
    ) -> tuple[list[object], float]:
        """Carry out a share of jobs: functions with the number of their arguments, and all these arguments.

        Returns:
            What they return, and the seconds that took.
        """
        began = time.perf_counter()
        rest = iter(arguments)  # side by side, for Ray looks up what lies on the cluster only there
        results = self.together([(function, tuple(islice(rest, count))) for function, count in functions])
        return results, time.perf_counter() - began


class Failed(RuntimeError):
    """A job that was not done.

    Attributes:
        key: Names the job.
        why: In one line.
        cause: What it raised, with the worker's traceback as a note; None if it killed its worker time and again.
    """

    def __init__(self, key: Hashable, why: str, cause: Exception | None = None) -> None:
        super().__init__(f"{key} {why}")
        self.key, self.why, self.cause = key, why, cause


def running() -> bool:
    """Whether this process is connected to Ray."""
    import ray  # only where jobs are carried out: its settings are taken from the environment at import

    return bool(ray.is_initialized())


class Idle:
    """Actors without a job, which wait for the next: their processes have imported everything.

    Attributes:
        kind: How they were hired; they serve no other jobs, and hold CPUs that those may need.
        actors: Their handles.
        stays: Whether any are kept at all.
    """

    def __init__(self) -> None:
        self.kind: object = None
        self.actors: list[ActorHandle] = []
        self.stays = False

    def taken(self, kind: object, count: int) -> "list[ActorHandle]":
        """At most ``count`` of that kind, which wait no longer; those of another kind go."""
        if kind != self.kind:
            self.dismiss()
            self.kind = kind
        found, self.actors = self.actors[:count], self.actors[count:]
        return found

    def dismiss(self) -> None:
        """Let all of them go, and their CPUs with them."""
        if self.actors:
            import ray

            for actor in self.actors:
                ray.kill(actor)
            self.actors = []


IDLE = Idle()
"""This process's: whatever it carries out next may use them, or needs their CPUs."""


@contextmanager
def staying() -> Iterator[None]:
    """Inside, actors stay from one set of jobs to the next: to start one takes seconds, most of them for imports."""
    IDLE.stays = True
    try:
        yield
    finally:
        IDLE.stays = False
        IDLE.dismiss()


def carry_out(
    jobs: Mapping[Key, Job[Result]],
    workers: int,
    *,
    prepare: Callable[[], None] | None = None,
    gpus: float = 0.0,
    shares: Sequence[Sequence[Key]] = (),
    together: Together = in_turn,
    what: times.What = "training",
) -> Iterator[tuple[Key, Result]]:
    """Carry out jobs on a pool of actors; they begin in their order.

    A job whose worker dies is begun again by a new one. Ray's own retries are spent within a second, long before it
    notices that a machine is gone; and as each worker has one job in hand, it is known which job killed it. A job that
    kills again and again does not keep the others from their end. Once a job raises, no further one begins. `staying`
    keeps the actors for the next jobs of their kind.

    Args:
        jobs: By their keys. An argument that several of them have in common is handed to the cluster once.
        workers: Actors, of one CPU each; no more are started than the cluster has CPUs.
        prepare: Called once in each actor's process.
        gpus: Share of a GPU for each actor.
        shares: Keys of jobs that one worker carries out at once; by default each job by itself.
        together: How it carries them out.
        what: The time of the workers is counted as this.

    Yields:
        (key, result) as each is done.

    Raises:
        Failed: The first in order of the jobs that failed, after all that had begun came to their end.
    """
    import ray
    from ray.exceptions import RayError, RayTaskError

    if not jobs:
        return
    worker = ray.remote(num_cpus=1, num_gpus=gpus, max_restarts=0, max_task_retries=0)(Worker)
    waiting = deque(tuple(share) for share in shares) if shares else deque((key,) for key in jobs)
    count = max(1, min(workers, len(waiting), int(ray.cluster_resources().get("CPU", 1))))
    shared = {key: ray.put(value) for key, value in _common(jobs).items()}

    def hired() -> "ActorHandle":
        return worker.remote(prepare, together)  # type: ignore[return-value]  # by its type it might be the class

    pool = IDLE.taken((prepare, gpus, together), count)
    pool += [hired() for _ in range(count - len(pool))]
    # By a call: its share, and who carries it out.
    at_work: dict[ray.ObjectRef[tuple[list[Result], float]], tuple[tuple[Key, ...], ActorHandle]] = {}
    tries: Counter[Key] = Counter()
    failures: dict[Key, Failed] = {}

    def go_on(actor: "ActorHandle") -> None:
        if waiting:
            share = waiting.popleft()
            functions = [(jobs[key][0], len(jobs[key][1])) for key in share]
            values = [shared.get(id(value), value) for key in share for value in jobs[key][1]]
            at_work[actor.call.remote(functions, *values)] = share, actor
        elif IDLE.stays and not tries:
            pool.remove(actor)
            IDLE.actors.append(actor)
        else:
            ray.kill(actor)  # where a machine was lost, another actor may be waiting for this one's CPU

    try:
        for actor in list(pool):
            go_on(actor)
        while at_work:
            (ended,), _ = ray.wait(list(at_work), num_returns=1)
            share, actor = at_work.pop(ended)
            try:
                results, seconds = ray.get(ended)
            except RayTaskError as raised:
                if len(share) > 1 and not failures:
                    waiting.extendleft((key,) for key in reversed(share))
                elif len(share) == 1:
                    failures[share[0]] = _raised(share[0], raised.cause, str(raised))
                    waiting.clear()  # it would raise again: a mistake in the code or a full disk, not an accident
                go_on(actor)
            except RayError as death:
                ray.kill(actor)  # it may live, if only what it returned is lost
                tries.update(share)
                if tries[share[0]] < TRIES:
                    waiting.extend((key,) for key in share)
                else:
                    failures[share[0]] = Failed(share[0], f"killed its worker {TRIES} times: {_last_line(death)}")
                if waiting:
                    pool.append(hired())
                    go_on(pool[-1])
            else:
                times.add(what, seconds)
                go_on(actor)
                yield from zip(share, results, strict=True)
    finally:
        for actor in pool:
            ray.kill(actor)
    if failures:
        first = next(failures[key] for key in jobs if key in failures)
        raise first from first.cause


def _common(jobs: Mapping[Key, Job[Result]]) -> dict[int, object]:
    """Arguments that several jobs share, by identity: they may hold millions of rows."""
    values = [value for _, arguments in jobs.values() for value in arguments if not isinstance(value, PLAIN)]
    times = Counter(map(id, values))
    return {id(value): value for value in values if times[id(value)] > 1}


def _raised(key: Hashable, cause: Exception, told: str) -> Failed:
    cause.add_note(told.strip())
    return Failed(key, f"raised {type(cause).__name__}: {' '.join(str(cause).split())}", cause)


def _last_line(problem: Exception) -> str:
    return (str(problem).strip().splitlines() or [type(problem).__name__])[-1]
