"""Sources that come trained: what a study's source is if it is a file of weights, and what its network becomes."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graft.models.networks.network import Shape
from graft.models.pretrained import Pretrained, put, read
from graft.models.scaling import Scaling
from graft.models.weights import pack
from graft.simulators.data.columns import digest
from graft.spaces.errors import InputError, unknown
from graft.spaces.words import WEIGHTS

KEYS = ("file", "mean", "deviation")


def with_weights(values: Mapping[str, object], folder: Path) -> dict[str, object]:
    """A study's plain values with those of its sources that are files of weights described under ``weights``.

    Args:
        values: Plain values of a study. A source may be the file's path, or a table of ``file``, ``mean`` and
            ``deviation``: one number, or one for each of the network's inputs.
        folder: Where relative paths begin.

    Raises:
        InputError: Naming the file or key that cannot be used.
    """
    sources, held = values.get("sources"), list[dict[str, object]]()
    if not isinstance(sources, list):
        return dict(values)
    found = []
    for source in sources:
        if isinstance(source, str) and Path(source).suffix in WEIGHTS:
            source = {"file": source}
        if isinstance(source, Mapping):
            held.append(_described(source, folder))
            source = held[-1]["name"]
        found.append(source)
    return {**values, "sources": found} | ({"weights": held} if held else {})


def _described(told: Mapping[str, object], folder: Path) -> dict[str, object]:
    for key in told:
        if key not in KEYS:
            raise unknown("key in source", key, KEYS)
    file = told.get("file")
    if not isinstance(file, str) or Path(file).suffix not in WEIGHTS:
        raise InputError(f"source.file is {file!r}; allowed: a file of weights that ends in {', '.join(WEIGHTS)}")
    path = folder / file
    sha256, held, parts = digest(path), read(path), {}
    for part in KEYS[1:]:
        values = told.get(part, getattr(held, part))
        values = values if isinstance(values, list | tuple) else [values]
        if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
            raise InputError(f"source.{part} is {told[part]!r}; allowed: a number, or a list of one for each input")
        parts[part] = tuple(map(float, values))
    return asdict(Pretrained(path.name, sha256, **parts, activation=held.activation, path=str(path.resolve())))


def trained_weights(file: Pretrained) -> Mapping[str, Tensor]:
    """The tensors of a file of weights, by name.

    Raises:
        InputError: If it is not the one that the study was made with.
    """
    path = Path(file.path)
    if digest(path) != file.sha256:
        raise InputError(f"{path} is not the file that this study began with; allowed: that one, or another --out")
    return read(path).tensors


def fitted(study: Any, file: Pretrained) -> bytes:
    """The source network that a file of weights is, as safetensors bytes.

    Raises:
        InputError: If the file is not the one that the study was made with, or does not fit the study's network.
    """
    target = study.scenario(study.target)
    inputs = file.inputs(target.inputs)
    shape = Shape(inputs, target.outputs, study.network, study.ranges.activation[0])
    network = put(shape.build(), trained_weights(file), file.path)
    scaling = file.scaling(target.inputs) or Scaling(torch.zeros(inputs), torch.ones(inputs))
    return pack(network, shape, scaling)
