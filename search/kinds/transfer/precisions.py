"""Precisions of source networks: how much each depends on each of its weights, asked once in a run and then kept.

They serve plans whose prior is ``fisher``; other runs ask for none.
"""

import json
from dataclasses import replace
from pathlib import Path

from graft.models.fisher import diagonal, precise
from graft.models.losses import LOSS, supervised
from graft.models.train import prepare_process
from graft.models.weights import sha256
from graft.search.kinds.transfer.sources import SourceNetwork, held_out, stored
from graft.search.run.folder import write_bytes, write_json
from graft.search.tasks.base import Examples, Task
from graft.spaces.plan import Recipe

EXAMPLES = 512
"""Of a source that are asked, at most."""


def with_precision(network: SourceNetwork, task: Task, examples: Examples, device: str = "cpu") -> SourceNetwork:
    """The source network with the precisions of its weights, which its own examples and loss tell.

    Args:
        network: Taught here.
        task: In whose terms.
        examples: Of the source, the first `EXAMPLES` of which are asked; none of the last, which stay unused.
        device: ``cpu`` or ``cuda``.

    Raises:
        InputError: If gradients are not finite.
    """
    prepare_process()
    assert network.recipe is not None
    fitted = task.unpack(network.data)
    inputs, outputs = examples.first(min(EXAMPLES, len(examples) - held_out(examples))).tensors(device)
    seen, loss = fitted.seen(inputs), task.loss() or supervised(LOSS[network.recipe.loss])
    asked = fitted.network.to(device)
    held = precise(asked, diagonal(asked, seen, outputs if outputs.shape[-1] else seen, loss))
    return replace(network, precision=task.pack(replace(fitted, network=held)))


def save_precision(network: SourceNetwork, folder: Path) -> None:
    """Write the precisions of a source network beside it, then the card that makes them valid."""
    assert network.precision is not None
    weights, card = kept_precision(network.name, network.recipe, folder)
    write_bytes(weights, network.precision)
    write_json(card, {"sha256": sha256(network.precision), "of": network.sha256})


def load_precision(network: SourceNetwork, folder: Path) -> SourceNetwork:
    """The source network with the stored precisions of its weights, or as it is if there are none intact."""
    weights, card = kept_precision(network.name, network.recipe, folder)
    try:
        data, told = weights.read_bytes(), json.loads(card.read_text())
    except (OSError, ValueError):
        return network
    return replace(network, precision=data) if told == {"sha256": sha256(data), "of": network.sha256} else network


def kept_precision(name: str, recipe: Recipe | None, folder: Path) -> tuple[Path, Path]:
    """Where precisions of a source network and their card lie."""
    weights, card = stored(name, recipe, folder)
    return weights.with_name(f"{weights.stem}-fisher.safetensors"), card.with_name(f"{card.stem}-fisher.json")
