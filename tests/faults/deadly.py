"""Simulators and trainings that die, or give somebody time to kill them."""

import math
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from graft.search.tasks.base import Request
from graft.simulators.base import Simulator, tensor_field
from graft.spaces.plan import Plan


class Squares(Simulator):
    """Two inputs, and 200 numbers beside them."""

    name = "squares"
    schema = pa.schema([tensor_field("x", 2, "input", "m", "length"), tensor_field("y", 200, "output", "m", "sum")])

    def sample(self, n: int, rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
        x = rng.uniform(1, 2, size=(n, 2))
        return {"x": x, "y": x.sum(1, keepdims=True) + np.linspace(0, 1, 200)}


class Slow(Squares):
    """Tells who draws, and takes its time."""

    name = "slow"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def sample(self, n: int, rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
        (self.folder / f"pid-{os.getpid()}").touch()
        time.sleep(0.4)
        return super().sample(n, rng)


class Careless(Squares):
    """Kills its worker where the shard's first number lies below ``level``, as long as ``lives`` last."""

    name = "careless"

    def __init__(self, folder: Path, level: float, lives: int) -> None:
        self.folder, self.level, self.lives = folder, level, lives

    def sample(self, n: int, rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
        rows = super().sample(n, rng)
        first = rows["x"][0, 0]
        if first < self.level:
            deaths = len(list(self.folder.glob(f"{first:.9f}-*")))
            if deaths < self.lives:
                (self.folder / f"{first:.9f}-{deaths}").touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return rows


class Fatal(Squares):
    """Kills its worker in the one shard of a small study's source, but not in the rows drawn to try it out."""

    name = "fatal"

    def sample(self, n: int, rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
        if n == 300:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().sample(n, rng)


def first_number(seed: tuple[int, ...], shard: int) -> float:
    """What `Careless` decides by."""
    return float(np.random.Generator(np.random.PCG64(np.random.SeedSequence([*seed, shard]))).uniform(1, 2))


@dataclass(frozen=True)
class Mortal:
    """A task whose trainings tell who carries them out, and take their time.

    Attributes:
        folder: Where they tell.
        deadly: Trials with such a batch kill their worker, always.
        diverging: Trials with such a batch end in no number.
        seconds: That a training takes.
    """

    folder: Path
    deadly: tuple[int, ...] = ()
    diverging: tuple[int, ...] = ()
    seconds: float = 0.15

    def training(self, plan: Plan, index: int) -> Request:
        return Request(plan, index)

    def errors(self, training: Request) -> tuple[float, dict[str, Any]]:
        recipe = training.plan.recipe
        mark = self.folder / f"{recipe.batch}-{training.index}-{os.getpid()}-{time.monotonic_ns()}"
        mark.touch()
        if recipe.batch in self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(self.seconds)
        return math.nan if recipe.batch in self.diverging else error(training), {}


def error(training: Request) -> float:
    """What a training of `Mortal` scores."""
    return 0.01 + training.plan.recipe.rate * (1 + 0.01 * training.index)
