"""Chains of any model of spins, each at a temperature of its own: heat bath or Metropolis, spin by spin."""

import numba
import numpy as np
from numpy.typing import NDArray

from graft.simulators.spins.bonds import energies
from graft.simulators.spins.lattice import SpinModel
from graft.spaces.errors import choice, number, whole

UPDATES = ("heat-bath", "metropolis")


@numba.njit(cache=True, nogil=True)
def heat_bath(
    index: NDArray[np.uint8],
    beta: NDArray[np.float64],
    neighbours: NDArray[np.int64],
    couplings: NDArray[np.float64],
    interaction: NDArray[np.float64],
    sweeps: int,
    rng: np.random.Generator,
) -> None:
    """Draw every spin of every chain anew given its neighbours, in raster order, ``sweeps`` times.

    Args:
        index: Shape (chains, sites).
        beta: Inverse temperature of each chain.
        neighbours: Shape (sites, neighbours).
        couplings: Likewise.
        interaction: Shape (q, q).
        sweeps: How often.
        rng: The only source of randomness.
    """
    q = len(interaction)
    field = np.empty(q)
    for chain in range(len(index)):
        state = index[chain]
        for _ in range(sweeps):
            for site in range(len(state)):
                field[:] = 0.0
                for d in range(neighbours.shape[1]):
                    around = state[neighbours[site, d]]
                    for value in range(q):
                        field[value] += couplings[site, d] * interaction[value, around]
                if q == 2:
                    chance = 1.0 / (1.0 + np.exp(beta[chain] * (field[0] - field[1])))
                    state[site] = rng.random() < chance
                    continue
                top, total = field.max(), 0.0
                for value in range(q):
                    total += np.exp(beta[chain] * (field[value] - top))
                    field[value] = total
                u, value = rng.random() * total, 0
                while value < q - 1 and u >= field[value]:
                    value += 1
                state[site] = value


@numba.njit(cache=True, nogil=True)
def metropolis(
    index: NDArray[np.uint8],
    beta: NDArray[np.float64],
    neighbours: NDArray[np.int64],
    couplings: NDArray[np.float64],
    interaction: NDArray[np.float64],
    sweeps: int,
    rng: np.random.Generator,
) -> None:
    """As `heat_bath`, but propose another value at a random site, as often as there are sites in a sweep."""
    q = len(interaction)
    for chain in range(len(index)):
        state = index[chain]
        for _ in range(sweeps * len(state)):
            site = int(rng.random() * len(state))
            old = state[site]
            new = (old + 1 + int(rng.random() * (q - 1))) % q
            change = 0.0
            for d in range(neighbours.shape[1]):
                around = state[neighbours[site, d]]
                change -= couplings[site, d] * (interaction[new, around] - interaction[old, around])
            if change <= 0 or rng.random() < np.exp(-beta[chain] * change):
                state[site] = new


class Chains:
    """Independent chains in step, even ones begun at random and odd ones with all spins alike.

    Args:
        model: Any.
        temperature: Of all chains, or one for each.
        chains: How many.
        rng: The only source of randomness.
        update: "heat-bath" or "metropolis".

    Raises:
        InputError: If an argument is out of range.
    """

    def __init__(
        self,
        model: SpinModel,
        temperature: float | NDArray[np.float64],
        chains: int,
        rng: np.random.Generator,
        update: str = "heat-bath",
    ) -> None:
        whole("chains", chains, 1)
        choice("update", update, UPDATES)
        for T in np.atleast_1d(temperature):
            number("temperature", float(T), 0, above=True)
        self.name, self.model, self.chains = update, model, chains
        self.beta = np.broadcast_to(1.0 / np.asarray(temperature, np.float64), (chains,)).copy()
        self.state = rng.integers(model.q, size=(chains, model.sites), dtype=np.uint8)
        self.state[1::2] = 0
        self._update, self._rng = {"heat-bath": heat_bath, "metropolis": metropolis}[update], rng

    def advance(self, sweeps: int) -> None:
        """Update every chain by so many sweeps."""
        bonds = self.model.bonds
        interaction = np.ascontiguousarray(self.model.interaction)
        self._update(self.state, self.beta, bonds.neighbours, bonds.couplings, interaction, sweeps, self._rng)

    def index(self, chains: int | None = None) -> NDArray[np.uint8]:
        """Present states of the first ``chains``, or of all, shape (chains, sites)."""
        return self.state[:chains].copy()

    def energies(self) -> NDArray[np.float64]:
        """Of each chain."""
        bonds = self.model.bonds
        return energies(self.state, bonds.left, bonds.right, bonds.strength, self.model.interaction)
