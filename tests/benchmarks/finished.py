"""A finished run once more: what benchmarks that ask further questions of one have in common."""

import argparse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from graft.cluster.connect import connection
from graft.search.engine.progress import Progress
from graft.search.kinds.transfer.pipeline import Pipeline
from graft.search.kinds.transfer.sources import SourceNetwork
from graft.search.run.folder import Run
from graft.search.run.resources import Resources
from graft.search.run.seeds import Role
from graft.search.study import reopened
from graft.search.tasks.base import Phase


def asked(doc: str | None) -> argparse.Namespace:
    """Read the command line: the run's folder, seeds and workers."""
    options = argparse.ArgumentParser(description=doc)
    options.add_argument("folder", type=Path)
    options.add_argument("--seeds", type=int, default=12)
    options.add_argument("--workers", type=int, default=2)
    return options.parse_args()


@contextmanager
def opened(folder: Path, workers: int) -> Iterator[Pipeline]:
    """Hold a run, its examples there."""
    run = Run(folder.resolve())
    with run.held(), connection(workers, run.folder):
        line = Pipeline(reopened(run.read("study.json")), run, Resources(workers), Progress(quiet=True))
        line.prepare()
        yield line


def unseen(line: Pipeline, sources: Mapping[str, SourceNetwork]) -> Phase:
    """Seeds and examples that neither run nor map has seen."""
    study = line.study
    test = line.task.of_test(line.examples(study.target, Role.TRUTH, study.rows.test))
    return line.shared(Role.TRUTH, sources, test)
