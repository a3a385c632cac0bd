"""Training steps of a perceptron: as graft takes them, as a careful user writes them, and their matrix products alone.

The user's loop is `nn.Sequential` with AdamW (fused) on the same rows, batches and numbers of steps; the products are
those of a step forth and back, by `torch.bmm` for eight networks at once. Graft takes eight networks in one step where
it does so itself on a CPU, else one.
"""

from collections.abc import Callable
from functools import partial

import torch
from figures.beside import Figure, Pair, Side
from torch import Tensor, nn

from graft.models.losses import relative_l1
from graft.models.networks.mlp import MLP
from graft.models.replicas import train_together
from graft.models.train import Training, gains
from graft.search.engine.fused import MOST
from graft.spaces.plan import Recipe

ROWS, INPUTS, OUTPUTS, DEPTH, EPOCHS, STACK = 400, 8, 200, 6, 5, MOST["cpu"]


def rows(seed: int) -> tuple[Tensor, Tensor]:
    """Inputs (rows, inputs) and outputs (rows, outputs)."""
    draws = torch.Generator().manual_seed(seed)
    return torch.rand(ROWS, INPUTS, generator=draws), torch.rand(ROWS, OUTPUTS, generator=draws) + 0.5


def training(seed: int, width: int, batch: int) -> Training:
    """One training of graft's."""
    torch.manual_seed(seed)
    recipe = Recipe(rate=1e-3, epochs=EPOCHS, batch=batch, activation="gelu")
    return Training(
        MLP(INPUTS, OUTPUTS, DEPTH, width, "gelu"), *rows(seed), recipe, torch.Generator().manual_seed(seed)
    )


def by_graft(width: int, batch: int) -> Side:
    """As many networks at a time as graft chooses; units are steps of one network."""
    one = training(0, width, batch)
    networks = STACK if gains(one.network, one.recipe, "cpu") else 1
    return Side(
        train_together,
        networks * EPOCHS * -(-ROWS // batch),
        lambda: [training(seed, width, batch) for seed in range(networks)],
    )


def by_hand(width: int, batch: int) -> Side:
    """What a careful user writes."""
    x, y = rows(0)
    steps = EPOCHS * -(-ROWS // batch)

    def network() -> nn.Module:
        widths = [INPUTS, *[width] * DEPTH]
        hidden = [part for pair in zip(widths, widths[1:], strict=False) for part in (nn.Linear(*pair), nn.GELU())]
        return nn.Sequential(*hidden, nn.Linear(width, OUTPUTS))

    def loop(network: nn.Module) -> None:
        optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.0, fused=True)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
        for _ in range(EPOCHS):
            for chosen in torch.randperm(ROWS).split(batch):
                optimiser.zero_grad()
                relative_l1(network(x[chosen]), y[chosen]).backward()
                optimiser.step()
                schedule.step()

    return Side(loop, steps, network)


def products(width: int, batch: int) -> Side:
    """The matrix products of a step of eight networks, and nothing else."""
    widths = [INPUTS, *[width] * DEPTH, OUTPUTS]
    layers = [
        (torch.rand(STACK, batch, before), torch.rand(STACK, after, before), torch.rand(STACK, batch, after))
        for before, after in zip(widths, widths[1:], strict=False)
    ]

    def step(_: object) -> None:
        for number, (x, weights, slope) in enumerate(layers):
            torch.bmm(x, weights.transpose(1, 2))
            torch.bmm(slope.transpose(1, 2), x)
            if number:
                torch.bmm(slope, weights)

    return Side(step, STACK)


def beside(peer: Callable[[int, int], Side], width: int, batch: int) -> Pair:
    """Graft's step and a peer's, of one shape."""
    return Pair(by_graft(width, batch), peer(width, batch))


HAND, LIMIT = "nn.Sequential and AdamW (fused)", "its matrix products alone, torch.bmm"
FIGURES = (
    *(
        Figure(f"step/{DEPTH} x {width}, batch {batch}", "steps", HAND, 1, partial(beside, by_hand, width, batch))
        for width, batch in ((200, 88), (128, 64), (96, 50), (48, 60))
    ),
    *(
        Figure(f"products/{DEPTH} x {width}, batch {batch}", "steps", LIMIT, goal,
               partial(beside, products, width, batch))
        for width, batch, goal in ((200, 88, 0.5), (96, 50, 0.3))
    ),
)  # fmt: skip
