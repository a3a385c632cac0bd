"""States of all energies, drawn by Monte Carlo with a learned energy: nobody needs the Hamiltonian for that."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from graft.simulators.spins.montecarlo import FunctionWalkers
from graft.simulators.spins.tiles import Tiles, TileWalkers

Index = NDArray[np.uint8]
Energy = Callable[[Index], NDArray[np.float64]]

BETAS = np.linspace(-0.6, 0.6, 13)
"""Inverse temperatures in 1 / `coupling_unit`. Negative ones reach the energies above those of random
states."""


def random_states(states: int, sites: int, q: int, rng: np.random.Generator) -> Index:
    """Uniformly random states, (states, sites)."""
    return rng.integers(q, size=(states, sites), dtype=np.uint8)


def inverse_temperatures(energies: NDArray[np.float64], sites: int) -> NDArray[np.float64]:
    """Inverse temperatures that reach all energies of a system, told nothing but energies of random states.

    In the two-dimensional Ising model `BETAS` then are in 1 / J and reach beyond both critical points (0.44); with
    other couplings or alphabets they grow as energies shrink.

    Args:
        energies: Learned energies of uniformly random states.
        sites: N.
    """
    return BETAS / coupling_unit(energies, sites)


def coupling_unit(energies: NDArray[np.float64], sites: int) -> float:
    """What J would be in a two-dimensional Ising model whose random states have energies as different as these.

    There their deviation is sqrt(2 N) J. 1 if they are all the same.
    """
    return float(np.std(energies)) / float(np.sqrt(2 * sites)) or 1.0


def spread(energy: Energy, states: int, sites: int, q: int, rng: np.random.Generator, sweeps: int = 8) -> Index:
    """Draw the last state of each of as many chains, inverse temperatures in turn.

    Energies serve as a first guess of themselves here, so chains need not be in equilibrium: what counts is that
    states of all energies are there.

    Args:
        energy: Energies (states,) of index arrays (states, sites).
        states: Chains.
        sites: Of the lattice.
        q: Values of a spin.
        rng: The only source of randomness.
        sweeps: Trials for each spin of each chain.
    """
    start = random_states(states, sites, q, rng)
    betas = np.resize(inverse_temperatures(energy(start), sites), states)
    walkers = FunctionWalkers(lambda state: energy(state.astype(np.uint8)), (sites,), range(q), betas, rng, start)
    walkers.advance(sweeps)
    return walkers.state


def spread_by_tiles(
    tiles: Tiles, betas: NDArray[np.float64], states: int, rng: np.random.Generator, sweeps: int = 20
) -> Index:
    """As `spread`, with local updates of an energy that is a sum over tiles, at inverse temperatures ``betas``."""
    start = random_states(states, tiles.sites, tiles.q, rng)
    walkers = TileWalkers(tiles, np.resize(betas, states), rng, start)
    walkers.advance(sweeps)
    return walkers.state
