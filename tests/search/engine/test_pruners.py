"""The race against its literal rule, and what it never does."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from graft.search.engine.pruners import LEAST, LEVEL, behind, leader, pooled_deviation

errors = st.floats(0.005, 0.5)


@st.composite
def races(draw: st.DrawFn) -> tuple[list[float], list[list[float]]]:
    """A running trial and the complete ones, all of one number of seeds."""
    seeds = draw(st.integers(2, 5))
    complete = draw(st.lists(st.lists(errors, min_size=seeds, max_size=seeds), max_size=5))
    return draw(st.lists(errors, max_size=seeds)), complete


def literally(running: list[float], complete: list[list[float]]) -> tuple[bool, float]:
    """The rule in NumPy: (behind?, how far the mean is from the line)."""
    if len(running) < 2 or len(complete) < 2:
        return False, np.inf
    logs = np.log(np.array(complete))
    best = int(np.argmin(logs.mean(axis=1)))
    others = np.delete(logs, best, axis=0) - logs[best]
    residuals = others - others.mean(axis=1, keepdims=True)
    freedom = others.shape[0] * (others.shape[1] - 1)
    deviation = np.sqrt((residuals**2).sum() / freedom)
    lag = np.mean(np.log(running) - logs[best][: len(running)])
    line = stats.t.ppf(0.95, freedom) * deviation / np.sqrt(len(running))
    return bool(lag > line), abs(lag - line)


@settings(max_examples=150)
@given(races())
def test_the_race_stops_what_its_rule_stops(race: tuple[list[float], list[list[float]]]) -> None:
    running, complete = race
    expected, distance = literally(running, complete)
    assume(distance > 1e-9)
    assert behind(running, complete) == expected


@settings(max_examples=40)
@given(races())
def test_nothing_is_stopped_before_two_seeds_or_without_two_complete_trials(
    race: tuple[list[float], list[list[float]]],
) -> None:
    running, complete = race
    assert LEAST == 2
    assert not behind(running[:1], complete) and not behind([], complete)
    assert not behind(running, complete[:1]) and not behind(running, [])


@settings(max_examples=40)
@given(races())
def test_the_leader_is_never_behind_itself(race: tuple[list[float], list[list[float]]]) -> None:
    _, complete = race
    best = leader(complete)
    assert best is None or not behind(complete[best], complete)


def test_clearly_behind_is_stopped_and_slightly_behind_is_not() -> None:
    complete = [[0.010, 0.012, 0.011], [0.011, 0.0125, 0.0125]]
    assert LEVEL == 0.95
    assert behind([0.02, 0.024], complete)
    assert not behind([0.0102, 0.0121], complete)
    assert not behind([0.005, 0.006], complete)


def test_a_reference_that_is_not_the_leader_may_be_named() -> None:
    complete = [[0.010, 0.012, 0.011], [0.011, 0.0125, 0.0125], [0.03, 0.031, 0.034]]
    assert behind([0.029, 0.031, 0.033], complete) and not behind([0.029, 0.031, 0.033], complete, 2)
    assert behind([0.04, 0.043, 0.045], complete, 2)


def test_one_other_trial_tells_little_of_the_noise() -> None:
    # Two trials of two seeds whose ratios happen to agree: 8 % behind is within what one degree of freedom allows.
    few = [[0.010, 0.012], [0.011, 0.0136]]
    assert pooled_deviation(few, 0)[1] == 1  # type: ignore[index]
    assert not behind([0.0108, 0.01296], few) and behind([0.0108, 0.01296], few * 8)


def test_the_comparison_is_paired_by_seed() -> None:
    # Hard seeds first: unpaired, the trial would look behind; seed by seed it is level with the leader.
    complete = [[0.10, 0.11, 0.01], [0.11, 0.119, 0.011]]
    assert not behind([0.10, 0.11], complete)


def test_what_ties_with_all_that_is_complete_goes_on() -> None:
    assert not behind([0.01, 0.02], [[0.01, 0.02, 0.03]] * 3)


def test_the_leader_is_the_lowest_geometric_mean_and_of_equals_the_first() -> None:
    assert leader([[0.01, 0.09], [0.028, 0.028], [0.1, 0.1]]) == 1
    assert leader([[0.2, 0.2], [0.1, 0.1], [0.1, 0.1]]) == 1
    assert leader([]) is None


def test_the_deviation_is_pooled_around_each_trials_own_mean() -> None:
    complete = [[1.0, 1.0], [np.exp(0.1), np.exp(0.3)], [np.exp(1.0), np.exp(1.4)]]
    assert pooled_deviation(complete, 0) == (pytest.approx(np.sqrt((0.02 + 0.08) / 2)), 2)
    assert pooled_deviation(complete[:1], 0) is None
