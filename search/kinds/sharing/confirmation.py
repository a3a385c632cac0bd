"""Confirmation of a sharing plan: fixed beforehand, round by round until all tasks left are helped."""

import statistics as stdlib
from collections.abc import Mapping, Sequence
from typing import Any

from graft.search.engine.pruners import behind
from graft.search.kinds.sharing.study import SharingStudy
from graft.search.kinds.sharing.verdict import ARMS
from graft.search.kinds.transfer.confirmation import POWER_AT
from graft.search.proof.statistics import log_ratios, seeds_needed
from graft.search.run.leaderboard import geometric_mean
from graft.search.tasks.base import Phase, Request
from graft.search.tasks.joint import SharedTask, SharedTraining
from graft.spaces.plan import Plan
from graft.spaces.sharing import Sharing

Reference = Mapping[str, Sequence[float | None]]


def chosen(plans: Sequence[Mapping[str, Any]], reference: Reference) -> Mapping[str, Any] | None:
    """The trial to confirm: the best of those that made no task worse on the search's seeds, else the best of all.

    Args:
        plans: Records of the plan search.
        reference: Errors of each task learned alone with its tuned recipe, on the same seeds.
    """
    complete = sorted((t for t in plans if t["state"] == "complete"), key=lambda t: (t["value"], t["number"]))
    harmless = [trial for trial in complete if all(ratio < 1 for ratio in changes(trial, reference).values())]
    return next(iter(harmless or complete), None)


def clearly_behind(
    trial: Mapping[str, Any], plans: Sequence[Mapping[str, Any]], reference: Reference
) -> dict[str, Any] | None:
    """What the record keeps of a trial that the search shows to be clearly behind direct learning in every task.

    Args:
        trial: The one to be confirmed.
        plans: As of `chosen`.
        reference: As of `chosen`.

    Returns:
        Its ``trial``, ``plan`` and by how much it is ``behind`` in each task; None if it is not.
    """
    complete = [t["by_task"] for t in plans if t["state"] == "complete"]
    behind_in = []
    for task, alone in reference.items():
        told = [error for error in alone if error]
        if len(told) < len(alone):
            return None  # where direct learning diverged nothing is known
        mine = [one[task] for one in trial["by_task"]]
        behind_in.append(behind(mine, [told, *([one[task] for one in errors] for errors in complete)], 0))
    if not all(behind_in):
        return None
    by = {task: ratio - 1 for task, ratio in changes(trial, reference).items()}
    return {"trial": trial["number"], "plan": trial["plan"], "behind": by}


def changes(trial: Mapping[str, Any], reference: Reference) -> dict[str, float]:
    """Each task's error in a trial as a multiple of direct learning's, over the seeds that both have."""
    found = {}
    for task, alone in reference.items():
        pairs = [(one[task], other) for one, other in zip(trial["by_task"], alone, strict=False) if other]
        found[task] = geometric_mean([one / other for one, other in pairs]) or float("inf")
    return found


def protocol(
    trial: Mapping[str, Any], tasks: Sequence[str], number: int, reference: Reference, study: SharingStudy
) -> dict[str, Any]:
    """What is fixed before round ``number`` (from 1): the plan for these tasks, seeds of its own, margin, level.

    Each round has an equal share of the level, and as many seeds as the most noisy task needs.
    """
    proof, deviations = study.proof, [0.0]
    for task in tasks:
        pairs = [(alone, one[task]) for one, alone in zip(trial["by_task"], reference[task], strict=False) if alone]
        if len(pairs) > 1:
            deviations.append(stdlib.stdev(log_ratios([a for a, _ in pairs], [b for _, b in pairs]).tolist()))
    alpha = proof.alpha / study.rounds
    # The gain to be detected is a factor 1 / (1 - POWER_AT); what is tested is what of it exceeds the margin.
    effect = -float(log_ratios([(1 - POWER_AT) * (1 + proof.margin)], [1.0])[0])
    seeds = seeds_needed(max(deviations), effect, alpha / len(tasks), proof.seeds, proof.most_seeds)
    return {
        "round": number,
        "tasks": list(tasks),
        "trial": trial["number"],
        "plan": Sharing.from_dict(trial["plan"]).only(tasks).to_dict(),
        "seeds": seeds,
        "first_seed": (number - 1) * proof.most_seeds,
        "margin": proof.margin,
        "alpha": alpha,
        "deviation_in_search": max(deviations),
    }


def trainings(
    fixed: Mapping[str, Any], baselines: Mapping[str, Plan], alone: Mapping[str, Phase], together: SharedTask
) -> dict[str, tuple[Any, Any]]:
    """Every training of a round by key, with the task it belongs to: ``arm/task/seed``, and ``candidate/seed``."""
    plan = Sharing.from_dict(fixed["plan"])
    found: dict[str, tuple[Any, Any]] = {}
    for seed in range(fixed["first_seed"], fixed["first_seed"] + fixed["seeds"]):
        found[f"candidate/{seed}"] = (together, SharedTraining(plan, seed))
        for task in fixed["tasks"]:
            found[f"direct/{task}/{seed}"] = (alone[task], Request(baselines[task], seed))
            found[f"direct_same_recipe/{task}/{seed}"] = (alone[task], Request(plan.alone, seed))
            found[f"shuffled/{task}/{seed}"] = (together, SharedTraining(plan, seed, task))
    return found


def arms(fixed: Mapping[str, Any], entries: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, list[Any]]]:
    """Errors by arm and task, seed by seed, from what was recorded by key; None where a training diverged."""
    seeds = range(fixed["first_seed"], fixed["first_seed"] + fixed["seeds"])
    found = {
        arm: {task: [entries[f"{arm}/{task}/{seed}"]["error"] for seed in seeds] for task in fixed["tasks"]}
        for arm in ARMS
    }
    together = [entries[f"candidate/{seed}"] for seed in seeds]
    found["candidate"] = {
        task: [one["by_task"][task] if one["error"] is not None else None for one in together]
        for task in fixed["tasks"]
    }
    return found
