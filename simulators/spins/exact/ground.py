"""Ground states: the transfer matrix with sums replaced by minima and products by sums."""

import numpy as np
from numpy.typing import NDArray

from graft.simulators.spins.exact.plane import Plane
from graft.simulators.spins.lattice import SpinModel


def ground_state(model: SpinModel) -> tuple[float, NDArray[np.int8]]:
    """The lowest energy there is, and one state that has it, of shape ``model.shape``.

    Raises:
        InputError: If the lattice is too large.
    """
    plane = Plane.of(model)
    starts, _ = plane.starts(1)
    q, size, lanes = plane.q, plane.q**plane.columns, np.arange(len(starts))
    cost = np.full((size, len(starts)), 0.0 if plane.free else np.inf)
    cost[starts, lanes] = 0.0
    came: list[list[NDArray[np.uint8]]] = []  # for each bond downwards the spin above that was best
    for row in range(plane.rows):
        cost -= plane.within(row)[:, None]
        came.append([])
        for J in plane.vertical[row]:
            # As in `transfer`: the first digit is replaced, and its successor becomes the last.
            paths = cost.reshape(q, 1, size // q, -1) - J * plane.interaction[:, :, None, None]
            came[-1].append(paths.argmin(0).transpose(1, 0, 2).astype(np.uint8).reshape(size, -1))
            cost = paths.min(0).transpose(1, 0, 2).reshape(size, -1)
    if plane.free:
        start, code = 0, int(cost[:, 0].argmin())
    else:
        start = int(cost[starts, lanes].argmin())
        code = int(starts[start])
    codes = []
    for row_came in reversed(came):
        for best in reversed(row_came):
            code = int(best[code, start]) * (size // q) + code // q
        codes.append(code)
    index = plane.rows_of(np.array(codes[::-1]))
    state = model.states((index.T if plane.turned else index).reshape(model.shape))
    return float(model.energy(state)), state
