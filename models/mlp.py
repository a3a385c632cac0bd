"""Fully connected networks made of ordered blocks, the head included."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from graft.spaces.errors import choice, whole

ACTIVATION: dict[str, Callable[[], nn.Module]] = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU, "tanh": nn.Tanh}


class MLP(nn.Module):
    """A multilayer perceptron whose ``blocks`` are its layers, first to head.

    The network of Qu et al. 2018 is the default: six hidden layers of 200 neurons. Blocks 1..depth are
    linear maps followed by the activation; block depth + 1 is the linear head.

    Args:
        inputs: Width of the input.
        outputs: Width of the output.
        depth: Number of hidden blocks.
        width: Neurons in each hidden block.
        activation: One of ``relu``, ``gelu``, ``silu``, ``tanh``.

    Raises:
        InputError: If a size is not a positive whole number or the activation is unknown.
    """

    def __init__(self, inputs: int, outputs: int, depth: int = 6, width: int = 200, activation: str = "relu") -> None:
        super().__init__()
        for field, value in (("inputs", inputs), ("outputs", outputs), ("depth", depth), ("width", width)):
            whole(f"network.{field}", value, 1)
        choice("network.activation", activation, ACTIVATION)
        widths = [inputs] + [width] * depth
        hidden = [layer(before, after, activation) for before, after in zip(widths, widths[1:], strict=False)]
        self.blocks = nn.ModuleList([*hidden, layer(width, outputs)])

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x`` (batch, inputs) to (batch, outputs)."""
        for block in self.blocks:
            x = block(x)
        return x


def layer(before: int, after: int, activation: str | None = None) -> nn.Module:
    """One block: a linear map, followed by the activation if there is one (the head has none)."""
    linear = nn.Linear(before, after)
    return nn.Sequential(linear, ACTIVATION[activation]()) if activation else linear


def fresh(network: nn.Module, scale: float, generator: torch.Generator) -> None:
    """Draw all weights anew by PyTorch's rules, weights (not biases) of linear maps and the like times ``scale``.

    For linear layers that is U(-a, a) with a = 1/sqrt(fan in) for weights and biases alike, drawn here from an explicit
    generator, block after block, so that a block's initial weights do not depend on what other blocks become. Any
    other layer (convolution, normalisation) draws by its own ``reset_parameters`` from a seed of that generator; a
    bare parameter, which has no rule, keeps what it was built with.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            bound = layer.in_features**-0.5
            with torch.no_grad():
                layer.weight.uniform_(-bound, bound, generator=generator).mul_(scale)
                if layer.bias is not None:
                    layer.bias.uniform_(-bound, bound, generator=generator)
        elif callable(reset := getattr(layer, "reset_parameters", None)):
            with drawing(generator), torch.no_grad():
                reset()
                for name, weight in layer.named_parameters(recurse=False):
                    if name.startswith("weight") and weight.dim() > 1:
                        weight.mul_(scale)


@contextmanager
def drawing(generator: torch.Generator) -> Iterator[None]:
    """Inside, PyTorch's own generator, from which layers draw that take none (dropout), starts from a seed of this."""
    seed = int(torch.randint(2**62, (1,), generator=generator))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
