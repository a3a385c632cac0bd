"""How many states have which energy, in whole numbers.

For couplings of one size whose bonds have two energies only, the energy is the number of unsatisfied bonds. Counts are
carried modulo 2^64, which is exact for lattices of at most 2^64 states: none of the counts can be that large.
"""

import numpy as np
from numpy.typing import NDArray

from graft.simulators.spins.exact.plane import Plane
from graft.simulators.spins.lattice import SpinModel
from graft.spaces.errors import InputError


def bond_levels(model: SpinModel) -> tuple[float, float] | None:
    """Energy if all bonds were satisfied, and what each unsatisfied one adds; None if bonds differ in more."""
    values = np.unique(np.round(model.interaction, 12))
    strengths = np.unique(model.bonds.strength)
    if len(values) != 2 or len(np.unique(np.abs(strengths))) != 1 or strengths[0] == 0:
        return None
    if len(strengths) > 1 and values.sum() != 0:
        return None  # satisfied bonds of either sign would differ
    lowest = -np.maximum(model.bonds.strength * values[0], model.bonds.strength * values[1]).sum()
    return float(lowest), float(abs(strengths[0]) * (values[1] - values[0]))


def density_of_states(model: SpinModel) -> tuple[NDArray[np.float64], NDArray[np.uint64]]:
    """Energies that occur, ascending, and the number of states of each.

    Raises:
        InputError: If couplings differ in size, bonds have more than two energies, or the lattice is too large.
    """
    levels = bond_levels(model)
    if levels is None:
        raise InputError(
            f"{model.name} has bonds of more than two energies; allowed: Ising, Potts (delta, or 3 colours), couplings "
            "-1 and 1; uniform_in_energy needs no number of states"
        )
    if model.sites * np.log2(model.q) > 64:
        raise InputError(
            f"{model.name} has more than 2^64 states; allowed: at most {int(64 / np.log2(model.q))} spins for exact "
            "numbers of states; uniform_in_energy needs none"
        )
    plane = Plane.of(model)
    bonds = len(model.bonds.strength)
    starts, weights = plane.starts(bonds + 1)
    q, size, lanes = plane.q, plane.q**plane.columns, np.arange(len(starts))
    most, least = plane.interaction.max(), plane.interaction.min()
    count = np.zeros((size, len(starts), bonds + 1), np.uint64)
    if plane.free:
        count[:, :, 0] = 1
    else:
        count[starts, lanes, 0] = 1
    for row in range(plane.rows):
        J = plane.horizontal[row]
        best = np.maximum(J * most, J * least).sum()
        unsatisfied = np.rint((best - plane.within(row)) / levels[1]).astype(int)
        for number in np.unique(unsatisfied):
            count[unsatisfied == number] = _more(count[unsatisfied == number], number)
        for coupling in plane.vertical[row]:
            # As in `transfer`: the first digit is replaced, and its successor becomes the last.
            before = count.reshape(q, size // q, len(starts), -1)
            bond = coupling * plane.interaction
            wrong = np.rint((bond.max() - bond) / levels[1]).astype(int)
            after = np.zeros((size // q, q, len(starts), bonds + 1), np.uint64)
            for above, below in np.ndindex(q, q):
                if wrong[above, below]:
                    after[:, below, :, 1:] += before[above, ..., :-1]
                else:
                    after[:, below] += before[above]
            count = after.reshape(size, len(starts), -1)
    if plane.free:
        total = count[0, 0]  # the bonds of no strength after the last row have summed over it
    else:
        total = (count[starts, lanes] * weights[:, None].astype(np.uint64)).sum(0, dtype=np.uint64)
    occurring = np.flatnonzero(total)
    energies: NDArray[np.float64] = levels[0] + levels[1] * occurring.astype(np.float64)
    return energies, np.asarray(total[occurring], np.uint64)


def _more(count: NDArray[np.uint64], number: int) -> NDArray[np.uint64]:
    """Counts moved up by ``number`` unsatisfied bonds."""
    moved = np.zeros_like(count)
    moved[..., number:] = count[..., : count.shape[-1] - number]
    return moved
