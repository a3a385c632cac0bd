"""Trials that Tune gives up on: Ray may tell twice of one machine that is gone, and Tune takes that for the end."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from ray.tune.search import Searcher
from small_searches import begin, outcome

from graft.search.engine.ray import TuneScheduler, TuneSearcher

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


def give_up(searcher: TuneSearcher, tune_id: str, number: int, failures: int) -> None:
    """As Tune does: the scheduler first."""
    trial = SimpleNamespace(
        config={"number": number}, num_failures=failures, trial_id=tune_id, get_error=lambda: "the worker died"
    )
    TuneScheduler(searcher).on_trial_error(None, trial)  # type: ignore[arg-type]
    searcher.on_trial_complete(tune_id, error=True)


def test_a_trial_that_tune_gave_up_early_is_given_again_with_what_was_told(tmp_path: Path) -> None:
    search = begin(tmp_path)
    searcher = TuneSearcher(search, 2, failures=2)
    first = searcher.suggest("a")
    assert isinstance(first, dict) and first["first"] == 0
    search.tell(0, 0, outcome(0.1))
    give_up(searcher, "a", 0, failures=1)
    assert searcher.suggest("b") == first | {"first": 1} and search.records()[0].errors == (0.1,)
    assert search.records()[0].state == "interrupted"
    for index in range(3):
        search.tell(0, index, outcome(0.1 + index))
    searcher.on_trial_complete("b")
    assert search.records()[0].state == "complete" and search.records()[0].errors == (0.1, 1.1, 2.1)


@pytest.mark.parametrize("told", [[3], [1, 2], [0, 1, 1]])
def test_a_trial_that_failed_too_often_has_failed(tmp_path: Path, told: list[int]) -> None:
    searcher = TuneSearcher(begin(tmp_path), 2, failures=2)
    for attempt, failures in enumerate(told):
        assert searcher.suggest(str(attempt))["number"] == 0  # type: ignore[index]
        give_up(searcher, str(attempt), 0, failures)
    assert searcher.search.records()[0].state == "failed"
    assert searcher.search.records()[0].reason == "the worker died"
    assert searcher.suggest("next")["number"] == 1  # type: ignore[index]


def test_a_search_is_not_over_while_a_trial_may_come_back(tmp_path: Path) -> None:
    searcher = TuneSearcher(begin(tmp_path, trainings=3), 2, failures=2)
    searcher.suggest("a")
    for index in range(2):
        searcher.search.tell(0, index, outcome(0.1))
    assert searcher.suggest("b") is None
    give_up(searcher, "a", 0, failures=1)
    assert searcher.suggest("c")["number"] == 0  # type: ignore[index]
    searcher.search.tell(0, 2, outcome(0.1))
    searcher.on_trial_complete("c")
    assert searcher.suggest("d") == Searcher.FINISHED
