"""What a run cost: times, counts, versions, the machine."""

import platform
import time
from collections.abc import Mapping
from importlib.metadata import version

from graft.search.engine.search import Search
from graft.search.engine.trials import ENDED
from graft.search.run.evidence import Evidence
from graft.search.run.folder import Run
from graft.search.run.results import Cost, Piece

WORK = ("training", "generating", "sampling", "scheduling", "logging", "waiting")
"""What the time of workers goes to."""
PACKAGES = ("graft", "ray", "torch", "optuna", "mlflow", "numpy", "scipy", "pyarrow", "numba", "safetensors")


def cost(run: Run, searches: Mapping[str, Search], spent: Mapping[str, float], workers: int) -> Cost:
    """What the run cost, its searches and all else that it trained."""
    pieces = sorted((piece for search in searches.values() for piece in timeline(search)), key=lambda one: one.start)
    zero = pieces[0].start if pieces else 0.0
    line = [one.model_copy(update={"start": one.start - zero, "end": one.end - zero}) for one in pieces]
    records = {name: search.records() for name, search in searches.items()}
    measured = {
        file.stem: [entry.seconds for entry in Evidence(file).done.values()]
        for file in sorted(run.path("evidence").glob("*.jsonl"))
    }
    states = ("complete", "pruned", "failed")
    trainings = {name: sum(len(t.errors) for t in trials) for name, trials in records.items()}
    trainings |= {name: len(seconds) for name, seconds in measured.items()}
    told = {
        "wall_seconds": sum(spent.values()),
        "phases": dict(spent),
        "train_seconds": sum(piece.train_seconds or 0.0 for piece in pieces) + sum(sum(s) for s in measured.values()),
        "trainings": trainings,
        "trials": {
            name: {state: sum(t.state == state for t in trials) for state in states} for name, trials in records.items()
        },
        "core_seconds": core_seconds(run),
        "timeline": line,
        "cpus": workers,
        "versions": versions(),
        "machine": f"{platform.machine()}, {platform.system()}, {workers} worker{'s' * (workers != 1)}",
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }
    return Cost.read(told)


def core_seconds(run: Run) -> dict[str, float]:
    """What the workers' time went to, all phases together; adds up to workers times wall time.

    While this process draws a trial, or shows one, a worker waits for it, so these seconds are one worker's.
    """
    phases: dict[str, dict[str, float]] = run.read("worked.json") if run.has("worked.json") else {}
    told = dict.fromkeys(WORK, 0.0)
    for worked in phases.values():
        for what, seconds in worked.items():
            told[what] += seconds
    return told if phases else {}


def timeline(search: Search) -> list[Piece]:
    """When each ended trial started and ended (seconds since the epoch) and how long its trainings took."""
    return [
        Piece(
            phase=search.phase,
            number=t.number,
            start=t.datetime_start.timestamp(),
            end=t.datetime_complete.timestamp(),
            train_seconds=search.seconds(t.number),
        )
        for t in search.study.get_trials(deepcopy=False, states=ENDED)
        if t.datetime_start and t.datetime_complete
    ]


def versions() -> dict[str, str]:
    """Versions of what produced the numbers."""
    return {"python": platform.python_version()} | {name: version(name) for name in PACKAGES}
