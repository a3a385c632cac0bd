"""Replica exchange in one call, which the samplers are held to: of a spin model, and of any energy of whole states."""

from collections.abc import Sequence

import numpy as np

from graft.simulators.spins.chains import Chains
from graft.simulators.spins.lattice import SpinModel
from graft.simulators.spins.montecarlo import Energy, FunctionWalkers
from graft.simulators.spins.tempering import Series, checked, run
from graft.spaces.errors import whole


def monte_carlo(
    energy: Energy,
    shape: Sequence[int],
    alphabet: Sequence[int],
    temperatures: Sequence[float],
    *,
    sweeps: int,
    burn: int,
    rng: np.random.Generator,
    copies: int = 4,
) -> Series:
    """Simulate any energy at several temperatures, with replica exchange after each sweep of Metropolis steps.

    Args:
        energy: Of states int8 (batch, *shape), shape (batch,); called with copies * len(temperatures) states at a time.
        shape: Lengths of the lattice.
        alphabet: Values of a spin.
        temperatures: Ascending, in the energy's units over k_B.
        sweeps: Recorded.
        burn: Sweeps before them.
        rng: The only source of randomness.
        copies: Of the whole ladder, independent of each other.

    Raises:
        InputError: If a number is out of range.
        ValueError: If the energy is not finite or not one number for each state.
    """
    given = checked(temperatures)
    whole("copies", copies, 1)
    walkers = FunctionWalkers(energy, shape, alphabet, np.repeat(1 / given, copies), rng)
    return run(walkers, given, len(alphabet), sweeps=sweeps, burn=burn, rng=rng)


def replica_exchange(
    model: SpinModel,
    temperatures: Sequence[float],
    *,
    sweeps: int,
    burn: int,
    rng: np.random.Generator,
    copies: int = 4,
) -> Series:
    """Simulate ``model`` at several temperatures that exchange copies.

    Args:
        model: Any.
        temperatures: Ascending; so near each other that a tenth or more of exchanges are accepted.
        sweeps: Recorded, heat bath, an exchange after each.
        burn: Sweeps before them.
        rng: The only source of randomness.
        copies: Of the whole ladder, independent of each other, begun in turn at random and with all spins alike.

    Raises:
        InputError: If a number is out of range.
    """
    given = checked(temperatures)
    whole("copies", copies, 1)
    walkers = Chains(model, np.repeat(given, copies), copies * len(given), rng)
    return run(walkers, given, model.q, sweeps=sweeps, burn=burn, rng=rng)
