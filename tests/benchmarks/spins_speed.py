"""Spin updates per second of CPU: sampling the Ising model, and Monte Carlo with an extensive network's energy.

Each beside a plain torch loop in the same run: read the ratios.

python tests/benchmarks/spins_speed.py [seconds for each]
"""

import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from graft.models.networks.ednn import EDNN
from graft.models.train import prepare_process
from graft.simulators.spins.chains import Chains
from graft.simulators.spins.models import Ising
from graft.simulators.spins.multispin import CHAINS, MultiSpin
from graft.simulators.spins.tiles import Tiles, TileWalkers

SIDE, TEMPERATURE = 8, 4.0
SITES = SIDE * SIDE
WALKERS = 256
Advance = Callable[[int], object]


def checkerboard() -> Advance:
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


def whole_states(network: EDNN) -> Advance:
    """Metropolis with the network called on whole lattices: nothing is known to be local."""
    state = torch.randint(2, (WALKERS, SIDE, SIDE), dtype=torch.uint8)
    energy = network(state)

    def advance(sweeps: int) -> None:
        nonlocal state, energy
        for step in range(sweeps * SITES):
            row, column = divmod(step % SITES, SIDE)
            proposed = state.clone()
            proposed[:, row, column] ^= 1
            found = network(proposed)
            accepted = torch.rand(WALKERS) < torch.exp((energy - found) / TEMPERATURE)
            state = torch.where(accepted[:, None, None], proposed, state)
            energy = torch.where(accepted, found, energy)

    return advance


def rate(advance: Advance, chains: int, seconds: float) -> float:
    """Spin updates per CPU-second, best of three rounds, after a warm-up that compiles."""
    advance(1)
    sweeps, spent = 1, 0.0
    while spent < seconds / 4:
        sweeps *= 2
        began = time.process_time()  # not the clock on the wall: others may use this machine
        advance(sweeps)
        spent = time.process_time() - began
    best = spent
    for _ in range(2):
        began = time.process_time()
        advance(sweeps)
        best = min(best, time.process_time() - began)
    return sweeps * chains * SITES / best


def main(seconds: float) -> None:
    """Print a table; each of ours follows its peer."""
    prepare_process()
    rng, model = np.random.default_rng(0), Ising((SIDE, SIDE))
    peer = rate(checkerboard(), CHAINS, seconds)
    rows = [("Ising, torch checkerboard heat bath", peer, peer)]
    rows.append(("Ising, multi-spin coded", rate(MultiSpin(model, TEMPERATURE, rng).advance, CHAINS, seconds), peer))
    rows.append(("Ising, one spin at a time (any model)",
                 rate(Chains(model, TEMPERATURE, WALKERS, rng).advance, WALKERS, seconds), peer))  # fmt: skip
    for focus in (2, 1):
        network = EDNN(focus=focus)
        with torch.inference_mode():
            peer = rate(whole_states(network), WALKERS, seconds)
        tiles = Tiles(network.table(), (SIDE, SIDE), focus, 1, 2)
        walkers = TileWalkers(tiles, np.full(WALKERS, 1 / TEMPERATURE), rng)
        rows.append((f"EDNN f = {focus}, torch on whole states", peer, peer))
        rows.append((f"EDNN f = {focus}, local updates of its table", rate(walkers.advance, WALKERS, seconds), peer))
    print(f"{SIDE} x {SIDE} sites, T = {TEMPERATURE:g}, one thread, torch {torch.__version__}")
    print(f"{'':44}{'updates / CPU-s':>18}{'to its peer':>14}")
    for name, speed, beside in rows:
        print(f"{name:44}{speed:18,.0f}{speed / beside:14,.1f}")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 2.0)
