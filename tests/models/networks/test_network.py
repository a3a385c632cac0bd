"""Networks by name: the perceptron, and a user's own."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from graft.models.initialise import draw_weights, seeded
from graft.models.networks.network import Network, OwnNetwork, Shape
from graft.models.probe import features, gradient_ratios
from graft.models.surgery import copy_span
from graft.models.train import predict
from graft.spaces.errors import InputError
from graft.spaces.plan import Span

CODE = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, inputs, outputs, width=5, activation="tanh"):
        super().__init__()
        first = nn.Sequential(nn.Linear(inputs, width), nn.BatchNorm1d(width), nn.Dropout(0.5))
        self.blocks = nn.ModuleList([first, nn.Linear(width, width), nn.Linear(width, outputs)])
        self.bare = nn.Parameter(torch.randn(3))
    def forward(self, x):
        x = torch.tanh(self.blocks[0](x))
        return self.blocks[2](x + self.blocks[1](x))

class Fails(Net):
    def forward(self, x):
        raise RuntimeError("mat1 and mat2")

class Narrow(Net):
    def forward(self, x):
        return super().forward(x)[:, 1:]

class Pair(Net):
    def forward(self, x):
        return super().forward(x), x

class NoBlocks(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(inputs, outputs)])

class Empty(Net):
    def __init__(self, inputs, outputs):
        super().__init__(inputs, outputs)
        self.blocks.insert(1, nn.Tanh())

class Tied(Net):
    def __init__(self, inputs, outputs):
        super().__init__(inputs, outputs)
        self.blocks.insert(1, self.blocks[1])

def function(inputs, outputs):
    return Net(inputs, outputs)
"""


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "someones_own.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)


def own(name: str, **settings: object) -> OwnNetwork:
    return OwnNetwork.from_dict({"module": f"someones_own:{name}", **settings})


def test_a_network_of_ones_own_is_built_with_the_tasks_widths_and_its_own_keys() -> None:
    found = own("Net", width=7, activation="relu")
    network = found.build(3, 4)
    assert [tuple(block.weight.shape) for block in network.blocks[1:]] == [(7, 7), (4, 7)]  # type: ignore
    assert found.blocks(3, 4) == 3 and found.to_dict() == {
        "module": "someones_own:Net", "activation": "relu", "width": 7
    }  # fmt: skip
    found.tried(3, 4)


def test_building_it_again_gives_the_same_weights_and_leaves_pytorchs_generator_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    one, other = own("Net").build(3, 4), own("Net").build(3, 4)
    assert torch.equal(torch.rand(3), expected)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Fails", "raises RuntimeError: mat1 and mat2, given rows (2, 3); allowed: a network that maps (batch, 3)"),
        ("Narrow", "maps rows (2, 3) to (2, 3); allowed: to (2, 4)"),
        ("Pair", "maps rows (2, 3) to tuple; allowed: to (2, 4)"),
        ("NoBlocks", "NoBlocks has no blocks; allowed: a module with an ordered nn.ModuleList `blocks`"),
        ("Empty", "block 2 of someones_own:Empty has no weights"),
        ("Tied", "block 3 of someones_own:Tied shares weights with one before it"),
        ("function", "is no torch module; allowed: a subclass of torch.nn.Module"),
        ("Missing", "cannot be imported (AttributeError"),
    ],
)
def test_what_is_no_network_to_copy_from_is_refused(name: str, said: str) -> None:
    with pytest.raises(InputError) as refused:
        own(name).tried(3, 4)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"module": "nowhere_at_all:Net"}, "'nowhere_at_all:Net' cannot be imported (ModuleNotFoundError"),
        ({"module": "someones_own"}, "unknown network 'someones_own'; allowed: module:Class"),
        ({"module": 3}, "network.module is 3; allowed: text"),
        ({"module": "someones_own:Net", "width": [3]}, "network.width is [3]; allowed: text, a number, true or false"),
        ({"module": "someones_own:Net", "inputs": 3}, "network.inputs is 3; allowed: nothing"),
        ({"module": "someones_own:Net", "widht": 3}, "Net(inputs=3, outputs=4, widht=3) raises TypeError"),
    ],
)
def test_bad_keys_are_refused(values: dict, said: str) -> None:
    with pytest.raises(InputError) as refused:
        OwnNetwork.from_dict(values).tried(3, 4)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "shape", [Shape(3, 4, Network(2, 5), "gelu"), Shape(3, 4, OwnNetwork("a:B", (("depth", 2), ("width", 6))), "own")]
)
def test_a_shape_survives_json(shape: Shape) -> None:
    assert Shape.from_dict(json.loads(json.dumps(shape.to_dict()))) == shape


def test_what_a_normalisation_measured_is_copied_with_its_block() -> None:
    source, target = own("Net").build(3, 4), own("Net").build(3, 4)
    generator = torch.Generator().manual_seed(0)
    source.train()(torch.rand(50, 3, generator=generator))
    draw_weights(target, 1.0, generator)
    copied = copy_span(target, source, Span(1, 1), scale=0.5)
    theirs, ours = source.blocks[0], target.blocks[0]  # type: ignore[index]
    assert torch.equal(ours[1].running_mean, theirs[1].running_mean) and ours[1].running_mean.abs().sum() > 0
    assert torch.equal(ours[0].weight, 0.5 * theirs[0].weight)
    assert len(copied) == 4  # no buffer among them: what is shuffled are weights


def test_features_are_what_each_block_gives_inside_the_networks_own_forward() -> None:
    network, x = own("Net").build(3, 4).eval(), torch.rand(6, 3, generator=torch.Generator().manual_seed(1))
    first, second = features(network, x)
    with torch.no_grad():
        hidden = network.blocks[0](x)  # type: ignore[index]
        assert torch.equal(torch.tensor(first), hidden.double())
        assert torch.allclose(torch.tensor(second), network.blocks[1](torch.tanh(hidden)).double())  # type: ignore[index]
    assert predict(network, x).shape == (6, 4)
    ratios = gradient_ratios(network, x, torch.ones(6, 4), "l1")
    assert len(ratios) == 3 and all(ratio > 0 for ratio in ratios)


def test_dropout_draws_from_the_generator() -> None:
    drop, x = nn.Dropout(0.5).train(), torch.ones(100)

    def dropped(seed: int) -> torch.Tensor:
        with seeded(seed):
            return drop(x)

    assert torch.equal(dropped(1), dropped(1)) and not torch.equal(dropped(1), dropped(2))
