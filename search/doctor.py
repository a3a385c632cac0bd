"""What must hold before a search starts, beyond the machines: MLflow, and what a study asks of them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cluster.doctor import Finding, findings
from cluster.preflight import possible
from search.dcl.study import DclStudy
from search.sharing.study import SharingStudy
from search.tracking import store
from search.tracking.address import address, masked
from search.watchers.study import WatcherStudy
from simulators.registry import find, lattice
from spaces.refusal import Refusal, traced

WATCHED = 50.0
"""Megabytes of a run that learns from watched states, besides those: networks, figures, MLflow."""
BYTES_A_ROW = 4 * 220
"""Of a data set: 200 outputs, some inputs, float32."""


def examination(
    study: Any, folder: Path, workers: int | None = None, device: str = "cpu", uri: str | None = None
) -> Iterator[Finding]:
    """Everything the doctor looks at.

    Args:
        study: That will be run, or None.
        folder: Where it will be run.
        workers: Trainings at a time; None for as many as there are CPUs.
        device: ``cpu`` or ``cuda``.
        uri: MLflow's tracking URI.
    """
    yield from findings(next(place for place in (folder, *folder.parents) if place.is_dir()))
    yield tracking(folder, uri)
    if study is not None:
        yield _asked(study, folder, workers, device)


def tracking(folder: Path, uri: str | None) -> Finding:
    """How MLflow's store is; a search does without it, so that this is a warning at worst."""
    where = address(folder, uri)
    problem = store.problem(where)
    if problem:
        return Finding("warning", f"MLflow: {masked(problem, where)}", "or search without it: graft deliver DIR, later")
    own = where == address(folder, f"{store.SQLITE}{folder / 'mlflow.db'}")
    return Finding("ok", "MLflow: a database in the run's folder" if own else f"MLflow at {masked(where, where)}")


def _asked(study: Any, folder: Path, workers: int | None, device: str) -> Finding:
    size = megabytes(study)
    try:
        trainings, gpus = allowed(study, folder, workers, device)
    except Refusal as problem:
        said, _, instead = str(problem).partition("; allowed: ")
        return Finding("missing", f"{study.name}: {said}", instead)
    share = f" on {gpus} GPUs" if device == "cuda" else ""
    return Finding("ok", f"{study.name}: {trainings} trainings at a time{share}, about {size:.0f} MB of disk")


def allowed(study: Any, folder: Path, workers: int | None, device: str) -> tuple[int, int]:
    """Trainings at a time and GPUs that a run of a study may have.

    Raises:
        Refusal: If this machine or the cluster has less than was asked for, or the study has no use for it.
    """
    if device == "cuda" and isinstance(study, DclStudy | WatcherStudy):
        raise Refusal(f"--device is cuda, but sequence models, as of {study.name}, are trained on CPUs; allowed: cpu")
    return possible(workers, device, folder, megabytes(study))


def megabytes(study: Any) -> float:
    """Disk that a run will take."""
    if isinstance(study, DclStudy):
        model = lattice(study.system)
        return WATCHED + study.states.watched * (model.sites / (8 if model.q == 2 else 1) + 16) / 1e6
    rows = study.rows
    if isinstance(study, WatcherStudy):
        states = rows.source * len(study.sources) + 11 * rows.pool + rows.test
        return WATCHED + states * (study.system(study.target).model.sites + 16) / 1e6
    if isinstance(study, SharingStudy):
        count = (rows.pool + rows.test) * len(study.tasks)
    else:
        count = rows.source * len(study.taught) + 11 * rows.pool + rows.test
    return 50 + count * BYTES_A_ROW / 1e6


def own_simulators(names: Sequence[str]) -> None:
    """Draw two rows of each simulator that is a user's own: what is broken is better told now than from an actor."""
    for name in names:
        if ":" in name:
            simulator = find(name)
            try:
                simulator.draw(2, np.random.default_rng(0))
            except Exception as problem:
                raise traced(
                    f"simulator {name!r} fails on its first two rows: {type(problem).__name__}: {problem}; "
                    "allowed: one array for each column of its schema, (n, *shape), all finite"
                ) from None
