"""The ledger: how each trial ends, what a kill may not lose, and that nothing but the seed matters."""

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from optuna.trial import Trial, TrialState

from search.ledger import DRAWS, Ledger, Rules, best_trial, storage
from search.objectives import Outcome
from search.seeds import Role
from spaces import baseline, transfer
from spaces.plan import Plan, Recipe, Span
from spaces.ranges import Ranges

START = Recipe(rate=4e-3, decay=0.2, batch=50, epochs=200, activation="gelu")
RANGES = Ranges()
Error = Callable[[Plan, int], float]


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes are killed here, not machines: what was written is there without `fsync`, which takes half the time."""
    monkeypatch.setattr("os.fsync", lambda file: None)


def ledger(
    folder: Path, trainings: int = 12, seeds: int = 3, phase: str = "baseline", seed: int = 0, **options: Any
) -> Ledger:
    """A ledger on the journal of ``folder``: build it again to come back after a kill."""
    settings: dict[str, Any] = {
        "space": partial(baseline.suggest, start=START),
        "ranges": RANGES,
        "guesses": [],
        "constraints": lambda plan: {},
    } | options
    widen, until = settings.pop("widen", ()), settings.pop("until", math.inf)
    role = {"baseline": Role.BASELINE_SAMPLER, "plans": Role.PLANS_SAMPLER}[phase]
    journal = storage(folder / "optuna.journal")
    return Ledger(journal, Rules(phase, seed, role, trainings, seeds, widen, until), **settings)


def bowl(plan: Plan, index: int) -> float:
    """An error with its lowest value at a rate of 2e-3, and a little noise that each seed repeats."""
    noise = np.random.default_rng([index, plan.recipe.batch]).normal(0, 0.02)
    return float(0.03 * math.exp(abs(math.log(plan.recipe.rate / 2e-3)) + 0.2 * plan.recipe.decay + noise))


def run(book: Ledger, error: Error = bowl, stop_after: int | None = None) -> int:
    """Carry out trials one after another; ``stop_after`` trainings, as a kill would. Returns the trainings done."""
    done = 0
    while (asked := book.ask()) is not None:
        number, plan = asked
        for index in range(book.rules.seeds):
            if done == stop_after:
                return done
            done += 1
            if book.tell(number, index, outcome(error(plan, index))):
                break
        book.close(number)
    return done


def outcome(error: float) -> Outcome:
    return Outcome(error, 0.5, "" if math.isfinite(error) else f"the error is {error}")


def constant(*errors: float) -> Error:
    return lambda plan, index: errors[index]


def states(book: Ledger) -> list[str]:
    return [trial["state"] for trial in book.records()]


def test_a_trial_is_complete_when_all_its_seeds_are_told(tmp_path: Path) -> None:
    closed: list[tuple[dict[str, Any], float]] = []
    book = ledger(tmp_path, on_close=lambda trial, seconds: closed.append((trial, seconds)))
    number, plan = book.ask() or pytest.fail("nothing asked")
    assert number == 0
    assert [book.tell(0, i, outcome(error)) for i, error in enumerate((0.01, 0.02, 0.04))] == [False, False, True]
    book.close(0)
    (trial,) = book.records()
    assert trial["state"] == "complete" and trial["errors"] == [0.01, 0.02, 0.04] and trial["reason"] == ""
    assert trial["value"] == pytest.approx(0.02) and Plan.from_dict(trial["plan"]) == plan
    assert closed == [(trial, 1.5)] and book.seconds(0) == 1.5
    frozen = book.study.trials[0]
    assert frozen.state == TrialState.COMPLETE and frozen.value == pytest.approx(math.log(0.02))
    assert list(frozen.intermediate_values) == [0, 1, 2]


def test_telling_a_seed_again_changes_nothing(tmp_path: Path) -> None:
    book = ledger(tmp_path)
    book.ask()
    book.tell(0, 0, outcome(0.01))
    before = book.records()
    assert book.tell(0, 0, outcome(0.5)) is False
    assert book.records() == before


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_trial_that_diverges_has_failed(tmp_path: Path, bad: float) -> None:
    book = ledger(tmp_path)
    book.ask()
    assert book.tell(0, 0, outcome(0.01)) is False
    assert book.tell(0, 1, outcome(bad)) is True
    book.close(0)
    (trial,) = book.records()
    assert trial["state"] == "failed" and trial["reason"] == f"seed 1: the error is {bad}" and trial["errors"] == [0.01]
    assert best_trial(book.records()) is None


def test_a_trial_whose_worker_died_has_failed(tmp_path: Path) -> None:
    book = ledger(tmp_path)
    book.ask()
    book.tell(0, 0, outcome(0.01))
    book.close(0, "the worker died")
    assert states(book) == ["failed"] and book.records()[0]["reason"] == "the worker died"


def test_the_race_prunes_what_is_behind_once_two_are_complete(tmp_path: Path) -> None:
    book = ledger(tmp_path, trainings=100)
    for errors, told in (((0.010, 0.011, 0.010), 3), ((0.011, 0.011, 0.011), 3), ((0.05, 0.05, 0.05), 2)):
        number, _ = book.ask() or pytest.fail("nothing asked")
        stopped = [book.tell(number, i, outcome(errors[i])) for i in range(told)]
        assert stopped == [False] * (told - 1) + [True]
        book.close(number)
    assert states(book) == ["complete", "complete", "pruned"]
    assert book.records()[2]["reason"] == "behind on the same seeds" and book.records()[2]["errors"] == [0.05, 0.05]


def test_the_first_trial_is_the_reference_and_never_pruned(tmp_path: Path) -> None:
    book = ledger(tmp_path, trainings=100)
    asked = [book.ask() for _ in range(3)]
    assert [one[0] for one in asked if one] == [0, 1, 2]
    for number, level in ((1, 0.010), (2, 0.011)):
        for i in range(3):
            book.tell(number, i, outcome(level + 1e-4 * i))
        book.close(number)
    assert [book.tell(0, i, outcome(0.5)) for i in range(3)] == [False, False, True]
    book.close(0)
    assert states(book) == ["complete"] * 3


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
    book = ledger(
        tmp_path, trainings=100, phase="plans", space=lambda trial, ranges: plans[trial.number], family=transfer.family
    )
    for level in levels:
        number, _ = book.ask() or pytest.fail("nothing asked")
        for i in range(3):
            if book.tell(number, i, outcome(level * (1 + 0.01 * ((i * (number + 1)) % 3)))):
                break
        book.close(number)
    # Number 3 leaves the head fresh: twice as bad as the head's group, better than direct learning.
    # Number 4 is behind direct learning, number 5 behind its own group only.
    assert states(book) == ["complete", "complete", "complete", "complete", "pruned", "pruned"]


def test_a_plan_that_breaks_a_constraint_is_recorded_and_not_trained(tmp_path: Path) -> None:
    closed: list[str] = []
    book = ledger(
        tmp_path,
        trainings=6,
        constraints=lambda plan: {"rate": math.log(plan.recipe.rate / 2e-3), "fine": -1.0},
        on_close=lambda trial, seconds: closed.append(trial["state"]),
    )
    trained: list[float] = []
    run(book, lambda plan, index: trained.append(plan.recipe.rate) or 0.01)  # type: ignore[func-returns-value]
    assert trained and max(trained) <= 2e-3
    broken = [trial for trial in book.records() if trial["plan"]["recipe"]["rate"] > 2e-3]
    assert broken and closed == states(book)
    for trial in broken:
        assert trial["state"] == "pruned" and trial["errors"] == [] and trial["value"] is None
        assert trial["reason"].startswith("not trained: rate over by ")
    assert book.spent == 6


def test_asking_ends_where_no_plan_can_be_trained(tmp_path: Path) -> None:
    asked: list[Plan] = []

    def never(plan: Plan) -> dict[str, float]:
        asked.append(plan)
        assert len(asked) < 100, "100 plans were drawn for a budget of two trainings, and there is no end to it"
        return {"steps": 1.0}

    book = ledger(tmp_path, trainings=2, seeds=2, constraints=never)
    assert book.ask() is None
    assert len(asked) == DRAWS == 60 and states(book) == ["pruned"] * DRAWS
    assert book.spent == 0 and book.live == {}


def test_draws_that_cannot_be_trained_are_counted_in_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Plan] = []

    def every_third(plan: Plan) -> dict[str, float]:
        drawn.append(plan)
        return {"steps": float(len(drawn) % 3 > 0)}

    monkeypatch.setattr("search.ledger.DRAWS", 3)
    book = ledger(tmp_path, trainings=8, seeds=2, constraints=every_third)
    run(book, constant(0.01, 0.01))
    assert states(book) == ["pruned", "pruned", "complete"] * 4 and book.spent == 8


def test_the_budget_counts_trainings_started(tmp_path: Path) -> None:
    book = ledger(tmp_path, trainings=11)
    done = run(book)
    assert done == book.spent and 11 <= done < 11 + 3
    assert book.ask() is None


def test_a_training_that_diverged_was_started(tmp_path: Path) -> None:
    book = ledger(tmp_path, trainings=6)
    for expected in range(1, 4):
        number, _ = book.ask() or pytest.fail("nothing asked")
        book.tell(number, 0, outcome(math.nan))
        book.close(number)
        assert book.spent == expected


def test_the_training_in_which_a_worker_died_was_started(tmp_path: Path) -> None:
    book = ledger(tmp_path, trainings=6)
    book.ask()
    book.close(0, "the worker died")
    assert book.spent == 1
    book.ask()
    book.tell(1, 0, outcome(0.01))
    book.tell(1, 1, outcome(0.01))
    assert book.spent == 4
    book.close(1, "the worker died")
    assert book.spent == 4 and ledger(tmp_path, trainings=6).spent == 4
    # Nothing but failures is no search without end.
    while (asked := book.ask()) is not None:
        book.close(asked[0], "the worker died")
    assert states(book) == ["failed"] * 4 and book.spent == 6


def test_trials_under_way_are_counted(tmp_path: Path) -> None:
    book = ledger(tmp_path, trainings=2, seeds=2)
    assert book.ask() and book.ask()
    assert book.spent == 2 and book.ask() is None


def test_no_trial_but_the_first_is_started_after_the_time_is_up(tmp_path: Path) -> None:
    book = ledger(tmp_path, until=-1.0)
    number, _ = book.ask() or pytest.fail("without any trial there is nothing to go on with")
    assert number == 0 and book.ask() is None
    for index in range(3):
        book.tell(0, index, outcome(0.01))
    book.close(0)
    assert book.ask() is None and ledger(tmp_path, until=-1.0).ask() is None
    assert states(book) == ["complete"] and ledger(tmp_path).ask() is not None


def test_an_interrupted_trial_is_given_again_after_the_time_is_up_too(tmp_path: Path) -> None:
    run(ledger(tmp_path), stop_after=4)
    again = ledger(tmp_path, until=-1.0)
    assert (again.ask() or pytest.fail("trial 1 was lost"))[0] == 1 and again.ask() is None


def test_an_interrupted_trial_is_given_again_first_with_all_that_was_told(tmp_path: Path) -> None:
    book = ledger(tmp_path)
    assert run(book, stop_after=4) == 4  # in the middle of trial 1
    number, plan = 1, Plan.from_dict(book.records()[1]["plan"])
    assert states(book) == ["complete", "interrupted"]
    again = ledger(tmp_path)
    assert again.records() == book.records() and again.interrupted == [1]
    assert again.ask() == (number, plan)
    assert again.records()[1]["params"] == book.records()[1]["params"]
    assert again.records()[1]["errors"] == book.records()[1]["errors"] and len(again.records()[1]["errors"]) == 1
    told = again.records()[1]["errors"][0]
    assert again.tell(1, 0, outcome(9.0)) is False and again.records()[1]["errors"] == [told]
    again.tell(1, 1, outcome(told))
    again.tell(1, 2, outcome(told))
    again.close(1)
    assert states(again) == ["complete", "complete"]


@pytest.mark.parametrize("stop_after", [0, 1, 2, 3, 5, 8])
def test_a_killed_search_ends_as_if_nothing_had_happened(tmp_path: Path, stop_after: int) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    guesses = baseline.first_guesses(RANGES, START)
    expected = ledger(whole, guesses=guesses)
    run(expected)
    run(ledger(killed, guesses=guesses), stop_after=stop_after)
    resumed = ledger(killed, guesses=guesses)
    run(resumed)
    assert resumed.records() == expected.records()


def steady(plan: Plan, index: int) -> float:
    """An error of plain arithmetic, the same wherever it is computed."""
    return 0.03 * (
        1 + abs(plan.recipe.rate / 2e-3 - 1) + 0.2 * plan.recipe.decay + (plan.recipe.batch * index % 7) / 500
    )


def recorded(folder: Path, trainings: int) -> Ledger:
    """A search with every kind of line in its journal: guesses, draws of TPE, plans that cannot be trained."""
    folder.mkdir(exist_ok=True)
    return ledger(
        folder,
        trainings,
        guesses=baseline.first_guesses(RANGES, START),
        constraints=partial(transfer.constraints, rows=400, steps=1700),
        widen=(0.5, 0.75),
    )


def reported(book: Ledger) -> list[dict[int, float]]:
    """Running means that Optuna was told, trial by trial: its sampler ranks pruned trials by them."""
    return [trial.intermediate_values for trial in book.study.trials]


def lines_of_asking(folder: Path, trainings: int) -> tuple[Ledger, list[bytes], dict[int, range]]:
    """An undisturbed search, the lines of its journal, and which of them each `ask` wrote, by the number it gave."""
    book, found = recorded(folder, trainings), {}

    def count() -> int:
        return (folder / "optuna.journal").read_bytes().count(b"\n")

    before = count()
    while (asked := book.ask()) is not None:
        found[asked[0]] = range(before, count())
        for index in range(book.rules.seeds):
            if book.tell(asked[0], index, outcome(steady(asked[1], index))):
                break
        book.close(asked[0])
        before = count()
    return book, (folder / "optuna.journal").read_bytes().splitlines(keepends=True), found


def resumed_after(lines: list[bytes], folder: Path, trainings: int) -> Ledger:
    """The search that was killed when its journal held these lines, carried out to its end."""
    folder.mkdir()
    (folder / "optuna.journal").write_bytes(b"".join(lines))
    book = recorded(folder, trainings)
    run(book, steady)
    return book


@pytest.mark.parametrize("kind", ["first", "guess", "TPE", "not trained"])
def test_a_kill_after_any_line_of_asking_changes_no_trial(tmp_path: Path, kind: str) -> None:
    trainings = 4 if kind in ("first", "guess") else 24
    whole, lines, asking = lines_of_asking(tmp_path / "whole", trainings)
    # The last trial is sampled by TPE, which wants ten first; a number left out is that of a draw not trained.
    number = {"first": lambda: 0, "guess": lambda: 1, "TPE": lambda: max(asking)}.get(
        kind, lambda: max(n for n in asking if n > 0 and n - 1 not in asking)
    )()
    written = asking[number]
    assert len(written) >= 9 and (trainings == 4 or number > 10)
    for cut in range(written.start, written.stop + 1):
        again = resumed_after(lines[:cut], tmp_path / f"cut {cut}", trainings)
        assert again.records() == whole.records(), lines[cut - 1]
        assert reported(again) == reported(whole), lines[cut - 1]


@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_kill_between_an_error_and_its_report_changes_no_trial(tmp_path: Path, index: int) -> None:
    whole, lines, _ = lines_of_asking(tmp_path / "whole", 4)
    errors = [i for i, line in enumerate(lines) if b'"trial_id":1,"user_attr":{"errors":' in line]
    report = next(i for i, line in enumerate(lines) if i > errors[index] and b'"intermediate_value"' in line)
    assert len(errors) == 3 and report == errors[index] + 2
    for cut in (errors[index] + 1, report):
        again = resumed_after(lines[:cut], tmp_path / f"cut {cut}", 4)
        assert again.records() == whole.records()
        assert reported(again) == reported(whole)


def test_a_constrained_trial_is_given_again_without_a_word(tmp_path: Path) -> None:
    # Optuna warns on standard error where a constraint is set twice; warnings are errors here.
    steps = partial(transfer.constraints, rows=100, steps=10**6)
    asked = ledger(tmp_path, constraints=steps).ask()
    assert asked is not None
    assert ledger(tmp_path, constraints=steps).ask() == asked


def test_a_kill_between_the_last_seed_and_the_end_loses_nothing(tmp_path: Path) -> None:
    book = ledger(tmp_path)
    book.ask()
    for index in range(3):
        book.tell(0, index, outcome(0.01))
    again = ledger(tmp_path)
    assert again.ask() is not None
    assert again.tell(0, 0, outcome(5.0)) is True
    again.close(0)
    assert states(again) == ["complete"] and again.records()[0]["errors"] == [0.01] * 3


def test_a_diverged_seed_is_remembered_over_a_kill(tmp_path: Path) -> None:
    book = ledger(tmp_path)
    book.ask()
    book.tell(0, 0, outcome(math.inf))
    again = ledger(tmp_path)
    again.ask()
    again.close(0)
    assert states(again) == ["failed"] and again.records()[0]["reason"] == "seed 0: the error is inf"


@pytest.mark.parametrize(
    "torn", [b'{"op_code": 4, "worker_id": "x', b"\x00\x00", b'{"op_code": 8, "trial_id": 0, "state']
)
def test_a_torn_last_line_is_mended(tmp_path: Path, torn: bytes) -> None:
    book = ledger(tmp_path)
    run(book, stop_after=5)
    with (tmp_path / "optuna.journal").open("ab") as file:
        file.write(torn)
    again = ledger(tmp_path)
    assert again.records() == book.records()
    run(again)
    assert ledger(tmp_path).records() == again.records() and len(again.records()) > 2


def test_the_same_seed_gives_the_same_records_and_another_does_not(tmp_path: Path) -> None:
    found = []
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        (tmp_path / name).mkdir()
        book = ledger(tmp_path / name, trainings=36, seed=seed)
        run(book)
        found.append(book.records())
    assert found[0] == found[1] and len(found[0]) > 12
    assert found[0][0]["params"] != found[2][0]["params"]


def test_two_phases_share_one_journal(tmp_path: Path) -> None:
    first = ledger(tmp_path, trainings=3)
    run(first)
    second = ledger(tmp_path, trainings=3, phase="plans")
    assert second.records() == [] and second.spent == 0
    run(second)
    assert len(ledger(tmp_path).records()) == len(ledger(tmp_path, phase="plans").records()) == 1
    assert second.records()[0]["params"] != first.records()[0]["params"]


def test_guesses_come_first_and_only_once(tmp_path: Path) -> None:
    guesses = baseline.first_guesses(RANGES, START)
    book = ledger(tmp_path, guesses=guesses)
    assert book.records() == []
    number, plan = book.ask() or pytest.fail("nothing asked")
    assert (number, plan.recipe.activation, plan.recipe.rate) == (0, "relu", START.rate)
    again = ledger(tmp_path, guesses=guesses)
    run(again, constant(0.01, 0.01, 0.01))
    assert [trial["params"] for trial in again.records()[:3]] == guesses
    assert all(trial["params"] not in guesses for trial in again.records()[3:])


def edge(trial: Trial, ranges: Ranges) -> Plan:
    """A space whose best plan is always at the highest rate."""
    return Plan(Recipe(rate=trial.suggest_float("rate", ranges.rate[1] * 0.999, ranges.rate[1]), decay=0.5, batch=70))


def better_above(plan: Plan, index: int) -> float:
    return 1e-4 / plan.recipe.rate


def tops(book: Ledger) -> list[float]:
    return [book.ranges_at(trial["number"]).rate[1] for trial in book.records()]


def test_ranges_are_widened_at_their_milestones_and_restored(tmp_path: Path) -> None:
    def build(folder: Path) -> Ledger:
        folder.mkdir(exist_ok=True)
        return ledger(folder, trainings=12, seeds=2, widen=(0.5, 0.75), space=edge)

    book = build(tmp_path / "whole")
    run(book, better_above)
    assert tops(book) == [0.02, 0.02, 0.02, 0.04, 0.04, 0.08]
    assert book.ranges_at(4).decay == RANGES.decay
    again = build(tmp_path / "whole")
    assert tops(again) == tops(book) and again.ranges_at(99) == book.ranges_at(99)
    run(build(tmp_path / "killed"), better_above, stop_after=9)
    resumed = build(tmp_path / "killed")
    run(resumed, better_above)
    assert resumed.records() == book.records() and tops(resumed) == tops(book)


def test_importance_ranks_what_matters(tmp_path: Path) -> None:
    book = ledger(tmp_path, trainings=28, seeds=2)
    assert book.importance() == {}
    run(book, lambda plan, index: 0.03 * math.exp(abs(math.log(plan.recipe.rate / 2e-3))))
    found = book.importance()
    assert next(iter(found)) == "rate" and sum(found.values()) == pytest.approx(1, abs=1e-6)


def test_the_timeline_tells_only_what_ended(tmp_path: Path) -> None:
    book = ledger(tmp_path)
    run(book, stop_after=4)
    (entry,) = book.timeline()
    assert entry["phase"] == "baseline" and entry["number"] == 0 and entry["train_seconds"] == 1.5
    assert entry["start"] <= entry["end"]


def test_the_best_of_equals_is_the_first() -> None:
    trials = [
        {"number": 0, "state": "pruned", "value": 0.001},
        {"number": 1, "state": "complete", "value": 0.02},
        {"number": 2, "state": "complete", "value": 0.01},
        {"number": 3, "state": "complete", "value": 0.01},
    ]
    assert best_trial(trials) == trials[2] and best_trial(trials[:1]) is None
