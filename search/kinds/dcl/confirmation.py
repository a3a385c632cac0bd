"""Confirmation of a pipeline: fixed beforehand, on seeds and states that no search has seen."""

from collections.abc import Mapping

from graft.search.proof.looks import Looks
from graft.search.run.evidence import Entry
from graft.search.run.record import Errors
from graft.search.run.results import Equal
from graft.search.tasks.distilled.objective import Watching
from graft.search.tasks.distilled.study import DclStudy
from graft.spaces.dcl import Watch

PAPER = {"paper": ("paper", "student"), "paper_teacher": ("paper", "teacher")}


def protocol(best: Watch, study: DclStudy) -> Equal:
    """What is fixed before confirmation starts: the pipeline, the paper's recipe, compute, looks, margin, level."""
    proof = study.proof
    looks = Looks(proof.looks or (proof.seeds,), proof.more, proof.alpha)
    return Equal(
        plan=best,
        paper=study.paper,
        symmetrised=study.symmetries != "none",
        seconds=study.budget.seconds,
        margin=study.proof.margin,
        alpha=study.proof.alpha,
        looks=looks.seeds,
        more=looks.more,
        levels=tuple(looks.levels.values()),
    )


def trainings(fixed: Equal, wanted: Mapping[str, int], study: DclStudy) -> dict[str, Watching]:
    """Every training by key, ``searched/seed`` and ``paper/seed``: both get the same compute.

    And as many steps of teaching; what the searched pipeline's student leaves is then solved for.

    Args:
        fixed: Beforehand.
        wanted: Seeds of each arm.
        study: The study.
    """
    student = study.budget.student
    pipelines = {"searched": (fixed.plan, student), "paper": (fixed.paper, as_long(student, fixed.paper, fixed.plan))}
    return {
        f"{name}/{seed}": Watching(plan, seed, fixed.seconds, True, epochs)
        for name, (plan, epochs) in pipelines.items()
        for seed in range(max((seeds for arm, seeds in wanted.items() if name == part_of(arm)[0]), default=0))
    }


def as_long(epochs: int, plan: Watch, other: Watch) -> int:
    """Epochs in which ``plan`` is taught as much as ``other`` is in ``epochs``, which has its own number of rounds."""
    return round(epochs * (other.student.rounds + 1) / (plan.student.rounds + 1))


def part_of(arm: str) -> tuple[str, str]:
    """Which pipeline an arm is of, and which of its errors it is."""
    return PAPER.get(arm, ("searched", arm))


def arms(wanted: Mapping[str, int], entries: Mapping[str, Entry]) -> dict[str, Errors]:
    """RMSE by arm, seed by seed, from what was recorded by key; None where a training diverged."""

    def told(arm: str, seed: int) -> float | None:
        name, part = part_of(arm)
        entry = entries[f"{name}/{seed}"]
        return None if entry.error is None else entry.by_task[part]

    return {arm: tuple(told(arm, seed) for seed in range(seeds)) for arm, seeds in wanted.items()}
