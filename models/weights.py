"""Networks on disk: safetensors, never a pickle."""

import hashlib
import json
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn

from models.network import Shape
from models.scaling import Scaling
from spaces.refusal import Refusal


def pack(network: nn.Module, shape: Shape, scaling: Scaling) -> bytes:
    """The network, its shape and its input scaling as safetensors bytes, the same for equal weights."""
    tensors = {name: tensor.detach().contiguous() for name, tensor in network.state_dict().items()}
    tensors |= {"scaling.mean": scaling.mean, "scaling.deviation": scaling.deviation}
    return save(tensors, metadata={"shape": json.dumps(shape.to_dict(), sort_keys=True)})


def unpack(path: Path) -> tuple[nn.Module, Shape, Scaling]:
    """Inverse of `pack`, from a file.

    Raises:
        Refusal: If the file is missing, is no network of ours, or is a user's own whose module is not at hand.
    """
    try:
        with safe_open(path, framework="pt") as file:
            shape = Shape.from_dict(json.loads(file.metadata()["shape"]))
            tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        scaling = Scaling(tensors.pop("scaling.mean"), tensors.pop("scaling.deviation"))
        network = shape.build()
        network.load_state_dict(tensors)
    except Refusal:
        raise
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
