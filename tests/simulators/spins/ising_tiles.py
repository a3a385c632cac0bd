"""The exact energies of spin models as tables over tiles."""

import numpy as np
from numpy.typing import NDArray

from graft.simulators.spins.lattice import SpinModel


def ising_table(focus: int, context: int, J: float = 1.0) -> NDArray[np.float64]:
    """Energy of the bonds to the right of and below each spin in focus; needs a context of at least 1."""
    side = focus + 2 * context
    codes = np.arange(2 ** (side * side))
    spins = 2.0 * (codes[:, None] >> np.arange(side * side) & 1).reshape(-1, side, side) - 1
    inner, after = slice(context, context + focus), slice(context + 1, context + focus + 1)
    bonds = spins[:, inner, inner] * (spins[:, inner, after] + spins[:, after, inner])
    return -J * bonds.sum((1, 2))


def own_table(model: SpinModel) -> NDArray[np.float64]:
    """Focus 1, context 1, one table for each site of a plane of any couplings."""
    q = model.q
    codes = np.arange(q**9)
    here, right, below = (codes // q**k % q for k in (4, 5, 7))
    down, across = (coupling.ravel()[:, None] for coupling in model.couplings)
    return -across * model.interaction[here, right] - down * model.interaction[here, below]
