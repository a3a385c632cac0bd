"""States a second of one core that each kind of sequence model trains on, beside what `graft.spaces.compute` counts.

python tests/benchmarks/watching_speed.py
"""

import time

import torch

from graft.models.networks.sequence.shape import SequenceShape
from graft.models.train import prepare_process
from graft.spaces.compute import step_seconds
from graft.spaces.dcl import Watch

SIZES = (
    ("linear", 1, 1), ("made", 128, 1), ("made", 256, 1), ("made", 512, 1), ("made", 256, 2), ("gru", 16, 1),
    ("gru", 32, 1), ("gru", 64, 1), ("gru", 128, 1), ("gru", 32, 2), ("transformer", 16, 1), ("transformer", 32, 1),
    ("transformer", 64, 1), ("transformer", 32, 2),
)  # fmt: skip


def measured(plan: Watch, steps: int, warm: int = 3) -> float:
    """Seconds of CPU of one optimiser step."""
    shape = SequenceShape(plan.kind, (8, 8), 2, plan.order, plan.depth, plan.width)
    model = shape.build()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    states = torch.randint(2, (plan.batch, 64), dtype=torch.uint8)
    began = 0.0
    for step in range(steps + warm):
        if step == warm:
            began = time.process_time()
        optimiser.zero_grad(set_to_none=True)
        (-model(states).mean()).backward()
        optimiser.step()
    return (time.process_time() - began) / steps


def main() -> None:
    """One line for each size."""
    prepare_process()
    print("| model | states/s, measured | counted as |\n|---|---|---|")
    for kind, width, depth in SIZES:
        plan = Watch(kind, width=width, depth=depth)
        speed = plan.batch / measured(plan, 6 if kind in ("gru", "transformer") else 40)
        print(f"| {kind} {depth} x {width} | {speed:,.0f} | {plan.batch / step_seconds(plan, 64, 2):,.0f} |")


if __name__ == "__main__":
    main()
