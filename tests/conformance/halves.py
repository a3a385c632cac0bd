"""A task whose error is often exactly 0: on which side of a line do points of the plane lie, told with noise?"""

import numpy as np
from torch import Tensor, nn

from graft.models.losses import METRICS
from graft.search.tasks.base import Examples, Shape, Task
from graft.spaces.plan import Recipe


class Small(nn.Module):
    """Logits of two classes by blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([nn.Linear(2, 6), nn.Linear(6, 6), nn.Linear(6, 2)])

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks[2](self.blocks[1](self.blocks[0](x).tanh()).tanh())


class Halves(Task):
    """Learn half-planes; ``steep`` is the source of ``flat``."""

    metric = METRICS["error-rate"]

    def sample(self, name: str, rows: int, rng: np.random.Generator) -> Examples:
        points = rng.normal(0, 2, (rows, 2)).astype(np.float32)
        seen = points @ [1.0, 0.9 if name == "steep" else 0.7] + rng.normal(0, 0.02, rows)
        return Examples(points, np.eye(2, dtype=np.float32)[(seen > 0).astype(int)])

    def network(self, recipe: Recipe, inputs: Shape, outputs: Shape) -> nn.Module:
        return Small()
