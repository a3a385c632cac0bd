"""Overlapping tiles of a square lattice, and energies that are sums of a table over them.

A tile is a square of ``focus`` x ``focus`` sites and ``context`` sites around it, so its side is w = f + 2 c. Tiles lie
at stride f with periodic wrap: the tile in row i and column j covers lattice rows f i - c .. f i + f + c - 1 and the
columns alike. Its sites k = 0 .. w^2 - 1 are numbered row by row from its top left corner, and its **code** is
sum_k index_k q^k: the top left site is the least significant digit.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from graft.models.symmetries import Symmetries
from graft.spaces.dcl import TILES
from graft.spaces.errors import InputError

MOST_CODES = TILES
"""Entries of the largest table."""


def fits(shape: Sequence[int], focus: int, context: int) -> None:
    """Refuse a lattice that such tiles do not cover, or on which a tile would meet itself.

    Raises:
        InputError: Saying which lattices are allowed.
    """
    side = focus + 2 * context
    if len(shape) != 2 or any(length % focus or length < side for length in shape):
        given = " x ".join(map(str, shape))
        raise InputError(
            f"lattice of {given} with focus {focus} and context {context}; "
            f"allowed: rows and columns that are multiples of {focus} and at least {side}"
        )


def codes_of(q: int, focus: int, context: int) -> int:
    """Number of different tiles.

    Raises:
        InputError: If they are too many for a table.
    """
    sites = (focus + 2 * context) ** 2
    if q**sites > MOST_CODES:
        raise InputError(
            f"tiles of {sites} sites with {q} values are {q**sites:.3g} different ones; allowed in a table: at most "
            f"{MOST_CODES}. Choose a smaller focus or context"
        )
    return q**sites


def cut(index: Tensor, focus: int, context: int) -> Tensor:
    """All tiles of each state: (batch, rows, columns) to (batch, tiles, sites of a tile), of the same type."""
    fits(index.shape[1:], focus, context)
    side = focus + 2 * context
    return _padded(index, context).unfold(1, side, focus).unfold(2, side, focus).flatten(3).flatten(1, 2)


def codes(index: Tensor, q: int, focus: int, context: int) -> Tensor:
    """Code of every tile, int64 (batch, tiles)."""
    fits(index.shape[1:], focus, context)
    rows, columns = index.shape[1:]
    padded, side = _padded(index, context).int(), focus + 2 * context
    across = padded.new_zeros((len(padded), padded.shape[1], columns // focus))
    for c in reversed(range(side)):  # Horner's scheme, first along rows of a tile, then over its rows
        across.mul_(q).add_(padded[:, :, c : c + columns : focus])
    total = across.new_zeros((len(padded), rows // focus, columns // focus))
    for r in reversed(range(side)):
        total.mul_(q**side).add_(across[:, r : r + rows : focus])
    return total.flatten(1).long()


@lru_cache(maxsize=2)
def every(q: int, focus: int, context: int) -> Tensor:
    """All tiles in the order of their codes, uint8 (codes, sites of a tile); the last are kept, so do not write."""
    number = torch.arange(codes_of(q, focus, context))
    return torch.stack([(number // q**k % q).to(torch.uint8) for k in range((focus + 2 * context) ** 2)], 1)


def table_energy(table: NDArray, index: Tensor, q: int, focus: int, context: int) -> NDArray[np.float64]:
    """Energies (batch,) of states (batch, rows, columns): the sum of ``table[code]`` over their tiles.

    Args:
        table: (codes,), or (tiles, codes) where it differs from tile to tile.
        index: uint8, values 0 .. q - 1.
        q: Values of a spin.
        focus: Side of a tile without its context.
        context: Sites around it.
    """
    return read(table, codes(index, q, focus, context).numpy()).sum(1)


def read(table: Any, code: Any) -> Any:
    """Entries (batch, tiles) of a table (codes,), or (tiles, codes) where it differs from tile to tile.

    Arrays of NumPy and of torch alike.
    """
    return table[code] if table.ndim == 1 else table[list(range(code.shape[1])), code]


def symmetrised(
    table: NDArray, q: int, focus: int, context: int, names: Sequence[str] = ("reflections", "rotations", "colours")
) -> NDArray[np.float64]:
    """The table averaged over symmetries of its tiles.

    The energy that it gives is the mean over all images of a state under those symmetries of the lattice: they map
    tiles onto tiles. Translations by multiples of ``focus`` need nothing; others are no symmetry of the grid of tiles.

    Args:
        table: (codes,).
        q: Values of a spin.
        focus: Side of a tile without its context.
        context: Sites around it.
        names: As of `graft.models.symmetries.Symmetries`; translations are left out.
    """
    side = focus + 2 * context
    group = Symmetries.of([name for name in names if name != "translations"], (side, side), q)
    tiles = every(q, focus, context)
    mean = np.zeros(len(table))
    for element in group.draw(None):
        image = group.image(tiles, element)
        code = torch.zeros(len(image), dtype=torch.int64)
        for k in range(side * side):
            code += image[:, k].long() * q**k
        mean += table[code.numpy()]
    return mean / len(group)


def _padded(index: Tensor, context: int) -> Tensor:
    """With ``context`` more rows and columns on every side, taken from the opposite one."""
    if context == 0:
        return index
    rows = torch.cat([index[:, -context:], index, index[:, :context]], 1)
    return torch.cat([rows[:, :, -context:], rows, rows[:, :, :context]], 2)
