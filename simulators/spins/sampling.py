"""Watching a model at one temperature: states thinned by the measured autocorrelation time, and what they are worth."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from graft.simulators.spins.autocorrelation import autocorrelation_time, effective_size, mean_and_error
from graft.simulators.spins.chains import Chains
from graft.simulators.spins.lattice import SpinModel
from graft.simulators.spins.models import Ising
from graft.simulators.spins.multispin import MultiSpin
from graft.simulators.spins.tempering import Tempering, ladder, order
from graft.spaces.errors import InputError, number, whole

LEAST = 1000  # effective observations that anything can be learned from
CHAINS = 256
COPIES = 32
WATCHED = 256  # chains whose every sweep is looked at during equilibration
SWEEPS = 4096  # after which local updates alone are given up
PATIENCE = 4  # times as many for replica exchange


class Sampler(Protocol):
    """Chains of one temperature; even ones begin at random, odd ones with all spins alike."""

    name: str

    @property
    def chains(self) -> int:
        """How many."""

    def advance(self, sweeps: int) -> None:
        """Update every chain by so many sweeps."""

    def index(self, chains: int = ...) -> NDArray[np.uint8]:
        """Present states of at least the first ``chains``, shape (chains, sites)."""


@dataclass(frozen=True, eq=False)
class Observations:
    """States watched at one temperature.

    Attributes:
        states: int8, shape (n, *shape); rows follow each other in time, all chains of one moment together.
        lattice: Name of the model.
        temperature: In the units of its couplings over k_B.
        sampler: What drew them.
        burnt: Sweeps before the first was kept.
        gap: Sweeps between two that one chain gave.
        autocorrelation_sweeps: Integrated autocorrelation time, the larger of energy's and order's, in sweeps.
        effective: Number of independent states that they are worth, by energy and order, whichever is less.
    """

    states: NDArray[np.int8]
    lattice: str
    temperature: float
    sampler: str
    burnt: int
    gap: int
    autocorrelation_sweeps: float
    effective: int

    def require(self, least: int = LEAST) -> None:
        """Refuse to be learned from if there are too few.

        Raises:
            InputError: Saying how many are needed.
        """
        if self.effective < least:
            n = len(self.states)
            needed = -(-least * n // max(self.effective, 1))
            raise InputError(
                f"{n} states of {self.lattice} at temperature {self.temperature:g} are worth {self.effective} "
                f"independent ones; allowed: at least {least}, that is about {needed} states"
            )


def sample(
    model: SpinModel,
    temperature: float,
    n: int,
    rng: np.random.Generator | int,
    *,
    exchange: bool = False,
    most_sweeps: int = SWEEPS,
) -> Observations:
    """Watch ``model`` at ``temperature``: ``n`` states, equilibrated and thinned.

    Chains begin half at random and half ordered and count as equilibrated when both halves agree in energy and order,
    over at least 40 autocorrelation times. Where local updates do not get there, replica exchange is tried.

    Args:
        model: Any; Ising tori with even sides are sampled with multi-spin coding.
        temperature: Above 0, in the units of the couplings over k_B.
        n: Number of states.
        rng: The only source of randomness, or a seed.
        exchange: Use replica exchange from the start.
        most_sweeps: In which local updates must equilibrate; replica exchange has four times as many.

    Raises:
        InputError: If a number is out of range, or no equilibrium was reached.
    """
    number("temperature", temperature, 0, above=True)
    whole("n", n, 1)
    whole("most_sweeps", most_sweeps, 64)
    generator = np.random.default_rng(rng)
    (shifts,) = generator.spawn(1)  # apart, so that the first states are the same however many there are
    sampler, settled = _local(model, temperature, generator), None
    if not exchange:
        settled = _equilibrate(sampler, model, most_sweeps)
    if settled is None:
        sampler = _exchanging(model, temperature, generator)
        settled = _equilibrate(sampler, model, PATIENCE * most_sweeps)
    if settled is None:
        raise InputError(
            f"{model.name} at temperature {temperature:g} has not come to equilibrium in {PATIENCE * most_sweeps} "
            f"sweeps of replica exchange; allowed: most_sweeps above {most_sweeps}, or a higher temperature"
        )
    tau, burnt, late = settled
    gap = max(1, int(np.ceil(2 * tau)))
    thinned = [series[:, ::gap] for series in late]
    worth = min(effective_size(series) / series.size for series in thinned)
    index = np.empty((n, model.sites), np.uint8)
    for first in range(0, n, sampler.chains):
        sampler.advance(gap)
        index[first : first + sampler.chains] = sampler.index(sampler.chains)[: n - first]
    # A common shift of all colours is as likely: local updates at low temperature would hardly ever make one.
    index = (index + shifts.integers(model.q, size=(n, 1), dtype=np.uint8)) % model.q
    states = model.states(index.reshape(n, *model.shape))
    effective = n if n <= sampler.chains else int(worth * n)
    return Observations(states, model.name, temperature, sampler.name, burnt, gap, tau, effective)


def _local(model: SpinModel, temperature: float, rng: np.random.Generator) -> Sampler:
    if isinstance(model, Ising) and MultiSpin.suits(model):
        return MultiSpin(model, temperature, rng)
    return Chains(model, temperature, CHAINS, rng)


def _exchanging(model: SpinModel, temperature: float, rng: np.random.Generator) -> Sampler:
    temperatures = ladder(model, temperature)
    walkers = Chains(model, np.repeat(temperatures, COPIES), COPIES * len(temperatures), rng)
    return Tempering(walkers, temperatures, model.q, rng)


def _equilibrate(
    sampler: Sampler, model: SpinModel, most_sweeps: int
) -> tuple[float, int, list[NDArray[np.float64]]] | None:
    """Autocorrelation time, sweeps used, and the equilibrated series of energy and order; None if there are none."""
    chains, length, used = min(WATCHED, sampler.chains), 64, 0
    while used + length <= most_sweeps:
        energies, orders = np.empty((chains, length)), np.empty((chains, length))
        for sweep in range(length):
            sampler.advance(1)
            index = sampler.index(chains)[:chains]
            energies[:, sweep] = model.energy(model.states(index.reshape(-1, *model.shape)))
            orders[:, sweep] = order(index, model.q)
        used += length
        late = [series[:, length // 2 :] for series in (energies, orders)]
        tau = max(map(autocorrelation_time, late))
        if length >= 40 * tau and all(map(_agree, late)):
            return tau, used, late
        length *= 2
    return None


def _agree(series: NDArray[np.float64]) -> bool:
    """Whether both ways to begin have the same mean, within 4 standard errors."""
    (even, even_error), (odd, odd_error) = mean_and_error(series[::2]), mean_and_error(series[1::2])
    return abs(even - odd) <= 4 * np.hypot(even_error, odd_error) + 1e-9 * abs(even)
