"""Energies from probabilities, in a stated gauge, and how far they are from exact ones."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from graft.spaces.errors import number


def boltzmann(log_probabilities: ArrayLike, temperature: float) -> NDArray[np.float64]:
    """E = -T log p: Eq. 2 of Sprague et al. 2021, up to the constant -T log Z.

    Args:
        log_probabilities: In nats.
        temperature: At which the states were watched, in units of energy over k_B.

    Raises:
        InputError: If the temperature is not above 0.
    """
    number("temperature", temperature, 0, above=True)
    return -temperature * np.asarray(log_probabilities, np.float64)


def gauged(energies: ArrayLike, reference: ArrayLike) -> NDArray[np.float64]:
    """Energies minus the mean over a reference set: an energy known up to a constant can only be compared like this.

    Args:
        energies: Of any states.
        reference: Of the same model on the reference set, for example uniformly random states.
    """
    return np.asarray(energies, np.float64) - np.mean(np.asarray(reference, np.float64))


def rmse(learned: ArrayLike, exact: ArrayLike) -> float:
    """Root of the mean squared difference, every state counted alike."""
    difference = np.asarray(learned, np.float64) - np.asarray(exact, np.float64)
    return float(np.sqrt(np.mean(difference**2)))
