"""Which network: the project's own perceptron, or a user's torch module by name."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Self

import torch
from pydantic import BeforeValidator, Field, PlainSerializer
from torch import nn

from graft.models.networks.mlp import MLP
from graft.models.surgery import blocks_of
from graft.spaces.errors import InputError
from graft.spaces.plan import OWN
from graft.spaces.settings import Settings, Whole, settings

Value = str | int | float | bool


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

    def blocks(self, inputs: int, outputs: int) -> int:
        """How many blocks it has, the head included."""
        return self.depth + 1


@dataclass(frozen=True)
class OwnNetwork:
    """A user's network: ``Class(inputs=..., outputs=..., **settings)``.

    Attributes:
        module: ``package.module:Class``, a torch module with ordered ``blocks: nn.ModuleList``, head included, that
            maps (batch, inputs) to (batch, outputs).
        settings: What else it is constructed with, as (name, value).
    """

    module: str
    settings: tuple[tuple[str, Value], ...] = ()

    def build(self, inputs: int, outputs: int, activation: str = OWN, linear: bool = False) -> nn.Module:
        """The network, weights as its constructor leaves them: the same each time. It has no linear part but its own.

        Raises:
            InputError: If it cannot be imported or constructed, or is no network whose blocks can be copied.
        """
        kind = self._kind()
        arguments = {"inputs": inputs, "outputs": outputs} | dict(self.settings)
        told = ", ".join(f"{key}={value!r}" for key, value in arguments.items())
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            try:
                network: nn.Module = kind(**arguments)
            except Exception as problem:
                raise InputError(
                    f"network {self.module}({told}) raises {type(problem).__name__}: {problem}; "
                    "allowed: a class that takes inputs, outputs and the other keys of network"
                ) from problem
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

    def blocks(self, inputs: int, outputs: int) -> int:
        """How many blocks it has, the head included."""
        return len(blocks_of(self.build(inputs, outputs)))

    def tried(self, inputs: int, outputs: int) -> None:
        """Refuse a network that does not map (batch, inputs) to (batch, outputs)."""
        network = self.build(inputs, outputs).eval()
        try:
            with torch.no_grad(), torch.random.fork_rng(devices=[]):
                found = network(torch.zeros(2, inputs))
        except Exception as problem:
            raise InputError(
                f"network {self.module} raises {type(problem).__name__}: {problem}, given rows (2, {inputs}); "
                f"allowed: a network that maps (batch, {inputs}) to (batch, {outputs})"
            ) from problem
        shape = tuple(getattr(found, "shape", ())) or type(found).__name__
        if shape != (2, outputs):
            raise InputError(
                f"network {self.module} maps rows (2, {inputs}) to {shape}; allowed: to (2, {outputs}), the task's "
                "outputs"
            )

    def to_dict(self) -> dict[str, object]:
        """Plain values, for JSON."""
        return {"module": self.module} | dict(self.settings)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`.

        Raises:
            InputError: If a value is no text, number or truth value.
        """
        for key, value in values.items():
            wanted: Any = str if key == "module" else Value
            if not isinstance(value, wanted) or key in ("inputs", "outputs"):
                allowed = "text" if key == "module" else "text, a number, true or false"
                allowed = "nothing, for the task says it" if key in ("inputs", "outputs") else allowed
                raise InputError(f"network.{key} is {value!r}; allowed: {allowed}")
        settings = {key: value for key, value in values.items() if key != "module"}
        return cls(values["module"], tuple(sorted(settings.items())))

    def _kind(self) -> type[nn.Module]:
        module, _, attribute = self.module.partition(":")
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
