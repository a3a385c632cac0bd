"""The harness: ratios of what takes turns, what is held against a record, and the training step's own ratio."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bench import FIGURES, chosen, main, worse
from figures import steps
from figures.beside import Figure, Measured, Pair, Side, measure

from graft.spaces.errors import InputError

RECORD = Path(__file__).with_name("bench.json")


class Ticking:
    """A clock that moves where it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def taking(self, seconds: Callable[[], float]) -> Callable[[object], None]:
        def call(_: object) -> None:
            self.now += seconds()

        return call


def test_a_ratio_is_the_median_of_rounds_that_take_turns() -> None:
    clock = Ticking()
    slow: Iterator[float] = iter([9.0, 1.0, 2.0, 4.0, 6.0])  # to compile, to learn how long it takes, three rounds
    pair = Pair(Side(clock.taking(lambda: 1.0), 10), Side(clock.taking(lambda: next(slow)), 10))
    found = measure(Figure("a/b", "things", "b", 1, lambda: pair, clock=clock), rounds=3, seconds=0.5)
    assert found == Measured(ours=10.0, theirs=2.5, ratios=(2.0, 4.0, 6.0))
    assert found.ratio == 4.0


def test_what_prepares_a_call_is_not_timed_and_what_is_short_is_called_often() -> None:
    clock, calls = Ticking(), 0

    def fresh() -> None:
        nonlocal calls
        calls += 1
        clock.now += 100

    quick = Side(clock.taking(lambda: 0.1), 1, fresh)
    found = measure(
        Figure("a/b", "things", "b", 1, lambda: Pair(quick, Side(clock.taking(lambda: 1.0), 1)), clock=clock),
        rounds=2,
        seconds=0.35,
    )
    assert found.ratio == pytest.approx(10)
    assert calls == 2 + 2 * 4


def test_what_became_a_third_worse_is_said() -> None:
    before = {"fell": 9.0, "held": 9.0, "gone": 9.0}
    assert worse({"fell": 5.9, "held": 6.1, "new": 0.1}, before) == ["fell: 5.9, on record 9"]


def test_figures_are_chosen_by_how_their_names_begin() -> None:
    assert {figure.name for figure in chosen(["film", "step/6 x 96"])} == {
        "film/numpy", "film/tmm", "film/tmm_fast", "step/6 x 96, batch 50",
    }  # fmt: skip
    assert chosen([]) == list(FIGURES)
    with pytest.raises(InputError, match=r"film/tmm_fast"):
        chosen(["film/tmm_fats"])


def test_an_unknown_figure_is_one_line_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--only", "flim/numpy"])
    assert ended.value.code == 2
    assert "film/numpy" in capsys.readouterr().err


def test_a_run_is_recorded_and_held_against_a_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = "products/6 x 96, batch 50"
    words = ["--only", name, "--rounds", "1", "--seconds", "0.01"]
    assert main([*words, "--json", str(tmp_path / "now.json")]) == 0
    told = json.loads((tmp_path / "now.json").read_text())
    assert told["figures"][name]["unit"] == "steps/s"
    told["figures"][name]["ratio"] = 1e6
    (tmp_path / "then.json").write_text(json.dumps(told))
    capsys.readouterr()
    assert main([*words, "--against", str(tmp_path / "then.json")]) == 1
    assert "on record 1,000,000" in capsys.readouterr().out


def test_a_peer_that_is_missing_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    figure = Figure("a/b", "things", "b", 3, Pair, package="no_such_package")  # type: ignore[arg-type]
    monkeypatch.setattr("bench.FIGURES", (figure,))
    assert main(["--only", "a/"]) == 0
    assert "| a/b | not measured | no_such_package is not installed | | 3 |" in capsys.readouterr().out


@pytest.mark.parametrize("figure", [one for one in steps.FIGURES if "6 x 96" in one.name], ids=lambda one: one.name)
def test_the_training_step_is_as_fast_as_on_record_with_a_factor_of_two_to_spare(figure: Figure) -> None:
    kept = json.loads(RECORD.read_text())["figures"][figure.name]["ratio"]
    assert measure(figure, rounds=3, seconds=0.01).ratio >= kept / 2


def test_names_of_figures_differ_and_the_record_holds_no_other() -> None:
    names = [figure.name for figure in FIGURES]
    assert len(set(names)) == len(names)
    assert set(json.loads(RECORD.read_text())["figures"]) <= set(names)
