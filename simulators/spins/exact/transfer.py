"""log Z and its derivatives by transfer matrix, site by site.

The vector of partial sums is carried with its first two derivatives in beta, so energies and heat capacities are as
exact as log Z itself: no differences of nearly equal numbers.
"""

import numpy as np

from graft.simulators.spins.exact.plane import Plane


def log_partition_jet(plane: Plane, beta: float) -> tuple[float, float, float]:
    """Partition function (log Z) with its first and second derivative in beta.

    Raises:
        InputError: If the plane is too large.
    """
    starts, weights = plane.starts(3)
    q, size = plane.q, plane.q**plane.columns
    jet = np.zeros((3, size, len(starts)))  # value, first and second derivative; by present row and first row
    if plane.free:
        jet[0] = 1.0
    else:
        jet[0, starts, np.arange(len(starts))] = 1.0
    scale = 0.0  # logarithm of what was divided out
    least = 0.0  # energy that was taken out, -sum of the largest terms
    for row in range(plane.rows):
        within = plane.within(row)
        least -= within.max()
        gap = (within - within.max())[:, None]
        jet[2] += 2 * gap * jet[1] + gap**2 * jet[0]
        jet[1] += gap * jet[0]
        jet *= np.exp(beta * gap)
        for J in plane.vertical[row]:
            bond = J * plane.interaction
            least -= bond.max()
            bond = bond - bond.max()
            w = np.exp(beta * bond)
            zero = np.zeros_like(w)
            step = np.block([[w, zero, zero], [bond * w, w, zero], [bond**2 * w, 2 * bond * w, w]])
            # The spin that is replaced is the first digit; its successor becomes the last, so that the next is first.
            jet = (step @ jet.reshape(3 * q, -1)).reshape(3, q, size // q, -1).transpose(0, 2, 1, 3)
            jet = np.ascontiguousarray(jet).reshape(3, size, -1)
        largest = jet[0].max()
        jet /= largest
        scale += np.log(largest)
    if plane.free:
        z, dz, ddz = jet[:, 0, 0]  # the bonds of no strength after the last row have summed over it
    else:
        z, dz, ddz = jet[:, starts, np.arange(len(starts))] @ weights
    return float(np.log(z) + scale - beta * least), float(dz / z - least), float(ddz / z - (dz / z) ** 2)
