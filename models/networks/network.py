"""Which network: the project's own perceptron, or a user's torch module by name."""

import importlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Self

import torch
from pydantic import BeforeValidator, Field, PlainSerializer
from torch import Tensor, nn

from graft.models.initialise import seeded
from graft.models.networks.mlp import MLP
from graft.models.surgery import blocks_of
from graft.spaces.errors import InputError, unknown
from graft.spaces.installed import located
from graft.spaces.plan import OWN
from graft.spaces.settings import Settings, Whole, settings

Value = str | int | float | bool
Size = int | tuple[int, ...]
"""Of one example's inputs: how many numbers, or the shape of an image."""


@settings("network")
class Network(Settings):
    """A perceptron but for its inputs, outputs and activation.

    Attributes:
        depth: Hidden blocks.
        width: Neurons in each.
    """

    depth: Annotated[Whole, Field(ge=1, le=64)] = 6
    width: Annotated[Whole, Field(ge=1, le=65_536)] = 200

    def build(self, inputs: int, outputs: int, activation: str, linear: bool = False) -> nn.Module:
        """The network, weights still PyTorch's own."""
        return MLP(inputs, outputs, self.depth, self.width, activation, linear)

    constructed = build
    standardised = None

    def blocks(self, inputs: int, outputs: int) -> int:
        """How many blocks it has, the head included."""
        return self.depth + 1


@dataclass(frozen=True)
class OwnNetwork:
    """A user's network: ``Class(inputs=..., outputs=..., **settings)``.

    Attributes:
        module: ``package.module:Class``, or the name under which a package registers it: a torch module with ordered
            ``blocks: nn.ModuleList``, head included, that maps (batch, inputs) to (batch, outputs); images (batch,
            rows, columns) to (batch, classes), inputs then being (rows, columns).
        settings: What else it is constructed with, as (name, value).
        cut: Names of submodules that are its blocks, in order, the head last, where its class has none; several that
            belong to one block are joined by ``+``.
        standardised: Whether it is given standardised inputs: false where it standardises them by itself. None: it
            is, and nothing in it looks as if it did so too.
    """

    module: str
    settings: tuple[tuple[str, Value], ...] = ()
    standardised: bool | None = None
    cut: tuple[str, ...] = ()

    def build(self, inputs: Size, outputs: int, activation: str = OWN, linear: bool = False) -> nn.Module:
        """The network, weights as its constructor leaves them, the same each time; arguments as of `constructed`."""
        with seeded(0):
            return self.constructed(inputs, outputs, activation, linear)

    def constructed(self, inputs: Size, outputs: int, activation: str = OWN, linear: bool = False) -> nn.Module:
        """The network, weights drawn from PyTorch's own generator. It has no linear part but its own.

        Raises:
            InputError: If it cannot be imported or constructed, or is no network whose blocks can be copied.
        """
        kind = self._kind()
        arguments = {"inputs": inputs, "outputs": outputs} | dict(self.settings)
        told = ", ".join(f"{key}={value!r}" for key, value in arguments.items())
        try:
            network: nn.Module = kind(**arguments)
        except Exception as problem:
            raise InputError(
                f"network {self.module}({told}) raises {type(problem).__name__}: {problem}; "
                "allowed: a class that takes inputs, outputs and the other keys of network"
            ) from problem
        if self.cut:
            network.blocks = nn.ModuleList([self._block(network, names) for names in self.cut])
        if len(blocks_of(network)) < 2:
            raise InputError(f"network {self.module} has one block; allowed: at least 2, the last of them the head")
        seen: set[int] = set()
        for number, block in enumerate(blocks_of(network), 1):
            mine = {id(parameter) for parameter in block.parameters()}
            if not mine or mine & seen:
                which = "shares weights with one before it" if mine else "has no weights"
                raise InputError(f"block {number} of {self.module} {which}; allowed: blocks with weights of their own")
            seen |= mine
        return network

    def _block(self, network: nn.Module, names: str) -> nn.Module:
        """The submodules of one block, under their own names still."""
        known = dict(network.named_modules())
        for name in names.split("+"):
            if name not in known or not name:
                raise unknown(f"submodule of {self.module} in network.blocks", name, filter(None, known))
        found = [known[name] for name in names.split("+")]
        return found[0] if len(found) == 1 else nn.ModuleList(found)

    def blocks(self, inputs: Size, outputs: int) -> int:
        """How many blocks it has, the head included."""
        return len(blocks_of(self.build(inputs, outputs)))

    def tried(self, inputs: Size, outputs: int) -> None:
        """Refuse a network that does not map (batch, inputs) to (batch, outputs), or may standardise them twice."""
        network = self.build(inputs, outputs).eval()
        shape = (inputs,) if isinstance(inputs, int) else inputs
        held = [name for name, buffer in _by_input(network) if buffer.numel() == math.prod(shape) > 1]
        if len(held) > 1 and self.standardised is None:
            raise InputError(
                f"network {self.module} holds {', '.join(held)}, a number for each of its {inputs} inputs; allowed: "
                "network.standardised = false if it standardises its inputs by itself, true if it does not"
            )
        sides = ", ".join(map(str, shape))
        try:
            with torch.no_grad(), torch.random.fork_rng(devices=[]):
                found = network(torch.zeros(2, *shape))
        except Exception as problem:
            raise InputError(
                f"network {self.module} raises {type(problem).__name__}: {problem}, given rows (2, {sides}); "
                f"allowed: a network that maps (batch, {sides}) to (batch, {outputs})"
            ) from problem
        made = tuple(getattr(found, "shape", ())) or type(found).__name__
        if made != (2, outputs):
            raise InputError(
                f"network {self.module} maps rows (2, {sides}) to {made}; allowed: to (2, {outputs}), the task's "
                "outputs"
            )

    def to_dict(self) -> dict[str, object]:
        """Plain values, for JSON."""
        told: dict[str, object] = {} if self.standardised is None else {"standardised": self.standardised}
        told |= {"blocks": list(self.cut)} if self.cut else {}
        return {"module": self.module} | dict(self.settings) | told

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`.

        Raises:
            InputError: If a value is no text, number or truth value.
        """
        standardised = values.get("standardised")
        if not isinstance(standardised, bool | None):
            raise InputError(f"network.standardised is {standardised!r}; allowed: true or false")
        cut = values.get("blocks", [])
        if not isinstance(cut, list | tuple) or not all(isinstance(name, str) for name in cut):
            raise InputError(
                f'network.blocks is {cut!r}; allowed: names of submodules, such as ["stem", "layer1", "fc"]'
            )
        for key, value in values.items():
            if key == "blocks":
                continue
            wanted: Any = str if key == "module" else Value
            if not isinstance(value, wanted) or key in ("inputs", "outputs"):
                allowed = "text" if key == "module" else "text, a number, true or false"
                allowed = "nothing, for the task says it" if key in ("inputs", "outputs") else allowed
                raise InputError(f"network.{key} is {value!r}; allowed: {allowed}")
        settings = {key: value for key, value in values.items() if key not in ("module", "standardised", "blocks")}
        return cls(values["module"], tuple(sorted(settings.items())), standardised, tuple(cut))

    def _kind(self) -> type[nn.Module]:
        module, _, attribute = located("network", self.module).partition(":")
        try:
            kind = getattr(importlib.import_module(module), attribute)
        except Exception as problem:
            raise InputError(
                f"network.module {self.module!r} cannot be imported ({type(problem).__name__}: {problem}); "
                "allowed: an importable package.module:Class, such as one in a folder on PYTHONPATH"
            ) from problem
        if not (isinstance(kind, type) and issubclass(kind, nn.Module)):
            raise InputError(
                f"network.module {self.module!r} is no torch module; allowed: a subclass of torch.nn.Module"
            )
        return kind


def _by_input(network: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Buffers of a network that no layer of PyTorch's own keeps, such as means and deviations of its inputs."""
    for place, module in network.named_modules():
        if not type(module).__module__.startswith("torch."):
            for name, buffer in module.named_buffers(recurse=False):
                yield f"{place}.{name}" if place else name, buffer


def network_of(values: Any) -> Any:
    """The network that plain values mean: a user's own if they name a ``module``."""
    if not isinstance(values, Mapping):
        return values if isinstance(values, OwnNetwork) else Network.from_dict(values)
    return (OwnNetwork if "module" in values else Network).from_dict(values)


AnyNetwork = Annotated[
    Network | OwnNetwork, BeforeValidator(network_of), PlainSerializer(lambda network: network.to_dict())
]
"""A perceptron or a network of a user's own, in settings."""


SHAPE = ("inputs", "outputs", "activation", "linear part")
"""What a shape tells beside its network."""


@dataclass(frozen=True)
class Shape:
    """Everything needed to build a network again."""

    inputs: int
    outputs: int
    network: Network | OwnNetwork
    activation: str = "relu"
    linear: bool = False

    def build(self) -> nn.Module:
        """A network of this shape, weights still PyTorch's own."""
        return self.network.build(self.inputs, self.outputs, self.activation, self.linear)

    def constructed(self) -> nn.Module:
        """The same, weights drawn from PyTorch's own generator."""
        return self.network.constructed(self.inputs, self.outputs, self.activation, self.linear)

    def to_dict(self) -> dict[str, object]:
        """Plain values, for JSON."""
        told = {"inputs": self.inputs, "outputs": self.outputs} | self.network.to_dict()
        return told | {"activation": self.activation} | ({"linear part": True} if self.linear else {})

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`."""
        held = {key: value for key, value in values.items() if key not in SHAPE}
        linear = bool(values.get("linear part"))
        return cls(values["inputs"], values["outputs"], network_of(held), values["activation"], linear)
