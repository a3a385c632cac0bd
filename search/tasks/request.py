"""What is asked of a phase."""

from dataclasses import dataclass

from graft.spaces.plan import Plan


@dataclass(frozen=True)
class Request:
    """One training asked for: a plan, a seed, and whether copied weights are shuffled (the control)."""

    plan: Plan
    index: int
    shuffled: bool = False
