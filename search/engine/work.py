"""What every pipeline does: phases that are timed, searches that are recorded, trainings that are done once."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, Literal, Never, Protocol, TypeVar

from graft.cluster import times
from graft.cluster.pool import Job, Result
from graft.search.engine.budget import RangesOf
from graft.search.engine.executor import Executor
from graft.search.engine.fused import MOST, kept_shares, shares
from graft.search.engine.journal import storage
from graft.search.engine.outcome import Known, Made, Outcome, Shared, measure
from graft.search.engine.progress import Progress
from graft.search.engine.ray import RayExecutor
from graft.search.engine.search import OnClose, PlanOf, Search
from graft.search.run.evidence import Entry, Evidence
from graft.search.run.folder import Run, write_bytes
from graft.search.run.resources import Resources
from graft.search.run.trials import Trial
from graft.simulators.data.storage import inside, link
from graft.spaces.settings import Settings

StudyOf = TypeVar("StudyOf", bound=Settings)
Idle = Literal["waiting", "scheduling"]
"""Without a job; or of a search between two trainings, when Tune starts them, feeds them and lets them go."""
Asked = tuple[Known[Never], object]
"""What a training shares with others, and the training: one that fits it."""


class Tracker(Protocol):
    """Shows a run elsewhere, while it goes on."""

    def start(self) -> None:
        """Begin."""

    def trial(self, phase: str, trial: Trial, seconds: float | None = None) -> None:
        """Show a trial that ended."""

    def finish(self) -> None:
        """Show what came of the run."""


class Work(Generic[StudyOf]):
    """A run in a folder that this process holds, connected to Ray; what is learned there, its pipeline knows.

    Args:
        study: Its settings.
        run: The folder.
        resources: What it may use.
        progress: Told what goes on.
        tracker: Shown every trial that ends (MLflow), or None.
        executor: Carries trainings out; on Ray by default.
    """

    def __init__(
        self,
        study: StudyOf,
        run: Run,
        resources: Resources,
        progress: Progress,
        tracker: Tracker | None = None,
        executor: Executor | None = None,
    ) -> None:
        self.run, self.resources, self.progress, self.tracker = run, resources, progress, tracker
        self.executor = executor or RayExecutor(resources.workers, run.path("tune"), resources.gpus)
        self.study = study
        self.journal = storage(run.path("optuna.journal"))
        self.began = time.monotonic()
        self.spent: dict[str, float] = run.read("spent.json") if run.has("spent.json") else {}
        self.worked: dict[str, dict[str, float]] = run.read("worked.json") if run.has("worked.json") else {}

    def prepare(self) -> None:
        """Data, and what judges them; refuses a study that cannot be carried out."""
        raise NotImplementedError

    @property
    def actors(self) -> int:
        """How many may generate at a time."""
        return self.resources.workers

    def count(self, done: int, wanted: int) -> None:
        """Told how many rows there are."""
        self.progress.count(done, wanted)

    def folder(self, name: str) -> Path:
        """The folder of a data set that stays with the run."""
        return self.run.path("data", name)

    @contextmanager
    def phase(self, name: str, total: int = 0, idle: Idle = "waiting") -> Iterator[None]:
        """Show a phase, and add its wall time, and what its workers did meanwhile, to what the run has cost so far.

        Args:
            name: For people.
            total: What `count` counts to.
            idle: What workers do of whom nothing else is known.
        """
        self.progress.phase(name, total)
        began, before = time.monotonic(), times.spent()
        try:
            yield
        finally:
            wall, known = time.monotonic() - began, times.since(before)
            self.spent[name] = self.spent.get(name, 0.0) + wall
            rest = max(0.0, self.resources.workers * wall - sum(known.values()))
            told = self.worked.setdefault(name, {})
            for what, seconds in [*known.items(), (idle, rest)]:
                told[what] = told.get(what, 0.0) + seconds
            self.run.write("spent.json", self.spent)
            self.run.write("worked.json", self.worked)

    def place(self, name: str) -> Path:
        """Where a data set of this run lies: its folder, or a file that holds its address in the store."""
        path = self.run.path("data", name)
        if self.resources.store and not path.is_dir():
            link(path, inside(self.resources.store, self.run.id, name))
        return path

    def measure(self, name: str, asked: Mapping[str, Asked]) -> dict[str, float | None]:
        """Errors of single trainings by key, None where one diverged; what is on record is not trained again."""
        return {key: entry.error for key, entry in self.measured(name, asked).items()}

    def measured(self, name: str, asked: Mapping[str, Asked]) -> dict[str, Entry]:
        """What is recorded of single trainings by key, those that are missing carried out first."""
        evidence = Evidence(self.run.path("evidence", f"{name}.jsonl"))
        # What names everything that an error depends on: recorded errors of anything else are not reused.
        told = {key: task.digest(training) for key, (task, training) in asked.items()}  # type: ignore[arg-type]
        missing = [key for key in asked if key not in evidence.done or evidence.done[key].what != told[key]]
        done = len(asked) - len(missing)
        self.progress.count(done, len(asked))
        stacks = all(asked[key][0].stacks(asked[key][1]) for key in missing)  # type: ignore[arg-type]
        # With whom it shares is remembered of this training, not of whatever had its key before.
        named = {f"{key} {told[key]}": key for key in asked}
        jobs: dict[str, Job[Outcome]] = {full: (measure, asked[key]) for full, key in named.items()}
        wanted = [full for full, key in named.items() if key in missing]
        for full, outcome in self.shared_out(name, jobs, wanted, stacks):
            evidence.add(named[full], outcome.entry(told[named[full]]))
            done += 1
            self.progress.count(done, len(asked))
        return {key: evidence.done[key] for key in asked}

    def most(self, stacks: bool) -> int:
        """How many trainings one worker carries out side by side."""
        return MOST[self.resources.device] if stacks else 1

    def calls(
        self, function: Callable[..., Result], arguments: Sequence[tuple[object, ...]], stacks: bool = False
    ) -> list[Result]:
        """Call a function that trains, where trainings run; results in the order of its arguments.

        Args:
            function: Called.
            arguments: What each call is given.
            stacks: Whether their trainings are faster in one step with others.
        """
        jobs = {place: (function, given) for place, given in enumerate(arguments)}
        together = shares([*jobs], self.most(stacks), self.resources.workers)
        found = dict(self.executor.run(jobs, together))
        return [found[place] for place in range(len(arguments))]

    def shared_out(
        self, name: str, jobs: Mapping[str, Job[Result]], missing: Sequence[str], stacks: bool
    ) -> Iterator[tuple[str, Result]]:
        """Carry out jobs that are missing, beside those with which each was first asked for.

        Args:
            name: Of what is asked for.
            jobs: All of them.
            missing: Keys of those without a result.
            stacks: Whether their trainings are faster in one step with others.

        Yields:
            (key, result) of those.
        """
        told = kept_shares(self.run, name, missing, self.most(stacks), self.resources.workers)
        wanted = [[key for key in share if key in jobs] for share in told]
        done = self.executor.run({key: jobs[key] for share in wanted for key in share}, wanted)
        yield from ((key, result) for key, result in done if key in missing)

    def explore(
        self, search: Search[PlanOf, RangesOf], task: Shared[PlanOf, Made], title: str, stage: str = ""
    ) -> None:
        """Carry out what is left of a search.

        Args:
            search: Of the search.
            task: What its trainings share.
            title: For people.
            stage: Names this part of a search that goes on later; by default the whole of it.
        """
        stage = stage or search.phase
        with self.phase(f"search: {title}", search.budget.trainings, "scheduling"):
            self.progress.follow(search)
            if self.tracker is not None:
                with times.spending("logging"):
                    for trial in search.records():
                        if trial.state != "interrupted":
                            self.tracker.trial(search.phase, trial, search.seconds(trial.number))
            # A search that ended stays ended: what follows rests on what it found.
            if not self.run.has(f"{stage}.ended"):
                self.executor.explore(search, task)
                write_bytes(self.run.path(f"{stage}.ended"), b"")

    def until(self, share: float = 1.0) -> float:
        """When a search starts no more trials: after this share of the time that searches may take."""
        return self.began + share * self.resources.search_seconds

    def closed(self, phase: str) -> OnClose:
        """What a search does with each trial that ends: show it."""

        @times.spending("logging")
        def closed(trial: Trial, seconds: float) -> None:
            self.progress.closed()
            if self.tracker is not None:
                self.tracker.trial(phase, trial, seconds)

        return closed
