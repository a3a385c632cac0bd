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

from collections.abc import Mapping, Sequence
from typing import Any

from graft.search.proof.claims import Claim, Errors, Rival, summary, tested

ARMS = ("direct", "direct_same_recipe", "shuffled")


def judged(arms: Mapping[str, Mapping[str, Errors]], margin: float, alpha: float) -> dict[str, dict[str, Any]]:
    """One round of confirmation: whether each task is better off, Holm over the tasks.

    Args:
        arms: Errors by arm (those of `ARMS`, and ``candidate``) and task, seed by seed.
        margin: By which both direct arms must be beaten, as a fraction.
        alpha: Level of the round, for all its tasks together.

    Returns:
        For each task an entry as in the certificate: ``decision`` is ``transfer`` where sharing is proved to help.

    Raises:
        RivalDiverged: If tuned direct learning has no finite error on a seed.
    """
    held = {task: {arm: arms[arm][task] for arm in (*ARMS, "candidate")} for task in arms["candidate"]}
    found = tested([_claim(task, errors, margin) for task, errors in held.items()], alpha)
    names = ("decision", "reason", "relative_reduction", "interval", "p_value", "p_values", "sign_p_value")
    return {
        task: one.told(*names) | {"arms": {arm: summary(errors) for arm, errors in held[task].items()}}
        for task, one in zip(held, found, strict=True)
    }


def _claim(task: str, errors: Mapping[str, Errors], margin: float) -> Claim:
    """What has to be shown of a task."""
    by = f"by more than {margin:.0%}"
    shuffled = "learning together with the others' labels shuffled"
    rivals = {
        "direct": Rival(
            errors["direct"], margin, f"not proved to beat direct learning {by}", "the direct baseline", needed=True
        ),
        "direct_same_recipe": Rival(
            errors["direct_same_recipe"],
            margin,
            f"not proved to beat direct learning with the plan's recipe {by}",
            "direct learning with the plan's recipe",
        ),
        "shuffled": Rival(
            errors["shuffled"],
            0.0,
            f"not proved to beat {shuffled}: it is not what the others know that helps",
            shuffled,
        ),
    }
    return Claim(task, errors["candidate"], rivals, "learning together")


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
