"""A kind of study: which question is asked. What every kind does (run, map, verify, report) is written here, once.

How to add one: subclass `Kind`, and name it in `graft.search.kinds.registry.KINDS`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from torch import nn

from graft.cluster.connect import connection
from graft.cluster.pool import staying
from graft.models.scaling import Scaling
from graft.search import report
from graft.search.champion import perceptron
from graft.search.engine.progress import Progress
from graft.search.engine.work import Tracker, Work
from graft.search.prediction import Asked
from graft.search.proof.verification import answers
from graft.search.report.section import Page
from graft.search.run.certificate import Certificate
from graft.search.run.folder import Run, write_bytes
from graft.search.run.record import Record
from graft.search.run.resources import Resources
from graft.search.settings import StudySettings
from graft.spaces.errors import InputError

Study = TypeVar("Study", bound=StudySettings)
Line = TypeVar("Line", bound=Work)
Map = TypeVar("Map", bound=Record)
Written = Callable[[], Certificate]
"""Writes the folder of a run that has been measured, the certificate last; returns that."""


class Kind(ABC, Generic[Study, Line, Map]):
    """One study, and the question that it asks.

    Args:
        study: Its settings.

    Attributes:
        page: That a run shows.
        work: Carries out its phases.
        budget: The setting that ``--trials`` sets.
        devices: On which it can be trained.
        stored: Whether what it generates may lie in a store elsewhere.
        has_map: Whether there is anything to draw a map of.
    """

    page: ClassVar[Page]
    work: Callable[..., Line]
    budget: ClassVar[str] = "budget.trainings"
    devices: ClassVar[tuple[str, ...]] = ("cpu", "cuda")
    stored: ClassVar[bool] = True
    has_map: ClassVar[bool] = True

    def __init__(self, study: Study) -> None:
        self.study = study

    # ---- what each kind says ----------------------------------------------------------------------------------------

    @abstractmethod
    def measured(self, line: Line) -> Written:
        """Search, fix what is confirmed, confirm it; what then writes the folder."""

    @abstractmethod
    def checks(self, run: Run) -> Mapping[str, Callable[[], str]]:
        """What makes a certificate trustworthy: by name, what is wrong with it ('' if nothing is)."""

    @abstractmethod
    def seconds(self, workers: int) -> tuple[float, float]:
        """Rough wall times of a run: of its searches, and of everything else."""

    def trainings(self) -> int:
        """How many trainings its searches are, where they take about as long as each other; else 0."""
        return 0

    def after(self, workers: int) -> tuple[float, float]:
        """How many more trainings like those are to be expected, and seconds of all else; 0 where it is not known."""
        return 0.0, 0.0

    @abstractmethod
    def megabytes(self) -> float:
        """Disk that a run will take."""

    def check(self) -> list[str]:
        """Refuse what cannot be carried out, before anything is written; return what is worth telling."""
        return []

    def mapped(self, line: Line) -> Map:
        """Measure what the map shows.

        Raises:
            InputError: If there is nothing to draw a map of.
        """
        raise self.unmapped()

    def unmapped(self) -> InputError:
        """Why there is no map."""
        name = self.study.name
        return InputError(f"{name} moves no blocks to draw a map of; allowed: graft run {name}")

    def map_lines(self, drawn: Map) -> Iterator[str]:
        """The map in a few lines."""
        yield from ()

    def further(self, run: Run) -> Mapping[str, object] | None:
        """What ``more.json`` will hold of looks that were fixed beforehand and are left; None if there are none."""
        return None

    def opened(self, data: bytes) -> tuple[nn.Module, Scaling | None]:
        """The network that such bytes hold, ready to predict."""
        return perceptron(data)

    @abstractmethod
    def predict(self, folder: Path, asked: Asked) -> str:
        """What a finished run's champion says, as CSV."""

    # ---- what every kind does ---------------------------------------------------------------------------------------

    def line(self, run: Run, resources: Resources, progress: Progress, tracker: Tracker | None = None) -> Line:
        """What carries out the phases of a run."""
        return self.work(self.study, run, resources, progress, tracker)

    def run(self, run: Run, resources: Resources, progress: Progress, tracker: Tracker) -> Certificate:
        """Run a study, or what is left of it, and return its certificate.

        The folder must be held and hold the study. A run that was interrupted goes on where it stopped, a finished one
        is verified and its certificate returned.
        """
        if run.has("certificate.json") and not any(problem for _, problem in self.verify(run)):
            if not run.has("report/index.html"):
                self.report(run)
            tracker.start()
            tracker.finish()
            return run.record(Certificate, "certificate.json")
        with connection(resources.workers, run.folder, resources.devices) as available, staying():
            line = self.line(run, replace(resources, workers=min(resources.workers, available)), progress, tracker)
            line.prepare()
            tracker.start()
            write = self.measured(line)
        with line.phase("report"):
            certified = write()
            self.report(run)
        tracker.finish()
        progress.close()
        return certified

    def more(self, run: Run) -> None:
        """Ask an undecided run for its second stage; what it had said stays in ``undecided.json``.

        Raises:
            InputError: If the run is decided, or has no further looks.
        """
        if not run.has("certificate.json"):
            if run.has("more.json"):
                return  # asked for already, and interrupted
            raise InputError(f"{run.folder} is not finished; allowed: a finished run (graft run goes on with this one)")
        told = run.read("certificate.json")
        if told["decision"] != "undecided":
            raise InputError(f"{run.folder} is decided ({told['decision']}); allowed: a run that is undecided")
        stage, before, certificate = self.further(run), run.path("undecided.json"), run.path("certificate.json")
        if stage is not None:
            write_bytes(before, certificate.read_bytes())
            run.write("more.json", stage)
        elif not (before.is_file() and before.read_bytes() == certificate.read_bytes()):  # else killed right here
            had = f"looked after {told['seeds']} seeds, the last that was fixed beforehand"
            raise InputError(f"{run.folder} {had}; allowed: a run with looks left (proof.more of its study)")
        certificate.unlink()

    def map(self, run: Run, resources: Resources, progress: Progress) -> Map:
        """Measure the map on fresh examples and regret seeds, write ``map.json`` and the page."""
        with connection(resources.workers, run.folder, resources.devices), staying():
            line = self.line(run, resources, progress)
            line.prepare()
            drawn = self.mapped(line)
        run.write("map.json", drawn)
        progress.close()
        self.report(run)
        return drawn

    def verify(self, run: Run) -> Iterator[tuple[str, str]]:
        """Each thing checked, with what is wrong with it ('' if nothing is).

        Raises:
            InputError: If the folder holds no finished run.
        """
        yield from answers(self.checks(run))

    def report(self, run: Run) -> Path:
        """Draw the page of a run, finished or not."""
        return report.write(run.folder, self.page)
