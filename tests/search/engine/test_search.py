"""The search: how each trial ends, what is counted, and that nothing but the seed matters."""

import math
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState
from small_searches import RANGES, START, begin, constant, outcome, run, states

from graft.search.engine.cost import timeline
from graft.search.engine.search import DRAWS, Search
from graft.search.engine.trials import best_trial, importance
from graft.search.run.trials import Trial
from graft.spaces import baseline, transfer
from graft.spaces.plan import Plan, Recipe, Span
from graft.spaces.ranges import Ranges

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


def test_a_trial_is_complete_when_all_its_seeds_are_told(tmp_path: Path) -> None:
    closed: list[tuple[Trial, float]] = []
    search = begin(tmp_path, on_close=lambda trial, seconds: closed.append((trial, seconds)))
    number, plan = search.ask() or pytest.fail("nothing asked")
    assert number == 0
    assert [search.tell(0, i, outcome(error)) for i, error in enumerate((0.01, 0.02, 0.04))] == [False, False, True]
    search.close(0)
    (trial,) = search.records()
    assert trial.state == "complete" and trial.errors == (0.01, 0.02, 0.04) and trial.reason == ""
    assert trial.value == pytest.approx(0.02) and trial.plan == plan
    assert closed == [(trial, 1.5)] and search.seconds(0) == 1.5
    frozen = search.study.trials[0]
    assert frozen.state == TrialState.COMPLETE and frozen.value == pytest.approx(math.log(0.02))
    assert list(frozen.intermediate_values) == [0, 1, 2]


def test_telling_a_seed_again_changes_nothing(tmp_path: Path) -> None:
    search = begin(tmp_path)
    search.ask()
    search.tell(0, 0, outcome(0.01))
    before = search.records()
    assert search.tell(0, 0, outcome(0.5)) is False
    assert search.records() == before


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_trial_that_diverges_has_failed(tmp_path: Path, bad: float) -> None:
    search = begin(tmp_path)
    search.ask()
    assert search.tell(0, 0, outcome(0.01)) is False
    assert search.tell(0, 1, outcome(bad)) is True
    search.close(0)
    (trial,) = search.records()
    assert trial.state == "failed" and trial.reason == f"seed 1: the error is {bad}" and trial.errors == (0.01,)
    assert best_trial(search.records()) is None


def test_a_trial_whose_worker_died_has_failed(tmp_path: Path) -> None:
    search = begin(tmp_path)
    search.ask()
    search.tell(0, 0, outcome(0.01))
    search.close(0, "the worker died")
    assert states(search) == ["failed"] and search.records()[0].reason == "the worker died"


def test_the_race_prunes_what_is_behind_once_two_are_complete(tmp_path: Path) -> None:
    search = begin(tmp_path, trainings=100)
    for errors, told in (((0.010, 0.011, 0.010), 3), ((0.011, 0.011, 0.011), 3), ((0.05, 0.05, 0.05), 2)):
        number, _ = search.ask() or pytest.fail("nothing asked")
        stopped = [search.tell(number, i, outcome(errors[i])) for i in range(told)]
        assert stopped == [False] * (told - 1) + [True]
        search.close(number)
    assert states(search) == ["complete", "complete", "pruned"]
    assert search.records()[2].reason == "behind on the same seeds" and search.records()[2].errors == (0.05, 0.05)


def test_the_first_trial_is_the_reference_and_never_pruned(tmp_path: Path) -> None:
    search = begin(tmp_path, trainings=100)
    asked = [search.ask() for _ in range(3)]
    assert [one[0] for one in asked if one] == [0, 1, 2]
    for number, level in ((1, 0.010), (2, 0.011)):
        for i in range(3):
            search.tell(number, i, outcome(level + 1e-4 * i))
        search.close(number)
    assert [search.tell(0, i, outcome(0.5)) for i in range(3)] == [False, False, True]
    search.close(0)
    assert states(search) == ["complete"] * 3


def test_plans_are_raced_in_their_own_family_and_against_direct_learning(tmp_path: Path) -> None:
    plans = [
        Plan(START),
        Plan.span(START, 3, "film", Span(1, 3)),
        Plan.span(START, 3, "film", Span(2, 3)),
        Plan.span(START, 3, "film", Span(1, 2)),
        Plan.span(START, 3, "film", Span(2, 2)),
        Plan.span(START, 3, "film", Span(3, 3)),
    ]
    levels = [0.030, 0.010, 0.010, 0.020, 0.060, 0.028]
    search = begin(
        tmp_path,
        trainings=100,
        phase="plans",
        suggest=lambda trial, ranges: plans[trial.number],
        family=transfer.family,
    )
    for level in levels:
        number, _ = search.ask() or pytest.fail("nothing asked")
        for i in range(3):
            if search.tell(number, i, outcome(level * (1 + 0.01 * ((i * (number + 1)) % 3)))):
                break
        search.close(number)
    # Number 3 leaves the head fresh: twice as bad as the head's group, better than direct learning.
    # Number 4 is behind direct learning, number 5 behind its own group only.
    assert states(search) == ["complete", "complete", "complete", "complete", "pruned", "pruned"]


def test_a_plan_that_breaks_a_constraint_is_recorded_and_not_trained(tmp_path: Path) -> None:
    closed: list[str] = []
    search = begin(
        tmp_path,
        trainings=6,
        constraints=lambda plan: {"rate": math.log(plan.recipe.rate / 2e-3), "fine": -1.0},
        on_close=lambda trial, seconds: closed.append(trial.state),
    )
    trained: list[float] = []
    run(search, lambda plan, index: trained.append(plan.recipe.rate) or 0.01)  # type: ignore[func-returns-value]
    assert trained and max(trained) <= 2e-3
    broken = [trial for trial in search.records() if trial.plan.recipe.rate > 2e-3]
    assert broken and closed == states(search)
    for trial in broken:
        assert trial.state == "pruned" and trial.errors == () and trial.value is None
        assert trial.reason.startswith("not trained: rate over by ")
    assert search.spent == 6


def test_asking_ends_where_no_plan_can_be_trained(tmp_path: Path) -> None:
    asked: list[Plan] = []

    def never(plan: Plan) -> dict[str, float]:
        asked.append(plan)
        assert len(asked) < 100, "100 plans were drawn for a budget of two trainings, and there is no end to it"
        return {"steps": 1.0}

    search = begin(tmp_path, trainings=2, seeds=2, constraints=never)
    assert search.ask() is None
    assert len(asked) == DRAWS == 60 and states(search) == ["pruned"] * DRAWS
    assert search.spent == 0 and search.live == {}


def test_draws_that_cannot_be_trained_are_counted_in_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Plan] = []

    def every_third(plan: Plan) -> dict[str, float]:
        drawn.append(plan)
        return {"steps": float(len(drawn) % 3 > 0)}

    monkeypatch.setattr("graft.search.engine.search.DRAWS", 3)
    search = begin(tmp_path, trainings=8, seeds=2, constraints=every_third)
    run(search, constant(0.01, 0.01))
    assert states(search) == ["pruned", "pruned", "complete"] * 4 and search.spent == 8


def test_the_budget_counts_trainings_started(tmp_path: Path) -> None:
    search = begin(tmp_path, trainings=11)
    done = run(search)
    assert done == search.spent and 11 <= done < 11 + 3
    assert search.ask() is None


def test_a_training_that_diverged_was_started(tmp_path: Path) -> None:
    search = begin(tmp_path, trainings=6)
    for expected in range(1, 4):
        number, _ = search.ask() or pytest.fail("nothing asked")
        search.tell(number, 0, outcome(math.nan))
        search.close(number)
        assert search.spent == expected


def test_the_training_in_which_a_worker_died_was_started(tmp_path: Path) -> None:
    search = begin(tmp_path, trainings=6)
    search.ask()
    search.close(0, "the worker died")
    assert search.spent == 1
    search.ask()
    search.tell(1, 0, outcome(0.01))
    search.tell(1, 1, outcome(0.01))
    assert search.spent == 4
    search.close(1, "the worker died")
    assert search.spent == 4 and begin(tmp_path, trainings=6).spent == 4
    # Nothing but failures is no search without end.
    while (asked := search.ask()) is not None:
        search.close(asked[0], "the worker died")
    assert states(search) == ["failed"] * 4 and search.spent == 6


def test_trials_under_way_are_counted(tmp_path: Path) -> None:
    search = begin(tmp_path, trainings=2, seeds=2)
    assert search.ask() and search.ask()
    assert search.spent == 2 and search.ask() is None


def test_no_trial_but_the_first_is_started_after_the_time_is_up(tmp_path: Path) -> None:
    search = begin(tmp_path, until=-1.0)
    number, _ = search.ask() or pytest.fail("without any trial there is nothing to go on with")
    assert number == 0 and search.ask() is None
    for index in range(3):
        search.tell(0, index, outcome(0.01))
    search.close(0)
    assert search.ask() is None and begin(tmp_path, until=-1.0).ask() is None
    assert states(search) == ["complete"] and begin(tmp_path).ask() is not None


def test_an_interrupted_trial_is_given_again_after_the_time_is_up_too(tmp_path: Path) -> None:
    run(begin(tmp_path), stop_after=4)
    again = begin(tmp_path, until=-1.0)
    assert (again.ask() or pytest.fail("trial 1 was lost"))[0] == 1 and again.ask() is None


def test_the_same_seed_gives_the_same_records_and_another_does_not(tmp_path: Path) -> None:
    found = []
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        (tmp_path / name).mkdir()
        search = begin(tmp_path / name, trainings=36, seed=seed)
        run(search)
        found.append(search.records())
    assert found[0] == found[1] and len(found[0]) > 12
    assert found[0][0].params != found[2][0].params


def test_two_phases_share_one_journal(tmp_path: Path) -> None:
    first = begin(tmp_path, trainings=3)
    run(first)
    second = begin(tmp_path, trainings=3, phase="plans")
    assert second.records() == [] and second.spent == 0
    run(second)
    assert len(begin(tmp_path).records()) == len(begin(tmp_path, phase="plans").records()) == 1
    assert second.records()[0].params != first.records()[0].params


def test_guesses_come_first_and_only_once(tmp_path: Path) -> None:
    guesses = baseline.first_guesses(RANGES, START)
    search = begin(tmp_path, guesses=guesses)
    assert search.records() == []
    number, plan = search.ask() or pytest.fail("nothing asked")
    assert (number, plan.recipe.activation, plan.recipe.rate) == (0, "relu", START.rate)
    again = begin(tmp_path, guesses=guesses)
    run(again, constant(0.01, 0.01, 0.01))
    assert [trial.params for trial in again.records()[:3]] == guesses
    assert all(trial.params not in guesses for trial in again.records()[3:])


def edge(trial: optuna.Trial, ranges: Ranges) -> Plan:
    """A space whose best plan is always at the highest rate."""
    return Plan(Recipe(rate=trial.suggest_float("rate", ranges.rate[1] * 0.999, ranges.rate[1]), decay=0.5, batch=70))


def better_above(plan: Plan, index: int) -> float:
    return 1e-4 / plan.recipe.rate


def tops(search: Search) -> list[float]:
    return [search.ranges.at(trial.number).rate[1] for trial in search.records()]


def test_ranges_are_widened_at_their_milestones_and_restored(tmp_path: Path) -> None:
    def build(folder: Path) -> Search:
        folder.mkdir(exist_ok=True)
        return begin(folder, trainings=12, seeds=2, widen=(0.5, 0.75), suggest=edge)

    search = build(tmp_path / "whole")
    run(search, better_above)
    assert tops(search) == [0.02, 0.02, 0.02, 0.04, 0.04, 0.08]
    assert search.ranges.at(4).decay == RANGES.decay
    again = build(tmp_path / "whole")
    assert tops(again) == tops(search) and again.ranges.at(99) == search.ranges.at(99)
    run(build(tmp_path / "killed"), better_above, stop_after=9)
    resumed = build(tmp_path / "killed")
    run(resumed, better_above)
    assert resumed.records() == search.records() and tops(resumed) == tops(search)


def test_importance_ranks_what_matters(tmp_path: Path) -> None:
    search = begin(tmp_path, trainings=28, seeds=2)
    assert importance(search.study) == {}
    run(search, lambda plan, index: 0.03 * math.exp(abs(math.log(plan.recipe.rate / 2e-3))))
    found = importance(search.study)
    assert next(iter(found)) == "rate" and sum(found.values()) == pytest.approx(1, abs=1e-6)


def test_the_timeline_tells_only_what_ended(tmp_path: Path) -> None:
    search = begin(tmp_path)
    run(search, stop_after=4)
    (entry,) = timeline(search)
    assert entry.phase == "baseline" and entry.number == 0 and entry.train_seconds == 1.5
    assert entry.start <= entry.end


def test_the_best_of_equals_is_the_first() -> None:
    trials = [
        Trial(number=number, state=state, plan=None, errors=(value,), value=value)
        for number, (state, value) in enumerate(
            [("pruned", 0.001), ("complete", 0.02), ("complete", 0.01), ("complete", 0.01)]
        )
    ]
    assert best_trial(trials) == trials[2] and best_trial(trials[:1]) is None
