"""Any networks with blocks, tied where tasks share them."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from graft.models.losses import Batch
from graft.models.networks.joined import Tied
from graft.models.weighting import objective, operation
from graft.spaces.errors import InputError
from graft.spaces.plan import Recipe
from graft.spaces.sharing import Sharing

TASKS = ("a", "b", "c")


class Held(nn.Module):
    """A network that reaches its blocks by other names too."""

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.first, self.head = nn.Linear(3, width), nn.Linear(width, 2)
        self.blocks = nn.ModuleList([self.first, self.head])

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.first(x).tanh())


def plan(*groups: Sequence[Sequence[str]], **how: object) -> Sharing:
    return Sharing(Recipe(loss="mse"), TASKS, tuple(tuple(map(tuple, g)) for g in groups), **how)  # type: ignore[arg-type]


PARTLY = plan((("a", "b"), ("c",)), (("a",), ("b", "c")))


def test_what_is_shared_is_one_module_under_every_name() -> None:
    paths = [Held() for _ in TASKS]
    network = Tied(PARTLY, paths)
    a, b, c = (network.alone(task) for task in TASKS)
    assert a.first is b.first is a.blocks[0] is b.blocks[0] and c.first is not a.first  # type: ignore[index]
    assert b.head is c.head is c.blocks[1] and a.head is not b.head  # type: ignore[index]
    assert sum(one.numel() for one in network.parameters()) == 2 * (3 * 4 + 4) + 2 * (4 * 2 + 2)
    assert [len(parts) for parts in network.blocks] == [2, 2]  # type: ignore[arg-type]


def test_each_task_goes_its_own_path() -> None:
    network, x = Tied(PARTLY, [Held() for _ in TASKS]), torch.randn(5, 3, 3)
    for place, task in enumerate(TASKS):
        assert torch.equal(network(x)[:, place], network.alone(task)(x[:, place]))
    assert torch.equal(network.stacked([x[:, place] for place in range(3)]), x)


def test_losses_are_those_of_the_recipe_or_of_the_tasks_own() -> None:
    network, batch = Tied(PARTLY, [Held() for _ in TASKS]), Batch(torch.randn(5, 3, 3), torch.randn(5, 3, 2))
    wanted = [((network.alone(t)(batch.inputs[:, i]) - batch.outputs[:, i]) ** 2).mean() for i, t in enumerate(TASKS)]
    torch.testing.assert_close(network.losses(batch), torch.stack(wanted))
    own = network.losses(batch, lambda path, one: path(one.inputs).square().sum() + one.outputs.sum())
    again = [
        network.alone(t)(batch.inputs[:, i]).square().sum() + batch.outputs[:, i].sum() for i, t in enumerate(TASKS)
    ]
    torch.testing.assert_close(own, torch.stack(again))
    torch.testing.assert_close(objective(network)(network, batch), torch.stack(wanted).mean())


def test_gradients_may_be_projected() -> None:
    weighed = plan((TASKS,), (TASKS,), weighting="surgery", weights=(1.0, 1.0, 1.0))
    network, batch = Tied(weighed, [Held() for _ in TASKS]), Batch(torch.randn(5, 3, 3), torch.randn(5, 3, 2))
    step = operation(network, torch.Generator().manual_seed(0))
    assert step is not None and step(network, batch) > 0
    assert all(one.grad is not None for one in network.parameters())


def test_networks_that_differ_are_refused() -> None:
    with pytest.raises(InputError, match="block 1 of a and b differ in their weights"):
        Tied(PARTLY, [Held(4), Held(5), Held(4)])
    with pytest.raises(InputError, match="the plan has 2 blocks for a, b, c, the networks"):
        Tied(PARTLY, [Held(), Held()])
    with pytest.raises(InputError, match="tasks have inputs .* allowed: as many examples of each, of one shape"):
        Tied(PARTLY, [Held() for _ in TASKS]).stacked([torch.zeros(5, 3), torch.zeros(4, 3), torch.zeros(5, 3)])
