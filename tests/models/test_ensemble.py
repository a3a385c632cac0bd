"""Means of several networks, and intervals calibrated on rows from which they had not learned."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from graft.models.ensemble import ALL, Averaged, Held, intervals
from graft.models.scaling import Scaling
from graft.spaces.errors import InputError


def literal(predicted: np.ndarray, held: Held, coverage: float) -> tuple[np.ndarray, np.ndarray]:
    """Eq. (10) of Barber et al. 2021 word by word: of what may lie below, number floor(alpha (n + 1))."""
    n, outputs = held.residuals.shape
    networks, examples, _ = predicted.shape
    k = int(np.floor(round((1 - coverage) * (n + 1), 9)))
    lower, upper = np.empty((examples, outputs)), np.empty((examples, outputs))
    for i in range(examples):
        for j in range(outputs):
            by = [predicted[:, i, j].mean() if m == ALL else predicted[m, i, j] for m in held.members]
            lower[i, j] = sorted(b - r for b, r in zip(by, held.residuals[:, j], strict=True))[k - 1]
            upper[i, j] = sorted(b + r for b, r in zip(by, held.residuals[:, j], strict=True))[n - k]
    return lower, upper


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.integers(9, 40), st.integers(1, 4), st.booleans(), st.sampled_from([0.5, 0.8, 0.9]))
def test_intervals_are_those_of_the_formula(
    seed: int, rows: int, networks: int, together: bool, coverage: float
) -> None:
    rng = np.random.default_rng(seed)
    predicted = rng.normal(size=(networks, 5, 3))
    members = np.full(rows, ALL) if together else rng.integers(0, networks, rows)
    held = Held(np.abs(rng.normal(size=(rows, 3))), members)
    found = intervals(predicted, held, coverage)
    lower, upper = literal(predicted, held, coverage)
    np.testing.assert_allclose(found.lower, lower)
    np.testing.assert_allclose(found.upper, upper)
    np.testing.assert_allclose(found.mean, predicted.mean(0))


def test_they_hold_the_truth_as_often_as_they_say() -> None:
    # One network that errs by a normal deviate; 2,000 calibrations of 19 rows, each asked about one new example.
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(2000):
        held = Held(np.abs(rng.normal(size=(19, 1))), np.full(19, ALL))
        found = intervals(np.zeros((1, 1, 1)), held, 0.9)
        inside += bool(found.lower[0, 0] <= rng.normal() <= found.upper[0, 0])
    assert inside / 2000 == pytest.approx(0.9, abs=0.02)  # three deviations


def test_a_mean_of_networks_scales_inputs_for_each() -> None:
    networks = [nn.Linear(2, 1), nn.Linear(2, 1)]
    scaling = Scaling(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
    inputs = torch.tensor([[5.0, 6.0]])
    wanted = (networks[0](inputs) + networks[1](scaling(inputs))) / 2
    torch.testing.assert_close(Averaged([(networks[0], None), (networks[1], scaling)])(inputs), wanted)


def test_held_rows_are_kept_to_the_last_bit() -> None:
    held = Held(np.random.default_rng(1).normal(size=(4, 2)), np.array([0, 1, 1, ALL]))
    again = Held.unpack(held.pack())
    np.testing.assert_array_equal(again.residuals, held.residuals)
    np.testing.assert_array_equal(again.members, held.members)


@pytest.mark.parametrize("coverage", [0.95, 1.0, 0.0, -1.0])
def test_too_few_rows_for_a_coverage_are_refused(coverage: float) -> None:
    held = Held(np.ones((10, 1)), np.full(10, ALL))
    with pytest.raises(InputError, match=r"coverage is .*; allowed: above 0, at most 0\.909 with 10 held rows"):
        intervals(np.zeros((1, 1, 1)), held, coverage)
