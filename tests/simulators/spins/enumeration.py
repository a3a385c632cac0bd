"""Every state of a small lattice: the slow truth about energies, chances and minima."""

import itertools

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from graft.simulators.spins.lattice import SpinModel


def every_state(model: SpinModel) -> NDArray[np.int8]:
    """All q^sites states, the last site fastest."""
    return model.states(np.array(list(itertools.product(range(model.q), repeat=model.sites)))).reshape(-1, *model.shape)


def number_of(model: SpinModel, states: NDArray[np.int8]) -> NDArray[np.int64]:
    """Place of each state in `every_state`."""
    index = model.index(states).reshape(-1, model.sites).astype(np.int64)
    return index @ model.q ** np.arange(model.sites - 1, -1, -1)


def boltzmann(model: SpinModel, temperature: float) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Energy and probability of every state, and log Z."""
    energies = model.energy(every_state(model))
    exponent = -energies / temperature
    log_z = float(np.log(np.exp(exponent - exponent.max()).sum()) + exponent.max())
    return energies, np.exp(exponent - log_z), log_z


def frequencies_agree(found: NDArray[np.int64], chance: NDArray[np.float64], n: int) -> float:
    """p-value of Pearson's test, states that are expected less than 5 times taken together."""
    expected = chance * n
    rare = expected < 5
    counts = np.bincount(found, minlength=len(chance)).astype(float)
    counts, expected = np.append(counts[~rare], counts[rare].sum()), np.append(expected[~rare], expected[rare].sum())
    counts, expected = counts[expected > 0], expected[expected > 0]
    return float(stats.chisquare(counts, expected, sum_check=False).pvalue)
