"""Simulators for the tests of shards: cheap, or broken on purpose."""

import numpy as np
import pyarrow as pa

from graft.simulators.base import Simulator, tensor_field


class Doubling(Simulator):
    """Two inputs, and their doubles."""

    name = "doubling"
    schema = pa.schema([tensor_field("x", 2, "input", "m", "length"), tensor_field("y", 2, "output", "m^2", "double")])

    def sample(self, n, rng):
        x = rng.uniform(size=(n, 2))
        return {"x": x, "y": 2 * x}


class Broken(Doubling):
    """Raises, always."""

    name = "broken"

    def sample(self, n, rng):
        raise ZeroDivisionError("the author's own mistake")


class Coins(Simulator):
    """The smallest simulator; also found as ``scenarios:Coins``."""

    name = "coins"
    schema = pa.schema([tensor_field("bias", 1, "input", "1", "p"), tensor_field("count", (2, 3), "output", "1", "n")])
    answer = staticmethod(lambda n: {"bias": np.ones((n, 1)), "count": np.zeros((n, 2, 3))})

    def sample(self, n, rng):
        return self.answer(n)
