"""Replica exchange: copies of one system at several temperatures change places (Hukushima and Nemoto, JPSJ 65, 1604).

Where a copy is stuck, it wanders to higher temperatures and returns elsewhere. Temperatures move and states stay where
they are, so that whatever a walker keeps beside its state stays true.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from graft.simulators.spins.autocorrelation import autocorrelation_time, effective_size, mean_and_error
from graft.simulators.spins.lattice import SpinModel
from graft.spaces.errors import InputError, number, whole

Estimates = tuple[NDArray[np.float64], NDArray[np.float64]]


class Walkers(Protocol):
    """Chains that can be moved on, each at its own inverse temperature.

    Attributes:
        beta: Of each chain, shape (chains,); may be changed between two calls.
        state: Index of every spin, shape (chains, sites).
    """

    beta: NDArray[np.float64]
    state: NDArray[np.uint8]

    def advance(self, sweeps: int) -> None:
        """Update every chain by so many sweeps."""

    def energies(self) -> NDArray[np.float64]:
        """Present energy of each chain."""


def order(index: NDArray[np.uint8], q: int) -> NDArray[np.float64]:
    """Order parameter (q times the largest share of a value - 1) / (q - 1), shape (...); |magnetisation| for q = 2.

    Args:
        index: Shape (..., sites).
        q: Number of values.
    """
    sites = index.shape[-1]
    if q == 2:
        return np.abs(2 * np.count_nonzero(index, axis=-1) / sites - 1)
    most = np.max([np.count_nonzero(index == value, axis=-1) for value in range(q)], axis=0)
    return (q * most / sites - 1) / (q - 1)


@dataclass(frozen=True, eq=False)
class Series:
    """What was seen in each sweep.

    Errors are standard errors of the mean with autocorrelation counted; copies of the system at one temperature are
    taken as independent, which replica exchange keeps true: copies never exchange with each other.

    Attributes:
        temperatures: Ascending, shape (temperatures,).
        energies: Total, shape (temperatures, copies, sweeps).
        orders: `order`, likewise.
        exchanged: Share of exchanges accepted between each temperature and the next, shape (temperatures - 1,).
        index: The state of each in the last sweep, shape (temperatures, copies, sites).
    """

    temperatures: NDArray[np.float64]
    energies: NDArray[np.float64]
    orders: NDArray[np.float64]
    exchanged: NDArray[np.float64]
    index: NDArray[np.uint8]

    def energy(self) -> Estimates:
        """Mean total energy at each temperature, and its error."""
        return _each(self.energies)

    def order(self) -> Estimates:
        """Mean order parameter at each temperature, and its error."""
        return _each(self.orders)

    def heat_capacity(self) -> Estimates:
        """Variance of the energy over T^2 at each temperature, of the whole lattice, and its error."""
        squared = (self.energies - self.energies.mean((1, 2), keepdims=True)) ** 2
        values, errors = _each(squared)
        return values / self.temperatures**2, errors / self.temperatures**2

    def autocorrelation_times(self) -> NDArray[np.float64]:
        """Integrated autocorrelation time at each temperature in sweeps, of energy or order, whichever is longer."""
        pairs = zip(self.energies, self.orders, strict=True)
        return np.array([max(autocorrelation_time(energy), autocorrelation_time(order)) for energy, order in pairs])

    def effective(self) -> NDArray[np.float64]:
        """Number of independent values that the energies at each temperature are worth."""
        return np.array([effective_size(one) for one in self.energies])

    def drift(self) -> NDArray[np.float64]:
        """Second half less first half of the mean energy, in standard errors: beyond 4 it was not equilibrated."""
        half = self.energies.shape[-1] // 2
        first, second = _each(self.energies[..., :half]), _each(self.energies[..., half:])
        apart, error = second[0] - first[0], np.hypot(first[1], second[1])
        return np.divide(apart, error, out=np.zeros_like(apart), where=error > 0)


def _each(series: NDArray[np.float64]) -> Estimates:
    found = [mean_and_error(one) for one in series]
    return np.array([mean for mean, _ in found]), np.array([error for _, error in found])


class Tempering:
    """Walkers that exchange temperatures after each sweep.

    Args:
        walkers: Of len(temperatures) * copies chains.
        temperatures: Ascending, above 0.
        q: Values of a spin.
        rng: The only source of randomness of exchanges.

    Raises:
        InputError: If temperatures are not above 0 or not ascending.
    """

    name = "replica exchange"

    def __init__(
        self, walkers: Walkers, temperatures: Sequence[float] | NDArray[np.float64], q: int, rng: np.random.Generator
    ) -> None:
        self.temperatures = checked(temperatures)
        self.walkers, self._q, self._rng = walkers, q, rng
        self.chains = len(walkers.state) // len(self.temperatures)
        # Odd chains of some walkers begin in another way than even ones: each copy has one way, at all temperatures.
        self._chain = np.arange(self.chains * len(self.temperatures)).reshape(len(self.temperatures), self.chains)
        self._pairs = np.zeros((2, len(self.temperatures) - 1))
        self._turn = 0
        self._assign()

    def _assign(self) -> None:
        self.walkers.beta[self._chain] = 1 / self.temperatures[:, None]

    def advance(self, sweeps: int) -> None:
        """Update every chain, and try exchanges after each sweep."""
        for _ in range(sweeps):
            self.walkers.advance(1)
            self._exchange(self.walkers.energies())

    def _exchange(self, energies: NDArray[np.float64]) -> None:
        lower = np.arange(self._turn, len(self.temperatures) - 1, 2)
        self._turn = 1 - self._turn
        if not len(lower):
            return
        cold, hot = self._chain[lower], self._chain[lower + 1]
        gain = (1 / self.temperatures[lower] - 1 / self.temperatures[lower + 1])[:, None] * (
            energies[cold] - energies[hot]
        )
        accepted = np.log(self._rng.random(gain.shape)) < gain
        self._chain[lower] = np.where(accepted, hot, cold)
        self._chain[lower + 1] = np.where(accepted, cold, hot)
        self._pairs[0, lower] += accepted.mean(1)
        self._pairs[1, lower] += 1
        self._assign()

    def index(self, chains: int | None = None) -> NDArray[np.uint8]:
        """Present states at the lowest temperature, of the first ``chains`` copies, shape (chains, sites)."""
        return self.walkers.state[self._chain[0, :chains]]

    def record(self, sweeps: int) -> Series:
        """Advance by ``sweeps`` and return what was seen."""
        shape = (*self._chain.shape, sweeps)
        energies, orders = np.empty(shape), np.empty(shape)
        self._pairs[:] = 0
        places = self._chain
        for sweep in range(sweeps):
            self.walkers.advance(1)
            now = self.walkers.energies()
            energies[..., sweep] = now[self._chain]
            orders[..., sweep] = order(self.walkers.state, self._q)[self._chain]
            places = self._chain.copy()
            self._exchange(now)
        exchanged = self._pairs[0] / np.maximum(self._pairs[1], 1)
        return Series(self.temperatures, energies, orders, exchanged, self.walkers.state[places])


def checked(temperatures: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Temperatures as an array.

    Raises:
        InputError: If there are none, one is not above 0, or they do not ascend.
    """
    given = np.atleast_1d(np.asarray(temperatures, dtype=np.float64))
    for T in given.flat:
        number("temperature", float(T), 0, above=True)
    if given.ndim != 1 or not given.size or (np.diff(given) <= 0).any():
        raise InputError(f"temperatures are {given.tolist()}; allowed: one or more, ascending")
    return given


def run(
    walkers: Walkers,
    temperatures: NDArray[np.float64],
    q: int,
    *,
    sweeps: int,
    burn: int,
    rng: np.random.Generator,
) -> Series:
    """Burn in and record.

    Raises:
        InputError: If a number is out of range.
    """
    whole("sweeps", sweeps, 2)
    whole("burn", burn, 0)
    tempering = Tempering(walkers, temperatures, q, rng)
    tempering.advance(burn)
    return tempering.record(sweeps)


def ladder(model: SpinModel, temperature: float) -> NDArray[np.float64]:
    """Temperatures from ``temperature`` up to where the model forgets within some sweeps.

    The top is 3.5 for a square Ising lattice with J = 1 and grows with couplings and dimensions; steps are such that
    neighbouring distributions of energy overlap, a share of about 1 / sqrt(sites).
    """
    number("temperature", temperature, 0, above=True)
    span = (model.interaction.max() - model.interaction.min()) / 2
    strength = np.sqrt(np.mean(model.bonds.strength**2))
    top = 1.75 * len(model.shape) * span * strength
    if temperature >= top:
        return np.array([temperature])
    steps = int(np.ceil(np.log(top / temperature) * np.sqrt(model.sites) / 1.2))
    return np.geomspace(temperature, top, steps + 1)
