"""Confirmation of a sharing plan: fixed beforehand, round by round until all tasks left are helped."""

from collections.abc import Mapping, Sequence

from graft.search.engine.pruners import behind
from graft.search.kinds.sharing.study import SharingStudy
from graft.search.kinds.transfer.confirmation import POWER_AT
from graft.search.proof.confirmation import Arms
from graft.search.proof.looks import Looks
from graft.search.proof.statistics import PAIRED, seeds_needed
from graft.search.run.certificate import BehindAlone
from graft.search.run.evidence import Entry
from graft.search.run.record import Errors
from graft.search.run.results import Round
from graft.search.run.scale import RATIO, Scale
from graft.search.run.trials import Trial
from graft.search.tasks.base import Phase, Request
from graft.search.tasks.joint import SharedTask, SharedTraining
from graft.spaces.plan import Plan
from graft.spaces.sharing import Sharing

Reference = Mapping[str, Sequence[float | None]]
Asked = tuple[Phase, Request] | tuple[SharedTask, SharedTraining]
"""What a training shares with others, and the training."""


def chosen(plans: Sequence[Trial], reference: Reference, scale: Scale = RATIO) -> Trial | None:
    """The trial to confirm: the best of those that made no task worse on the search's seeds, else the best of all.

    Args:
        plans: Records of the plan search.
        reference: Errors of each task learned alone with its tuned recipe, on the same seeds.
        scale: On which errors are compared.
    """
    complete = sorted((one for one in plans if one.state == "complete"), key=lambda one: (one.value, one.number))
    harmless = [trial for trial in complete if all(ratio < 1 for ratio in changes(trial, reference, scale).values())]
    return next(iter(harmless or complete), None)


def clearly_behind(
    trial: Trial, plans: Sequence[Trial], reference: Reference, scale: Scale = RATIO
) -> BehindAlone | None:
    """What the record keeps of a trial that the search shows to be clearly behind direct learning in every task.

    Args:
        trial: The one to be confirmed.
        plans: As of `chosen`.
        reference: As of `chosen`.
        scale: The same.

    Returns:
        None if it is not.
    """
    complete = [one.by_task for one in plans if one.state == "complete"]
    behind_in = []
    for task, alone in reference.items():
        told = [error for error in alone if error is not None]
        if len(told) < len(alone):
            return None  # where direct learning diverged nothing is known
        mine = _of(task, trial.by_task)
        behind_in.append(behind(mine, [told, *(_of(task, errors) for errors in complete)], 0, scale))
    if not all(behind_in):
        return None
    by = {task: ratio - 1 for task, ratio in changes(trial, reference, scale).items()}
    return BehindAlone.read({"trial": trial.number, "plan": trial.plan, "behind": by})


def _of(task: str, by_task: Sequence[Mapping[str, float | None]]) -> list[float]:
    """Errors of one task; none of a trial that ended well is missing."""
    return [error for one in by_task if (error := one[task]) is not None]


def changes(trial: Trial, reference: Reference, scale: Scale = RATIO) -> dict[str, float]:
    """Each task's error in a trial as a multiple of direct learning's, over the seeds that both have."""
    found = {}
    for task, alone in reference.items():
        ours, theirs = _both(task, trial, alone)
        found[task] = 1 + scale.change(ours, theirs) if ours else float("inf")
    return found


def _both(task: str, trial: Trial, alone: Sequence[float | None]) -> tuple[list[float], list[float]]:
    """Errors of a task in a trial and alone, on the seeds that have both."""
    pairs = [(one, other) for one, other in zip(_of(task, trial.by_task), alone, strict=False) if other is not None]
    return [one for one, _ in pairs], [other for _, other in pairs]


def protocol(trial: Trial, tasks: Sequence[str], number: int, reference: Reference, study: SharingStudy) -> Round:
    """What is fixed before round ``number`` (from 1): the plan for these tasks, looks and seeds of its own, level.

    Each round has an equal share of the level. Where the study names no looks there is one, after as many seeds as the
    most noisy task needs.
    """
    proof, paired, deviations = study.proof, PAIRED[study.learned.scale.name], [0.0]
    for task in tasks:
        ours, theirs = _both(task, trial, reference[task])
        if len(ours) > 1:
            deviations.append(paired.of(theirs, ours).deviation)
    alpha, effect = proof.alpha / study.rounds, paired.effect(POWER_AT, proof.margin)
    seeds = seeds_needed(max(deviations), effect, alpha / len(tasks), proof.seeds, proof.most_seeds)
    looks = Looks(proof.looks or (seeds,), proof.more, alpha)
    assert isinstance(trial.plan, Sharing)
    return Round(
        round=number,
        tasks=tuple(tasks),
        trial=trial.number,
        plan=trial.plan.only(tasks),
        first_seed=(number - 1) * max(proof.most_seeds, *looks.seeds, *looks.more),
        margin=proof.margin,
        alpha=alpha,
        looks=looks.seeds,
        more=looks.more,
        levels=tuple(looks.levels.values()),
        placebos=proof.placebos,
        scale=study.learned.scale.name,
        deviation_in_search=max(deviations),
    )


def trainings(
    fixed: Round,
    wanted: Mapping[str, int],
    baselines: Mapping[str, Plan],
    alone: Mapping[str, Phase],
    together: SharedTask,
) -> dict[str, Asked]:
    """Every training of a round by key, ``arm/task/seed`` and ``candidate/seed``, with what it shares with others.

    Args:
        fixed: Beforehand.
        wanted: Seeds of each ``arm/task``.
        baselines: Each task's rival.
        alone: What trainings of each task by itself share.
        together: What those of all tasks share.
    """
    plan, found = fixed.plan, dict[str, Asked]()
    for name, seeds in wanted.items():
        arm, _, task = name.partition("/")
        for place, seed in enumerate(range(fixed.first_seed, fixed.first_seed + seeds)):
            if arm == "candidate":
                found[f"candidate/{seed}"] = (together, SharedTraining(plan, seed))
            elif arm == "shuffled":
                shuffle = (fixed.round - 1) * fixed.placebos + place % fixed.placebos + 1
                found[f"{name}/{seed}"] = (together, SharedTraining(plan, seed, task, shuffle))
            else:
                alone_plan = baselines[task] if arm == "direct" else plan.alone
                found[f"{name}/{seed}"] = (alone[task], Request(alone_plan, seed))
    return found


def arms(fixed: Round, wanted: Mapping[str, int], entries: Mapping[str, Entry]) -> dict[str, Errors]:
    """Errors by ``arm/task``, seed by seed, from what was recorded by key; None where a training diverged."""

    def told(name: str, seed: int) -> float | None:
        arm, _, task = name.partition("/")
        if arm != "candidate":
            return entries[f"{name}/{seed}"].error
        entry = entries[f"candidate/{seed}"]
        return None if entry.error is None else entry.by_task[task]

    first = fixed.first_seed
    return {name: tuple(told(name, first + i) for i in range(seeds)) for name, seeds in wanted.items()}


def by_arm(flat: Arms) -> dict[str, dict[str, Errors]]:
    """Errors by arm and task from those by ``arm/task``."""
    found: dict[str, dict[str, Errors]] = {}
    for name, errors in flat.items():
        arm, _, task = name.partition("/")
        found.setdefault(arm, {})[task] = tuple(errors)
    return found


def flat(one: Round) -> dict[str, Errors]:
    """The errors of a round by ``arm/task``."""
    return {f"{arm}/{task}": errors for arm, held in one.arms.items() for task, errors in held.items()}
