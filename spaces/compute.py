"""Equal compute for every kind of sequence model: what one optimiser step takes on the reference machine.

Compute is counted and not clocked, so that a run gives the same bits again and no neighbour's load favours a kind.
"""

from graft.spaces.dcl import Watch

STEPS = 40
"""Optimiser steps below which a training is not worth starting."""


def step_seconds(plan: Watch, sites: int, q: int) -> float:
    """Seconds of one optimiser step on one core of the reference machine: a fit, within a third, to what was measured.

    Measured on an AMD EPYC core with torch 2.13: 8 x 8 spins, batches of 125 to 1000, networks of 16 to 512 units
    (`tests/benchmarks/watching_speed.py`).
    """
    channels = 1 if q == 2 else q
    ends, h, depth, size = sites * channels, plan.width, plan.depth, sites / 64
    term = 0.12e-9 * ends * ends if plan.linear_term else 0.0
    match plan.kind:
        case "made":
            fixed, state = 0.6e-3, 4e-6 + 0.12e-9 * (2 * ends * h + (depth - 1) * h * h) + term
        case "gru":
            weights = 3 * h * (h + channels) + (depth - 1) * 6 * h * h
            fixed, state = 14e-3 * depth * size, 55e-6 * depth * size + 0.14e-9 * sites * weights + term
        case "transformer":
            weights = 8 * h * h + 2 * h * sites
            fixed, state = 1e-3, depth * (5e-6 * h * size + 0.04e-9 * sites * weights) + term
        case _:
            fixed, state = 0.6e-3, 1.3e-6 * (ends / 64) ** 2
    return fixed + plan.batch * state


def states_for(plan: Watch, seconds: float, sites: int, q: int) -> int:
    """States that a sequence model is shown for ``seconds`` of one core of the reference machine."""
    return max(1, round(seconds / step_seconds(plan, sites, q))) * plan.batch


def constraints(plan: Watch, seconds: float, sites: int, q: int) -> dict[str, float]:
    """What a pipeline must satisfy to be trained at all: each value at most 0.

    Args:
        plan: The pipeline.
        seconds: Of the shortest of its trainings.
        sites: Of the lattice.
        q: Values of a spin.
    """
    return {"optimiser steps": STEPS - seconds / step_seconds(plan, sites, q)}
