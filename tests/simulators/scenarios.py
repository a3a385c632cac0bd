"""Simulators for the tests of shards: cheap, or broken on purpose."""

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
