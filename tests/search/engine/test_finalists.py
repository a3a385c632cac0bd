"""A search that begins with one seed: who earns more, what is counted, and that a kill changes nothing."""

import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_searches import RANGES, START, bowl, outcome, states

from graft.search.engine.budget import SearchBudget, affordable
from graft.search.engine.journal import storage
from graft.search.engine.sampler import NumberedGP, NumberedTPE, Sampling
from graft.search.engine.search import Search, Space
from graft.search.run.seeds import Role
from graft.spaces import baseline
from graft.spaces.plan import Plan
from graft.spaces.ranges import widened

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


def begin(
    folder: Path, trainings: int = 12, seeds: int = 3, finalists: int = 2, until: float = math.inf, **more: Any
) -> Search:
    sampling = Sampling(0, Role.BASELINE_SAMPLER, more.pop("sampler", NumberedTPE))
    guesses = {"guesses": baseline.first_guesses(RANGES, START)}
    space = Space(Plan, partial(baseline.suggest, start=START), RANGES, widened=widened, **guesses | more)
    budget = SearchBudget(trainings, seeds, finalists, until, (0.25, 0.5))
    return Search(storage(folder / "optuna.journal"), "baseline", space, budget, sampling)


def run(search: Search, error: Any = bowl, stop_after: int | None = None) -> list[tuple[int, int]]:
    """Carry out what is asked; which trainings, as (trial, seed)."""
    done: list[tuple[int, int]] = []
    while (asked := search.ask()) is not None:
        number, plan = asked
        index = search.begins(number)
        while True:
            if len(done) == stop_after:
                return done
            done.append((number, index))
            if search.tell(number, index, outcome(error(plan, index))):
                break
            index += 1
        search.close(number)
    return done


def by_number(*errors: tuple[float, ...]) -> Any:
    """Errors by the order in which plans are first seen, then by seed."""
    seen: dict[Plan, int] = {}

    def error(plan: Plan, index: int) -> float:
        return errors[seen.setdefault(plan, len(seen))][index]

    return error


def test_trials_begin_with_one_seed_and_the_best_earn_the_others(tmp_path: Path) -> None:
    search = begin(tmp_path)
    done = run(search)
    assert [index for _, index in done[:8]] == [0] * 8 and search.budget.explored == 8
    first = sorted(range(8), key=lambda number: search.records()[number].errors[0])
    assert done[8:] == [(number, index) for number in first[:2] for index in (1, 2)]
    assert states(search).count("complete") == 2 and search.spent == 12
    assert search.best.number in first[:2] and search.best.state == "complete"  # type: ignore[union-attr]
    others = [one for one in search.records() if one.state != "complete"]
    assert {(one.state, one.reason) for one in others} == {("pruned", "others were better with the first seed")}


def test_a_finalist_that_is_clearly_behind_gives_its_place_to_the_next(tmp_path: Path) -> None:
    near = (0.010, 0.0101, 0.0099, 0.01)
    errors = [near, (0.0101, 0.0102, 0.01, 0.0101), (0.0102, 0.5, 0.5, 0.5), (0.0103, 0.0104, 0.0103, 0.0103), (9, 9)]
    search = begin(tmp_path, trainings=15, seeds=4, finalists=3)
    run(search, by_number(*errors, *[(1.0, 1.0)] * 9))
    told = {one.number: (one.state, len(one.errors)) for one in search.records()[:4]}
    assert told[0] == told[1] == ("complete", 4) and told[2] == ("pruned", 2)
    assert search.records()[2].reason == "behind on the same seeds"
    assert search.spent <= 15 and search._finalist() is None


def test_a_finalist_that_diverges_has_failed_and_is_counted(tmp_path: Path) -> None:
    search = begin(tmp_path)
    run(search, lambda plan, index: math.nan if index == 2 and plan.recipe.rate > 3e-3 else bowl(plan, index))
    assert sum(search.states.values()) == len(search.records())
    for one in search.records():
        if one.state == "failed":
            assert one.reason.startswith("seed 2") and len(one.errors) == 2
    assert search.spent == sum(len(o.errors) + (o.state == "failed") for o in search.records())


def family(plan: Plan) -> str | None:
    return None if plan.recipe == START else "big" if plan.recipe.batch > 60 else "small"


def test_the_reference_and_the_best_of_each_family_are_finalists(tmp_path: Path) -> None:
    start = [baseline.first_guesses(RANGES, START)[1]]  # gelu, the activation of START
    search = begin(tmp_path, trainings=18, finalists=4, family=family, guesses=start)
    run(search)
    complete = [one for one in search.records() if one.state == "complete"]
    assert {family(one.plan) for one in complete} == {None, "big", "small"}
    assert complete[0].number == 0
    (tmp_path / "one").mkdir()
    only = begin(tmp_path / "one", trainings=9, finalists=1, family=family, guesses=start)
    assert run(only) and [one.number for one in only.records() if one.state == "complete"] != [0]


def test_where_time_is_up_finalists_still_get_their_seeds(tmp_path: Path) -> None:
    search = begin(tmp_path, until=-math.inf)
    assert run(search) == [(0, 0), (0, 1), (0, 2)] and states(search) == ["complete"]


def test_trials_under_way_decide_who_goes_on(tmp_path: Path) -> None:
    search = begin(tmp_path, trainings=6, seeds=3, finalists=1)
    asked = [search.ask() for _ in range(4)]
    assert all(one is not None for one in asked) and search.ask() is None and len(search.live) == 4
    for number in (0, 1, 2):
        search.tell(number, 0, outcome(0.02 + number))
        search.close(number)
    assert search.ask() is None  # the last one may be the best
    search.tell(3, 0, outcome(0.01))
    search.close(3)
    found = search.ask()
    assert found is not None and found[0] == 3 and search.begins(3) == 1 and search.spent == 5


@pytest.mark.parametrize("sampler", [NumberedTPE, NumberedGP])
def test_a_kill_at_any_training_changes_nothing(tmp_path: Path, sampler: Any) -> None:
    trainings = 14 if sampler is NumberedTPE else 16
    (tmp_path / "whole").mkdir()
    whole = begin(tmp_path / "whole", trainings, sampler=sampler)
    count = len(run(whole))
    for killed in range(1, count) if sampler is NumberedTPE else (3, 9, count - 3, count - 1):
        folder = tmp_path / str(killed)
        folder.mkdir()
        run(begin(folder, trainings, sampler=sampler), stop_after=killed)
        again = begin(folder, trainings, sampler=sampler)
        run(again)
        assert again.records() == whole.records() and again.spent == whole.spent, killed
        assert again.states == whole.states and again.best == whole.best


def test_every_line_of_a_finalists_journal_may_be_the_last(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    whole = begin(tmp_path / "whole", 8)
    run(whole)
    lines = (tmp_path / "whole" / "optuna.journal").read_bytes().splitlines(keepends=True)
    first = next(i for i, line in enumerate(lines) if b"further seeds" in line)
    assert len(lines) - first >= 4
    for cut in range(first - 2, len(lines) + 1):
        folder = tmp_path / str(cut)
        folder.mkdir()
        (folder / "optuna.journal").write_bytes(b"".join(lines[:cut]))
        again = begin(folder, 8)
        run(again)
        assert again.records() == whole.records() and again.spent == whole.spent == 8


def test_a_released_finalist_is_given_again_with_what_it_told(tmp_path: Path) -> None:
    search = begin(tmp_path, trainings=8)
    for _ in range(4):
        asked = search.ask()
        assert asked is not None
        search.tell(asked[0], 0, outcome(0.01 * (1 + asked[0])))
        search.close(asked[0])
    assert search.ask() is not None and search.begins(0) == 1
    search.tell(0, 1, outcome(0.01))
    search.release(0)
    assert search.ask() is not None and search.begins(0) == 2 and search.spent == 6


@settings(max_examples=200)
@given(st.integers(1, 5), st.integers(2, 200), st.integers(2, 6), st.integers(1, 2))
def test_finalists_leave_something_to_explore_with(most: int, trainings: int, seeds: int, least: int) -> None:
    if trainings < seeds:
        return
    finalists = affordable(most, trainings, seeds, least)
    assert 1 <= finalists <= max(most, 1) and SearchBudget(trainings, seeds, finalists).explored >= 1
    assert finalists <= least or finalists * (seeds - 1) <= trainings / 3


def test_no_finalists_is_the_search_of_before(tmp_path: Path) -> None:
    search = begin(tmp_path, trainings=9, finalists=0)
    done = run(search)
    assert done[:3] == [(0, 0), (0, 1), (0, 2)] and np.mean([index for _, index in done]) > 0.4
