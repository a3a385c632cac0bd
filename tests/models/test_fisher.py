"""Precisions of a Gaussian prior around copied weights, against per-example gradients; what training makes of them."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from graft.models.fisher import diagonal, precise, prior
from graft.models.initialise import draw_weights
from graft.models.losses import LOSS, supervised
from graft.models.networks.mlp import MLP
from graft.models.train import Training, prepare_process, train
from graft.spaces.errors import InputError
from graft.spaces.plan import Block, Recipe

RECIPE = Recipe(rate=3e-3, decay=0.1, batch=8, epochs=4)
FISHER, FLAT = Block("a", pull=0.7, prior="fisher"), Block("a", pull=0.7)


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> None:
    prepare_process()


def network(seed: int = 0, inputs: int = 3) -> MLP:
    made = MLP(inputs, 2, depth=2, width=8, activation="tanh")
    draw_weights(made, 1.0, torch.Generator().manual_seed(seed))
    return made


def examples(rows: int = 24) -> tuple[Tensor, Tensor]:
    x = torch.randn(rows, 3, generator=torch.Generator().manual_seed(9))
    return x, torch.stack([1.5 + x[:, 0].sin(), 2 + x[:, 1] / 4], 1)


def filled(value: float) -> nn.Module:
    held = network()
    for parameter in held.parameters():
        nn.init.constant_(parameter, value)
    return held


def trained(blocks: tuple[Block, ...], precision: nn.Module | None = None) -> list[Tensor]:
    net = network()
    train(Training(net, *examples(), RECIPE, torch.Generator().manual_seed(5), blocks, precision=precision))
    return [parameter.detach() for parameter in net.parameters()]


@pytest.mark.parametrize("loss", ["relative-l1", "mse", "huber"])
def test_the_diagonal_is_the_mean_of_squared_gradients_of_single_examples(loss: str) -> None:
    net, (x, y) = network().double(), (part.double() for part in examples())
    weights = {name: tensor.detach() for name, tensor in net.named_parameters()}

    def of_one(weights: dict[str, Tensor], seen: Tensor, exact: Tensor) -> Tensor:
        return LOSS[loss](functional_call(net, weights, (seen[None],)), exact[None])

    each = vmap(grad(of_one), in_dims=(None, 0, 0))(weights, x, y)
    found = diagonal(net, x, y, supervised(LOSS[loss]))
    assert found.keys() == weights.keys()
    for name, tensor in found.items():
        torch.testing.assert_close(tensor, each[name].square().mean(0), rtol=1e-10, atol=1e-14)


def test_of_a_line_it_is_what_a_pencil_says_and_nothing_is_dropped_or_left_behind() -> None:
    class Line(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = nn.ModuleList([nn.Sequential(nn.Dropout(0.5), nn.Linear(1, 1, bias=False))])
            self.blocks[0][1].weight.data.fill_(2.0)

        def forward(self, x: Tensor) -> Tensor:
            return self.blocks[0](x)

    line, x = Line(), torch.tensor([[1.0], [3.0]])
    found = diagonal(line, x, torch.tensor([[1.0], [7.0]]), supervised(LOSS["mse"]))
    # d/dw (w x - y)^2 = 2 x (w x - y): 2 and -6 at w = 2.
    assert [tensor.tolist() for tensor in found.values()] == [[[(4.0 + 36.0) / 2]]]
    assert line.training and line.blocks[0][1].weight.grad is None


def test_precisions_have_mean_1_in_every_block_and_a_block_that_tells_nothing_is_flat() -> None:
    net = network()
    information = diagonal(net, *examples(), supervised(LOSS["mse"]))
    held = precise(net, information)
    for block, ours in zip(held.blocks, net.blocks, strict=True):  # type: ignore[arg-type]
        values = torch.cat([parameter.flatten() for parameter in block.parameters()])
        assert float(values.mean()) == pytest.approx(1, rel=1e-5) and float(values.std()) > 0.1
        assert not any(torch.equal(a, b) for a, b in zip(block.parameters(), ours.parameters(), strict=True))
    first = information["blocks.0.0.weight"] / information["blocks.0.0.bias"][:, None]
    again = dict(held.named_parameters())
    torch.testing.assert_close(again["blocks.0.0.weight"] / again["blocks.0.0.bias"][:, None], first.float())
    nothing = {name: torch.zeros_like(tensor) for name, tensor in information.items()}
    assert all(bool((parameter == 1).all()) for parameter in precise(net, nothing).parameters())


def test_a_plan_gets_them_where_it_asks_and_0_where_the_source_knows_nothing() -> None:
    target = network(1, inputs=5)
    held, told = prior(target, {"a": filled(3.0)}, (FISHER, FLAT, Block()))
    first, *others = held.blocks  # type: ignore[misc]
    assert first[0].weight[:, :3].unique().tolist() == [3.0] and first[0].weight[:, 3:].unique().tolist() == [0.0]
    assert [bool(parameter.any()) for block in others for parameter in block.parameters()] == [False] * 4
    assert [tuple(tensor.shape) for tensor in told] == [(8, 3), (8,)]
    assert all(bool(parameter.any()) for parameter in target.blocks[0].parameters())  # itself it stays


def test_with_precisions_of_1_a_training_is_that_with_a_flat_pull_bit_for_bit() -> None:
    flat = trained((FLAT, FLAT, Block()))
    fisher = trained((FISHER, FISHER, Block()), filled(1.0))
    assert all(torch.equal(a, b) for a, b in zip(flat, fisher, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(flat, trained((Block("a"),) * 2 + (Block(),)), strict=True))


def test_a_weight_of_precision_0_is_free_and_one_of_a_large_precision_stays() -> None:
    copied = (Block("a"), Block("a"), Block())
    free = trained(copied)
    assert all(torch.equal(a, b) for a, b in zip(free, trained((FISHER, FISHER, Block()), filled(0.0)), strict=True))
    held = filled(0.0)
    held.blocks[0][0].weight.data[0] = 1e5  # type: ignore[index, union-attr, operator]
    sgd = replace(RECIPE, optimiser="sgd", rate=1e-5, decay=0.0, epochs=60)
    net, start = network(), network()
    train(Training(net, *examples(), sgd, torch.Generator().manual_seed(5), (FISHER, *copied[1:]), precision=held))
    moved = (net.blocks[0][0].weight - start.blocks[0][0].weight).detach().abs().amax(1)  # type: ignore[index, union-attr, operator]
    assert float(moved[0]) < 0.3 * float(moved[1:].min())


def test_what_cannot_be_used_is_refused_in_one_line() -> None:
    net, (x, y) = network(), examples()
    with pytest.raises(InputError, match=r"^0 examples of a source; allowed: at least one"):
        diagonal(net, x[:0], y[:0], supervised(LOSS["mse"]))
    infinite = diagonal(net, x, y, lambda asked, batch: asked(batch.inputs).sum() * torch.inf)
    with pytest.raises(InputError, match=r"^the Fisher information of block 1 is (nan|inf); allowed: finite"):
        precise(net, infinite)
    with pytest.raises(InputError, match=r"^block 2 has the prior 'fisher'; allowed: 'flat' where no precision"):
        trained((FLAT, FISHER, Block()))
    with pytest.raises(InputError, match=r"^unknown source 'a'"):
        prior(net, {}, (FISHER, Block(), Block()))
