"""A study of transfer between sequence models: systems that were watched plenty, and one that was watched little."""

from collections.abc import Mapping
from dataclasses import asdict, field
from functools import cached_property
from typing import Literal, Self

from graft.models.networks.sequence.shape import SequenceShape
from graft.search.kinds.transfer.study import Study
from graft.search.tasks.distilled.study import Symmetries
from graft.search.tasks.distilled.watcher import group
from graft.search.tasks.likelihood import known_log_partition
from graft.simulators.spins.watched import Watched
from graft.spaces.dcl import Kind, Order
from graft.spaces.errors import InputError
from graft.spaces.plan import OWN
from graft.spaces.settings import Count, Dropout, Settings, Truth, settings

TABLES = ("source_training", "start")


@settings("network")
class SequenceNetwork(Settings):
    """Both sequence models: see `graft.models.networks.sequence.shape.SequenceShape`.

    Attributes:
        kind: ``made``, ``gru`` or ``transformer``.
        order: In which sites are read.
        depth: Hidden layers.
        width: Units in each.
        dropout: Probability that a hidden unit is dropped.
        linear_term: Whether logits get a masked linear term as well.
    """

    kind: Kind = "made"
    order: Order = "snake"
    depth: Count = 2
    width: Count = 128
    dropout: Dropout = 0.0
    linear_term: Truth = True

    def on(self, system: Watched) -> SequenceShape:
        """Its shape on a lattice."""
        return SequenceShape(shape=system.model.shape, q=system.model.q, **asdict(self))


@settings("study")
class LikelihoodStudy(Study):
    """As `Study`; sources and target are watched systems, ``LATTICE@TEMPERATURE``, such as ``ising-8x8@2.5``.

    The network has no activation to be searched, and its loss is the likelihood.

    Attributes:
        symmetries: Under which batches are shown: ``all`` of a uniform torus, ``flip`` (what disordered couplings
            leave), ``none``.
    """

    network: SequenceNetwork = field(default_factory=SequenceNetwork)  # type: ignore[assignment]
    metric: Literal["information-missed"] = "information-missed"  # type: ignore[assignment]
    task: str = "likelihood"
    symmetries: Symmetries = "all"

    def __post_init__(self) -> None:
        super().__post_init__()
        target = self.system(self.target)
        shape = self.network.on(target)
        if self.network.kind == "linear":
            raise InputError("network.kind is 'linear', one block, which is no choice; allowed: made, gru, transformer")
        for name in self.sources:
            source = self.system(name)
            if (source.model.shape, source.model.q) != (shape.shape, shape.q):
                raise InputError(f"source {name} and target {self.target}; allowed: lattices of one shape and alphabet")
        for name in (*self.sources, self.target):
            model = self.system(name).model
            if self.symmetries == "all" and not (model.uniform and model.periodic):
                why = f"couplings of {name} differ from bond to bond" if model.periodic else f"edges of {name} are open"
                raise InputError(f"symmetries is 'all', but {why}; allowed: 'flip', 'none'")
        group(self.symmetries, shape.shape, shape.q)

    def _judged(self) -> None:
        if self.mode != "fresh":
            raise InputError(f"mode is {self.mode!r}; allowed with watched systems: 'fresh', for they can be simulated")
        known_log_partition(self.target)

    def _activated(self) -> None:
        told = (self.source_training.activation, self.start.activation, *self.ranges.activation)
        if set(told) != {OWN}:
            raise InputError(f"activations are {', '.join(map(repr, told))}; allowed: {OWN!r}, for the kind says it")

    def system(self, name: str) -> Watched:
        """A source or the target.

        Raises:
            InputError: If it is no watched system.
        """
        found = self.scenario(name)
        if not isinstance(found, Watched):
            raise InputError(f"{name} is no watched system; allowed beside {self.target}: LATTICE@TEMPERATURE")
        return found

    @property
    def scales(self) -> tuple[float, ...]:
        """The source's temperature over the target's: to first order in 1 / T, logits are energies over T."""
        return tuple(self.system(name).temperature / self.system(self.target).temperature for name in self.sources)

    @cached_property
    def shape(self) -> SequenceShape:
        """Of both networks."""
        return self.network.on(self.system(self.target))

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> Self:
        """Inverse of `to_dict`; missing keys keep their defaults, and activations are the network's own.

        Raises:
            InputError: Naming the key that is unknown or whose value cannot be used.
        """
        told = dict(values)
        for key, own in {**dict.fromkeys(TABLES, OWN), "ranges": [OWN]}.items():
            if isinstance(table := told.get(key, {}), Mapping):
                told[key] = {"activation": own, **table}
        return super().from_dict(told)
