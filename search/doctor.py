"""What must hold before a search starts, beyond the machines: MLflow, and what a study asks of them."""

from collections.abc import Iterator
from pathlib import Path

from graft.cluster.doctor import Finding, findings
from graft.cluster.preflight import possible
from graft.search.kinds.base import Kind
from graft.search.tracking import store
from graft.search.tracking.address import address, masked, of_database
from graft.simulators.data.table import in_words
from graft.spaces.errors import InputError


def examination(
    kind: Kind | None, folder: Path, workers: int | None = None, device: str = "cpu", uri: str | None = None
) -> Iterator[Finding]:
    """Everything the doctor looks at.

    Args:
        kind: Of the study that will be run, or None.
        folder: Where it will be run.
        workers: Trainings at a time; None for as many as there are CPUs.
        device: ``cpu`` or ``cuda``.
        uri: MLflow's tracking URI.
    """
    yield from findings(next(place for place in (folder, *folder.parents) if place.is_dir()))
    yield tracking(folder, uri)
    if kind is not None:
        for table in getattr(kind.study, "tables", ()):
            yield from (Finding("ok", line) for line in in_words(table).splitlines())
        yield _asked(kind, folder, workers, device)


def tracking(folder: Path, uri: str | None) -> Finding:
    """How MLflow's store is; a search does without it, so that this is a warning at worst."""
    where = address(folder, uri)
    problem = store.problem(where)
    if problem:
        return Finding("warning", f"MLflow: {masked(problem, where)}", "or search without it: graft deliver DIR, later")
    own = where == of_database(folder / "mlflow.db")
    return Finding("ok", "MLflow: a database in the run's folder" if own else f"MLflow at {masked(where, where)}")


def _asked(kind: Kind, folder: Path, workers: int | None, device: str) -> Finding:
    study, size = kind.study, kind.megabytes()
    try:
        trainings, gpus = allowed(kind, folder, workers, device)
    except InputError as problem:
        said, _, instead = str(problem).partition("; allowed: ")
        return Finding("missing", f"{study.name}: {said}", instead)
    share = f" on {gpus} GPUs" if device == "cuda" else ""
    return Finding("ok", f"{study.name}: {trainings} trainings at a time{share}, about {size:.0f} MB of disk")


def allowed(kind: Kind, folder: Path, workers: int | None, device: str) -> tuple[int, int]:
    """Trainings at a time and GPUs that a run of a study may have.

    Raises:
        InputError: If this machine or the cluster has less than was asked for, or the study has no use for it.
    """
    if device not in kind.devices:
        name = kind.study.name
        raise InputError(f"--device is {device}, but sequence models, as of {name}, are trained on CPUs; allowed: cpu")
    return possible(workers, device, folder, kind.megabytes())
