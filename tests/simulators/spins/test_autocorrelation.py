"""Autocorrelation times of processes for which they are known."""

import numpy as np
import pytest
from scipy.signal import lfilter

from graft.simulators.spins.autocorrelation import autocorrelation, autocorrelation_time, effective_size, mean_and_error


def autoregressive(phi, chains, length, seed=0):
    """Stationary x_t = phi x_(t-1) + noise: autocorrelation phi^lag, time 1/2 (1 + phi) / (1 - phi)."""
    noise = np.random.default_rng(seed).standard_normal((chains, length))
    start = noise[:, :1] / np.sqrt(1 - phi**2)
    return lfilter([1.0], [1.0, -phi], noise, zi=phi * start, axis=1)[0]


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9])
@pytest.mark.parametrize(("chains", "length"), [(1, 60_000), (200, 400)])
def test_an_autoregressive_process(phi, chains, length):
    series = autoregressive(phi, chains, length)
    tau = 0.5 * (1 + phi) / (1 - phi)
    assert autocorrelation_time(series) == pytest.approx(tau, rel=0.2)
    assert effective_size(series) == pytest.approx(series.size / (2 * tau), rel=0.2)
    np.testing.assert_allclose(autocorrelation(series)[:4], phi ** np.arange(4), atol=0.05)


def test_errors_cover_the_truth_as_often_as_they_say():
    misses = []
    for seed in range(200):
        mean, error = mean_and_error(autoregressive(0.8, 4, 400, seed))
        misses.append(abs(mean) > 2 * error)  # the true mean is 0
    assert 0.005 < np.mean(misses) < 0.10  # 4.6 % of a normal distribution; too small an error would give far more


def test_a_constant_series_counts_in_full():
    assert autocorrelation_time(np.full((3, 50), 7.1)) == 0.5 and effective_size(np.full((3, 50), 7.1)) == 150
    assert mean_and_error(np.full(10, -1e9)) == (-1e9, 0.0)


def test_one_value_of_each_chain():
    assert effective_size(np.random.default_rng(0).standard_normal((100, 1))) == 100


def test_alternation_counts_no_more_than_independence():
    assert effective_size(np.tile([1.0, -1.0], 100)) == 200
