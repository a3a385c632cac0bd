"""Networks on disk: safetensors, never a pickle."""

import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import load, save
from torch import Tensor, nn

from graft.models.networks.network import Shape
from graft.models.scaling import Scaling
from graft.spaces.errors import InputError

SCALING = ("scaling.mean", "scaling.deviation")
"""Names of tensors beside the network's own."""


def named_once(network: nn.Module) -> dict[str, Tensor]:
    """The tensors of a network by name; one that has several names (tied weights, aliases) by the first of them.

    Raises:
        InputError: If something of its state cannot be kept as a tensor.
    """
    found: dict[str, Tensor] = {}
    known: set[tuple[object, ...]] = set()
    for name, tensor in network.state_dict().items():
        if not isinstance(tensor, Tensor) or name in SCALING:
            what = "is no tensor" if not isinstance(tensor, Tensor) else "is a name that graft needs for itself"
            raise InputError(f"{type(network).__name__} keeps {name!r}, which {what}; allowed: tensors by other names")
        place = tensor.data_ptr(), tensor.shape, tensor.stride()
        if tensor.numel() and place in known:
            continue
        known.add(place)
        found[name] = tensor.detach().contiguous()
    return found


def restore(network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Put back what `named_once` gave, whatever else shares these tensors.

    Raises:
        RuntimeError: If a name is missing or unknown, or a shape differs.
    """
    network.load_state_dict(tensors, strict=named_once(network).keys() != tensors.keys())


def pack(network: nn.Module, shape: Shape, scaling: Scaling) -> bytes:
    """The network, its shape and its input scaling as safetensors bytes, the same for equal weights."""
    tensors = named_once(network) | {"scaling.mean": scaling.mean, "scaling.deviation": scaling.deviation}
    return save(tensors, metadata={"shape": json.dumps(shape.to_dict(), sort_keys=True)})


def unpack(path: Path) -> tuple[nn.Module, Shape, Scaling]:
    """Inverse of `pack`, from a file.

    Raises:
        InputError: If the file is missing, is no network of ours, or is a user's own whose module is not at hand.
    """
    try:
        with safe_open(path, framework="pt") as file:
            shape = Shape.from_dict(json.loads(file.metadata()["shape"]))
            tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        scaling = Scaling(tensors.pop("scaling.mean"), tensors.pop("scaling.deviation"))
        network = shape.build()
        restore(network, tensors)
    except InputError:
        raise
    except Exception as problem:
        raise InputError(
            f"{path} is not a network written by graft ({problem}); allowed: a .safetensors of ours"
        ) from None
    return network, shape, scaling


def pack_state(network: nn.Module, scaling: Scaling | None, told: Mapping[str, object]) -> bytes:
    """The weights of any network, its input scaling and what else is told, as safetensors bytes."""
    tensors = named_once(network)
    if scaling is not None:
        tensors |= {"scaling.mean": scaling.mean, "scaling.deviation": scaling.deviation}
    return save(tensors, metadata={"told": json.dumps(told, sort_keys=True)})


def unpack_state(data: bytes) -> tuple[dict[str, Tensor], Scaling | None, dict[str, Any]]:
    """Inverse of `pack_state`, but for the network that holds the weights."""
    tensors = load(data)
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])  # as the format is documented
    mean, deviation = tensors.pop("scaling.mean", None), tensors.pop("scaling.deviation", None)
    scaling = None if mean is None or deviation is None else Scaling(mean, deviation)
    return tensors, scaling, json.loads(header["__metadata__"]["told"])


@contextmanager
def as_file(data: bytes) -> Iterator[Path]:
    """Safetensors bytes as the file that their reader wants."""
    with tempfile.NamedTemporaryFile(suffix=".safetensors") as file:
        file.write(data)
        file.flush()
        yield Path(file.name)


def sha256(data: bytes) -> str:
    """Digest in hex."""
    return hashlib.sha256(data).hexdigest()


def no_gradient(network: nn.Module) -> nn.Module:
    """The network with no parameter trained: a source is only read."""
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    return network
