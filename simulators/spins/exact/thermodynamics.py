"""Exact energies, heat capacities, partition functions and entropies of a whole lattice."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from graft.simulators.spins.exact import kaufman, transfer
from graft.simulators.spins.exact.plane import Plane
from graft.simulators.spins.lattice import SpinModel
from graft.simulators.spins.models import Ising
from graft.spaces.errors import number


def log_partition(model: SpinModel, temperature: ArrayLike) -> NDArray[np.float64]:
    """Log Z at each temperature, in the units of the couplings over k_B.

    Raises:
        InputError: If a temperature is not above 0, or the lattice is too large.
    """
    return _each(temperature, lambda T: _jet(model, T)[0])


def internal_energy(model: SpinModel, temperature: ArrayLike) -> NDArray[np.float64]:
    """Mean total energy <E> = -d log Z / d beta at each temperature.

    Raises:
        InputError: If a temperature is not above 0, or the lattice is too large.
    """
    return _each(temperature, lambda T: -_jet(model, T)[1])


def heat_capacity(model: SpinModel, temperature: ArrayLike) -> NDArray[np.float64]:
    """d<E> / dT = beta^2 (<E^2> - <E>^2) of the whole lattice at each temperature, in units of k_B.

    Raises:
        InputError: If a temperature is not above 0, or the lattice is too large.
    """
    return _each(temperature, lambda T: _jet(model, T)[2] / T**2)


def entropy(model: SpinModel, temperature: ArrayLike) -> NDArray[np.float64]:
    """Log Z + <E> / T of the whole lattice at each temperature, in units of k_B (nats).

    A model's mean negative log-likelihood less this is its divergence (Kullback-Leibler) from the truth.

    Raises:
        InputError: If a temperature is not above 0, or the lattice is too large.
    """
    return _each(temperature, lambda T: _jet(model, T)[0] - _jet(model, T)[1] / T)


def _each(temperature: ArrayLike, of: Callable[[float], float]) -> NDArray[np.float64]:
    given = np.asarray(temperature, dtype=np.float64)
    for T in given.flat:
        number("temperature", float(T), 0, above=True)
    return np.array([of(float(T)) for T in given.flat]).reshape(given.shape)


@lru_cache(maxsize=4096)
def _jet(model: SpinModel, temperature: float) -> tuple[float, float, float]:
    """The logarithm of Z and its two derivatives in beta."""
    if isinstance(model, Ising) and model.periodic and len(model.shape) == 2 and model.J != 0:
        rows, columns = model.shape
        if model.J > 0 or rows % 2 == columns % 2 == 0:
            J = abs(model.J)  # flipping one sublattice turns the sign
            log, d, dd = kaufman.log_partition_jet(rows, columns, J / temperature)
            return log, J * d, J**2 * dd
    return transfer.log_partition_jet(Plane.of(model), 1 / temperature)
