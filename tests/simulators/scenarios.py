"""Simulators for the tests of shards: cheap, or broken on purpose."""

import os
import signal
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from simulators.base import Simulator, tensor_field


class Doubling(Simulator):
    """Two inputs, and their doubles."""

    name = "doubling"
    schema = pa.schema([tensor_field("x", 2, "input", "m", "length"), tensor_field("y", 2, "output", "m^2", "double")])

    def sample(self, n, rng):
        x = rng.uniform(size=(n, 2))
        return {"x": x, "y": 2 * x}


class Careless(Doubling):
    """Kills its worker where the shard's first number lies below ``level``, as long as ``lives`` last."""

    name = "careless"

    def __init__(self, folder: Path, level: float, lives: int):
        self.folder, self.level, self.lives = folder, level, lives

    def sample(self, n, rng):
        rows = super().sample(n, rng)
        first = rows["x"][0, 0]
        if first < self.level:
            deaths = len(list(self.folder.glob(f"{first:.9f}-*")))
            if deaths < self.lives:
                (self.folder / f"{first:.9f}-{deaths}").touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return rows


class Slow(Doubling):
    """Tells who draws, and takes its time."""

    name = "slow"

    def __init__(self, folder: Path):
        self.folder = folder

    def sample(self, n, rng):
        (self.folder / f"pid-{os.getpid()}").touch()
        time.sleep(0.4)
        return super().sample(n, rng)


class Broken(Doubling):
    """Raises, always."""

    name = "broken"

    def sample(self, n, rng):
        raise ZeroDivisionError("the author's own mistake")


def first_number(seed, shard):
    """What `Careless` decides by."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([*seed, shard]))).uniform()
