"""Ridge regression against its definition: least squares with rows for the penalty, and refits without each row."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graft.models.losses import METRICS
from graft.models.ridge import STRENGTHS, leaving_one_out, ridge, tuned_ridge


def data(seed: int, rows: int = 12, columns: int = 4, outputs: int = 2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, columns)) * rng.uniform(0.1, 3, columns) + 1
    return x, 5 + x @ rng.normal(size=(columns, outputs)) + 0.1 * rng.normal(size=(rows, outputs))


@given(st.integers(0, 99), st.sampled_from(STRENGTHS[8:]))
def test_it_is_least_squares_with_a_row_for_each_penalty(seed: int, strength: float) -> None:
    x, y = data(seed)
    centred = x - x.mean(0)
    penalty = np.sqrt(strength) * np.linalg.svd(centred, compute_uv=False)[0]
    rows = np.vstack([centred, penalty * np.eye(x.shape[1])])
    wanted = np.linalg.lstsq(rows, np.vstack([y - y.mean(0), np.zeros((x.shape[1], 2))]), rcond=None)[0]
    (found,) = ridge(x, y, strength)
    assert np.allclose(found.weights, wanted, atol=1e-8)
    assert np.allclose(found(x).mean(0), y.mean(0))  # a constant is not held small


def test_leaving_one_out_is_a_refit_without_each_row() -> None:
    x, y = data(3)
    # The penalty is told in shares of the largest singular value, which a refit would measure anew.
    largest = np.linalg.svd(x - x.mean(0), compute_uv=False)[0]
    for strength, found in list(leaving_one_out(x, y))[10:]:
        for i in range(len(x)):
            rest = np.arange(len(x)) != i
            own = np.linalg.svd(x[rest] - x[rest].mean(0), compute_uv=False)[0]
            (refit,) = ridge(x[rest], y[rest], strength * (largest / own) ** 2)
            assert refit(x[i]) == pytest.approx(found[i], abs=1e-8)


def test_the_strength_is_the_one_that_predicts_best_by_the_metric() -> None:
    x, y = data(5, rows=8, columns=7)
    off = METRICS["relative-l1"].deviations
    errors = {strength: off(found, y).mean() for strength, found in leaving_one_out(x, y)}
    best = min(errors, key=lambda strength: errors[strength])
    assert np.array_equal(tuned_ridge(x, y, off).weights, ridge(x, y, best)[0].weights)


def test_inputs_that_never_vary_predict_the_mean() -> None:
    y = np.arange(6.0)[:, None]
    assert np.allclose(tuned_ridge(np.ones((6, 3)), y, METRICS["normalised-l1"].deviations)(np.ones((1, 3))), 2.5)
