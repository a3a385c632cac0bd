"""Weights that were trained elsewhere, as a source."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor, nn

from graft.models.scaling import Scaling
from graft.models.surgery import blocks_of
from graft.models.weights import named_once, restore
from graft.spaces.errors import InputError, number
from graft.spaces.errors import name as plain_name


@dataclass(frozen=True)
class Pretrained:
    """A file of weights, as a study holds it.

    Attributes:
        name: Of the file, without its folder; what the study calls this source by.
        sha256: Of the file's bytes.
        mean: Taken off each input before the network saw it; one value stands for all inputs. Empty if nobody told:
            then inputs are standardised by the training rows at hand, as those of any other network are.
        deviation: By which each input was then divided; as many.
        activation: Of the network, where the file says so.
        path: Where it was read. No part of what it is: a file may move.
    """

    name: str
    sha256: str
    mean: tuple[float, ...] = ()
    deviation: tuple[float, ...] = ()
    activation: str = ""
    path: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        plain_name("name of a file of weights", self.name)
        if len(self.mean) != len(self.deviation):
            raise InputError(
                f"{self.name} has {len(self.mean)} means and {len(self.deviation)} deviations; allowed: one of each "
                "for every input, or neither"
            )
        for value in self.mean:
            number(f"mean of {self.name}", value, -torch.inf)
        for value in self.deviation:
            number(f"deviation of {self.name}", value, 0, above=True)

    def inputs(self, target: int) -> int:
        """How many inputs the network had: one for each mean, or as many as the target has where that is not told."""
        return len(self.mean) if len(self.mean) > 1 else target

    def scaling(self, target: int) -> Scaling | None:
        """How its inputs were standardised, if that is told; the target has ``target`` of them."""
        if not self.mean:
            return None
        parts = (torch.tensor(part).expand(self.inputs(target)).clone() for part in (self.mean, self.deviation))
        return Scaling(*parts)


@dataclass(frozen=True)
class Weights:
    """What a file holds: tensors by name and, if graft wrote it, how inputs were standardised and the activation."""

    tensors: Mapping[str, Tensor]
    mean: tuple[float, ...] = ()
    deviation: tuple[float, ...] = ()
    activation: str = ""


def read(path: Path) -> Weights:
    """Read a file of weights. No code of the file is run.

    Args:
        path: A .safetensors, or a .pt or .pth that ``torch.save(network.state_dict(), path)`` wrote.

    Raises:
        InputError: Naming the file, if it holds anything but finite weights.
    """
    activation = ""
    try:
        if path.suffix == ".safetensors":
            with safe_open(path, framework="pt") as file:
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                activation = json.loads((file.metadata() or {}).get("shape", "{}")).get("activation", "")
        else:
            tensors = torch.load(path, map_location="cpu", weights_only=True)
            if isinstance(tensors, Mapping) and isinstance(held := tensors.get("state_dict"), Mapping):
                tensors = dict(held)  # a checkpoint of Lightning, and of many who write their own
    except Exception as problem:
        said = (str(problem).strip().splitlines() or [type(problem).__name__])[0][:160]
        raise InputError(
            f"{path} cannot be read as weights alone ({said}); allowed: .safetensors, or what "
            "torch.save(network.state_dict(), ...) writes: a pickle of more could run code"
        ) from None
    named = isinstance(tensors, Mapping) and all(isinstance(name, str) for name in tensors)
    if not named or not tensors or not all(isinstance(t, Tensor) for t in tensors.values()):
        held = ", ".join(map(str, tensors)) if isinstance(tensors, Mapping) else type(tensors).__name__
        raise InputError(f"{path} holds {held[:160] or 'nothing'}; allowed: a state_dict, tensors by name")
    for name, tensor in tensors.items():
        _plain(tensor, f"{path}, {_where(name)}")
    mean, deviation = (
        tuple(tensors.pop(f"scaling.{part}", torch.empty(0)).reshape(-1).tolist()) for part in ("mean", "deviation")
    )
    return Weights(tensors, mean, deviation, activation)


def _plain(tensor: Tensor, where: str) -> None:
    """Refuse what is no array of finite numbers."""
    try:
        finite = bool(torch.isfinite(tensor).all())
    except (RuntimeError, NotImplementedError):  # 8-bit floats, quantised and sparse tensors, none on the meta device
        raise InputError(
            f"{where} is {str(tensor.dtype).removeprefix('torch.')}, {str(tensor.layout).removeprefix('torch.')}, on "
            f"{tensor.device}; allowed: dense weights of 16 to 64 bits"
        ) from None
    if not finite:
        raise InputError(f"{where} holds a value that is not finite; allowed: finite weights")


def put(network: nn.Module, tensors: Mapping[str, Tensor], file: str) -> nn.Module:
    """The network with the weights of a file in it.

    Args:
        network: Of the same class and sizes.
        tensors: By name, as in its ``state_dict``.
        file: What to call the file.

    Raises:
        InputError: Naming the first block and weight that do not fit, with both shapes.
    """
    ours = named_once(network)
    tensors = _unwrapped(tensors, ours)
    aliases = network.state_dict().keys() - ours.keys()
    tensors = {name: tensor for name, tensor in tensors.items() if name not in aliases}
    blocks = len(blocks_of(network))
    for name in [*ours, *tensors]:
        mine, theirs = (tuple(held[name].shape) if name in held else None for held in (ours, tensors))
        if mine != theirs:
            said = [f"has shape {shape}" if shape is not None else "is missing" for shape in (theirs, mine)]
            raise InputError(
                f"{file} does not fit: {_where(name)} {said[0]} in the file and {said[1]} in the network of {blocks} "
                "blocks; allowed: weights of the same class, built with the same settings, inputs and outputs"
            )
    for name, tensor in tensors.items():
        if _sort(tensor) != _sort(ours[name]):
            raise InputError(
                f"{file} does not fit: {_where(name)} is {_sort(tensor)} in the file and {_sort(ours[name])} in the "
                "network; allowed: weights of the same sort"
            )
    restore(network, {name: tensor.to(ours[name].dtype) for name, tensor in tensors.items()})
    return network


def _unwrapped(tensors: Mapping[str, Tensor], ours: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Tensors by the network's own names, from what DataParallel, compile or Lightning put before each of them."""
    prefix = next((name.removesuffix(known) for name in tensors for known in ours if name.endswith(f".{known}")), "")
    if not prefix or any(name in ours for name in tensors) or not all(name.startswith(prefix) for name in tensors):
        return tensors
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}


def _sort(tensor: Tensor) -> str:
    """Which numbers a tensor holds: another width is no matter, another sort would lose what they say."""
    if tensor.is_complex():
        return "complex"
    return "real" if tensor.is_floating_point() else str(tensor.dtype).removeprefix("torch.")


def _where(name: str) -> str:
    """A weight's name as people count: ``blocks.0.0.weight`` is block 1, 0.weight."""
    match = re.fullmatch(r"blocks\.(\d+)\.(.+)", str(name))
    return f"block {int(match[1]) + 1}, {match[2]}," if match else f"{str(name)!r}"
