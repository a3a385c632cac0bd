"""Fair arms, asked of every task through its protocol: what costs nothing and needs no source belongs to every arm."""

from typing import Any

import numpy as np
import pytest
import torch

from graft.models.networks.sequence.chain import Autoregressive
from graft.models.train import prepare_process
from graft.search.run.seeds import Draws, Role
from graft.search.study import resolve
from graft.spaces.plan import Plan, Span

TASKS: dict[str, dict[str, Any]] = {
    "film10-film8": {"network.depth": 2, "network.width": 8},
    "dcl-transfer": {},
    "many-film8": {},
    "solar-classes-halpha-304": {},
}
"""A study of each task, made small where its network is large."""


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> None:
    prepare_process()


@pytest.mark.parametrize("shuffled", [False, True], ids=["fresh", "shuffled control"])
@pytest.mark.parametrize("name", TASKS)
def test_a_head_begins_at_the_constant_that_is_best(name: str, shuffled: bool) -> None:
    study = resolve(name, "demo", TASKS[name])
    task, recipe = study.learned, study.start
    assert recipe.head == "constant"
    rng = np.random.default_rng(0)
    examples = task.of_target(task.sample(study.target, 24, rng))
    source, _ = task.to_train(Plan(recipe), examples, Draws.of(0, Role.SOURCE_NETWORK, 0), {})
    plan = Plan.span(recipe, study.blocks, "source", Span(1, study.blocks)) if shuffled else Plan(recipe)
    training, fitted = task.to_train(plan, examples, Draws.of(0, Role.PLANS, 1), {"source": source.network}, shuffled)
    network = training.network.eval()
    with torch.no_grad():
        if isinstance(network, Autoregressive):
            last = list(network.blocks[-1].parameters())
            assert not last[0].any()  # its linear term may look back, where weights were shuffled
            index = examples.tensors()[0]
            found = network.conditionals(index)
            ordered = index.index_select(1, network.order)
            for site in range(0, 0 if shuffled else network.sites, 7):
                for value in range(network.q):
                    told = found[ordered[:, site] == value, site]
                    assert torch.allclose(told, told[:1].expand_as(told), atol=1e-5)
        else:
            found = network(fitted.seen(examples.tensors()[0]))
            found = found.reshape(len(found), -1)
            assert torch.allclose(found, found[:1].expand_as(found), atol=1e-5)


@pytest.mark.parametrize("kind", ["made", "gru", "transformer", "linear"])
@pytest.mark.parametrize("q", [2, 3])
def test_conditionals_begin_at_frequencies(kind: str, q: int) -> None:
    from graft.models.networks.sequence.shape import SequenceShape

    shape = SequenceShape(kind, (2, 3), q, width=16)  # type: ignore[arg-type]
    network = shape.build().eval()
    drawn = torch.from_numpy(np.random.default_rng(1).choice(q, (400, 6), p=[0.8, 0.2] if q == 2 else [0.7, 0.2, 0.1]))
    drawn[:, 0] = 0  # a site that never turns
    network.begin(drawn)
    with torch.no_grad():
        found = network.conditionals(drawn).exp()
    ordered = drawn.index_select(1, network.order)
    assert torch.isfinite(found).all()
    each = len(list(network.blocks[-1].parameters())[-1]) > network.channels
    for site in range(6):
        counts = torch.bincount(ordered[:, site], minlength=q) if each else torch.bincount(drawn.flatten(), minlength=q)
        frequency = counts.clamp(min=0.5) / counts.sum()
        wanted = (frequency / frequency.sum())[ordered[:, site]].float()
        torch.testing.assert_close(found[:, site], wanted, atol=1e-5, rtol=1e-4)
