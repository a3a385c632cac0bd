"""What a trained extensive network leaves is solved exactly: a number for each tile, by ridge least squares."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import lsmr
from torch import Tensor

from graft.models import tiles
from graft.models.networks.ednn import EDNN, EDNNShape

MOST = 2**20
"""Numbers that are solved for, at most."""
DAMPS = (1.0, 3.0, 10.0, 30.0, 100.0)
"""Penalties that are tried: the square root of the number of tiles that a number has to explain to be half believed."""
KEPT = 10
"""One state in so many chooses among them."""


class Settled(NamedTuple):
    """A network whose misses are solved for.

    Attributes:
        network: It.
        shape: Its own.
        missed: What it still misses, root mean square, on the states kept back from solving (on all, if nothing was
            solved for): the teacher's noise that no sum over tiles can say, and what so few states leave open.
    """

    network: EDNN
    shape: EDNNShape
    missed: float


def settled(network: EDNN, shape: EDNNShape, index: Tensor, energies: NDArray[np.float64]) -> Settled:
    """The network with what it misses solved for, tile by tile.

    Gradient descent leaves noise of its own and what the hidden layers are too few for. As energies are sums over
    tiles, what is left is linear in one number for each different tile (and place, where weights differ from place to
    place). Numbers are held near 0 where few states speak for them.

    Args:
        network: Trained.
        shape: Its own.
        index: uint8 (states, rows, columns): all that it was taught on, in an order that has nothing to say.
        energies: (states,), the teacher's.

    Returns:
        Network and shape as they were if the numbers would be too many. Where numbers help on none of the states kept
        back, they are all the same: what it missed on average.
    """
    table = network.table()
    codes = tiles.codes(index, shape.q, shape.focus, shape.context).numpy()
    missed = energies - tiles.read(table, codes).sum(1)
    if table.size > MOST:
        return Settled(network, shape, float(np.std(missed)))
    if table.ndim == 2:
        codes = codes + np.arange(codes.shape[1]) * table.shape[1]
    middle = missed.mean()
    kept = np.arange(len(missed)) % KEPT == 0
    seen, left = _counts(codes[~kept], table.size), missed[~kept] - middle
    judge, wanted = _counts(codes[kept], table.size), missed[kept] - middle
    found = [
        np.zeros(table.size),
        *(lsmr(seen, left, damp=damp, atol=1e-8, btol=1e-8, maxiter=300)[0] for damp in DAMPS),
    ]
    errors = [float(np.mean((judge @ rest - wanted) ** 2)) for rest in found]
    best = found[int(np.argmin(errors))]
    shape = replace(shape, settled=True)
    whole = shape.build()
    rest = (best + middle / codes.shape[1]).reshape(table.shape)
    whole.load_state_dict(network.state_dict() | {"rest": torch.from_numpy(rest).float()})
    return Settled(whole, shape, min(errors) ** 0.5)


def _counts(codes: NDArray[np.int64], columns: int) -> csr_matrix:
    """How often each state has each tile, (states, columns)."""
    starts = np.arange(len(codes) + 1) * codes.shape[1]
    return csr_matrix((np.ones(codes.size), codes.ravel(), starts), shape=(len(codes), columns))
