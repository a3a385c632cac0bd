"""Rows that belong together: told by a column, or found, because their inputs are repeats of one measurement.

A row that is learned from says much of one that belongs to it (the same sample, the same day), so a group is never
split between what a network learns from and what judges it.

Repeats are found by two conditions on the distance of two rows, the largest difference of any column in standard
deviations of that column: a group's rows are `NEAR` or less apart, and `APART` times nearer to each other than to any
other row. The first is what repeated measurements look like: of samples that were measured four times, with noise of
1 % of their spread, nearly all are found from a handful of columns on. Alone it would tie up any dense table, whose
neighbours are near because they are many. The second, which knows no scale, tells a cluster from a crowd; alone it
would tie up two materials that are far apart. Both hold by chance for one row in ten of a line, one in a hundred of a
plane, and for hardly any with more columns (`tests/benchmarks/repeats_found.py`); rows tied together in vain cost a
little of the number that count. Equal rows belong together however near others are. The largest difference is taken,
not the mean square, because one column that was changed on purpose, among a hundred that were not, makes another
sample.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import linkage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import pdist

Groups = tuple[tuple[int, ...], ...]
"""Rows of each group of more than one, by number."""
NEAR = 0.05
"""Standard deviations of each column within which inputs may be repeats."""
APART = 10.0
"""How many times farther than its own extent a group of repeats is from everything else."""
MOST = 4000
"""Rows up to which all distances are looked at; of longer tables equal inputs are found, to six digits."""
DIGITS = 6


def repeats(inputs: NDArray[np.float64]) -> Groups:
    """Groups of rows (examples, columns) that are equal or repeats of one measurement.

    Returns:
        The rows of each, increasing, in the order of their first rows.
    """
    deviation = inputs.std(0)
    varying = deviation > 1e-12 * np.abs(inputs).max(0)
    scaled = (inputs - inputs.mean(0))[:, varying] / deviation[varying]
    whole = np.round(scaled, DIGITS)
    _, unique, equal = np.unique(whole, axis=0, return_index=True, return_inverse=True)
    equal = equal.reshape(-1)
    if len(unique) > MOST or len(unique) < 3:
        return _listed(equal)
    near = _isolated(scaled[unique])
    return joined(len(inputs), [_listed(equal), *([np.flatnonzero(np.isin(equal, one))] for one in near)])


def _isolated(points: NDArray[np.float64]) -> list[list[int]]:
    """Groups of points (points, columns) that are near each other and far from all others, the largest such ones."""
    distances = pdist(points, "chebyshev")
    tree, count = linkage(distances, "single"), len(points)
    pairs, heights = tree[:, :2].astype(int), tree[:, 2]
    outside = np.zeros(2 * count - 1)  # how far each node is from everything else; the root has nothing outside
    outside[pairs] = heights[:, None]
    found, waiting = list[list[int]](), [2 * count - 2]
    while waiting:
        node = waiting.pop()
        if node < count:
            continue
        limit = min(NEAR, outside[node] / APART)
        if heights[node - count] <= limit:
            rows = _leaves(pairs, node)
            if pdist(points[rows], "chebyshev").max() <= limit:
                found.append(rows)
                continue
        waiting += pairs[node - count].tolist()
    return found


def _leaves(pairs: NDArray[np.int64], node: int) -> list[int]:
    """The points below a node of a tree."""
    found, waiting = list[int](), [node]
    while waiting:
        node = waiting.pop()
        if node > len(pairs):
            waiting += pairs[node - len(pairs) - 1].tolist()
        else:
            found.append(node)
    return found


def labelled(labels: Sequence[object]) -> Groups:
    """The groups that a column of labels (rows,) tells."""
    _, codes = np.unique(np.asarray(labels), return_inverse=True)
    return _listed(codes.reshape(-1))


def joined(rows: int, several: Iterable[Iterable[Sequence[int] | NDArray[np.int64]]]) -> Groups:
    """Groups so large that any two rows that some grouping ties together are in one.

    Args:
        rows: In the table.
        several: Groupings.
    """
    pairs = [(group[0], other) for groups in several for group in groups for other in group[1:]]
    if not pairs:
        return ()
    first, second = np.array(pairs).T
    graph = coo_array((np.ones(len(pairs)), (first, second)), (rows, rows))
    return _listed(connected_components(graph, directed=False)[1])


def numbered(rows: int, groups: Groups) -> NDArray[np.int64]:
    """The group of each row (rows,) by number; a row that is in none has one of its own."""
    found = np.arange(rows)
    for group in groups:
        found[list(group)] = group[0]
    return found


def shuffled(numbers: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Rows in a random order of their groups, each group's rows one after another."""
    _, codes = np.unique(numbers, return_inverse=True)
    codes = codes.reshape(-1)
    return np.argsort(rng.permutation(codes.max() + 1)[codes], kind="stable")


def cut(numbers: NDArray[np.int64], last: int) -> int:
    """How many rows come before the last so many, and before every row that belongs to one of these.

    Args:
        numbers: Group of each row, each group's rows one after another.
        last: Rows that are to be cut off, at least.
    """
    place = max(0, len(numbers) - last)
    while 0 < place < len(numbers) and numbers[place - 1] == numbers[place]:
        place -= 1
    return place


def _listed(codes: NDArray[np.int64]) -> Groups:
    """The rows of each code that more than one row has."""
    order = np.argsort(codes, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)
    return tuple(sorted(tuple(part.tolist()) for part in parts if len(part) > 1))
