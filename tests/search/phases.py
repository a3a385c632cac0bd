"""A phase of a small regression, without a whole study: what its trainings share is told in one line."""

from collections.abc import Mapping
from typing import Any

from graft.models.networks.network import Network, OwnNetwork
from graft.models.pretrained import Pretrained
from graft.search.run.seeds import Role
from graft.search.tasks.base import Examples, Phase
from graft.search.tasks.regression import Alone, Regression
from graft.spaces.plan import Recipe


def regression(
    network: Network | OwnNetwork, metric: str = "relative-l1", weights: tuple[Pretrained, ...] = ()
) -> Regression:
    """Outputs from inputs by this network; the simulator that is named is not asked for examples."""
    return Regression(Alone("film-3", 0, network, Recipe(), metric, weights=weights))  # type: ignore[arg-type]


def phase(
    seed: int,
    role: Role,
    pool: Examples,
    validation: int,
    network: Network | OwnNetwork,
    packed: Mapping[str, bytes] | None = None,
    test: Examples | None = None,
    **more: Any,
) -> Phase:
    """What the trainings of one phase share; ``more`` as of `regression`."""
    return Phase(regression(network, **more), seed, role, pool, validation, packed or {}, test)
