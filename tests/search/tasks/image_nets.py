"""Image networks as users have them."""

import torch
from torch import Tensor, nn


class Residual(nn.Module):
    """A small residual network with batch normalisation, without ``blocks``."""

    def __init__(self, inputs: tuple[int, int], outputs: int, width: int = 4) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, width, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1 = nn.Sequential(nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width))
        self.fc = nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.bn1(self.conv1(x.unsqueeze(1))))
        x = torch.relu(x + self.layer1(x))
        return self.fc(x.mean((2, 3)))


class Flat(nn.Module):
    """What takes rows where images come."""

    def __init__(self, inputs: tuple[int, int], outputs: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([nn.Linear(7, 4), nn.Linear(4, outputs)])

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks[1](self.blocks[0](x))


class ResNet18(nn.Module):
    """torchvision's, for one channel."""

    def __init__(self, inputs: tuple[int, int], outputs: int) -> None:
        super().__init__()
        from torchvision.models import resnet18

        self.net = resnet18(num_classes=outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x.unsqueeze(1).expand(-1, 3, -1, -1))
