"""How long a training step takes: alone, in a stack, as a careful user writes it, and its matrix products alone.

    python -P tests/benchmarks/steps.py

Processor time of one thread, all four in turns in one run, each the best of several; per network. The user's loop is
`nn.Sequential` with AdamW (fused) on the same rows, batches and numbers of steps; the products are those of a step
forth and back, by `torch.bmm` for eight networks at once.
"""

import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from graft.models.losses import relative_l1
from graft.models.networks.mlp import MLP
from graft.models.replicas import train_together
from graft.models.train import Training, alone, prepare_process
from graft.spaces.plan import Recipe

ROWS, INPUTS, OUTPUTS, DEPTH, EPOCHS, STACK, TURNS = 400, 8, 200, 6, 25, 8, 5
SHAPES = ((200, 88), (128, 64), (96, 50), (48, 60))


def rows(seed: int) -> tuple[Tensor, Tensor]:
    draws = torch.Generator().manual_seed(seed)
    return torch.rand(ROWS, INPUTS, generator=draws), torch.rand(ROWS, OUTPUTS, generator=draws) + 0.5


def training(seed: int, width: int, batch: int) -> Training:
    torch.manual_seed(seed)
    recipe = Recipe(rate=1e-3, epochs=EPOCHS, batch=batch, activation="gelu")
    return Training(
        MLP(INPUTS, OUTPUTS, DEPTH, width, "gelu"), *rows(seed), recipe, torch.Generator().manual_seed(seed)
    )


def by_hand(width: int, batch: int) -> None:
    """What a careful user writes."""
    x, y = rows(0)
    widths = [INPUTS, *[width] * DEPTH]
    hidden = [part for pair in zip(widths, widths[1:], strict=False) for part in (nn.Linear(*pair), nn.GELU())]
    network = nn.Sequential(*hidden, nn.Linear(width, OUTPUTS))
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.0, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, EPOCHS * -(-ROWS // batch))
    for _ in range(EPOCHS):
        for chosen in torch.randperm(ROWS).split(batch):
            optimiser.zero_grad()
            relative_l1(network(x[chosen]), y[chosen]).backward()
            optimiser.step()
            schedule.step()


def products(width: int, batch: int) -> Callable[[], None]:
    widths = [INPUTS, *[width] * DEPTH, OUTPUTS]
    layers = [
        (torch.rand(STACK, batch, before), torch.rand(STACK, after, before), torch.rand(STACK, batch, after))
        for before, after in zip(widths, widths[1:], strict=False)
    ]

    def step() -> None:
        for number, (x, weights, slope) in enumerate(layers):
            torch.bmm(x, weights.transpose(1, 2))
            torch.bmm(slope.transpose(1, 2), x)
            if number:
                torch.bmm(slope, weights)

    return step


def repeated(step: Callable[[], None]) -> None:
    for _ in range(50):
        step()


def seconds(call: Callable[[], object]) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


def main() -> None:
    prepare_process()
    print(f"PyTorch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}; ms a step and network")
    print("| network | batch | by hand | alone | stack of 8 | products | of products |\n|---|---|---|---|---|---|---|")
    for width, batch in SHAPES:
        steps = EPOCHS * -(-ROWS // batch)
        step = products(width, batch)
        best = [float("inf")] * 4
        for _ in range(TURNS):
            stack = [training(seed, width, batch) for seed in range(STACK)]
            one = training(0, width, batch)
            found = [
                seconds(partial(by_hand, width, batch)) / steps,
                seconds(partial(alone, one)) / steps,
                seconds(partial(train_together, stack)) / steps / STACK,
                seconds(partial(repeated, step)) / 50 / STACK,
            ]
            best = [min(pair) for pair in zip(best, found, strict=True)]
        told = " | ".join(f"{1e3 * value:.2f}" for value in best)
        print(f"| {DEPTH} x {width} | {batch} | {told} | {best[3] / min(best[1:3]):.2f} |", flush=True)


if __name__ == "__main__":
    main()
