"""Test sets uniform in energy: a walk that visits every level equally often (Berg and Neuhaus, PRL 68, 9 (1992)).

States are accepted with weight 1 / g(E). Where g is known in whole numbers, it is used; elsewhere it is learned first,
by the method of Wang and Landau with the correction falling as 1 / t (Belardinelli and Pereyra, PRE 75, 046701 (2007)).
A wrong g costs time and nothing else: the weight depends on the level alone, so within a level states are uniform.
"""

import numba
import numpy as np
from numpy.typing import NDArray

from graft.simulators.spins.exact.counting import bond_levels, density_of_states
from graft.simulators.spins.exact.ground import ground_state
from graft.simulators.spins.exact.plane import Plane
from graft.simulators.spins.lattice import SpinModel
from graft.simulators.spins.models import EdwardsAnderson
from graft.spaces.errors import InputError, whole

GAP = 10  # sweeps between two samples; a walk crosses all levels of the 8x8 Ising model in some hundreds
FINEST = 1e-5  # correction of log g at which learning ends
MOST_SWEEPS = 200  # for each sample wanted: levels that are then not full are left as they are


def uniform_in_energy(
    model: SpinModel, per_level: int, rng: np.random.Generator, *, levels: int = 64
) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """Draw ``per_level`` states of each level of energy.

    Args:
        model: Of couplings for which `ground_state` is known, unless all bonds are of one size.
        per_level: States of each level.
        rng: The only source of randomness.
        levels: Equal intervals from the lowest to the highest energy, for couplings of many sizes; elsewhere the levels
            are the energies that occur.

    Returns:
        States (n, *model.shape) and energies (n,), ascending. Levels that the walk hardly ever meets, as may be the
        lowest of a glass, have fewer states than the others.

    Raises:
        InputError: If numbers are out of range, or neither energies nor ground states are known.
    """
    whole("per_level", per_level, 1)
    whole("levels", levels, 2, 10_000)
    check(model)
    bounds, known = bond_levels(model), None
    if bounds is not None:
        low, width = bounds
        levels = len(model.bonds.strength) + 1
        try:
            energies, counts = density_of_states(model)
        except InputError:
            pass
        else:
            known = np.full(levels, np.inf)
            known[np.rint((energies - low) / width).astype(int)] = np.log(counts.astype(np.float64))
        first = low - width / 2
    else:
        assert isinstance(model, EdwardsAnderson)
        low = ground_state(model)[0]
        high = -ground_state(EdwardsAnderson(-model.horizontal, -model.vertical, model.periodic))[0]
        width = (high - low) / levels * (1 + 1e-9)
        first = low - 1e-9 * width
    index = rng.integers(model.q, size=model.sites).astype(np.uint8)
    lattice = (model.bonds.neighbours, model.bonds.couplings, model.interaction)
    energy = float(model.energy(model.states(index.reshape(model.shape))))
    log_g = np.full(levels, np.inf) if known is None else known
    if known is None:
        energy = _learn(index, energy, *lattice, log_g, first, width, FINEST, rng)
    visited = np.isfinite(log_g)
    states = np.empty((levels, per_level, model.sites), np.uint8)
    filled = np.where(visited, 0, per_level)
    _fill(index, energy, *lattice, log_g, first, width, states, filled, GAP, MOST_SWEEPS * per_level * levels, rng)
    filled[~visited] = 0
    taken = np.concatenate([states[level, : filled[level]] for level in range(levels)])
    found = model.states(taken.reshape(-1, *model.shape))
    energies = model.energy(found)
    order = np.argsort(energies, kind="stable")
    return found[order], energies[order]


def check(model: SpinModel) -> None:
    """Refuse a model for which `uniform_in_energy` knows no levels of energy, at no cost.

    Raises:
        InputError: Saying what is allowed.
    """
    if bond_levels(model) is None:
        if not isinstance(model, EdwardsAnderson):
            raise InputError(
                f"{model.name} has no known levels of energy; allowed: Ising, Potts of 3 colours or delta, glasses"
            )
        Plane.of(model).starts(1)  # its ground state can be found


@numba.njit(inline="always")
def _attempt(
    index: NDArray[np.uint8],
    energy: float,
    neighbours: NDArray[np.int64],
    couplings: NDArray[np.float64],
    interaction: NDArray[np.float64],
    log_g: NDArray[np.float64],
    first: float,
    width: float,
    anywhere: bool,
    rng: np.random.Generator,
) -> float:
    """One attempt to change one spin; the energy afterwards. Levels never seen are entered only if ``anywhere``."""
    q = len(interaction)
    site = int(rng.random() * len(index))
    old = index[site]
    new = (old + 1 + int(rng.random() * (q - 1))) % q
    change = 0.0
    for d in range(neighbours.shape[1]):
        around = index[neighbours[site, d]]
        change -= couplings[site, d] * (interaction[new, around] - interaction[old, around])
    before = log_g[int((energy - first) / width)]
    after = log_g[int((energy + change - first) / width)]
    if after == np.inf:
        accepted = anywhere
    else:
        accepted = after <= before or rng.random() < np.exp(before - after)
    if accepted:
        index[site] = new
        energy += change
    return energy


@numba.njit(cache=True)
def _learn(
    index: NDArray[np.uint8],
    energy: float,
    neighbours: NDArray[np.int64],
    couplings: NDArray[np.float64],
    interaction: NDArray[np.float64],
    log_g: NDArray[np.float64],
    first: float,
    width: float,
    finest: float,
    rng: np.random.Generator,
) -> float:
    """Learn ``log_g``, infinite where nothing was found; the energy of the last state."""
    levels = len(log_g)
    seen = np.zeros(levels, np.bool_)
    correction, step, halving = 1.0, 0, True
    while correction > finest:
        for _ in range(1000 * levels):
            step += 1
            energy = _attempt(index, energy, neighbours, couplings, interaction, log_g, first, width, True, rng)
            level = int((energy - first) / width)
            if log_g[level] == np.inf:  # new: taken to be as rare as the rarest so far
                rarest = log_g.min()
                log_g[level] = rarest if rarest < np.inf else 0.0
            log_g[level] += correction
            seen[level] = True
        if halving and (seen | (log_g == np.inf)).all():
            correction /= 2
            seen[:] = False
        halving = halving and correction > levels / step
        if not halving:
            correction = levels / step
    return energy


@numba.njit(cache=True)
def _fill(
    index: NDArray[np.uint8],
    energy: float,
    neighbours: NDArray[np.int64],
    couplings: NDArray[np.float64],
    interaction: NDArray[np.float64],
    log_g: NDArray[np.float64],
    first: float,
    width: float,
    states: NDArray[np.uint8],
    filled: NDArray[np.int64],
    gap: int,
    most_sweeps: int,
    rng: np.random.Generator,
) -> None:
    """Walk until every level of ``states`` (levels, per level, sites) is full, or for ``most_sweeps``."""
    per_level = states.shape[1]
    open_levels = 0
    for level in range(len(filled)):
        open_levels += filled[level] < per_level
    for sweep in range(most_sweeps):
        for _ in range(len(index)):
            energy = _attempt(index, energy, neighbours, couplings, interaction, log_g, first, width, False, rng)
        if (sweep + 1) % gap == 0:
            level = int((energy - first) / width)
            if filled[level] < per_level:
                states[level, filled[level]] = index
                filled[level] += 1
                open_levels -= filled[level] == per_level
                if open_levels == 0:
                    return
