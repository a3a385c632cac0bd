"""The last sections of any page: what the run cost, and how to do it again."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from graft.search.report import races
from graft.search.report.section import Figures, Table
from graft.search.report.words import NOTHING, SPACE, duration, percent, plain
from graft.search.run.results import Record, Results


@dataclass(frozen=True)
class Cost:
    """What a run cost, phase by phase."""

    phases: Table
    trained: str
    machine: str
    date: str


def cost(run: Results) -> Cost | None:
    """Sum up time, trainings and trials of each phase."""
    if not run.cost:
        return None
    phases, trainings, tried = (run.cost.get(key) or {} for key in ("phases", "trainings", "trials"))
    rows = []
    for phase in dict.fromkeys([*phases, *trainings, *tried]):
        states = ", ".join(f"{count} {state}" for state, count in (tried.get(phase) or {}).items() if count)
        rows.append([phase, duration(phases.get(phase)), plain(trainings.get(phase)), states or NOTHING])
    rows.append(["total", duration(run.cost.get("wall_seconds")), plain(sum(trainings.values())), ""])
    return Cost(
        Table(["phase", "time", "trainings", "trials"], rows),
        duration(run.cost.get("train_seconds")),
        plain(run.cost.get("machine")),
        plain(run.cost.get("date")),
    )


def figures(run: Results) -> Figures:
    """Draw when each piece of work ran."""
    recorded = run.cost.get("timeline")
    return {"timeline": races.timeline(recorded)} if recorded else {}


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
    sources: Sequence[Record] = run.result.get("bases") or run.certificate.get("sources") or []
    data: Record = run.result.get("data") or {}
    versions: Record = run.cost.get("versions") or run.certificate.get("versions") or {}
    command = shlex.join(run.command.get("words") or _command(run.study)) if run.study.get("name") else ""
    if not (command or sources or data or versions):
        return None
    networks = [[plain(one["name"]), percent(one.get("error"), 2), plain(one["sha256"])] for one in sources]
    parts = [
        [part, plain(one.get("simulator")), plain(one.get("rows")), plain(one.get("digest"))]
        for part, one in data.items()
    ]
    return Provenance(
        command,
        plain(run.study.get("seed")),
        Table(["name", "test error", "sha256"], networks),
        Table(["part", "simulator", "examples", "sha256"], parts),
        ", ".join(f"{package}{SPACE}{plain(version)}" for package, version in versions.items()),
    )


def _command(study: Record) -> list[str]:
    """Say what draws a study again, as far as an older folder tells."""
    words = ["graft", "run", str(study["name"])]
    return words + [word for key in ("scale", "seed") if study.get(key) for word in (f"--{key}", str(study[key]))]
