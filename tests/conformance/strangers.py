"""A task of a stranger's own, as small as one can be: waves on a grid of 3 x 4 points, told by frequency and phase."""

import numpy as np
from torch import Tensor, nn

from graft.search.tasks.base import Examples, Shape, Task
from graft.spaces.plan import Recipe


class Wave(nn.Module):
    """Images (3, 4) from two numbers, by blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([nn.Linear(2, 8), nn.Linear(8, 8), nn.Linear(8, 12)])

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks[:-1]:
            x = block(x).tanh()
        return self.blocks[-1](x).unflatten(-1, (3, 4))


class Waves(Task):
    """Learn waves; ``slow`` ones are the source of ``fast`` ones."""

    def sample(self, name: str, rows: int, rng: np.random.Generator) -> Examples:
        told = rng.uniform(0.5, 1.5, (rows, 2)).astype(np.float32)
        grid = np.linspace(0, 1 if name == "slow" else 1.3, 12, dtype=np.float32).reshape(3, 4)
        return Examples(told, 2 + np.sin(told[:, :1, None] * grid + told[:, 1:, None]))

    def network(self, recipe: Recipe, inputs: Shape, outputs: Shape) -> nn.Module:
        return Wave()
