"""Error by number of first blocks shared (Fig. 4b and S2 of Qu et al. 2018), with and without telling the task."""

from collections.abc import Sequence
from typing import Any

from graft.search.kinds.sharing.confirmation import Asked
from graft.search.kinds.sharing.pipeline import SharingPipeline
from graft.search.kinds.sharing.study import SharingStudy
from graft.search.proof.statistics import PAIRED
from graft.search.run.folder import Run
from graft.search.run.results import Change, SharedMap, SharingResult
from graft.search.run.scale import RATIO, Scale
from graft.search.run.seeds import Role
from graft.search.tasks.base import Request
from graft.search.tasks.joint import SharedTraining
from graft.spaces.plan import Plan, Recipe
from graft.spaces.sharing import Sharing

ALPHA = 0.05


def recipes(run: Run, study: SharingStudy) -> tuple[dict[str, Recipe], Sharing | None]:
    """Each task's recipe of direct learning and the plan that a finished run confirmed, else the study's start."""
    if not run.has("result.json"):
        return dict.fromkeys(study.tasks, study.start), None
    result = run.record(SharingResult, "result.json")
    return dict(result.recipes), result.rounds[0].plan if result.rounds else None


def drawn(line: SharingPipeline) -> SharedMap:
    """Share the first n blocks of all tasks, n = 0 to all, on fresh examples and regret seeds.

    All plans have the confirmed plan's recipe and weighting, where there is one.
    """
    study = line.study
    own, chosen = recipes(line.run, study)
    recipe = chosen.recipe if chosen else study.start
    scale, told = study.learned.scale, (False, True) if study.learned.told else (False,)
    how: dict[str, Any] = (
        {"align": chosen.align, "weighting": chosen.weighting, "weights": chosen.weights} if chosen else {}
    )
    plans = {
        f"{n}{' told' if one_hot else ''}": Sharing.ends(recipe, study.tasks, study.blocks, n, one_hot=one_hot, **how)
        for n in range(study.blocks + 1)
        for one_hot in told
    }
    seeds = range(study.budget.map)
    with line.phase("map"):
        tests = line.tests()
        alone, together = line.alone(Role.REGRET, tests), line.together(Role.REGRET, tests)
        asked: dict[str, Asked] = {
            f"direct/{task}/{i}": (alone[task], Request(Plan(own[task]), i)) for i in seeds for task in study.tasks
        }
        asked |= {f"{name}/{i}": (together, SharedTraining(plan, i)) for i in seeds for name, plan in plans.items()}
        entries = line.measured("map", asked)
    direct = {task: [entries[f"direct/{task}/{i}"].error for i in seeds] for task in study.tasks}
    cells = []
    for name, plan in plans.items():
        found = [entries[f"{name}/{i}"] for i in seeds]
        errors = {task: [e.by_task[task] if e.error is not None else None for e in found] for task in study.tasks}
        changes = {task: change(direct[task], errors[task], scale) for task in study.tasks}
        cells.append({"first": int(name.split()[0]), "one_hot": plan.one_hot, "errors": errors, "changes": changes})
    return SharedMap.read(
        {
            "study": study.to_dict(),
            "seeds": study.budget.map,
            "blocks": study.blocks,
            "recipe": recipe,
            "how": {**how, "weights": how.get("weights", ())},
            "direct": direct,
            "cells": cells,
        }
    )


def change(direct: Sequence[float | None], errors: Sequence[float | None], scale: Scale = RATIO) -> Change | None:
    """Relative change of a task's error against learning it alone, with its 95 % interval.

    None if a training diverged, or where there is no such change: of an error that was never made.
    """
    pairs = [(a, b) for a, b in zip(direct, errors, strict=True) if a is not None and b is not None]
    if len(pairs) < len(errors) or not any(a for a, _ in pairs):
        return None
    found = PAIRED[scale.name].of([a for a, _ in pairs], [b for _, b in pairs]).reduction(ALPHA)
    low, high = (-end for end in reversed(found.interval))
    return Change(value=-found.value, interval=(low, high))
