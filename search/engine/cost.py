"""What a run cost: times, counts, versions, the machine."""

import platform
import time
from collections.abc import Mapping
from importlib.metadata import version

from graft.search.engine.search import Search
from graft.search.run.folder import Evidence, Run
from graft.search.run.results import Cost

PACKAGES = ("graft", "ray", "torch", "optuna", "mlflow", "numpy", "scipy", "pyarrow", "numba", "safetensors")


def cost(run: Run, searches: Mapping[str, Search], spent: Mapping[str, float], workers: int) -> Cost:
    """What the run cost, its searches and all else that it trained."""
    timeline = sorted((entry for search in searches.values() for entry in search.timeline()), key=lambda e: e["start"])
    zero = timeline[0]["start"] if timeline else 0.0
    for entry in timeline:
        entry["start"], entry["end"] = entry["start"] - zero, entry["end"] - zero
    records = {name: search.records() for name, search in searches.items()}
    measured = {
        file.stem: [entry["seconds"] for entry in Evidence(file).done.values()]
        for file in sorted(run.path("evidence").glob("*.jsonl"))
    }
    states = ("complete", "pruned", "failed")
    trainings = {name: sum(len(t["errors"]) for t in trials) for name, trials in records.items()}
    trainings |= {name: len(seconds) for name, seconds in measured.items()}
    told = {
        "wall_seconds": sum(spent.values()),
        "phases": dict(spent),
        "train_seconds": sum(e["train_seconds"] for e in timeline) + sum(sum(s) for s in measured.values()),
        "trainings": trainings,
        "trials": {
            name: {state: sum(t["state"] == state for t in trials) for state in states}
            for name, trials in records.items()
        },
        "timeline": timeline,
        "cpus": workers,
        "versions": versions(),
        "machine": f"{platform.machine()}, {platform.system()}, {workers} workers",
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }
    return Cost.read(told)


def versions() -> dict[str, str]:
    """Versions of what produced the numbers."""
    return {"python": platform.python_version()} | {name: version(name) for name in PACKAGES}
