"""Moving knowledge between networks: copy blocks, freeze them, or shuffle what was copied."""

from collections.abc import Mapping, Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn

from graft.spaces.errors import InputError, unknown
from graft.spaces.plan import Block, Span

Weights = Mapping[str, Tensor]


def blocks_of(network: nn.Module) -> list[nn.Module]:
    """The ordered blocks of a network, head included.

    Raises:
        InputError: If the network has no ``blocks: nn.ModuleList``.
    """
    blocks = getattr(network, "blocks", None)
    if not isinstance(blocks, nn.ModuleList) or len(blocks) == 0:
        raise InputError(
            f"{type(network).__name__} has no blocks; allowed: a module with an ordered nn.ModuleList `blocks`"
        )
    return list(blocks)


def copy_span(
    target: nn.Module, source: nn.Module, span: Span, *, overlap: bool = False, scale: float = 1.0
) -> list[Tensor]:
    """Copy blocks ``span.first`` to ``span.last`` of ``source`` into ``target``: assert shapes, then copy.

    Args:
        target: Written to.
        source: Read.
        span: Which blocks.
        overlap: Declares that the networks may differ in the number of inputs: of the first layer of block 1 the
            overlapping columns are copied (the first ones of both), the others keep the target's own values.
        scale: Factor on what is copied.

    Returns:
        Views of the target's entries that were written. Nothing is written unless everything fits.

    Raises:
        InputError: If the span lies outside either network or shapes differ.
    """
    theirs, ours = blocks_of(source), blocks_of(target)
    if span.last > min(len(theirs), len(ours)):
        raise InputError(f"span {span} lies outside the network; allowed: blocks 1 to {min(len(theirs), len(ours))}")
    numbers = range(span.first, span.last + 1)
    pairs = [pair for i in numbers for pair in _pairs(i, ours[i - 1], theirs[i - 1], overlap)]
    with torch.no_grad():
        for into, values in pairs:
            into.copy_(values * scale)
        for i in numbers:  # what a normalisation has measured goes with its weights, and is no weight
            for into, values in zip(ours[i - 1].buffers(), theirs[i - 1].buffers(), strict=True):
                into.copy_(values)
    return [into for into, _ in pairs]


def named(sources: Mapping[str, nn.Module], name: str) -> nn.Module:
    """The source network of that name.

    Raises:
        InputError: If there is none.
    """
    if name not in sources:
        raise unknown("source", name, sources)
    return sources[name]


def frozen(source: nn.Module, network: nn.Module) -> tuple[nn.Module, list[Tensor]]:
    """A copy of ``source`` in the shape of ``network``, to be read only.

    It passes by inputs that the source does not know, as `copy_span` with ``overlap`` does those that the target lacks.

    Returns:
        The copy, and views of the weights that are the source's.

    Raises:
        InputError: If shapes differ otherwise than in the number of inputs.
    """
    found, theirs = deepcopy(network), source.state_dict()
    with torch.no_grad():
        for name, parameter in found.named_parameters():
            known = theirs.get(name)
            parameter.copy_(known) if known is not None and known.shape == parameter.shape else parameter.zero_()
    written = copy_span(found, source, Span(1, max(len(blocks_of(found)), len(blocks_of(source)))), overlap=True)
    return found.requires_grad_(False).eval(), written


def _pairs(number: int, ours: nn.Module, theirs: nn.Module, overlap: bool) -> list[tuple[Tensor, Tensor]]:
    """Where each tensor of one block goes, as (view of the target, values of the source)."""
    mine, other = dict(ours.named_parameters()), dict(theirs.named_parameters())
    if list(mine) != list(other) or [b.shape for b in ours.buffers()] != [b.shape for b in theirs.buffers()]:
        raise InputError(
            f"block {number} differs: target has {list(mine)}, source {list(other)}; allowed: equal blocks"
        )
    pairs = []
    for position, name in enumerate(mine):
        into, values = mine[name].data, other[name].data
        if overlap and number == 1 and position == 0 and into.dim() == 2 and into.shape[0] == values.shape[0]:
            columns = min(into.shape[1], values.shape[1])
            into, values = into[:, :columns], values[:, :columns]
        if into.shape != values.shape:
            shapes = f"target {tuple(into.shape)}, source {tuple(values.shape)}"
            raise InputError(f"block {number} {name}: {shapes}; allowed: networks of equal widths")
        pairs.append((into, values))
    return pairs


def shuffle(copied: Sequence[Tensor], generator: torch.Generator, masks: Sequence[Tensor | None] | None = None) -> None:
    """Shuffle the entries of each copied tensor among themselves, in place: same values, no structure.

    This is the control that tells transfer from a luckier scale of initial weights.

    Args:
        copied: What was written.
        generator: Draws the order.
        masks: For each, where its entries take part at all (above 0); the others stay, lest what takes part be
            diluted. None: everywhere.
    """
    with torch.no_grad():
        for tensor, mask in zip(copied, masks or [None] * len(copied), strict=True):
            chosen = torch.ones_like(tensor, dtype=torch.bool) if mask is None else mask > 0
            values = tensor[chosen]
            tensor[chosen] = values[torch.randperm(len(values), generator=generator)]


def transplant(target: nn.Module, sources: Mapping[str, nn.Module], blocks: Sequence[Block]) -> list[Tensor]:
    """Carry out a plan's decisions on a freshly initialised network: copy, scale, freeze.

    Networks of tasks with different numbers of inputs share the overlapping columns of their first layer.

    Returns:
        Views of everything that was copied.

    Raises:
        InputError: If a source is unknown, the plan has another number of blocks, or shapes differ.
    """
    ours = blocks_of(target)
    if blocks and len(blocks) != len(ours):
        raise InputError(f"the plan has {len(blocks)} blocks, the network {len(ours)}; allowed: one decision a block")
    copied = []
    for number, block in enumerate(blocks, 1):
        if block.source is None:
            continue
        copied += copy_span(target, named(sources, block.source), Span(number, number), overlap=True, scale=block.scale)
        if block.rate == 0:
            ours[number - 1].requires_grad_(False)
    return copied
