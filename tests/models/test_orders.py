"""Orders: every site once, and the paths that their names promise."""

from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graft.models.orders import ORDERS, order
from graft.spaces.errors import InputError

lengths = st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple)


def steps(given: str, shape: tuple[int, ...]) -> list[int]:
    """Lattice distance between successive sites."""
    places = np.stack(np.unravel_index(order(given, shape), shape), 1)
    return np.abs(np.diff(places, axis=0)).sum(1).tolist()


@given(lengths, st.sampled_from(["raster", "snake", "spiral"]))
def test_every_site_is_read_once(shape: tuple[int, ...], name: str) -> None:
    if name != "spiral" or len(shape) < 3:
        assert sorted(order(name, shape)) == list(range(prod(shape)))


@given(lengths)
def test_a_snake_and_a_spiral_go_from_neighbour_to_neighbour(shape: tuple[int, ...]) -> None:
    assert set(steps("snake", shape)) <= {1}
    if len(shape) < 3:
        assert set(steps("spiral", shape)) <= {1}


@pytest.mark.parametrize("side", [1, 2, 4, 8, 16])
def test_hilberts_curve_goes_from_neighbour_to_neighbour_and_stays_in_quarters(side: int) -> None:
    assert set(steps("hilbert", (side, side))) <= {1}
    assert sorted(order("hilbert", (side, side))) == list(range(side * side))
    first = np.array(order("hilbert", (side, side)))[: max(1, side * side // 4)]
    assert max(first // side) < max(1, side // 2) and max(first % side) < max(1, side // 2)


def test_small_ones_by_hand() -> None:
    assert order("raster", (2, 3)) == (0, 1, 2, 3, 4, 5)
    assert order("snake", (2, 3)) == (0, 1, 2, 5, 4, 3)
    assert order("snake", (2, 2, 2)) == (0, 1, 3, 2, 6, 7, 5, 4)
    assert order("spiral", (3, 3)) == (0, 1, 2, 5, 8, 7, 6, 3, 4)
    assert order("spiral", (2, 3)) == (0, 1, 2, 5, 4, 3)
    assert order("hilbert", (2, 2)) == (0, 1, 3, 2)
    assert order((2, 0, 1), (3,)) == (2, 0, 1)


def test_the_longest_bond_of_each_order_on_the_torus() -> None:
    """63, 63 (wraps of columns) and 27: what the reference measured on 8 x 8."""
    longest = {}
    for name in ORDERS:
        at = np.argsort(order(name, (8, 8))).reshape(8, 8)
        longest[name] = max(int(np.abs(at - np.roll(at, 1, axis)).max()) for axis in (0, 1))
    assert longest["snake"] == 63 and longest["raster"] == 56 and longest["spiral"] == 27


@pytest.mark.parametrize(
    ("given", "shape", "says"),
    [
        ("snail", (4, 4), r"unknown order 'snail' \(did you mean 'snake'\?\)"),
        ("hilbert", (6, 6), r"order hilbert of 6 x 6 sites; allowed: a square of side 2, 4, 8"),
        ("hilbert", (8,), r"order hilbert of 8 sites"),
        ("spiral", (2, 2, 2), r"order spiral of 3 dimensions; allowed: 1 or 2"),
        ((0, 0, 1), (3,), r"order of 3 numbers; allowed: each of 0 to 2 once"),
        ("raster", (), r"lattice of 0 dimensions"),
        ("raster", (0, 2), r"length of the lattice is 0"),
    ],
)
def test_what_is_refused(given: str, shape: tuple[int, ...], says: str) -> None:
    with pytest.raises(InputError, match=says):
        order(given, shape)
