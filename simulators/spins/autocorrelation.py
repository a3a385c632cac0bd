"""How many independent values a series is worth: integrated autocorrelation times, effective sizes, honest errors.

A series is an array (..., time): any number of chains of one stationary process, which share their mean.
"""

import numpy as np
from numpy.typing import NDArray

WINDOW = 5.0  # in autocorrelation times: beyond it noise would be summed


def autocorrelation(series: NDArray[np.float64]) -> NDArray[np.float64]:
    """Normalised autocorrelation at lags 0, 1, ..., shape (time,); 1, 0, 0, ... for a constant series."""
    values = np.atleast_2d(np.asarray(series, dtype=np.float64))
    length = values.shape[-1]
    values = values.reshape(-1, length) - values.mean()
    padded = 1 << (2 * length - 1).bit_length()
    power = (np.abs(np.fft.rfft(values, padded)) ** 2).mean(0)
    covariance = np.fft.irfft(power, padded)[:length] / np.arange(length, 0, -1)
    if not covariance[0] > 1e-24 * max(1.0, float(np.abs(series).max()) ** 2):
        return np.eye(1, length)[0]
    return covariance / covariance[0]


def autocorrelation_time(series: NDArray[np.float64]) -> float:
    """Integrated autocorrelation time 1/2 + sum of the autocorrelation, in steps; 1/2 for independent values.

    Summed up to the first lag that is 5 times the sum so far (automatic windowing: Madras and Sokal, J. Stat. Phys. 50,
    109 (1988), appendix C). A series shorter than some 50 of its own autocorrelation times gives too small a value.
    """
    correlation = autocorrelation(series)
    times = np.cumsum(correlation) - 0.5
    enough = np.flatnonzero(np.arange(len(times)) >= WINDOW * times)
    return float(max(0.5, times[enough[0] if len(enough) else -1]))


def effective_size(series: NDArray[np.float64]) -> float:
    """Number of independent values that would give a mean of the same accuracy: size / (2 autocorrelation time)."""
    return np.size(series) / (2 * autocorrelation_time(series))


def mean_and_error(series: NDArray[np.float64]) -> tuple[float, float]:
    """Mean and its standard error, autocorrelation counted."""
    values = np.asarray(series, dtype=np.float64)
    return float(values.mean()), float(values.std() / np.sqrt(max(effective_size(values) - 1, 1)))
