"""How good learned energies are, with and without labels: pure functions on arrays.

Energies are known up to a constant, so every comparison with exact ones is between gauged ones
(`graft.models.energies.gauged`): both less their mean over the same uniformly random states.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from graft.models.energies import rmse
from graft.spaces.errors import InputError

Floats = NDArray[np.float64]
Energy = Callable[[NDArray[np.uint8]], Floats]
"""Energies (states,) of index arrays (states, sites)."""


def by_level(learned: Floats, exact: Floats) -> dict[str, list[float]]:
    """Of each exact level: its energy, the mean of the learned energies, their deviation, and the RMSE.

    Energies that hardly ever come twice, those of real couplings, are cut into 32 equal windows.
    """
    levels = np.unique(np.round(exact, 9))
    place = np.searchsorted(levels, np.round(exact, 9))
    if 2 * len(levels) > len(exact):
        edges = np.linspace(float(exact.min()), float(exact.max()), 33)
        place = np.clip(np.searchsorted(edges, exact, side="right") - 1, 0, 31)
        levels = (edges[1:] + edges[:-1]) / 2
    found: dict[str, list[float]] = {"exact": [], "mean": [], "deviation": [], "rmse": []}
    for number, level in enumerate(levels):
        mine = place == number
        if mine.any():
            found["exact"].append(float(level))
            found["mean"].append(float(learned[mine].mean()))
            found["deviation"].append(float(learned[mine].std()))
            found["rmse"].append(rmse(learned[mine], exact[mine]))
    return found


def over_levels(learned: Floats, exact: Floats) -> float:
    """RMSE with every level (or window) of `by_level` counted alike, however many states there are of it.

    A walk that is to visit all levels equally may leave the rarest of disordered systems with fewer.
    """
    return float(np.sqrt(np.mean(np.square(by_level(learned, exact)["rmse"]))))


def likelihood(log_prob: Floats) -> float:
    """Held-out negative log-likelihood, nats a state. Less the exact entropy it is the KL divergence to the truth."""
    return float(-np.mean(np.asarray(log_prob, np.float64)))


def inconsistency(copies: Floats) -> float:
    """Symmetry inconsistency: by how much energies of equivalent states differ, root mean square, in J.

    Args:
        copies: (symmetries, states), energies of the same states under symmetries that leave the exact energy as it is.

    Returns:
        The root of the mean variance over symmetries: what averaging over all of them would remove.
    """
    if len(copies) < 2:
        raise InputError(f"symmetry inconsistency of {len(copies)} copies; allowed: at least 2")
    return float(np.sqrt(np.mean(np.var(np.asarray(copies, np.float64), axis=0, ddof=1))))


def agreement(teacher: Floats, student: Floats) -> float:
    """Teacher-student disagreement: RMS difference of their energies, each less its mean over these states, in J."""
    return rmse(teacher - np.mean(teacher), student - np.mean(student))


def label_free(temperature: float, nll: float, asymmetry: float, disagreement: float | None = None) -> float:
    """The score that the search makes small, in J: T times the held-out NLL, plus both errors that need no labels.

    T * NLL is T times entropy, the same for all models, plus T times the KL divergence: what is lost where states were
    watched. The other two are errors of energies far from there, which the likelihood cannot see.

    Args:
        temperature: At which states were watched.
        nll: From `likelihood`.
        asymmetry: From `inconsistency`, on states of all energies.
        disagreement: From `agreement`, where a student has been taught.
    """
    return temperature * nll + asymmetry + (disagreement or 0.0)


def in_energy(temperature: float, nll: float, best: float) -> float:
    """The error of energies, in J, that a likelihood lower than the best one's speaks of.

    The KL divergence of a distribution from another one near to it is half the variance of the difference of their
    log-probabilities: KL = Var(E - E') / 2 T^2. With the best model's NLL in place of the unknown entropy this is what
    it lacks at least, root mean square over the states that were watched.

    Args:
        temperature: At which states were watched.
        nll: From `likelihood`.
        best: The lowest of those that are compared.
    """
    return temperature * float(np.sqrt(2 * max(0.0, nll - best)))


def rank_correlation(score: Sequence[float], exact: Sequence[float]) -> float | None:
    """Spearman's rank correlation of a score with the exact RMSE over trials; None for fewer than 4 or equal values."""
    if len(score) < 4 or len(set(score)) < 2 or len(set(exact)) < 2:
        return None
    return float(stats.spearmanr(score, exact).statistic)
