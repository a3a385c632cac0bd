"""Networks on disk: safetensors, never a pickle."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn

from models.mlp import MLP
from models.scaling import Scaling
from spaces.refusal import Refusal


@dataclass(frozen=True)
class Shape:
    """Everything needed to build an `MLP` again."""

    inputs: int
    outputs: int
    depth: int = 6
    width: int = 200
    activation: str = "relu"

    def build(self) -> MLP:
        """A network of this shape, weights still PyTorch's own."""
        return MLP(**asdict(self))


def pack(network: nn.Module, shape: Shape, scaling: Scaling) -> bytes:
    """The network, its shape and its input scaling as safetensors bytes, the same for equal weights."""
    tensors = {name: tensor.detach().contiguous() for name, tensor in network.state_dict().items()}
    tensors |= {"scaling.mean": scaling.mean, "scaling.deviation": scaling.deviation}
    return save(tensors, metadata={"shape": json.dumps(asdict(shape), sort_keys=True)})


def unpack(path: Path) -> tuple[MLP, Shape, Scaling]:
    """Inverse of `pack`, from a file.

    Raises:
        Refusal: If the file is missing or is no network of ours.
    """
    try:
        with safe_open(path, framework="pt") as file:
            shape = Shape(**json.loads(file.metadata()["shape"]))
            tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        scaling = Scaling(tensors.pop("scaling.mean"), tensors.pop("scaling.deviation"))
        network = shape.build()
        network.load_state_dict(tensors)
    except Exception as problem:
        raise Refusal(
            f"{path} is not a network written by graft ({problem}); allowed: a .safetensors of ours"
        ) from None
    return network, shape, scaling


def sha256(data: bytes) -> str:
    """Digest in hex."""
    return hashlib.sha256(data).hexdigest()


def no_gradient(network: nn.Module) -> nn.Module:
    """The network with no parameter trained: a source is only read."""
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    return network
