"""A pool of Ray actors that carry out jobs, whichever of them dies meanwhile."""

import time
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from graft.cluster import times

if TYPE_CHECKING:
    from ray.actor import ActorHandle
    from ray.exceptions import RayTaskError

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
    if not jobs:
        return
    crew = Crew(jobs, workers, Hiring(prepare, gpus, together), shares)
    try:
        for share, results, seconds in crew.work():
            times.add(what, seconds)
            yield from zip(share, results, strict=True)
    finally:
        crew.dismiss()
    crew.complain()


class Hiring(NamedTuple):
    """How actors are hired: arguments as of `carry_out`. Those hired alike may take each other's place."""

    prepare: Callable[[], None] | None
    gpus: float
    together: Together

    def opened(self) -> "Callable[[], ActorHandle]":
        """What starts an actor each time that it is called."""
        import ray

        worker = ray.remote(num_cpus=1, num_gpus=self.gpus, max_restarts=0, max_task_retries=0)(Worker)
        return lambda: worker.remote(self.prepare, self.together)  # type: ignore[return-value]  # by its type it might be the class


class Crew(Generic[Key, Result]):
    """Actors at work on shares of jobs, with what waits, what was tried, and what failed.

    Args:
        jobs: By their keys.
        workers: Actors, at most.
        hiring: Of further ones.
        shares: Keys of jobs that one actor carries out at once; none: each job by itself.
    """

    def __init__(
        self, jobs: Mapping[Key, Job[Result]], workers: int, hiring: Hiring, shares: Sequence[Sequence[Key]]
    ) -> None:
        import ray

        self.jobs, self.hire = jobs, hiring.opened()
        self.waiting = deque(tuple(share) for share in shares) if shares else deque((key,) for key in jobs)
        count = max(1, min(workers, len(self.waiting), int(ray.cluster_resources().get("CPU", 1))))
        self.shared = {key: ray.put(value) for key, value in _common(jobs).items()}
        self.actors = IDLE.taken(hiring, count)
        self.actors += [self.hire() for _ in range(count - len(self.actors))]
        # By a call: its share, and who carries it out.
        self.at_work: dict[ray.ObjectRef[tuple[list[Result], float]], tuple[tuple[Key, ...], ActorHandle]] = {}
        self.tries: Counter[Key] = Counter()
        self.failures: dict[Key, Failed] = {}

    def work(self) -> "Iterator[tuple[tuple[Key, ...], list[Result], float]]":
        """Yield each share that is done, its results, and the seconds that it took."""
        import ray
        from ray.exceptions import RayError, RayTaskError

        for actor in list(self.actors):
            self._go_on(actor)
        while self.at_work:
            (ended,), _ = ray.wait(list(self.at_work), num_returns=1)
            share, actor = self.at_work.pop(ended)
            try:
                results, seconds = ray.get(ended)
            except RayTaskError as raised:
                self._failed(share, raised)
                self._go_on(actor)
            except RayError as death:
                self._died(share, actor, death)
            else:
                self._go_on(actor)
                yield share, results, seconds

    def dismiss(self) -> None:
        """Let all actors go that do not stay for other jobs."""
        import ray

        for actor in self.actors:
            ray.kill(actor)

    def complain(self) -> None:
        """Raise the first failure in the order of the jobs, if there is one."""
        if self.failures:
            first = next(self.failures[key] for key in self.jobs if key in self.failures)
            raise first from first.cause

    def _go_on(self, actor: "ActorHandle") -> None:
        """Give an actor the next share, or let it go."""
        import ray

        if self.waiting:
            share = self.waiting.popleft()
            functions = [(self.jobs[key][0], len(self.jobs[key][1])) for key in share]
            values = [self.shared.get(id(value), value) for key in share for value in self.jobs[key][1]]
            self.at_work[actor.call.remote(functions, *values)] = share, actor
        elif IDLE.stays and not self.tries:
            self.actors.remove(actor)
            IDLE.actors.append(actor)
        else:
            ray.kill(actor)  # where a machine was lost, another actor may be waiting for this one's CPU

    def _failed(self, share: tuple[Key, ...], raised: "RayTaskError") -> None:
        """Try the jobs of a share one by one; what raises alone has failed, and nothing further begins."""
        if len(share) > 1 and not self.failures:
            self.waiting.extendleft((key,) for key in reversed(share))
        elif len(share) == 1:
            self.failures[share[0]] = _raised(share[0], raised.cause, str(raised))
            self.waiting.clear()  # it would raise again: a mistake in the code or a full disk, not an accident

    def _died(self, share: tuple[Key, ...], actor: "ActorHandle", death: Exception) -> None:
        """Begin the jobs of a share again with a new actor, unless they have killed too many."""
        import ray

        ray.kill(actor)  # it may live, if only what it returned is lost
        self.tries.update(share)
        if self.tries[share[0]] < TRIES:
            self.waiting.extend((key,) for key in share)
        else:
            self.failures[share[0]] = Failed(share[0], f"killed its worker {TRIES} times: {_last_line(death)}")
        if self.waiting:
            self.actors.append(self.hire())
            self._go_on(self.actors[-1])


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
