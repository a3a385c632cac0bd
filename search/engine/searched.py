"""What a search found: its best plan, and what the result records of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from graft.search.engine.budget import RangesOf
from graft.search.engine.search import PlanOf, Search
from graft.search.engine.trials import best_trial
from graft.search.run.folder import Run
from graft.search.run.trials import Searched, Stage, Trial
from graft.spaces.plan import Plan
from graft.spaces.ranges import EDGE, Ranges
from graft.spaces.sharing import Sharing

Learner = TypeVar("Learner", Plan, Sharing)


class NothingFinished(RuntimeError):
    """Every trial of a search failed or was stopped."""


def best_plan(search: Search[PlanOf, RangesOf]) -> PlanOf:
    """The best complete trial's plan.

    Raises:
        NothingFinished: If there is none, with the last trial's reason.
    """
    records = search.records()
    best = best_trial(records)
    if best is None:
        last = records[-1].reason if records else "no trial was started"
        raise NothingFinished(f"no trial of the {search.phase} search finished ({len(records)} tried): {last}")
    return search.plan(best.number)


@dataclass(frozen=True)
class Direct:
    """What a search of direct learning has come to when something else starts from it, though it may go on later.

    Attributes:
        trial: Number of the best trial.
        plan: Its plan.
        error: Its validation error.
        ranges: In force at that time.
        spent: Trainings until then.
    """

    trial: int
    plan: Plan
    error: float
    ranges: Ranges
    spent: int


def settled(run: Run, search: Search[Plan, Ranges], file: str) -> Direct:
    """What a search has come to; kept in ``file``, so that it stays what it was when the search goes on.

    Raises:
        NothingFinished: If no trial is complete.
    """
    if not run.has(file):
        plan, records = best_plan(search), search.records()
        best = best_trial(records)
        assert best is not None
        told = {"trial": best.number, "plan": plan.to_dict(), "error": best.value}
        run.write(file, told | {"ranges": search.ranges.at(len(records)), "spent": search.spent})
    return recorded(run, file)


def recorded(run: Run, file: str) -> Direct:
    """What `settled` has kept in a file of the folder.

    Raises:
        InputError: If it is missing or damaged.
    """
    held = run.read(file)
    ranges = Ranges.from_dict(held["ranges"])
    return Direct(held["trial"], Plan.from_dict(held["plan"]), held["error"], ranges, held["spent"])


def by_budget(trials: Sequence[Trial], direct: Direct, rival: Direct) -> list[Stage]:
    """How far direct learning had come after half of the plans' budget, all of it, and all that the run spent.

    Args:
        trials: Records of the search, by number.
        direct: What it had come to when plans started from it.
        rival: What it came to in the end.

    Returns:
        For each stage the trial that was best then, with its validation error on as many seeds as it has had. Half of
        a budget is spent on first seeds alone, so there the best first seed tells, if there is one.
    """
    half = direct.spent // 2
    begun = [trial for trial in trials[:half] if trial.errors and trial.state != "failed"]
    first = min(begun, key=lambda trial: (trial.errors[0], trial.number), default=None)
    reached = [] if first is None else [("half", half, first.number)]
    reached += [("start", direct.spent, direct.trial), ("rival", rival.spent, rival.trial)]
    return [
        Stage(
            stage=stage,
            trainings=spent,
            trial=number,
            error=trials[number].value,
            seeds=len(trials[number].errors),
        )
        for stage, spent, number in reached
    ]


def other_rival(found: Searched, told: Sequence[Stage], direct: Direct, rival: Direct) -> str:
    """What of a record of direct learning does not follow from its search, in words; '' if all does.

    Args:
        found: What `searched` recorded of it.
        told: What `by_budget` did.
        direct: From the folder, when plans started.
        rival: From the folder, in the end.
    """
    if found.best != rival.trial or found.trials[rival.trial].plan != rival.plan:
        return "the rival is not the best of its search"
    return "" if list(told) == by_budget(found.trials, direct, rival) else "how far direct learning came is not so"


def searched(search: Search[Learner, Ranges], steps: int) -> Searched:
    """What the result records of a search whose trainings may take so many optimiser steps."""
    records = search.records()
    best = best_trial(records)
    edges: list[str] = []
    ranges = search.ranges.at(len(records))
    if best is not None:
        plan = search.plan(best.number)
        edges = ranges.edges(plan.recipe)
        if search.space.constraints(plan)["optimiser steps"] > -EDGE * steps:
            edges.append("optimiser steps")
    told = {"trials": records, "best": best.number if best else None, "edges": edges}
    return Searched.read(told | {"ranges": ranges.to_dict()})
