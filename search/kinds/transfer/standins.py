"""Networks that stand in for a plan's own source networks in a confirmation, taking turns over its seeds.

*Placebos* have learned the same inputs, with outputs that were permuted among their rows: they have seen outputs
distributed alike, but nothing of what connects them to inputs. A candidate that is no better than its placebo owes its
gain to something else than what its source knows: to a network that has been trained at all, say. Networks that were
taught nothing differ too, and a lucky one is better than their mean on any seed; each seed therefore has a placebo of
its own, until they take turns, and a candidate must beat them by more than they differ
(`graft.search.proof.statistics.drawn_p_value`).

*Networks of the same source* have learned what the plan's own has, from other initial weights, on other rows of the
examples at hand. The luck of one network is part of what a search finds; over several that it has not seen a gain is
one of the source (`graft.search.proof.claims.by_network`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from graft.search.kinds.transfer.sources import SourceNetwork
from graft.search.run.seeds import Role, stream
from graft.search.tasks.base import Examples, Task
from graft.spaces.plan import Plan


@dataclass(frozen=True)
class StandIns:
    """One sort of them.

    Attributes:
        called: What each is called, after the network that it stands in for and before its number.
        folder: Of the run, where they are kept.
        taught: What one learns, from the task, the source's examples, the study's seed and a place in a stream.
    """

    called: str
    folder: str
    taught: Callable[[Task, Examples, int, Sequence[int]], Examples]

    def named(self, source: str, number: int) -> str:
        """What a plan calls stand-in ``number`` (from 1) of a source network."""
        return f"{source}-{self.called}-{number}"

    def of(self, plan: Plan, seed: int, networks: int) -> Plan:
        """The plan with the stand-ins of one seed in place of its sources; so many take turns."""
        number = 1 + seed % networks
        blocks = (replace(one, source=self.named(one.source, number)) if one.source else one for one in plan.blocks)
        terms = (replace(term, source=self.named(term.source, number)) for term in plan.terms)
        return replace(plan, blocks=tuple(blocks), terms=tuple(terms))


def _permuted(task: Task, examples: Examples, seed: int, place: Sequence[int]) -> Examples:
    return task.placebo(examples, stream(seed, Role.PLACEBO, *place))


def _alike(task: Task, examples: Examples, seed: int, place: Sequence[int]) -> Examples:
    return examples


PLACEBOS = StandIns("placebo", "placebos", _permuted)
NETWORKS = StandIns("network", "networks", _alike)


def possible(plan: Plan, sources: Mapping[str, SourceNetwork]) -> bool:
    """Whether every source network of a plan was taught here: of one that came trained there are no examples."""
    return all(sources[source].recipe is not None for source in plan.sources)


def wanted(plans: Iterable[Plan], networks: int) -> list[tuple[str, int]]:
    """Source network and number of every stand-in that plans need."""
    sources = dict.fromkeys(source for plan in plans for source in plan.sources)
    return [(source, number) for source in sources for number in range(1, networks + 1)]
