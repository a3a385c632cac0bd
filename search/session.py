"""A run as the command line and Python carry it out: checked before anything is written, then begun or gone on with."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from graft.search.engine.progress import Expected, Progress, in_words
from graft.search.kinds.base import Kind
from graft.search.run.certificate import Certificate
from graft.search.run.folder import Run
from graft.search.run.resources import Resources
from graft.search.settings import StudySettings
from graft.spaces.errors import InputError, number

Say = Callable[[str], None]


def place(out: str | Path | None, study: StudySettings) -> Path:
    """The folder of a run: the one asked for, or one below ``runs`` that is called after study, scale and seed."""
    suffix = f"-seed{study.seed}" if study.seed else ""
    return Path(out or f"runs/{study.name}-{study.scale}{suffix}").resolve()


@dataclass(frozen=True)
class Machines:
    """Where a run is asked to train and to show itself.

    Attributes:
        workers: Trainings at a time; all CPUs if None.
        device: ``cpu`` or ``cuda``.
        uri: Of an MLflow server; a database in the run's folder if None.
        store: Address for what is generated; the run's folder if None.
    """

    workers: int | None = None
    device: str = "cpu"
    uri: str | None = None
    store: str | None = None


def begin(kind: Kind, folder: Path, machines: Machines, say: Say) -> tuple[Run, Resources]:
    """Check everything that can be checked before anything is written.

    Args:
        kind: What is asked.
        folder: Of the run.
        machines: As asked for.
        say: Told what is worth telling.

    Raises:
        InputError: If it cannot be carried out there.
    """
    from graft.cluster.doctor import agreed
    from graft.search.doctor import allowed
    from graft.simulators.data.storage import reach

    study = kind.study
    workers, gpus = allowed(kind, folder, machines.workers, machines.device)
    told = kind.check()
    run = Run(folder)
    run.fits(study)
    agreed(folder)
    for line in told:
        say(line)
    if machines.store is not None:
        if not kind.stored:
            raise InputError(f"{study.name} watches states, which stay in its folder; allowed: a study without --store")
        reach(machines.store)
    return run, Resources(workers, machines.device, gpus, uri=machines.uri, store=machines.store)


def within(kind: Kind, resources: Resources, minutes: float | None, name: str) -> tuple[Resources, Expected]:
    """The resources with the time that searches may take, and what the whole run takes about.

    Args:
        kind: What is asked.
        resources: From `begin`.
        minutes: Wall time in which the run is to end; None: as long as it takes.
        name: What ``minutes`` is called where it was asked.

    Raises:
        InputError: If all that is not searching needs longer.
    """
    searching, rest = kind.seconds(resources.workers)
    if minutes is not None:
        number(name, minutes, math.ceil(rest / 6) / 10)  # all that is not searching needs this
        resources = replace(resources, search_seconds=min(searching, 60 * minutes - rest))
    return resources, Expected(
        searching, kind.trainings(), rest, resources.search_seconds, *kind.after(resources.workers)
    )


def carried_out(
    kind: Kind, run: Run, resources: Resources, expected: Expected, progress: Progress, words: list[str] | None = None
) -> Certificate:
    """Run what is left of a study in its folder.

    Args:
        kind: What is asked.
        run: From `begin`.
        resources: Likewise.
        expected: Of a run begun anew.
        progress: Told how far it is.
        words: What was typed, for the record.
    """
    from graft.search.doctor import tracking
    from graft.search.tracking.view import Tracker
    from graft.simulators.data.table import in_words as table_in_words

    study = kind.study
    mlflow = tracking(run.folder, resources.uri)
    if mlflow.state != "ok":
        progress.warn(mlflow.what)
    with run.held():
        run.begin(study)
        resumed = run.has("optuna.journal")
        start = "going on with" if resumed else "starting"
        progress.say(
            f"{start} {study.name} ({study.title or study.scale}) at {study.scale} scale in {run.folder}\n"
            f"about {in_words(expected.seconds)} on {resources.workers} workers" + (" if begun anew" if resumed else "")
        )
        if not resumed:
            progress.expect(expected)
        for table in getattr(study, "tables", ()):
            progress.say(table_in_words(table))
        if words and not run.has("command.json"):
            run.write("command.json", {"words": words})
        tracker = Tracker(run.folder, study.to_dict(), resources.uri)
        try:
            certified = kind.run(run, resources, progress, tracker)
        except InputError:
            progress.close()
            raise
        except BaseException as stop:
            progress.close()
            tracker.close("KILLED" if isinstance(stop, KeyboardInterrupt) else "FAILED")
            raise
    if tracker.warning:
        progress.warn(tracker.warning)
    return certified
