"""Bonds of a lattice: which sites are coupled, how strongly, and the energy of a configuration.

Sites are counted in raster order (last axis fastest). ``couplings[axis][r]`` couples site r to its neighbour one step
further along ``axis``. An axis of length 2 that is periodic has two bonds between the same two sites, as the usual
sum over all sites and directions says.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Bonds:
    """Pairs of coupled sites, twice over: as a list, and by site.

    Attributes:
        left: First site of each bond, shape (bonds,).
        right: Second site of each bond, shape (bonds,).
        strength: Coupling of each bond, shape (bonds,).
        neighbours: Neighbours of each site, shape (sites, 2 * axes); a site itself where an open edge has none.
        couplings: Coupling to each neighbour, shape (sites, 2 * axes); 0 where there is none.
    """

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    strength: NDArray[np.float64]
    neighbours: NDArray[np.int64]
    couplings: NDArray[np.float64]

    @classmethod
    def of(cls, couplings: Sequence[NDArray[np.float64]], periodic: bool) -> "Bonds":
        """Bonds of a lattice with ``couplings[axis]`` of the lattice's shape; without wrapping if not ``periodic``."""
        shape = couplings[0].shape
        sites = np.arange(np.prod(shape)).reshape(shape)
        left, right, strength, neighbours, strengths = [], [], [], [], []
        for axis, coupling in enumerate(couplings):
            inside = np.ones(shape, dtype=bool)
            if not periodic:
                inside[(slice(None),) * axis + (-1,)] = False
            after = np.roll(sites, -1, axis)
            left.append(sites[inside])
            right.append(after[inside])
            strength.append(coupling[inside])
            forth = np.where(inside, coupling, 0.0)
            neighbours += [
                np.where(inside, after, sites),
                np.where(np.roll(inside, 1, axis), np.roll(sites, 1, axis), sites),
            ]
            strengths += [forth, np.roll(forth, 1, axis)]
        return cls(
            np.concatenate(left),
            np.concatenate(right),
            np.concatenate(strength).astype(np.float64),
            np.stack([one.ravel() for one in neighbours], 1),
            np.stack([one.ravel() for one in strengths], 1).astype(np.float64),
        )


@numba.njit(cache=True, nogil=True)
def energies(
    index: NDArray[np.uint8],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    strength: NDArray[np.float64],
    interaction: NDArray[np.float64],
) -> NDArray[np.float64]:
    """-sum over bonds of ``strength * interaction[a, b]``, shape (batch,).

    Args:
        index: Configurations, shape (batch, sites), values below q.
        left: First site of each bond.
        right: Second site of each bond.
        strength: Of each bond.
        interaction: Shape (q, q).
    """
    out = np.zeros(len(index))
    for row in range(len(index)):
        total = 0.0
        for bond in range(len(left)):
            total -= strength[bond] * interaction[index[row, left[bond]], index[row, right[bond]]]
        out[row] = total
    return out
