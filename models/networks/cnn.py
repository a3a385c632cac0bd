"""Convolutional networks made of ordered blocks, for images of any size: classes of an image, or another image."""

import torch
from torch import Tensor, nn

from graft.models.networks.mlp import ACTIVATION
from graft.spaces.errors import choice, whole

HALVED = 4
"""Blocks of a classifier that halve the image, as long as there is something to halve: the first ones."""
DILATIONS = (1, 2, 4, 2)
"""Of a restorer's blocks, again and again: what is blurred is spread over many pixels."""
CENTRE, UNIT = 1.0, 0.1
"""Of a restorer's intensities: those of the quiet Sun, and what structure deviates by."""


class Classifier(nn.Module):
    """Logits of classes from images (batch, rows, columns).

    Blocks 1 to depth are a convolution of 3 x 3, a normalisation over groups of channels, and the activation; the
    first four halve the image. The head is a linear map of each channel's mean and maximum over what is left, so that
    no weight depends on the size of an image.

    Args:
        classes: How many.
        depth: Blocks before the head.
        width: Channels of each.
        activation: One of `graft.models.networks.mlp.ACTIVATION`.

    Raises:
        InputError: If a number is no positive whole one, or the activation is unknown.
    """

    def __init__(self, classes: int, depth: int = 4, width: int = 24, activation: str = "relu") -> None:
        super().__init__()
        for field, value in (("classes", classes), ("network.depth", depth), ("network.width", width)):
            whole(field, value, 1)
        choice("network.activation", activation, ACTIVATION)
        before = [1] + [width] * (depth - 1)
        strides = [2 if number < HALVED else 1 for number in range(depth)]
        convolved = [
            convolution(channels, width, activation, stride=stride)
            for channels, stride in zip(before, strides, strict=True)
        ]
        self.blocks = nn.ModuleList([*convolved, nn.Sequential(Pooled(), nn.Linear(2 * width, classes))])

    def forward(self, x: Tensor) -> Tensor:
        """Map images (batch, rows, columns) to logits (batch, classes)."""
        x = _channels_last(self.blocks[0](x.unsqueeze(1)))
        for block in self.blocks[1:]:
            x = block(x)
        return x


class Restorer(nn.Module):
    """Images from images (batch, rows, columns): what is added to each.

    Block 1 makes channels, those after it add to them (each a dilated convolution, so that they see far), and the head
    makes one channel again. A head of zero leaves images as they are.

    Args:
        depth: Blocks before the head.
        width: Channels.
        activation: As of `Classifier`.

    Raises:
        InputError: As of `Classifier`.
    """

    def __init__(self, depth: int = 4, width: int = 12, activation: str = "relu") -> None:
        super().__init__()
        whole("network.depth", depth, 1)
        whole("network.width", width, 1)
        choice("network.activation", activation, ACTIVATION)
        middle = [
            convolution(width, width, activation, dilation=DILATIONS[number % len(DILATIONS)])
            for number in range(depth - 1)
        ]
        head = nn.Conv2d(width, 1, 3, padding=1, padding_mode="replicate")
        self.blocks = nn.ModuleList([convolution(1, width, activation), *middle, head])

    def forward(self, x: Tensor) -> Tensor:
        """Map images to images, both (batch, rows, columns)."""
        made = self.blocks[0]((x.unsqueeze(1) - CENTRE) / UNIT)
        for block in self.blocks[1:-1]:
            made = made + block(made)
        return x + UNIT * self.blocks[-1](made).squeeze(1)


class Pooled(nn.Module):
    """Mean and maximum of each channel, (batch, channels, rows, columns) to (batch, 2 channels)."""

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1)


def _channels_last(x: Tensor) -> Tensor:
    """The same images with the channels of a pixel beside one another: on a core a step takes a sixth less time.

    PyTorch's own memory format is not known to `torch.func.vmap`, and stacks of networks need that.
    """
    return x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)


def convolution(before: int, after: int, activation: str, stride: int = 1, dilation: int = 1) -> nn.Module:
    """One block: 3 x 3, normalised over groups of about four channels, and the activation."""
    groups = next(groups for groups in range(max(1, after // 4), 0, -1) if after % groups == 0)
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride, dilation, dilation, padding_mode="replicate"),
        nn.GroupNorm(groups, after),
        ACTIVATION[activation](),
    )
