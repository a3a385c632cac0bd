"""Spin updates beside plain torch loops: sampling the Ising model, and Monte Carlo with an extensive network."""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from figures.beside import Figure, Pair, Side
from torch import Tensor

from graft.models.networks.ednn import EDNN
from graft.simulators.spins.chains import Chains
from graft.simulators.spins.models import Ising
from graft.simulators.spins.multispin import CHAINS, MultiSpin
from graft.simulators.spins.tiles import Tiles, TileWalkers

SIDE, TEMPERATURE = 8, 4.0
SITES = SIDE * SIDE
WALKERS = 256


def checkerboard() -> Callable[[int], None]:
    """Heat bath of all chains at once: neighbours by torch.roll, one colour of the checkerboard after the other."""
    spins = torch.randint(2, (CHAINS, SIDE, SIDE)).float() * 2 - 1
    even = torch.tensor([[(row + column) % 2 == 0 for column in range(SIDE)] for row in range(SIDE)])

    def advance(sweeps: int) -> None:
        nonlocal spins
        for _ in range(sweeps):
            for colour in (even, ~even):
                around = sum(spins.roll(by, axis) for by in (1, -1) for axis in (1, 2))
                assert isinstance(around, Tensor)
                drawn = (torch.rand_like(spins) < torch.sigmoid(2 / TEMPERATURE * around)).float() * 2 - 1
                spins = torch.where(colour, drawn, spins)

    return advance


def whole_states(network: EDNN) -> Callable[[int], None]:
    """Metropolis with the network called on whole lattices: nothing is known to be local."""
    state = torch.randint(2, (WALKERS, SIDE, SIDE), dtype=torch.uint8)
    with torch.inference_mode():
        energy = network(state)

    def advance(sweeps: int) -> None:
        nonlocal state, energy
        with torch.inference_mode():
            for step in range(sweeps * SITES):
                row, column = divmod(step % SITES, SIDE)
                proposed = state.clone()
                proposed[:, row, column] ^= 1
                found = network(proposed)
                accepted = torch.rand(WALKERS) < torch.exp((energy - found) / TEMPERATURE)
                state = torch.where(accepted[:, None, None], proposed, state)
                energy = torch.where(accepted, found, energy)

    return advance


def advancing(advance: Callable[[int], object], chains: int, sweeps: int) -> Side:
    """A sampler that goes on from where it stands."""
    return Side(lambda _: advance(sweeps), sweeps * chains * SITES)


def multispin() -> Pair:
    """2,048 chains, 64 to a word."""
    ours = MultiSpin(Ising((SIDE, SIDE)), TEMPERATURE, np.random.default_rng(0))
    return Pair(advancing(ours.advance, CHAINS, 1000), advancing(checkerboard(), CHAINS, 10))


def one_by_one() -> Pair:
    """The sampler that takes any model."""
    ours = Chains(Ising((SIDE, SIDE)), TEMPERATURE, WALKERS, np.random.default_rng(0))
    return Pair(advancing(ours.advance, WALKERS, 100), advancing(checkerboard(), CHAINS, 10))


def extensive(focus: int) -> Pair:
    """Local updates of a network's table."""
    network = EDNN(focus=focus)
    tiles = Tiles(network.table(), (SIDE, SIDE), focus, 1, 2)
    walkers = TileWalkers(tiles, np.full(WALKERS, 1 / TEMPERATURE), np.random.default_rng(0))
    return Pair(advancing(walkers.advance, WALKERS, 100), advancing(whole_states(network), WALKERS, 1))


TORCH = "torch, checkerboard heat bath"
FIGURES = (
    Figure("spins/multi-spin", "updates", TORCH, 1, multispin),
    Figure("spins/any model", "updates", TORCH, 1, one_by_one),
    Figure("spins/EDNN f=2", "updates", "torch, the network on whole states", 1, partial(extensive, 2)),
    Figure("spins/EDNN f=1", "updates", "torch, the network on whole states", 1, partial(extensive, 1)),
)
