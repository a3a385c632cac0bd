"""States of all energies, drawn by Monte Carlo with a learned energy: nobody needs the Hamiltonian for that."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from simulators.montecarlo import FunctionWalkers
from simulators.tiles import Tiles, TileWalkers

Index = NDArray[np.uint8]
Energy = Callable[[Index], NDArray[np.float64]]

BETAS = tuple(np.linspace(-0.6, 0.6, 13).tolist())
"""Inverse temperatures, in 1 / J. Negative ones reach the energies above those of random states."""


def random_states(states: int, sites: int, q: int, rng: np.random.Generator) -> Index:
    """Uniformly random states, (states, sites)."""
    return rng.integers(q, size=(states, sites), dtype=np.uint8)


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
    walkers = FunctionWalkers(
        lambda state: energy(state.astype(np.uint8)), (sites,), range(q), np.resize(BETAS, states), rng, start
    )
    walkers.advance(sweeps)
    return walkers.state


def spread_by_tiles(tiles: Tiles, states: int, rng: np.random.Generator, sweeps: int = 20) -> Index:
    """As `spread`, with local updates of an energy that is a sum over tiles."""
    start = random_states(states, tiles.sites, tiles.q, rng)
    walkers = TileWalkers(tiles, np.resize(BETAS, states), rng, start)
    walkers.advance(sweeps)
    return walkers.state
