"""A run from beginning to end in one folder, whatever it is a study of."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

from cluster.connect import connection
from search import report
from search.means import Means
from search.records.record import Run
from search.tuning.progress import Progress
from search.tuning.work import Work

Line = TypeVar("Line", bound=Work)


def complete(
    run: Run,
    means: Means,
    progress: Progress,
    tracker: Any,
    line: Callable[[Run, Means, Progress, Any], Line],
    phases: Callable[[Line], Callable[[], dict[str, Any]]],
    checks: Callable[[Run], Iterator[tuple[str, str]]],
) -> dict[str, Any]:
    """Run a study, or what is left of it, and return its certificate.

    The folder must be held and hold the study. A run that was interrupted goes on where it stopped, a finished one
    is verified and its certificate returned.

    Args:
        run: Its folder.
        means: What may be used.
        progress: Where it says how far it is.
        tracker: What shows it in MLflow.
        line: What carries out the phases of this kind of study.
        phases: All that is measured; returns what writes the folder, the certificate last.
        checks: Whether a certificate follows from its folder.
    """
    if run.has("certificate.json") and not any(problem for _, problem in checks(run)):
        if not run.has("report/index.html"):
            report.write(run.folder)
        tracker.start()
        tracker.finish()
        return run.read("certificate.json")
    with connection(means.workers, run.folder, means.devices) as available:
        pipeline = line(run, replace(means, workers=min(means.workers, available)), progress, tracker)
        pipeline.prepare()
        tracker.start()
        write = phases(pipeline)
    with pipeline.phase("report"):
        certified = write()
        report.write(run.folder)
    tracker.finish()
    progress.close()
    return certified
