"""A linear part: what it begins as, that it stays so, and that it is no block."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graft.models.initialise import best_constant, initialise, set_head
from graft.models.losses import LOSS, METRICS
from graft.models.networks.mlp import MLP
from graft.models.networks.network import Network, Shape
from graft.models.ridge import tuned_ridge
from graft.models.surgery import shuffle, transplant
from graft.models.train import Training, predict, train
from graft.spaces.errors import InputError
from graft.spaces.plan import Block, Recipe
from graft.spaces.ranges import Ranges

X = torch.randn(30, 4, generator=torch.Generator().manual_seed(0))
Y = 10 + X @ torch.randn(4, 2, generator=torch.Generator().manual_seed(1)) + 0.01 * X[:, :1] ** 2
RECIPE = Recipe(head="constant", linear=True, epochs=20, batch=10, rate=1e-3, warmup=2)


def drawn(seed: int = 3, linear: bool = True, recipe: Recipe = RECIPE) -> MLP:
    network = MLP(4, 2, 2, 6, linear=linear)
    initialise(network, recipe, torch.Generator().manual_seed(seed), X, Y)
    return network


def test_a_network_begins_as_the_ridge_regression_of_its_rows() -> None:
    ridge = tuned_ridge(X.numpy(), Y.numpy(), METRICS["relative-l1"].deviations)
    begun, wanted = predict(drawn(), X).numpy(), ridge(X.numpy())
    assert np.allclose(begun - begun.mean(0), wanted - wanted.mean(0), atol=1e-4)  # its constant suits the loss instead
    assert METRICS["relative-l1"].deviations(begun, Y.numpy()).mean() < 0.01


def test_blocks_are_drawn_as_without_it() -> None:
    with_part, without = drawn(), drawn(linear=False)
    for ours, theirs in zip(with_part.blocks[:-1].parameters(), without.blocks[:-1].parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_training_leaves_it_as_it_is_and_teaches_the_blocks() -> None:
    network = drawn()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    train(Training(network, X, Y, replace(RECIPE, decay=0.5), torch.Generator().manual_seed(0)))
    after = network.state_dict()
    assert torch.equal(after["linear.weight"], before["linear.weight"])
    assert all(not torch.equal(after[name], before[name]) for name in after if name.startswith("blocks"))


def test_it_is_no_block_so_nothing_is_copied_into_it_and_the_control_leaves_it() -> None:
    target, source = drawn(), drawn(9)
    with torch.no_grad():
        source.linear.weight.add_(1.0)
    kept = target.linear.weight.clone()
    copied = transplant(target, {"source": source}, [Block("source")] * 3)
    assert len(target.blocks) == 3 and torch.equal(target.linear.weight, kept)
    assert torch.equal(target.blocks[0][0].weight, source.blocks[0][0].weight)
    shuffle(copied, torch.Generator().manual_seed(0))
    set_head(target, RECIPE, X, Y)
    assert torch.equal(target.linear.weight, kept)
    assert torch.allclose(predict(target, X), predict(drawn(), X), atol=1e-5)  # where a fresh one begins


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(["mse", "l1", "huber", "relative-l1"]), st.integers(0, 99))
def test_no_other_constant_beside_a_prediction_has_a_lower_loss(loss: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    exact, beside = (torch.tensor(rng.uniform(low, 4, (7, 1))) for low in (0.5, -4))
    best = best_constant(loss, exact, beside=beside)
    lowest = float(LOSS[loss](beside + best, exact))
    for other in rng.uniform(-8, 8, 30):
        assert float(LOSS[loss](beside + float(other), exact)) >= lowest - 1e-9


def test_a_shape_tells_of_it_and_earlier_shapes_have_none() -> None:
    shape = Shape(4, 2, Network(2, 6), "gelu", True)
    assert Shape.from_dict(shape.to_dict()) == shape
    assert [name for name in shape.build().state_dict() if name.startswith("linear")] == ["linear.weight"]
    told = Shape(4, 2, Network(2, 6)).to_dict()
    assert told == {"inputs": 4, "outputs": 2, "depth": 2, "width": 6, "activation": "relu"}
    assert not any(name.startswith("linear") for name in Shape.from_dict(told).build().state_dict())
    assert "linear" not in Recipe().to_dict() and Recipe.from_dict(RECIPE.to_dict()) == RECIPE


def test_what_cannot_have_it_is_refused() -> None:
    with pytest.raises(InputError, match="recipe.linear is true; allowed with activation 'own'"):
        Recipe(activation="own", linear=True)
    with pytest.raises(InputError, match=r"ranges.linear is \[True, True\]; allowed: each of false and true once"):
        Ranges(linear=(True, True))
    with pytest.raises(InputError, match=r"ranges.linear is \[False, True\]; allowed with activation 'own'"):
        Ranges(activation=("own",), linear=(False, True))
