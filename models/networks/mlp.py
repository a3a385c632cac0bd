"""Fully connected networks made of ordered blocks, the head included."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from graft.models.linear_part import LinearPart
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
        linear: Whether a linear map of the inputs is added to what the blocks make of them (`LinearPart`). It is no
            block: nothing is copied into it.

    Raises:
        InputError: If a size is not a positive whole number or the activation is unknown.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        depth: int = 6,
        width: int = 200,
        activation: str = "relu",
        linear: bool = False,
    ) -> None:
        super().__init__()
        for field, value in (("inputs", inputs), ("outputs", outputs), ("depth", depth), ("width", width)):
            whole(f"network.{field}", value, 1)
        choice("network.activation", activation, ACTIVATION)
        widths = [inputs] + [width] * depth
        hidden = [layer(before, after, activation) for before, after in zip(widths, widths[1:], strict=False)]
        self.blocks = nn.ModuleList([*hidden, layer(width, outputs)])
        self.linear = LinearPart(inputs, outputs) if linear else None

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x`` (batch, inputs) to (batch, outputs)."""
        beside = None if self.linear is None else self.linear(x)
        for block in self.blocks:
            x = block(x)
        return x if beside is None else x + beside

    def stacked(self, weights: Mapping[str, Tensor], x: Tensor) -> Tensor:
        """What several such networks make of their inputs, all in the same calls (`graft.models.replicas`).

        Args:
            weights: Of all of them, each (networks, ...), by name.
            x: (networks, batch, inputs).

        Returns:
            (networks, batch, outputs).
        """
        beside = None if self.linear is None else torch.bmm(x, weights["linear.weight"].transpose(1, 2))
        for number, block in enumerate(self.blocks):
            parts = list(block.named_children()) or [("", block)]  # the head is a linear map alone
            name = ".".join(filter(None, (f"blocks.{number}", parts[0][0])))
            x = torch.baddbmm(weights[f"{name}.bias"].unsqueeze(1), x, weights[f"{name}.weight"].transpose(1, 2))
            for _, activation in parts[1:]:
                x = activation(x)
        return x if beside is None else x + beside


def layer(before: int, after: int, activation: str | None = None) -> nn.Module:
    """One block: a linear map, followed by the activation if there is one (the head has none)."""
    linear = nn.Linear(before, after)
    return nn.Sequential(linear, ACTIVATION[activation]()) if activation else linear
