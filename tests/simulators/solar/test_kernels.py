"""The compiled loops against slow and literal versions of them."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from graft.simulators.solar.kernels import drawn_out, nearest_two


@pytest.mark.parametrize("rows", [2, 3, 4, 5, 6, 7, 8, 30])
def test_the_nearest_two_centres_are_those_of_a_tree(rows: int) -> None:
    rng = np.random.default_rng(rows)
    field = 11.0
    for _ in range(20):
        grid = np.stack(np.meshgrid(np.arange(rows), np.arange(rows), indexing="ij"), -1).reshape(-1, 2) + 0.5
        centres = ((grid + rng.uniform(-0.45, 0.45, grid.shape)) * field / rows) % field
        points = rng.uniform(0, field, (500, 2))
        distance, number = nearest_two(points, centres, rows, field)
        exact, which = cKDTree(centres, boxsize=field).query(points, 2)
        np.testing.assert_allclose(distance, exact, rtol=1e-12)
        np.testing.assert_array_equal(number, which[:, 0])


def literal(noise: np.ndarray, step_x: np.ndarray, step_y: np.ndarray, steps: int) -> np.ndarray:
    """All points at once, step by step."""
    start = np.stack(np.meshgrid(*map(np.arange, noise.shape), indexing="ij")).astype(np.float64)
    total, sides = noise.copy(), np.array(noise.shape)[:, None, None]
    for way in (1.0, -1.0):
        place, x, y = start.copy(), way * step_x, way * step_y
        for _ in range(steps):
            place += np.stack([x, y])
            at = np.rint(place).astype(np.intp) % sides
            new_x, new_y = step_x[at[0], at[1]], step_y[at[0], at[1]]
            on = np.where(new_x * x + new_y * y < 0, -1.0, 1.0)
            x, y = on * new_x, on * new_y
            total += noise[at[0], at[1]]
    return total


@pytest.mark.parametrize("steps", [1, 4, 9])
def test_lines_are_followed_as_step_by_step(steps: int) -> None:
    rng = np.random.default_rng(steps)
    noise, angle = rng.standard_normal((24, 17)), rng.uniform(-np.pi, np.pi, (24, 17))
    found = drawn_out(noise, np.cos(angle), np.sin(angle), steps)
    np.testing.assert_allclose(found, literal(noise, np.cos(angle), np.sin(angle), steps), rtol=1e-12, atol=1e-12)
