"""Networks as users have them, each with something that a perceptron has not."""

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

PARAMETRISED = {
    "weight": parametrizations.weight_norm,
    "spectral": parametrizations.spectral_norm,
    "orthogonal": parametrizations.orthogonal,
}


class Chain(nn.Module):
    """Blocks one after the other, rectified."""

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks[:-1]:
            x = torch.relu(block(x))
        return self.blocks[-1](x)


class Plain(Chain):
    def __init__(self, inputs: int, outputs: int, width: int = 8) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([nn.Linear(inputs, width), nn.Linear(width, width), nn.Linear(width, outputs)])


class Parametrised(Chain):
    def __init__(self, inputs: int, outputs: int, how: str, width: int = 8) -> None:
        super().__init__()
        made = PARAMETRISED[how]
        self.blocks = nn.ModuleList(
            [nn.Linear(inputs, width), made(nn.Linear(width, width)), nn.Linear(width, outputs)]
        )


class Attending(Chain):
    """Attention over inputs, with positions learned as a bare parameter."""

    class Block(nn.Module):
        def __init__(self, inputs: int, width: int) -> None:
            super().__init__()
            self.place = nn.Parameter(torch.randn(inputs, width))
            self.attention = nn.MultiheadAttention(width, 2, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            each = x[..., None] * self.place
            return self.attention(each, each, each, need_weights=False)[0].mean(1)

    def __init__(self, inputs: int, outputs: int, width: int = 8) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([self.Block(inputs, width), nn.Linear(width, outputs)])


class Alias(Chain):
    """Layers under their own names and again in blocks, as an existing network is adapted."""

    def __init__(self, inputs: int, outputs: int, width: int = 8) -> None:
        super().__init__()
        self.fc1, self.fc2, self.head = nn.Linear(inputs, width), nn.Linear(width, width), nn.Linear(width, outputs)
        self.blocks = nn.ModuleList([self.fc1, self.fc2, self.head])


class Normed(Chain):
    """Batch normalisation and dropout in each hidden block."""

    def __init__(self, inputs: int, outputs: int, width: int = 8) -> None:
        super().__init__()

        def block(fan: int) -> nn.Module:
            return nn.Sequential(nn.Linear(fan, width), nn.BatchNorm1d(width), nn.Dropout(0.3))

        self.blocks = nn.ModuleList([block(inputs), block(width), nn.Linear(width, outputs)])


class Fourier(Chain):
    """Random features that are never trained."""

    class Block(nn.Module):
        def __init__(self, inputs: int, width: int) -> None:
            super().__init__()
            self.frequencies = nn.Parameter(torch.randn(width // 2, inputs), requires_grad=False)
            self.mix = nn.Linear(width, width)

        def forward(self, x: Tensor) -> Tensor:
            z = x @ self.frequencies.T
            return self.mix(torch.cat([z.sin(), z.cos()], -1))

    def __init__(self, inputs: int, outputs: int, width: int = 8) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([self.Block(inputs, width), nn.Linear(width, outputs)])


class Complex(Chain):
    """Complex weights between two transforms."""

    class Block(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.spectrum = nn.Parameter(torch.randn(width // 2 + 1, dtype=torch.cfloat) * 0.1)

        def forward(self, x: Tensor) -> Tensor:
            return x + torch.fft.irfft(torch.fft.rfft(x) * self.spectrum, n=x.shape[-1])

    def __init__(self, inputs: int, outputs: int, width: int = 8) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([nn.Linear(inputs, width), self.Block(width), nn.Linear(width, outputs)])


class Standardising(Plain):
    """Standardises its inputs by itself, as published models do."""

    def __init__(self, inputs: int, outputs: int, width: int = 8) -> None:
        super().__init__(inputs, outputs, width)
        self.register_buffer("mean", torch.full((inputs,), 50.0))
        self.register_buffer("deviation", torch.full((inputs,), 11.5))

    def forward(self, x: Tensor) -> Tensor:
        return super().forward((x - self.mean) / self.deviation)


class Named(nn.Module):
    """No blocks, but submodules by name, as published models have them."""

    def __init__(self, inputs: int, outputs: int, width: int = 8) -> None:
        super().__init__()
        self.stem, self.norm = nn.Linear(inputs, width), nn.LayerNorm(width)
        self.layer1 = nn.Sequential(nn.Linear(width, width), nn.ReLU())
        self.fc = nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.layer1(self.norm(self.stem(x))))


class Lazy(Chain):
    def __init__(self, inputs: int, outputs: int, width: int = 8) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([nn.LazyLinear(width), nn.LazyLinear(outputs)])


class Stateful(Plain):
    """State that is no tensor."""

    def get_extra_state(self) -> dict[str, int]:
        return {"version": 3}

    def set_extra_state(self, state: dict[str, int]) -> None:
        """Nothing."""


class Forgetful(Plain):
    """What it is depends on more than its state."""

    def __init__(self, inputs: int, outputs: int, width: int = 8) -> None:
        super().__init__(inputs, outputs, width)
        self.seen = 0.0

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.seen += 1.0
        return super().forward(x) + self.seen


class Broken(Plain):
    """Fails where only training goes."""

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            raise ZeroDivisionError("no such thing")
        return super().forward(x)
