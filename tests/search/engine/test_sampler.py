"""The Gaussian process as a sampler: that it finds, that it forgets nothing, that it draws the same again."""

import warnings
from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.search_space import IntersectionSearchSpace
from optuna.trial import TrialState, create_trial

from graft.search.engine.sampler import MANY, STARTUP, NumberedGP, _smooth, _whole, widest

RATE = FloatDistribution(1e-4, 1e-1, log=True)


def sampler(number: int) -> NumberedGP:
    return NumberedGP(np.random.SeedSequence([3, 10, number]), IntersectionSearchSpace())


def drawn(trial: optuna.Trial, high: float = 0.1) -> dict[str, Any]:
    found: dict[str, Any] = {"rate": trial.suggest_float("rate", 1e-4, high, log=True)}
    found["batch"] = trial.suggest_int("batch", 20, 128, log=True)
    found["kind"] = trial.suggest_categorical("kind", ("a", "b"))
    if found["kind"] == "b":
        found["only b"] = trial.suggest_float("only b", 0.0, 1.0)
    return found


def value(found: dict[str, Any]) -> float:
    return abs(float(np.log(found["rate"] / 8e-3))) + 0.3 * (found["kind"] == "a")


def study_of(trials: int, high: float = 0.1) -> optuna.Study:
    study = optuna.create_study()
    for number in range(trials):
        study.sampler = sampler(number)
        trial = study.ask()
        study.tell(trial, value(drawn(trial, high)))
    return study


def test_it_finds_what_chance_does_not() -> None:
    found = [trial.value for trial in study_of(20).trials]
    assert min(found[STARTUP:]) < 0.15 < np.median(found[:STARTUP])  # type: ignore[arg-type]


def test_the_same_history_and_number_draw_the_same_again() -> None:
    twice = [study_of(9) for _ in range(2)]
    for study in twice:
        study.sampler = sampler(9)
    first, second = (drawn(study.ask()) for study in twice)
    assert first == second
    third = study_of(9)
    third.sampler = sampler(10)
    assert drawn(third.ask()) != first


def test_a_trial_that_comes_back_draws_what_it_would_have_drawn() -> None:
    study = study_of(9)
    study.sampler = sampler(9)
    trial = study.ask()
    killed = {"rate": trial.suggest_float("rate", 1e-4, 0.1, log=True)}
    again = optuna.trial.Trial(study, trial._trial_id)
    whole = study_of(9)
    whole.sampler = sampler(9)
    assert drawn(again) == drawn(whole.ask()) and killed["rate"] == again.params["rate"]


def test_it_draws_elsewhere_than_where_trials_are_under_way() -> None:
    study = study_of(12)
    study.sampler = sampler(12)
    first = drawn(study.ask())
    study.sampler = sampler(12)  # the same seed: what differs is that one is under way
    second = drawn(study.ask())
    assert first != second


def test_what_diverged_counts_as_the_worst() -> None:
    def failing(told: bool) -> float:
        study = study_of(8)
        if told:
            params: dict[str, Any] = {"rate": 8e-3, "batch": 50, "kind": "b", "only b": 0.5}
            ranges = {"rate": RATE, "batch": IntDistribution(20, 128, log=True),
                      "kind": CategoricalDistribution(("a", "b")), "only b": FloatDistribution(0.0, 1.0)}  # fmt: skip
            study.add_trials(
                [create_trial(state=TrialState.FAIL, params=params | {"rate": r}, distributions=ranges)
                 for r in (4e-3, 8e-3, 1.6e-2)]
            )  # fmt: skip
        study.sampler = sampler(20)
        return abs(float(np.log(drawn(study.ask())["rate"] / 8e-3)))

    assert failing(True) > failing(False)


def test_ranges_that_widen_are_drawn_from_all_the_same() -> None:
    study = study_of(8, high=4e-3)
    for number in range(8, 12):
        study.sampler = sampler(number)
        trial = study.ask()
        study.tell(trial, value(drawn(trial, high=1.6e-2)))
    space = widest(study.get_trials(states=(TrialState.COMPLETE,)))
    assert space["rate"] == FloatDistribution(1e-4, 1.6e-2, log=True) and set(space) == {"rate", "batch", "kind"}
    assert max(trial.params["rate"] for trial in study.trials[8:]) > 4e-3


def test_settings_that_differ_in_kind_or_have_one_value_are_not_drawn_together() -> None:
    one, two = CategoricalDistribution(("a",)), CategoricalDistribution(("a", "b"))
    ranges = [
        {"x": FloatDistribution(0, 1), "y": IntDistribution(1, 1), "z": one},
        {"x": IntDistribution(0, 1), "y": IntDistribution(1, 1), "z": two},
    ]
    trials = [
        create_trial(params={"x": 1, "y": 1, "z": "a"}, distributions=held, value=0.0)  # type: ignore[arg-type]
        for held in ranges
    ]
    assert widest(trials) == {} and widest([]) == {}


def test_it_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        study_of(STARTUP + 2)
    assert capfd.readouterr() == ("", "")


@given(
    low=st.integers(1, 50), steps=st.integers(0, 80), step=st.integers(1, 7), log=st.booleans(), share=st.floats(0, 1)
)
def test_many_whole_numbers_are_drawn_as_numbers_that_are_rounded_to_them(
    low: int, steps: int, step: int, log: bool, share: float
) -> None:
    step = 1 if log else step
    held = IntDistribution(low, low + steps * step, log=log, step=step)
    drawn = _smooth(held)
    assert (drawn is held) == (steps < MANY)
    if isinstance(drawn, FloatDistribution):
        assert drawn.low > 0 or not log
        found = _whole(drawn.low + share * (drawn.high - drawn.low), held)
        assert isinstance(found, int) and held._contains(found)
        # Each whole number is drawn from as wide a piece as any other, the first and the last too.
        for exact in (held.low, held.high, held.low + steps // 2 * step):
            assert _whole(exact + 0.49 * step, held) == exact == _whole(exact - 0.49 * step, held)


def test_a_whole_number_is_drawn_and_kept_as_one() -> None:
    study = study_of(STARTUP + 3)
    assert all(isinstance(trial.params["batch"], int) for trial in study.trials)
    assert all(isinstance(trial.distributions["batch"], IntDistribution) for trial in study.trials)
