"""The constant that is best for each loss, and that a fresh head starts there and nowhere else."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from graft.models.initialise import best_constant, draw_weights, initialise, set_head, start_head
from graft.models.losses import LOSS
from graft.models.networks.mlp import MLP
from graft.models.networks.shared import SharedMLP
from graft.spaces.plan import LOSSES, Recipe
from graft.spaces.sharing import Sharing

INPUTS = torch.rand(30, 3, generator=torch.Generator().manual_seed(0))
OUTPUTS = 0.5 + torch.rand(30, 4, generator=torch.Generator().manual_seed(1)) ** 3


def order() -> torch.Generator:
    return torch.Generator().manual_seed(7)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(LOSSES), st.lists(st.floats(0.1, 20), min_size=1, max_size=9), st.integers(0, 99))
def test_no_other_constant_has_a_lower_loss(loss: str, values: list[float], seed: int) -> None:
    exact = torch.tensor(values, dtype=torch.float64)[:, None]
    best = best_constant(loss, exact)
    lowest = LOSS[loss](best.expand_as(exact), exact)
    rng = np.random.default_rng(seed)
    for other in [*values, *rng.uniform(0, 25, 20), *(float(best) * rng.normal(1, 1e-3, 5))]:
        assert LOSS[loss](torch.full_like(exact, float(other)), exact) >= lowest - 1e-9 * (1 + float(lowest))


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(LOSSES), st.lists(st.integers(1, 4), min_size=2, max_size=6))
def test_a_weight_counts_as_often_as_it_says(loss: str, weights: list[int]) -> None:
    exact = torch.rand(len(weights), 2, generator=order(), dtype=torch.float64) + 0.2
    repeated = exact.repeat_interleave(torch.tensor(weights), 0)
    found = best_constant(loss, exact, torch.tensor(weights))
    assert torch.allclose(found, best_constant(loss, repeated), atol=1e-9)


def test_known_constants() -> None:
    exact = torch.tensor([[1.0], [2.0], [10.0]])
    assert best_constant("mse", exact).item() == pytest.approx(13 / 3)
    assert best_constant("l1", exact).item() == 2.0
    # Eq. 1: weights 1, 1/2, 1/10 sum to 1.6, half of which the first alone exceeds.
    assert best_constant("relative-l1", exact).item() == 1.0
    assert best_constant("huber", torch.tensor([[0.0], [0.2], [0.4]])).item() == pytest.approx(0.2)
    assert best_constant("l1", torch.tensor([[1.0], [2.0]])).item() == 1.5


def test_a_fresh_head_starts_at_its_constant_and_no_other_block_changes() -> None:
    drawn, started = MLP(3, 4, 2, 5), MLP(3, 4, 2, 5)
    draw_weights(drawn, 1.3, order())
    initialise(started, Recipe(initial_scale=1.3, head="constant", loss="mse"), order(), INPUTS, OUTPUTS)
    for (name, a), (_, b) in zip(drawn.named_parameters(), started.named_parameters(), strict=True):
        if name == "blocks.2.bias":
            assert torch.equal(b, best_constant("mse", OUTPUTS)) and not torch.equal(a, b)
        elif name == "blocks.2.weight":
            assert not b.any() and a.any()
        else:
            assert torch.equal(a, b), name


def test_a_recipe_that_does_not_ask_leaves_the_head_as_it_was_drawn() -> None:
    drawn, left = MLP(3, 4, 1, 5), MLP(3, 4, 1, 5)
    draw_weights(drawn, 1.0, order())
    initialise(left, Recipe(), order(), INPUTS, OUTPUTS)
    assert Recipe().head == Recipe.from_dict({}).head == "random"
    assert all(torch.equal(a, b) for a, b in zip(drawn.parameters(), left.parameters(), strict=True))


class Squashed(nn.Module):
    """A network whose output is not that of its head: the sigmoid is part of its own forward."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([nn.Linear(3, 5), nn.Linear(5, 4)])

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.blocks[1](self.blocks[0](x)))


class Wide(nn.Module):
    """A head of several layers, with dropout and normalisation before the last."""

    def __init__(self, last: nn.Module | None = None) -> None:
        super().__init__()
        head = [nn.BatchNorm1d(5), nn.Linear(5, 6), nn.Dropout(0.5), nn.Linear(6, 4)]
        self.blocks = nn.ModuleList([nn.Linear(3, 5), nn.Sequential(*head, *([last] if last else []))])

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return x


@pytest.mark.parametrize(
    "network", [Squashed(), Wide(nn.Softplus()), Wide(nn.LayerNorm(4)), nn.Module()], ids=lambda n: type(n).__name__
)
def test_a_head_that_its_bias_does_not_move_one_to_one_stays_as_it_was(network: nn.Module) -> None:
    if not isinstance(network, Squashed | Wide):
        network.blocks = nn.ModuleList([nn.Linear(3, 4, bias=False)])
        network.forward = network.blocks[0].forward  # type: ignore[method-assign, union-attr]
    network.eval()
    before = network(INPUTS).clone()
    start_head(network, INPUTS[:4], torch.full((4,), 7.0))
    # A normalised head ends in a bias of its own, which moves the output one to one.
    moved = isinstance(network, Wide) and isinstance(network.blocks[1][-1], nn.LayerNorm)  # type: ignore[index]
    expected = torch.full_like(before, 7.0) if moved else before
    assert torch.allclose(network(INPUTS), expected, atol=1e-5) and not network.training


def test_a_head_of_several_layers_starts_at_its_constant_and_keeps_its_mode() -> None:
    network = Wide()
    set_head(network, Recipe(head="constant", loss="l1"), INPUTS, OUTPUTS)
    constant = best_constant("l1", OUTPUTS)
    assert torch.equal(network.blocks[1][-1].bias, constant) and network.training  # type: ignore[index]
    assert torch.equal(network.blocks[1][0].running_mean, torch.zeros(5))  # type: ignore[index]
    assert torch.equal(network(INPUTS), constant.expand_as(OUTPUTS))


def test_the_heads_of_tasks_start_at_the_constants_of_the_tasks_that_share_them() -> None:
    tasks, exact = ("a", "b", "c"), torch.rand(20, 3, 4, generator=order()) + torch.tensor([1.0, 2.0, 5.0])[:, None]
    groups = ((("a", "b", "c"),), (("a", "b"), ("c",)))
    plan = Sharing(Recipe(loss="mse"), tasks, groups, False, "left", "fixed", (1.0, 3.0, 2.0))
    network = SharedMLP(plan, dict.fromkeys(tasks, 3), 4, depth=1, width=5)
    network.start_heads(exact)
    ours, alone = (network.get_submodule(f"blocks.1.{i}").bias for i in (0, 1))
    assert not any(network.get_submodule(f"blocks.1.{i}").weight.any() for i in (0, 1))  # type: ignore[operator]
    weighted = (exact[:, 0].mean(0) + 3 * exact[:, 1].mean(0)) / 4
    assert torch.allclose(ours, weighted) and torch.allclose(alone, exact[:, 2].mean(0))  # type: ignore[arg-type]
