"""The inner loops of solar scenes, compiled: nearest two centres of a jittered grid, and lines followed in a field."""

import math

import numba
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
REACH = 3
"""Cells of the grid on either side in which the nearest two centres lie: the second is at most 2.2 cells away."""


@numba.njit(error_model="numpy", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def nearest_two(points: Floats, centres: Floats, rows: int, field: float) -> tuple[Floats, NDArray[np.int64]]:
    """Find for each point the nearest two centres, one of which lies in each cell of a periodic square grid.

    Args:
        points: (n, 2), within the field.
        centres: (rows * rows, 2), number i * rows + j in cell (i, j).
        rows: Cells along each side.
        field: Length of a side.

    Returns:
        Both distances (n, 2), the smaller first, and the number of the nearest (n,).
    """
    distance = np.empty((len(points), 2))
    number = np.empty(len(points), np.int64)
    size = field / rows
    reach = min(REACH, (rows - 1) // 2)  # a cell comes once
    for n in range(len(points)):
        x, y = points[n]
        first = second = math.inf
        which = -1
        row, column = int(x / size), int(y / size)
        most = reach if rows > 2 * REACH else rows - 1 - reach
        for i in range(row - reach, row + most + 1):
            for j in range(column - reach, column + most + 1):
                k = (i % rows) * rows + j % rows
                dx, dy = abs(x - centres[k, 0]), abs(y - centres[k, 1])
                dx, dy = min(dx, field - dx), min(dy, field - dy)
                square = dx * dx + dy * dy
                if square < first:
                    first, second, which = square, first, k
                elif square < second:
                    second = square
        distance[n, 0], distance[n, 1] = math.sqrt(first), math.sqrt(second)
        number[n] = which
    return distance, number


@numba.njit(error_model="numpy", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def drawn_out(noise: Floats, step_x: Floats, step_y: Floats, steps: int) -> Floats:
    """Add up noise along the line through each point, so many steps either way; a line has two directions.

    Args:
        noise: (rows, columns), periodic.
        step_x: Step along the first axis at each point, pixels.
        step_y: Along the second.
        steps: Either way.

    Returns:
        (rows, columns).
    """
    rows, columns = noise.shape
    total = noise.copy()
    for i in range(rows):
        for j in range(columns):
            for way in (1.0, -1.0):
                px, py = float(i), float(j)
                x, y = way * step_x[i, j], way * step_y[i, j]
                for _ in range(steps):
                    px += x
                    py += y
                    a, b = int(np.rint(px)) % rows, int(np.rint(py)) % columns
                    on = -1.0 if step_x[a, b] * x + step_y[a, b] * y < 0 else 1.0
                    x, y = on * step_x[a, b], on * step_y[a, b]
                    total[i, j] += noise[a, b]
    return total
