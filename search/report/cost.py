"""The last sections of any page: what the run cost, and how to do it again."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from graft.search.report import races
from graft.search.report.section import Figures, Table
from graft.search.report.words import NOTHING, SPACE, duration, percent, plain, recorded_under
from graft.search.run.results import Asked, Results

WORK = {
    "training": "trained and judged",
    "generating": "drew data",
    "sampling": "waited for the sampler",
    "scheduling": "were started, or went from one trial to the next",
    "logging": "waited for MLflow",
    "waiting": "had nothing to do",
}


@dataclass(frozen=True)
class Cost:
    """What a run cost: time phase by phase, and what was trained in it."""

    phases: Table
    trainings: Table
    workers: Table | None
    trained: str
    machine: str
    date: str


def cost(run: Results) -> Cost | None:
    """Sum up time, trainings and trials of each phase."""
    told = run.cost
    if not told.phases:
        return None
    times = [[phase, duration(seconds)] for phase, seconds in told.phases.items()]
    rows = []
    for name in dict.fromkeys([*told.trainings, *told.trials]):
        states = ", ".join(f"{count} {state}" for state, count in told.trials.get(name, {}).items() if count)
        rows.append([recorded_under(name), plain(told.trainings.get(name)), states or NOTHING])
    return Cost(
        Table(["phase", "time"], [*times, ["total", duration(told.wall_seconds)]]),
        Table(["what was trained", "trainings", "trials"], [*rows, ["total", plain(sum(told.trainings.values())), ""]]),
        _workers(told.core_seconds),
        duration(told.train_seconds),
        told.machine,
        told.date,
    )


def _workers(seconds: Mapping[str, float]) -> Table | None:
    """What the workers' time went to, where the run tells."""
    whole = sum(seconds.values())
    if not whole:
        return None
    rows = [[WORK.get(what, what), duration(one), percent(one / whole)] for what, one in seconds.items()]
    return Table(["what workers did", "core time", "share"], [*rows, ["total", duration(whole), ""]])


def figures(run: Results) -> Figures:
    """Draw when each piece of work ran."""
    return {"timeline": races.timeline(run.cost.timeline)} if run.cost.timeline else {}


@dataclass(frozen=True)
class Provenance:
    """Where results come from; ``command`` is empty where the study's name is not recorded."""

    command: str
    seed: str
    sources: Table
    data: Table
    versions: str


def provenance(run: Results) -> Provenance | None:
    """Collect the command, source networks, data and versions."""
    certified = run.certificate
    sources = run.result.bases or (certified.sources if certified else ())
    versions = run.cost.versions or (certified.versions if certified else {})
    command = shlex.join(run.command.words or _command(run.study)) if run.study.name else ""
    if not (command or sources or run.result.data or versions):
        return None
    networks = [[one.name, percent(one.error, 2), one.sha256] for one in sources]
    parts = [[part, one.simulator, plain(one.rows), one.digest] for part, one in run.result.data.items()]
    return Provenance(
        command,
        plain(run.study.seed),
        Table(["name", "test error", "sha256"], networks),
        Table(["part", "simulator", "examples", "sha256"], parts),
        ", ".join(f"{package}{SPACE}{plain(version)}" for package, version in versions.items()),
    )


def _command(study: Asked) -> list[str]:
    """Say what draws a study again, as far as an older folder tells."""
    words = ["graft", "run", study.name, *(["--scale", study.scale] if study.scale else [])]
    return words + (["--seed", str(study.seed)] if study.seed else [])
