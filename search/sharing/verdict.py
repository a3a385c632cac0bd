"""The verdict for each task: is it learned better together with the others, or alone?

As for transfer, three arms must be beaten on the same seeds, here by each task for itself:

- ``direct``: the task learned alone with its own tuned recipe;
- ``direct_same_recipe``: the task learned alone with the shared plan's recipe, for a better recipe is not sharing;
- ``shuffled``: the plan itself, but every *other* task's labels shuffled among its examples. Network, weights,
  updates, inputs and the kind of output are all the same; only what the others know of how inputs make outputs is
  gone. So it tells knowledge from whatever else training together does (noise on the gradients, more rows in each
  step, the mean spectrum). Whole spectra are shuffled, not single values: values out of order would make a control
  that is easily beaten.

Capacity needs no arm: a task's path through the shared network is a network of the size it has alone.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from search.proof.certificate import DirectDiverged
from search.proof.statistics import holm, log_ratios, paired_p_value, reduction, sign_p_value

ARMS = ("direct", "direct_same_recipe", "shuffled")
Errors = Sequence[float | None]


def judged(arms: Mapping[str, Mapping[str, Errors]], margin: float, alpha: float) -> dict[str, dict[str, Any]]:
    """One round of confirmation: whether each task is better off, Holm over the tasks.

    Args:
        arms: Errors by arm (those of `ARMS`, and ``candidate``) and task, seed by seed.
        margin: By which both direct arms must be beaten, as a fraction.
        alpha: Level of the round, for all its tasks together.

    Returns:
        For each task an entry as in the certificate: ``decision`` is ``transfer`` where sharing is proved to help.

    Raises:
        DirectDiverged: If tuned direct learning has no finite error on a seed.
    """
    tasks = list(arms["candidate"])
    found = {task: _compared({arm: arms[arm][task] for arm in (*ARMS, "candidate")}, margin, alpha, tasks, task)
             for task in tasks}  # fmt: skip
    for one, adjusted in zip(found.values(), holm([one["p_value"] for one in found.values()]), strict=True):
        one["p_value"] = adjusted
        if not one["reason"] and not adjusted <= alpha:
            one["reason"] = _missed(one["p_values"], margin)
        one["decision"] = "direct" if one["reason"] else "transfer"
    return found


def _compared(
    arms: Mapping[str, Errors], margin: float, alpha: float, tasks: Sequence[str], task: str
) -> dict[str, Any]:
    """One task before Holm: three p-values, of which the largest counts, and the reduction against direct learning."""
    if not _finite(arms["direct"]):
        errors = list(arms["direct"])
        raise DirectDiverged(f"{task}: the direct baseline diverged on a confirmation seed; its errors: {errors}")
    entry: dict[str, Any] = {
        "reason": "",
        "relative_reduction": None,
        "interval": None,
        "p_value": 1.0,
        "p_values": dict.fromkeys(ARMS, 1.0),
        "sign_p_value": 1.0,
        "arms": {name: _summary(errors) for name, errors in arms.items()},
    }
    diverged = [name for name in ("candidate", *ARMS[1:]) if not _finite(arms[name])]
    if diverged:
        return entry | {"reason": f"{WORDS[diverged[0]]} diverged on a confirmation seed"}
    margins = {"direct": math.log1p(margin), "direct_same_recipe": math.log1p(margin), "shuffled": 0.0}
    ratios = {name: log_ratios(arms[name], arms["candidate"]) for name in ARMS}  # type: ignore[arg-type]
    p_values = {name: paired_p_value(ratios[name], margins[name]) for name in ARMS}
    estimate = reduction(ratios["direct"], alpha, len(tasks))
    return entry | {
        "relative_reduction": estimate.value,
        "interval": list(estimate.interval),
        "p_value": max(p_values.values()),
        "p_values": p_values,
        "sign_p_value": max(sign_p_value(ratios[name], margins[name]) for name in ARMS),
    }


WORDS = {
    "candidate": "learning together",
    "direct_same_recipe": "direct learning with the plan's recipe",
    "shuffled": "learning together with the others' labels shuffled",
}


def _missed(p_values: Mapping[str, float], margin: float) -> str:
    """Which arm was not beaten, in words."""
    words = {
        "direct": f"not proved to beat direct learning by more than {margin:.0%}",
        "direct_same_recipe": f"not proved to beat direct learning with the plan's recipe by more than {margin:.0%}",
        "shuffled": "not proved to beat learning together with the others' labels shuffled: "
        "it is not what the others know that helps",
    }
    return words[max(ARMS, key=lambda name: p_values[name])]


def comparisons(tasks: Sequence[str], rounds: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The certificate's comparisons from every round of confirmation: of each task, the last round it was in.

    Tasks that a round does not prove to be helped leave, and the others are confirmed without them on fresh seeds.
    What is certified is the group of the last round, if all of it was helped. Each round has its share of the level,
    which is split equally over the rounds there could be, so that all of them together err at the study's at most.

    Args:
        tasks: Of the study.
        rounds: What was fixed before each (``tasks``, ``plan``, ``alpha``, ``margin``), with its ``arms``.
    """
    entries: dict[str, dict[str, Any]] = {}
    left: list[str] = []
    for number, one in enumerate(rounds, 1):
        found = judged(one["arms"], one["margin"], one["alpha"])
        left = [task for task in one["tasks"] if found[task]["decision"] == "transfer"]
        for task, entry in found.items():
            entries[task] = entry | {"round": number, "trial": one["trial"], "plan": one["plan"]}
    certified = bool(rounds) and len(left) > 1 and left == list(rounds[-1]["tasks"])
    if not certified:
        for task in left:
            entries[task] |= {"decision": "direct", "reason": "helped, but no other task is left to share with"}
    return [_entry(task, entries.get(task)) for task in tasks]


def remaining(one: Mapping[str, Any]) -> list[str] | None:
    """The tasks to confirm next after a round, or None if that round was the last."""
    found = judged(one["arms"], one["margin"], one["alpha"])
    left = [task for task in one["tasks"] if found[task]["decision"] == "transfer"]
    return left if 1 < len(left) < len(one["tasks"]) else None


def _entry(task: str, found: dict[str, Any] | None) -> dict[str, Any]:
    """One comparison of the certificate."""
    if found is None:
        return {"task": task, "decision": "direct", "plan": None, **dict.fromkeys((*ARMS, "candidate"))} | {
            "relative_reduction": 0.0, "interval": None, "p_value": 1.0, "candidates": []
        }  # fmt: skip
    helped = found["decision"] == "transfer"
    return {
        "task": task,
        "decision": found["decision"],
        "plan": found["plan"] if helped else None,
        **found["arms"],
        "relative_reduction": found["relative_reduction"],
        "interval": found["interval"],
        "p_value": found["p_value"],
        "round": found["round"],
        "candidates": [found],
    }


def _summary(errors: Errors) -> dict[str, Any]:
    """Mean (None if any seed diverged) and every seed."""
    mean = sum(errors) / len(errors) if _finite(errors) else None  # type: ignore[arg-type]
    return {"mean": mean, "per_seed": list(errors)}


def _finite(errors: Errors) -> bool:
    return all(error is not None and math.isfinite(error) and error > 0 for error in errors)
