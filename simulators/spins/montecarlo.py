"""Monte Carlo with an energy that is given, for example a learned one: at many temperatures, with honest errors.

An energy that is a sum over tiles is sampled locally (`tile_monte_carlo`). Any other is a function of whole states
(`FunctionWalkers`): one call for each attempted spin of a sweep, with all chains in one batch.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from graft.simulators.spins.tempering import Series, checked, run
from graft.simulators.spins.tiles import Tiles, TileWalkers, begin
from graft.spaces.errors import InputError, whole

Energy = Callable[[NDArray[np.int8]], NDArray[np.floating]]


class FunctionWalkers:
    """Chains under any energy, by Metropolis steps at random sites; even ones begin at random, odd ones all alike.

    Args:
        energy: Of states int8 (chains, *shape), shape (chains,).
        shape: Lengths of the lattice.
        alphabet: Values of a spin.
        beta: Inverse temperature of each chain, of any sign.
        rng: The only source of randomness.
        start: States to begin with instead, index of shape (chains, sites).

    Raises:
        ValueError: If the energy is not finite or not one number for each chain.
    """

    def __init__(
        self,
        energy: Energy,
        shape: Sequence[int],
        alphabet: Sequence[int],
        beta: NDArray[np.float64],
        rng: np.random.Generator,
        start: NDArray[np.uint8] | None = None,
    ) -> None:
        if len(alphabet) < 2:
            raise InputError(f"alphabet is {list(alphabet)}; allowed: two values of a spin or more")
        self.beta, self._rng, self._energy = np.array(beta, dtype=np.float64), rng, energy
        self._shape, self._alphabet = tuple(shape), np.asarray(alphabet, dtype=np.int8)
        sites, q = int(np.prod(self._shape)), len(alphabet)
        self.state = begin(len(self.beta), sites, q, rng) if start is None else np.array(start, dtype=np.uint8)
        self._energies = self._of(self.state)

    def _of(self, state: NDArray[np.uint8]) -> NDArray[np.float64]:
        states = self._alphabet[state].reshape(-1, *self._shape)
        energies = np.asarray(self._energy(states), dtype=np.float64)
        if energies.shape != (len(state),):
            raise ValueError(
                f"the energy of {len(state)} states has shape {energies.shape}; it must be ({len(state)},)"
            )
        if not np.isfinite(energies).all():
            raise ValueError("the energy of a state is not finite")
        return energies

    def advance(self, sweeps: int) -> None:
        """Attempt as many changes in every chain as there are spins, ``sweeps`` times."""
        chains, sites = self.state.shape
        everyone, q = np.arange(chains), len(self._alphabet)
        for _ in range(sweeps * sites):
            site = self._rng.integers(sites, size=chains)
            proposed = self.state.copy()
            proposed[everyone, site] = (self.state[everyone, site] + self._rng.integers(1, q, chains)) % q
            energies = self._of(proposed)
            accepted = np.log(self._rng.random(chains)) < -self.beta * (energies - self._energies)
            self.state[accepted] = proposed[accepted]
            self._energies = np.where(accepted, energies, self._energies)

    def energies(self) -> NDArray[np.float64]:
        """Present energy of each chain."""
        return self._energies


def tile_monte_carlo(
    tiles: Tiles,
    temperatures: Sequence[float],
    *,
    sweeps: int,
    burn: int,
    rng: np.random.Generator,
    copies: int = 4,
) -> Series:
    """Simulate a tile energy at several temperatures, with replica exchange after each sweep of heat bath.

    Args:
        tiles: The energy, on a lattice of any size that it covers.
        temperatures: Ascending, in the energy's units over k_B.
        sweeps: Recorded.
        burn: Sweeps before them.
        rng: The only source of randomness.
        copies: Of the whole ladder, independent of each other.

    Raises:
        InputError: If a number is out of range.
    """
    given = checked(temperatures)
    whole("copies", copies, 1)
    walkers = TileWalkers(tiles, np.repeat(1 / given, copies), rng)
    return run(walkers, given, tiles.q, sweeps=sweeps, burn=burn, rng=rng)
