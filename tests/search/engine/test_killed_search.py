"""What a kill may not lose: a search that comes back ends as if nothing had happened."""

import math
from functools import partial
from pathlib import Path

import pytest
from small_searches import RANGES, START, begin, outcome, run, states

from graft.search.engine.search import Search
from graft.spaces import baseline, transfer
from graft.spaces.plan import Plan

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


def test_an_interrupted_trial_is_given_again_first_with_all_that_was_told(tmp_path: Path) -> None:
    search = begin(tmp_path)
    assert run(search, stop_after=4) == 4  # in the middle of trial 1
    number, plan = 1, search.records()[1].plan
    assert states(search) == ["complete", "interrupted"]
    again = begin(tmp_path)
    assert again.records() == search.records() and again.interrupted == [1]
    assert again.ask() == (number, plan)
    assert again.records()[1].params == search.records()[1].params
    assert again.records()[1].errors == search.records()[1].errors and len(again.records()[1].errors) == 1
    told = again.records()[1].errors[0]
    assert again.tell(1, 0, outcome(9.0)) is False and again.records()[1].errors == (told,)
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
    expected = begin(whole, guesses=guesses)
    run(expected)
    run(begin(killed, guesses=guesses), stop_after=stop_after)
    resumed = begin(killed, guesses=guesses)
    run(resumed)
    assert resumed.records() == expected.records()


def steady(plan: Plan, index: int) -> float:
    """An error of plain arithmetic, the same wherever it is computed."""
    return 0.03 * (
        1 + abs(plan.recipe.rate / 2e-3 - 1) + 0.2 * plan.recipe.decay + (plan.recipe.batch * index % 7) / 500
    )


def recorded(folder: Path, trainings: int) -> Search:
    """A search with every kind of line in its journal: guesses, draws of TPE, plans that cannot be trained."""
    folder.mkdir(exist_ok=True)
    return begin(
        folder,
        trainings,
        guesses=baseline.first_guesses(RANGES, START),
        constraints=partial(transfer.constraints, rows=400, steps=1700),
        widen=(0.5, 0.75),
    )


def reported(search: Search) -> list[dict[int, float]]:
    """Running means that Optuna was told, trial by trial: its sampler ranks pruned trials by them."""
    return [trial.intermediate_values for trial in search.study.trials]


def lines_of_asking(folder: Path, trainings: int) -> tuple[Search, list[bytes], dict[int, range]]:
    """An undisturbed search, the lines of its journal, and which of them each `ask` wrote, by the number it gave."""
    search, found = recorded(folder, trainings), {}

    def count() -> int:
        return (folder / "optuna.journal").read_bytes().count(b"\n")

    before = count()
    while (asked := search.ask()) is not None:
        found[asked[0]] = range(before, count())
        for index in range(search.budget.seeds):
            if search.tell(asked[0], index, outcome(steady(asked[1], index))):
                break
        search.close(asked[0])
        before = count()
    return search, (folder / "optuna.journal").read_bytes().splitlines(keepends=True), found


def resumed_after(lines: list[bytes], folder: Path, trainings: int) -> Search:
    """The search that was killed when its journal held these lines, carried out to its end."""
    folder.mkdir()
    (folder / "optuna.journal").write_bytes(b"".join(lines))
    search = recorded(folder, trainings)
    run(search, steady)
    return search


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
    assert len(errors) == 3 and report == errors[index] + 1
    # The kill comes before the seconds of a training, between them and its error, and between that and its report.
    for cut in (errors[index] - 1, errors[index], errors[index] + 1):
        again = resumed_after(lines[:cut], tmp_path / f"cut {cut}", 4)
        assert again.records() == whole.records()
        assert reported(again) == reported(whole)


def test_a_constrained_trial_is_given_again_without_a_word(tmp_path: Path) -> None:
    # Optuna warns on standard error where a constraint is set twice; warnings are errors here.
    steps = partial(transfer.constraints, rows=100, steps=10**6)
    asked = begin(tmp_path, constraints=steps).ask()
    assert asked is not None
    assert begin(tmp_path, constraints=steps).ask() == asked


def test_a_kill_between_the_last_seed_and_the_end_loses_nothing(tmp_path: Path) -> None:
    search = begin(tmp_path)
    search.ask()
    for index in range(3):
        search.tell(0, index, outcome(0.01))
    again = begin(tmp_path)
    asked = again.ask()
    assert asked is not None and asked[0] == 1  # what trial 0 had told ends it: no seed is trained again
    assert states(again) == ["complete", "interrupted"] and again.records()[0].errors == (0.01,) * 3
    assert again.spent == 4


def test_a_diverged_seed_is_remembered_over_a_kill(tmp_path: Path) -> None:
    search = begin(tmp_path)
    search.ask()
    search.tell(0, 0, outcome(math.inf))
    again = begin(tmp_path)
    again.ask()
    assert states(again) == ["failed", "interrupted"] and again.records()[0].reason == "seed 0: the error is inf"


@pytest.mark.parametrize(
    "torn", [b'{"op_code": 4, "worker_id": "x', b"\x00\x00", b'{"op_code": 8, "trial_id": 0, "state']
)
def test_a_torn_last_line_is_mended(tmp_path: Path, torn: bytes) -> None:
    search = begin(tmp_path)
    run(search, stop_after=5)
    with (tmp_path / "optuna.journal").open("ab") as file:
        file.write(torn)
    again = begin(tmp_path)
    assert again.records() == search.records()
    run(again)
    assert begin(tmp_path).records() == again.records() and len(again.records()) > 2
