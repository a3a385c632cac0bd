"""Phase screens of atmospheric turbulence beside pyturb, both in double precision."""

import numpy as np
from figures.beside import Figure, Pair, Side

from graft.simulators.solar.screens import screens

SIDE, PIXEL, R0, COUNT = 256, 0.02, 0.15, 8


def beside() -> Pair:
    """Kolmogorov's screens; pyturb has the subharmonics that it chooses by itself."""
    import pyturb

    pyturb.set_threads(1)
    peer = pyturb.PhaseScreen(SIDE, PIXEL, R0, L0=np.inf, seed=0, dtype="float64")
    rng = np.random.default_rng(0)
    return Pair(
        Side(lambda _: screens(COUNT, SIDE, PIXEL, R0, rng), COUNT),
        Side(lambda _: peer.generate(COUNT), COUNT),
    )


FIGURES = (Figure("screen/pyturb", "screens", "pyturb, 256 x 256, float64", 1, beside, "pyturb"),)
