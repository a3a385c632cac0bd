"""Reference regressors: each learns what it can, is tuned inside its rows, and keeps groups together."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graft.models import regressors
from graft.models.losses import METRICS
from graft.models.regressors import FEW_OUTPUTS, FEW_ROWS, FOLDS, REGRESSORS, Rows, fitted, folds, tuned

OFF = METRICS["normalised-l1"].deviations
RNG = np.random.default_rng(2)
X = RNG.normal(size=(60, 3))
LINEAR = 3 + X @ np.array([[1.0, 0.5], [0.0, -1.0], [2.0, 0.0]]) + 0.01 * RNG.normal(size=(60, 2))


@pytest.fixture(autouse=True)
def few_trees(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Boosting with fewer trees, which are enough to see that it learns."""
    monkeypatch.setattr(regressors, "TREES", 20)
    yield


@pytest.mark.parametrize("name", REGRESSORS)
def test_each_predicts_rows_that_it_never_saw(name: str) -> None:
    rows = Rows(X[:45], LINEAR[:45])
    found = tuned(name, rows, OFF)
    error = OFF(fitted(found, rows)(X[45:]), LINEAR[45:]).mean()
    mean = OFF(np.broadcast_to(LINEAR[:45].mean(0), (15, 2)), LINEAR[45:]).mean()
    assert error < (0.7 if name == "gradient boosting" else 0.05) * mean
    assert found.error == pytest.approx(error, rel=1.0)


@pytest.mark.parametrize("name", REGRESSORS)
def test_what_was_chosen_is_enough_to_fit_again(name: str) -> None:
    rows = Rows(X[:30], LINEAR[:30, :1])
    found = tuned(name, rows, OFF)
    again = regressors.Tuned(name, dict(found.chosen), found.error)
    assert np.array_equal(fitted(again, rows)(X[30:]), fitted(found, rows)(X[30:]))


@pytest.mark.parametrize("name", ["ridge regression", "partial least squares", "gradient boosting"])
def test_what_one_fit_tells_of_weaker_settings_is_what_these_would(name: str) -> None:
    one, seen = REGRESSORS[name], X - X.mean(0)
    (choice, *_) = one.choices(seen, LINEAR)
    told = list(one.paths(choice, seen[:40], LINEAR[:40], seen[40:]))
    for chosen, found in told[:: max(1, len(told) // 3)]:
        assert np.allclose(one.fit(chosen, seen[:40], LINEAR[:40])(seen[40:]), found, atol=1e-6)


@given(st.lists(st.integers(0, 12), min_size=FOLDS, max_size=40))
def test_no_group_is_learned_from_and_judged(groups: list[int]) -> None:
    found = folds(np.array(groups))
    for group in set(groups):
        assert len(set(found[np.array(groups) == group])) == 1
    parts = np.unique(found, return_counts=True)[0]
    assert len(parts) == min(FOLDS, len(set(groups)))


def test_repeats_across_folds_would_flatter_and_groups_do_not() -> None:
    noise = RNG.normal(size=(20, 1))
    rows = Rows(np.repeat(RNG.normal(size=(20, 3)), 2, 0), np.repeat(noise, 2, 0))
    apart, together = (tuned("gradient boosting", rows, OFF, groups) for groups in (None, np.arange(40) // 2))
    assert apart.error < 0.6 * together.error


def test_further_rows_are_learned_from_and_never_judged() -> None:
    x, y = X @ RNG.normal(size=(3, 20)) + 0.3 * RNG.normal(size=(60, 20)), LINEAR
    more = Rows(x[:12], y[:12], (x[12:], y[12:]))
    alone, both = (tuned("ridge regression", rows, OFF) for rows in (Rows(x[:12], y[:12]), more))
    assert len(more) == 60 and both.error < alone.error
    wrong = Rows(x[:12], y[:12], (x[12:], y[12:] + 100))  # judged by these too, it would err by less
    assert tuned("ridge regression", wrong, OFF).error > 50


def test_what_takes_long_is_for_few_outputs_and_rows() -> None:
    for name, one in REGRESSORS.items():
        slow = name in ("a Gaussian process", "gradient boosting")
        assert one.fits(FEW_ROWS, FEW_OUTPUTS)
        assert one.fits(FEW_ROWS + 1, 1) == one.fits(10, FEW_OUTPUTS + 1) == (not slow)
