"""Confirmation of a pipeline: fixed beforehand, on seeds and states that no search has seen."""

from collections.abc import Mapping
from typing import Any

from graft.search.kinds.dcl.verdict import ARMS
from graft.search.run.record import Errors
from graft.search.run.results import Equal
from graft.search.tasks.distilled.objective import Watching
from graft.search.tasks.distilled.study import DclStudy
from graft.spaces.dcl import Watch

PAPER = {"paper": ("paper", "student"), "paper_teacher": ("paper", "teacher")}


def protocol(best: Watch, study: DclStudy) -> Equal:
    """What is fixed before confirmation starts: the pipeline, the paper's recipe, compute, seeds, margin, level."""
    return Equal(
        plan=best,
        paper=study.paper,
        symmetrised=study.symmetries != "none",
        seconds=study.budget.seconds,
        seeds=study.proof.seeds,
        margin=study.proof.margin,
        alpha=study.proof.alpha,
    )


def trainings(fixed: Equal, study: DclStudy) -> dict[str, Watching]:
    """Every training by key, ``searched/seed`` and ``paper/seed``: both get the same compute.

    And as many steps of teaching; what the searched pipeline's student leaves is then solved for.
    """
    student = study.budget.student
    return {
        f"{name}/{seed}": Watching(plan, seed, fixed.seconds, True, epochs)
        for seed in range(fixed.seeds)
        for name, plan, epochs in (
            ("searched", fixed.plan, student),
            ("paper", fixed.paper, as_long(student, fixed.paper, fixed.plan)),
        )
    }


def as_long(epochs: int, plan: Watch, other: Watch) -> int:
    """Epochs in which ``plan`` is taught as much as ``other`` is in ``epochs``, which has its own number of rounds."""
    return round(epochs * (other.student.rounds + 1) / (plan.student.rounds + 1))


def arms(fixed: Equal, entries: Mapping[str, Mapping[str, Any]]) -> dict[str, Errors]:
    """RMSE by arm, seed by seed, from what was recorded by key; None where a training diverged."""

    def told(name: str, seed: int, part: str) -> float | None:
        entry = entries[f"{name}/{seed}"]
        return None if entry["error"] is None else entry["by_task"][part]

    found = {}
    for arm in ARMS:
        if fixed.symmetrised or "symmetrised" not in arm:
            name, part = PAPER.get(arm, ("searched", arm))
            found[arm] = tuple(told(name, seed, part) for seed in range(fixed.seeds))
    return found
