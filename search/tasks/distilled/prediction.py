"""What a learned energy predicts: energy, heat capacity and order at all temperatures, on lattices of any size."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from graft.search.run.seeds import Role, stream
from graft.search.tasks.distilled.study import DclStudy
from graft.search.tasks.distilled.teaching import Taught
from graft.simulators.registry import lattice
from graft.simulators.spins.exact import heat_capacity, internal_energy
from graft.simulators.spins.lattice import SpinModel
from graft.simulators.spins.montecarlo import tile_monte_carlo
from graft.spaces.errors import InputError

COPIES = 4
"""Independent systems at each temperature."""
BURN = 0.2
"""Sweeps thrown away first, as a share of those recorded."""
POINTS = 40
"""Temperatures of the exact curves."""


def ladder(temperatures: tuple[float, ...], sites: int) -> NDArray[np.float64]:
    """Temperatures, ascending, with so many between them that neighbours exchange: energies overlap as 1 / sqrt(N)."""
    ratio = 1 + 0.9 / np.sqrt(sites)
    found = [min(temperatures)]
    for wanted in sorted(set(temperatures))[1:]:
        steps = int(np.ceil(np.log(wanted / found[-1]) / np.log(ratio)))
        found += np.geomspace(found[-1], wanted, steps + 1)[1:-1].tolist() + [wanted]
    return np.array(found)


def updates(study: DclStudy, name: str) -> float:
    """Spin updates that predicting on a lattice takes."""
    sites = lattice(name).sites
    sweeps = study.budget.sweeps + int(BURN * study.budget.sweeps)
    return COPIES * len(ladder(study.temperatures, sites)) * sites * sweeps


def predicted(name: str, taught: Taught, study: DclStudy) -> dict[str, Any]:
    """Replica exchange with local updates of a student's energy; everything per site, with standard errors.

    Args:
        name: Of the lattice; energies of the true model are asked for the comparison only.
        taught: The student, `Taught.zeroed`.
        study: Temperatures, sweeps, seed.
    """
    model, sweeps = lattice(name), study.budget.sweeps
    temperatures = ladder(study.temperatures, model.sites)
    rng = stream(study.seed, Role.CURVE, model.sites)
    seen = tile_monte_carlo(
        taught.laid(model.shape), temperatures.tolist(), sweeps=sweeps, burn=int(BURN * sweeps), rng=rng, copies=COPIES
    )
    (energy, energy_error), (heat, heat_error), (order, order_error) = seen.energy(), seen.heat_capacity(), seen.order()
    return {
        "lattice": name,
        "energy_of": "the symmetrised student" if study.symmetries != "none" else "the student",
        "sites": model.sites,
        "sweeps": sweeps,
        "copies": COPIES,
        "asked": list(study.temperatures),
        "temperatures": temperatures.tolist(),
        "energy": (energy / model.sites).tolist(),
        "energy_error": (energy_error / model.sites).tolist(),
        "heat": (heat / model.sites).tolist(),
        "heat_error": (heat_error / model.sites).tolist(),
        "order": order.tolist(),
        "order_error": order_error.tolist(),
        "autocorrelation_sweeps": seen.autocorrelation_times().tolist(),
        "effective": seen.effective().tolist(),
        "drift": seen.drift().tolist(),
        "exchanged": seen.exchanged.tolist(),
        "exact": exact(model, temperatures),
        "curve": curve(model, temperatures),
    }


def exact(model: SpinModel, temperatures: NDArray[np.float64]) -> list[float] | None:
    """Exact energy per site at each temperature, in the same gauge; None where nobody can tell."""
    zero = -float(model.bonds.strength.sum() * model.interaction.mean())
    try:
        return ((internal_energy(model, temperatures) - zero) / model.sites).tolist()
    except InputError:
        return None


def curve(model: SpinModel, temperatures: NDArray[np.float64]) -> dict[str, list[float]]:
    """Exact energy and heat capacity per site on a fine grid; empty where nobody can tell."""
    grid = np.geomspace(temperatures[0], temperatures[-1], POINTS)
    energy = exact(model, grid)
    if energy is None:
        return {"temperatures": grid.tolist()}
    return {
        "temperatures": grid.tolist(),
        "energy": energy,
        "heat": (heat_capacity(model, grid) / model.sites).tolist(),
    }
