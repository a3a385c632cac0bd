"""Independent samples, exact: first row from its marginal, then spin by spin given all that came before.

What a spin must know of the spins before it are the frontier (the last one of each column) and the first row, to which
a torus returns. ``chance[first, site, frontier]`` is computed once, from the last site back to the first; samples are
drawn in order of their first row, because the table of one first row fits the cache.
"""

import numba
import numpy as np
from numpy.typing import NDArray

from graft.simulators.spins.exact.plane import Plane
from graft.simulators.spins.lattice import SpinModel
from graft.spaces.errors import InputError, number, whole

MOST_NUMBERS = 2**25


def iid(model: SpinModel, temperature: float, n: int, rng: np.random.Generator) -> NDArray[np.int8]:
    """Draw ``n`` independent states from the Boltzmann distribution, shape (n, *model.shape).

    Raises:
        InputError: If the temperature is not above 0, ``n`` below 1, or the lattice larger than 8 x 8 with q = 2 (or a
            little more).
    """
    number("temperature", temperature, 0, above=True)
    whole("n", n, 1)
    plane = Plane.of(model)
    firsts = 1 if plane.free else plane.q**plane.columns
    if plane.sites * firsts * plane.q ** (plane.columns + 1) > MOST_NUMBERS:
        raise InputError(
            f"{model.name} is too large to draw independent states exactly; allowed: 8 columns of 8 spins of 2 values, "
            "or as much; else thinned chains by graft.simulators.spins.sampling.sample"
        )
    beta = 1 / temperature
    horizontal, vertical, pairs = beta * plane.horizontal, beta * plane.vertical, plane.interaction
    chance, weight = _table(horizontal, vertical, pairs, firsts, plane.free)
    counts = rng.multinomial(n, weight / weight.sum())
    index = np.empty((n, plane.sites), np.uint8)
    _draw(index, rng.permutation(n), counts, chance, plane.columns, plane.q, plane.free, rng)
    rows = index.reshape(n, plane.rows, plane.columns)
    return model.states((rows.transpose(0, 2, 1) if plane.turned else rows).reshape(n, *model.shape))


@numba.njit(cache=True)
def _table(
    horizontal: NDArray[np.float64], vertical: NDArray[np.float64], pairs: NDArray[np.float64], firsts: int, free: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cumulative chances (first, site, frontier, value) and weights of first rows, or of the one free first row.

    A frontier's digit c, of weight q^c, is the last spin of column c so far.
    """
    rows, columns = horizontal.shape
    q = len(pairs)
    size = q**columns
    rest = np.empty((firsts, size))  # sum over all spins to come
    for first in range(firsts):
        for frontier in range(size):
            exponent = 0.0
            if not free:
                a, b = first, frontier
                for c in range(columns):
                    exponent += vertical[rows - 1, c] * pairs[b % q, a % q]
                    a //= q
                    b //= q
            rest[first, frontier] = exponent
    top = rest.max()
    rest = np.exp(rest - top)
    chance = np.ones((firsts, rows * columns, size, q))
    begin = 0 if free else columns
    before = np.empty_like(rest)
    term = np.empty(q)
    for site in range(rows * columns - 1, begin - 1, -1):
        r, c = site // columns, site % columns
        unit = q**c
        for first in range(firsts):
            for frontier in range(size):
                old = frontier // unit % q
                total = 0.0
                for value in range(q):
                    after = frontier + (value - old) * unit
                    exponent = 0.0
                    if r > 0:
                        exponent += vertical[r - 1, c] * pairs[old, value]
                    if c > 0:
                        exponent += horizontal[r, c - 1] * pairs[after // (unit // q) % q, value]
                    if c == columns - 1 and c > 0:
                        exponent += horizontal[r, c] * pairs[value, after % q]
                    term[value] = np.exp(exponent) * rest[first, after]
                    total += term[value]
                before[first, frontier] = total
                so_far = 0.0
                for value in range(q - 1):
                    so_far += term[value]
                    chance[first, site, frontier, value] = so_far / total if total > 0 else 1.0
        rest[:] = before / before.max()
    weight = np.zeros(firsts)
    for first in range(firsts):
        exponent = 0.0
        if not free:
            for c in range(columns):
                if horizontal[0, c] != 0.0:
                    exponent += horizontal[0, c] * pairs[first // q**c % q, first // q ** ((c + 1) % columns) % q]
        weight[first] = exponent
    top = weight.max()
    for first in range(firsts):
        weight[first] = np.exp(weight[first] - top) * rest[first, first]
    return chance, weight


@numba.njit(cache=True)
def _draw(
    index: NDArray[np.uint8],
    order: NDArray[np.int64],
    counts: NDArray[np.int64],
    chance: NDArray[np.float64],
    columns: int,
    q: int,
    free: bool,
    rng: np.random.Generator,
) -> None:
    """Fill ``index`` (n, sites), sample k of all into row ``order[k]``."""
    sites = index.shape[1]
    begin = 0 if free else columns
    units = q ** np.arange(columns)
    k = 0
    for first in range(len(counts)):
        for _ in range(counts[first]):
            row = index[order[k]]
            k += 1
            frontier = first
            for site in range(begin):
                row[site] = first // units[site] % q
            for site in range(begin, sites):
                unit = units[site % columns]
                u = rng.random()
                value = 0
                while value < q - 1 and u >= chance[first, site, frontier, value]:
                    value += 1
                frontier += (value - frontier // unit % q) * unit
                row[site] = value
