"""The two searches, and what the result says of them."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graft.search.engine.journal import storage
from graft.search.engine.outcome import Outcome
from graft.search.engine.search import Search
from graft.search.engine.searched import NothingFinished, best_plan, searched
from graft.search.kinds.transfer.phases import FINALISTS, PLANS, WIDEN, direct_budget, direct_search, plans_search
from graft.search.kinds.transfer.study import Study
from graft.search.run.seeds import Role
from graft.search.study import resolve
from graft.spaces.plan import Plan

LIMITS: dict[str, Any] = {"budget.steps": 800, "ranges.epochs": [30, 160]}
STUDY = resolve("film10-film8", "demo", LIMITS | {"budget.trainings": 12})


def nothing(trial: dict[str, Any], seconds: float) -> None:
    """Where a tracker would be told."""


def baseline(folder: Path, study: Study = STUDY, times: int = 1) -> Search:
    budget, journal = direct_budget(study.budget, math.inf, times), storage(folder / "optuna.journal")
    rows, steps = study.rows.training, study.budget.steps
    return direct_search(journal, "baseline", study.seed, budget, study.start, study.ranges, rows, steps, nothing)


def plans(folder: Path, trainings: int) -> Search:
    journal = storage(folder / "optuna.journal")
    return plans_search(STUDY, journal, math.inf, nothing, STUDY.start, STUDY.ranges, trainings)


def run(search: Search, error: Callable[[Plan, int], float]) -> Search:
    while (asked := search.ask()) is not None:
        number, plan = asked
        for index in range(search.budget.seeds):
            if search.tell(number, index, Outcome(error(plan, index), 0.1, "")):
                break
        search.close(number)
    return search


def test_both_searches_have_samplers_and_budgets_of_their_own(tmp_path: Path) -> None:
    searches = baseline(tmp_path), plans(tmp_path, 7)
    direct, moved = (search.budget for search in searches)
    assert WIDEN == (0.25, 0.5) and (FINALISTS, PLANS) == (3, 4)
    assert [search.phase for search in searches] == ["baseline", "plans"]
    assert [search.sampling.role for search in searches] == [Role.BASELINE_SAMPLER, Role.PLANS_SAMPLER]
    assert {search.sampling.seed for search in searches} == {STUDY.seed}
    assert (direct.trainings, direct.widen, moved.trainings, moved.widen) == (12, WIDEN, 7, ())
    assert direct.seeds == moved.seeds == STUDY.budget.seeds
    assert (direct.finalists, direct.explored) == (2, 8) and (moved.finalists, moved.explored) == (2, 3)


def test_a_search_that_goes_on_keeps_the_milestones_that_it_had(tmp_path: Path) -> None:
    rules = baseline(tmp_path, times=2).budget
    assert rules.trainings == 24 and [share * 24 for share in rules.widen] == [3, 6, 15, 18]
    assert (rules.finalists, rules.explored) == (2, 20)


def test_direct_learning_goes_on_where_it_was_and_spends_all_that_the_run_does(tmp_path: Path) -> None:
    def bowl(plan: Plan, index: int) -> float:
        noise = 1e-3 * ((index * 7 + plan.recipe.batch) % 5)
        return 0.01 * (1 + abs(math.log(plan.recipe.rate / 4e-3)) + plan.recipe.decay + noise)

    first = run(baseline(tmp_path), bowl).records()
    again = run(baseline(tmp_path, times=2), bowl)
    assert 11 <= sum(len(trial.errors) for trial in first) <= 12
    assert again.spent in (23, 24)
    for before, after in zip(first, again.records(), strict=False):
        assert before.plan == after.plan and after.errors[: len(before.errors)] == before.errors


def test_what_is_recorded_of_a_search(tmp_path: Path) -> None:
    search = run(
        baseline(tmp_path), lambda plan, index: 0.01 * (1 + abs(plan.recipe.rate - STUDY.start.rate)) + 1e-4 * index
    )
    found = searched(search, STUDY.budget.steps).to_dict()
    assert found["trials"] == [one.to_dict() for one in search.records()] and len(found["trials"]) >= 4
    assert found["best"] == 0 and found["edges"] == []
    assert found["ranges"]["epochs"] == [30, 160] and set(found["ranges"]) == set(STUDY.ranges.to_dict())


@pytest.mark.parametrize(
    ("epochs", "batch", "listed"),
    [(100, 50, True), (96, 50, True), (95, 50, False), (80, 50, False), (50, 25, True), (47, 25, False)],
)
def test_a_best_recipe_near_the_limit_of_steps_lies_at_an_edge(
    tmp_path: Path, epochs: int, batch: int, listed: bool
) -> None:
    # 400 rows: 8 steps an epoch at a batch of 50, 16 at 25; the limit is 800, and 5 % below it is 760.
    assert (STUDY.budget.steps, STUDY.rows.training) == (800, 400)
    near = {"start.epochs": epochs, "start.batch": batch, "budget.trainings": 3}
    study = resolve("film10-film8", "demo", LIMITS | near)
    search = run(baseline(tmp_path, study), lambda plan, index: 0.01 + 1e-4 * index)
    found = searched(search, study.budget.steps).to_dict()
    recipe = found["trials"][found["best"]]["plan"]["recipe"]
    assert (recipe["epochs"], recipe["batch"]) == (epochs, batch)
    assert found["edges"] == (["optimiser steps"] if listed else [])


def test_other_edges_are_listed_beside_the_steps(tmp_path: Path) -> None:
    at_both = {"start.epochs": 30, "start.batch": 20, "budget.trainings": 3, "budget.steps": 610}
    study = resolve("film10-film8", "demo", LIMITS | at_both)
    search = run(baseline(tmp_path, study), lambda plan, index: 0.01 + 1e-4 * index)
    found = searched(search, study.budget.steps).to_dict()
    assert found["edges"] == ["batch", "epochs", "optimiser steps"]


def test_a_search_in_which_nothing_finished(tmp_path: Path) -> None:
    search = baseline(tmp_path)
    with pytest.raises(NothingFinished, match=r"no trial of the baseline search finished \(0 tried\): no trial was"):
        best_plan(search)
    run(search, lambda plan, index: math.nan)
    with pytest.raises(NothingFinished, match="seed 0"):
        best_plan(search)
    found = searched(search, STUDY.budget.steps).to_dict()
    assert found["best"] is None and found["edges"] == []
