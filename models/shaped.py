"""Networks with a shape of their own on disk: safetensors, never a pickle."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, Self, TypeVar

from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn

from graft.spaces.errors import InputError


class Shape(Protocol):
    """What builds a network again."""

    def build(self) -> nn.Module:
        """A network of this shape."""
        ...

    def to_dict(self) -> dict[str, object]:
        """Plain values."""
        ...

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> Self:
        """Inverse of `to_dict`."""
        ...


S = TypeVar("S", bound=Shape)


def pack(network: nn.Module, shape: Shape) -> bytes:
    """The network and its shape as safetensors bytes, the same for equal weights."""
    tensors = {name: tensor.detach().contiguous() for name, tensor in network.state_dict().items()}
    return save(tensors, metadata={type(shape).__name__: json.dumps(shape.to_dict(), sort_keys=True)})


def unpack(path: Path, kind: type[S]) -> tuple[nn.Module, S]:
    """Inverse of `pack`, from a file.

    Args:
        path: What was packed.
        kind: The class of its shape.

    Raises:
        InputError: If the file is missing or holds no network of that class.
    """
    try:
        with safe_open(path, framework="pt") as file:
            shape = kind.from_dict(json.loads(file.metadata()[kind.__name__]))
            tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        network = shape.build()
        network.load_state_dict(tensors)
    except Exception as problem:
        raise InputError(
            f"{path} holds no {kind.__name__} written by graft ({problem}); allowed: a .safetensors of ours"
        ) from None
    return network, shape
