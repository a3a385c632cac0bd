"""Successive halving: who goes on, and what the search records of those who do not."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graft.search.engine.journal import storage
from graft.search.engine.outcome import Outcome
from graft.search.engine.pruners import GroupedHalvingPruner, falls_behind
from graft.search.engine.sampler import Sampling
from graft.search.engine.search import Search, Space
from graft.search.engine.trials import best_trial
from graft.search.kinds.dcl.pipeline import Rungs
from graft.search.run.seeds import Role
from graft.spaces.dcl import Choices, Watch, family, first_guesses, suggest

SCORES = st.lists(st.floats(0.1, 10), min_size=1, max_size=30, unique=True)


@given(SCORES, st.sampled_from([2, 3, 4]))
def test_of_all_that_arrive_the_share_that_goes_on_is_the_factors(scores: list[float], factor: int) -> None:
    alone = [score for i, score in enumerate(scores) if not falls_behind(score, scores[:i] + scores[i + 1 :], factor)]
    assert sorted(scores)[: max(1, len(scores) // factor)] == sorted(alone)


def test_the_first_to_arrive_goes_on_and_a_worse_second_does_not() -> None:
    assert not falls_behind(5.0, [], 2)
    assert falls_behind(6.0, [5.0], 2) and not falls_behind(4.0, [5.0], 2)


def rungs(folder: Path, trials: int = 12) -> Search:
    choices = Choices(kinds=("linear", "made"))
    space = Space(Watch, suggest, choices, first_guesses(choices), family=family)
    sampling, pruner = Sampling(0, Role.PLANS_SAMPLER), GroupedHalvingPruner(space.group)
    return Search(storage(folder / "journal"), "plans", space, Rungs(trials, 2), sampling, pruner)


def run(search: Search, score: Any) -> None:
    while (asked := search.ask()) is not None:
        number, plan = asked
        rung = 0
        while not search.tell(number, rung, Outcome(score(number, plan, rung), 1.0)):
            rung += 1
        search.close(number)


def test_kinds_race_apart_and_the_last_rung_is_the_value(tmp_path: Path) -> None:
    search = rungs(tmp_path)
    run(search, lambda number, plan, rung: (100.0 if plan.kind == "made" else 1.0) + number - 0.5 * rung)
    records = search.records()
    complete = [t for t in records if t.state == "complete"]
    assert [(t.number, t.plan.kind) for t in complete] == [(0, "linear"), (1, "made")]
    assert all(t.state == "pruned" and len(t.errors) == 1 for t in records[2:]) and len(records) == 12
    assert search.used == 12 and search.spent == 14
    assert complete[1].value == pytest.approx(100.5) == pytest.approx(complete[1].errors[-1])
    assert best_trial(records) == records[0]


def test_what_was_stopped_stays_stopped_whoever_arrives_before_it_is_closed(tmp_path: Path) -> None:
    search = rungs(tmp_path)
    asked = [search.ask() for _ in range(3)]
    kinds = [plan.kind for _, plan in asked if plan]  # type: ignore[misc, union-attr]
    same = kinds.index(kinds[2])
    assert not search.tell(same, 0, Outcome(1.0, 1.0))
    assert search.tell(2, 0, Outcome(2.0, 1.0))
    search.live[same].trial.set_user_attr("errors", [3.0])  # the rule would now be kinder
    search.close(2)
    assert search.records()[2].state == "pruned"


def test_a_search_taken_up_again_draws_what_it_would_have_drawn(tmp_path: Path) -> None:
    whole, torn = (rungs(tmp_path / name) for name in ("whole", "torn") if not (tmp_path / name).mkdir())
    score = partial(lambda number, plan, rung: 1 + plan.rate + number % 3 - 0.1 * rung)
    run(whole, score)
    number, plan = torn.ask()  # type: ignore[misc]
    torn.tell(number, 0, Outcome(score(number, plan, 0), 1.0))
    again = rungs(tmp_path / "torn")  # the process died here
    run(again, score)
    assert again.records() == whole.records()


def test_what_a_constraint_keeps_from_being_trained_costs_nothing(tmp_path: Path) -> None:
    search = rungs(tmp_path, 3)
    search.space = replace(search.space, constraints=lambda plan: {"steps": 1.0 if plan.kind == "made" else 0.0})
    run(search, lambda number, plan, rung: 1.0 + number)
    tried = [t for t in search.records() if t.errors]
    assert len(tried) == search.used == 3 < len(search.records())
    assert rungs(tmp_path, 3).used == 3
