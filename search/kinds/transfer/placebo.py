"""The placebo of a candidate: the same plan, its source networks taught outputs that were permuted among their rows.

Such a network has seen the same inputs, and outputs distributed alike, but nothing of what connects them. A candidate
that is no better than its placebo owes its gain to something else than what its source knows: to a network that has
been trained at all, say. Networks that were taught nothing differ too, and a lucky one is better than their mean on any
seed; each seed therefore has a placebo of its own, until they take turns, and a candidate must beat them by more than
they differ (`graft.search.proof.statistics.drawn_p_value`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from graft.search.kinds.transfer.bases import Base
from graft.search.run.seeds import Role, stream
from graft.search.tasks.base import Examples, Task
from graft.spaces.plan import Plan


def possible(plan: Plan, bases: Mapping[str, Base]) -> bool:
    """Whether every source network of a plan was taught here: of one that came trained there are no examples."""
    return all(bases[source].recipe is not None for source in plan.sources)


def named(base: str, number: int) -> str:
    """What a plan calls placebo ``number`` (from 1) of a source network."""
    return f"{base}-placebo-{number}"


def of(plan: Plan, seed: int, placebos: int) -> Plan:
    """The plan with placebos in place of its sources; they take turns over the seeds."""
    number = 1 + seed % placebos
    blocks = (replace(block, source=named(block.source, number)) if block.source else block for block in plan.blocks)
    terms = (replace(term, source=named(term.source, number)) for term in plan.terms)
    return replace(plan, blocks=tuple(blocks), terms=tuple(terms))


def wanted(plans: Iterable[Plan], placebos: int) -> list[tuple[str, int]]:
    """Source network and number of every placebo that plans need."""
    sources = dict.fromkeys(source for plan in plans for source in plan.sources)
    return [(source, number) for source in sources for number in range(1, placebos + 1)]


def taught(task: Task, examples: Examples, seed: int, place: Sequence[int]) -> Examples:
    """What a placebo learns, its permutation drawn at a place of the study's stream of placebos."""
    return task.placebo(examples, stream(seed, Role.PLACEBO, *place))
