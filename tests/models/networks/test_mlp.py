"""The network of blocks: what it computes, and where its first weights come from."""

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from graft.models.initialise import draw_weights
from graft.models.networks.mlp import ACTIVATION, MLP
from graft.models.surgery import blocks_of
from graft.spaces.errors import InputError
from graft.spaces.plan import ACTIVATIONS


def initial(activation: str = "relu", scale: float = 1.0, seed: int = 0, width: int = 5) -> MLP:
    network = MLP(3, 2, depth=2, width=width, activation=activation)
    draw_weights(network, scale, torch.Generator().manual_seed(seed))
    return network


def test_blocks_are_the_layers_with_the_head_last() -> None:
    network = MLP(8, 200)
    assert len(network.blocks) == 7
    linear = [next(layer for layer in block.modules() if isinstance(layer, nn.Linear)) for block in network.blocks]
    assert [(layer.in_features, layer.out_features) for layer in linear] == [(8, 200)] + [(200, 200)] * 6
    assert isinstance(network.blocks[-1], nn.Linear)
    assert sum(p.numel() for p in network.parameters()) == 8 * 200 + 200 + 6 * (200 * 200 + 200)


@pytest.mark.parametrize(("rows", "inputs", "outputs", "depth"), [(1, 1, 1, 1), (4, 3, 2, 2), (0, 2, 5, 3)])
def test_shapes(rows: int, inputs: int, outputs: int, depth: int) -> None:
    network = MLP(inputs, outputs, depth=depth, width=6)
    assert len(network.blocks) == depth + 1
    assert network(torch.zeros(rows, inputs)).shape == (rows, outputs)


def test_it_computes_what_its_definition_says() -> None:
    network = initial("tanh").double()
    x = torch.linspace(-1, 1, 12, dtype=torch.float64).reshape(4, 3)
    (w1, b1), (w2, b2), (w3, b3) = ([p.detach().numpy() for p in block.parameters()] for block in network.blocks)
    literal = np.tanh(np.tanh(x.numpy() @ w1.T + b1) @ w2.T + b2) @ w3.T + b3
    np.testing.assert_allclose(network(x).detach().numpy(), literal, rtol=1e-12)


def test_every_activation_of_the_vocabulary_exists() -> None:
    assert set(ACTIVATION) == set(ACTIVATIONS)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_parameter_receives_a_gradient(activation: str) -> None:
    network = initial(activation, width=16)
    network(torch.randn(32, 3, generator=torch.Generator().manual_seed(1))).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and float(parameter.grad.abs().sum()) > 0, name


@pytest.mark.parametrize(
    ("sizes", "field"),
    [((0, 2, 1, 1), "inputs"), ((2, -1, 1, 1), "outputs"), ((2, 2, 0, 1), "depth"), ((2, 2, 1, 1.5), "width")],
)
def test_sizes_that_are_none_are_refused(sizes: tuple, field: str) -> None:
    with pytest.raises(InputError, match=rf"^network\.{field} is .*; allowed: a whole number of at least 1$"):
        MLP(*sizes)


def test_an_unknown_activation_names_the_nearest() -> None:
    with pytest.raises(InputError, match=r"did you mean 'gelu'"):
        MLP(2, 2, activation="gel")


def test_the_same_generator_draws_the_same_weights_whatever_the_activation() -> None:
    states = [initial(activation).state_dict() for activation in (*ACTIVATIONS, "relu")]
    for state in states[1:]:
        assert all(torch.equal(tensor, states[0][name]) for name, tensor in state.items())
    other = initial(seed=1).state_dict()
    assert not any(torch.equal(tensor, other[name]) for name, tensor in states[0].items())


def test_drawing_touches_no_global_randomness() -> None:
    before = torch.get_rng_state()
    network = MLP(3, 2, depth=2, width=5)
    torch.set_rng_state(before)
    draw_weights(network, 1.0, torch.Generator().manual_seed(0))
    assert torch.equal(torch.get_rng_state(), before)


def test_the_scale_multiplies_weights_and_no_biases() -> None:
    one, three = initial(scale=1.0).state_dict(), initial(scale=3.0).state_dict()
    for name in one:
        factor = 3.0 if name.endswith("weight") else 1.0
        assert torch.equal(three[name], one[name] * factor), name


def test_weights_are_uniform_within_one_over_the_root_of_the_inputs() -> None:
    network = MLP(49, 40, depth=1, width=100)
    draw_weights(network, 1.0, torch.Generator().manual_seed(3))
    for block, inputs in zip(blocks_of(network), (49, 100), strict=True):
        for parameter in block.parameters():
            values = parameter.detach().double().numpy().ravel() * np.sqrt(inputs)
            assert np.abs(values).max() <= 1 + 1e-6
            assert stats.kstest(values, "uniform", (-1, 2)).pvalue > 1e-3


class Convolved(nn.Module):
    """A network that is no perceptron: convolution and normalisation in its blocks."""

    def __init__(self) -> None:
        super().__init__()
        first = nn.Sequential(nn.Conv1d(1, 4, 3, padding=1), nn.BatchNorm1d(4), nn.GELU(), nn.Flatten())
        self.blocks = nn.ModuleList([first, nn.Sequential(nn.Linear(24, 5), nn.LayerNorm(5)), nn.Linear(5, 2)])


def test_any_layer_is_drawn_from_the_generator_and_from_nothing_else() -> None:
    def drawn(seed: int, scale: float = 1.0) -> dict[str, torch.Tensor]:
        with torch.random.fork_rng():  # what is built from chance must not show, here and in other tests
            torch.seed()
            network = Convolved()
        draw_weights(network, scale, torch.Generator().manual_seed(seed))
        return {name: value.clone() for name, value in network.state_dict().items()}

    one, again, other, larger = drawn(1), drawn(1), drawn(2), drawn(1, 3.0)
    assert all(torch.equal(value, again[name]) for name, value in one.items())
    convolution = "blocks.0.0.weight"
    assert not torch.equal(one[convolution], other[convolution])
    assert torch.equal(larger[convolution], 3 * one[convolution])
    assert torch.equal(larger["blocks.0.0.bias"], one["blocks.0.0.bias"])
    assert torch.equal(larger["blocks.1.1.weight"], torch.ones(5))
    # Fan in 3: PyTorch's default bound of a convolution is 1/sqrt(3).
    assert float(one[convolution].abs().max()) <= 3**-0.5


def test_drawing_leaves_the_global_generator_alone() -> None:
    state = torch.random.get_rng_state()
    network = Convolved()
    torch.random.set_rng_state(state)
    draw_weights(network, 1.0, torch.Generator().manual_seed(0))
    assert torch.equal(torch.random.get_rng_state(), state)
