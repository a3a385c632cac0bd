"""In which order the sites of a lattice are read: permutations of raster numbers."""

from collections.abc import Callable, Sequence
from itertools import product
from math import prod

from graft.spaces.errors import InputError, unknown, whole

Order = tuple[int, ...]


def raster(shape: Sequence[int]) -> Order:
    """Row after row, as text is read."""
    return tuple(range(prod(shape)))


def snake(shape: Sequence[int]) -> Order:
    """Each row backwards after the last one: successive sites are always neighbours, in any number of dimensions."""
    path: list[tuple[int, ...]] = [()]
    for length in reversed(shape):
        path = [(i, *rest) for i in range(length) for rest in (path if i % 2 == 0 else reversed(path))]
    return _numbers(path, shape)


def spiral(shape: Sequence[int]) -> Order:
    """From the top left corner clockwise along the edge, and so inwards. Of a chain it is the raster order.

    Raises:
        InputError: If the lattice has more than two dimensions.
    """
    if len(shape) > 2:
        raise InputError(f"order spiral of {len(shape)} dimensions; allowed: 1 or 2, or raster or snake")
    rows = [[r * shape[-1] + c for c in range(shape[-1])] for r in range(prod(shape[:-1]))]
    path: list[int] = []
    while rows:
        path += rows.pop(0)
        rows = [list(column) for column in zip(*rows, strict=True)][::-1]  # what is left, turned by a quarter
    return tuple(path)


def hilbert(shape: Sequence[int]) -> Order:
    """Hilbert's curve: sites near in the order are near on the lattice.

    Raises:
        InputError: If the lattice is not a square whose side is a power of two.
    """
    side = shape[0]
    if len(shape) != 2 or shape[1] != side or side & (side - 1):
        given = " x ".join(map(str, shape))
        raise InputError(f"order hilbert of {given} sites; allowed: a square of side 2, 4, 8, ..., or snake or spiral")
    curve = [(0, 0)]
    for level in range(side.bit_length() - 1):
        size = 1 << level
        curve = [
            *((c, r) for r, c in curve),
            *((r, c + size) for r, c in curve),
            *((r + size, c + size) for r, c in curve),
            *((2 * size - 1 - c, size - 1 - r) for r, c in curve),
        ]
    return _numbers(curve, shape)


ORDERS: dict[str, Callable[[Sequence[int]], Order]] = {
    "raster": raster,
    "snake": snake,
    "spiral": spiral,
    "hilbert": hilbert,
}


def order(given: str | Sequence[int], shape: Sequence[int]) -> Order:
    """The order of that name, or any permutation of the sites.

    Args:
        given: ``raster``, ``snake``, ``spiral``, ``hilbert``, or the raster numbers of all sites as they are read.
        shape: Lengths of the lattice, 1 to 3 of them.

    Returns:
        Raster numbers: the t-th site that is read is ``order[t]``.

    Raises:
        InputError: If the name is unknown, does not suit the lattice, or the numbers are no permutation.
    """
    if not 1 <= len(shape) <= 3:
        raise InputError(f"lattice of {len(shape)} dimensions; allowed: 1, 2 or 3")
    for length in shape:
        whole("length of the lattice", length, 1)
    if isinstance(given, str):
        if given not in ORDERS:
            raise unknown("order", given, ORDERS)
        return ORDERS[given](shape)
    if sorted(given) != list(range(prod(shape))):
        raise InputError(f"order of {len(given)} numbers; allowed: each of 0 to {prod(shape) - 1} once")
    return tuple(given)


def _numbers(path: Sequence[Sequence[int]], shape: Sequence[int]) -> Order:
    number = {place: i for i, place in enumerate(product(*map(range, shape)))}
    return tuple(number[tuple(place)] for place in path)
