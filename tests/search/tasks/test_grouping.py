"""Which rows belong together: equal ones always, repeats of a measurement, and by chance hardly any."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from graft.search.tasks import grouping

RNG = np.random.default_rng(3)
TABLES = st.tuples(st.integers(2, 30), st.integers(1, 5), st.integers(0, 2**32 - 1))


def table(drawn: tuple[int, int, int], copies: int = 0) -> NDArray[np.float64]:
    rows, columns, seed = drawn
    rng = np.random.default_rng(seed)
    found = rng.normal(size=(rows, columns)) * 10.0 ** rng.integers(-3, 4, columns)
    return np.vstack([found, found[rng.integers(0, rows, copies)]])


@settings(deadline=None, max_examples=60)
@given(TABLES, st.integers(0, 10))
def test_equal_rows_are_in_one_group_and_groups_share_no_row(drawn: tuple[int, int, int], copies: int) -> None:
    inputs = table(drawn, copies)
    groups = grouping.repeats(inputs)
    numbers = grouping.numbered(len(inputs), groups)
    for i in range(len(inputs)):
        assert len({*numbers[(inputs == inputs[i]).all(1)]}) == 1
    rows = [row for group in groups for row in group]
    assert len(rows) == len({*rows}) and all(len(group) > 1 and list(group) == sorted(group) for group in groups)


@settings(deadline=None, max_examples=60)
@given(TABLES, st.floats(1e-3, 1e3), st.floats(-10, 10))
def test_units_and_the_order_of_rows_are_no_matter(drawn: tuple[int, int, int], factor: float, offset: float) -> None:
    inputs = table(drawn, 4)
    groups, order = grouping.repeats(inputs), np.random.default_rng(drawn[2]).permutation(len(inputs))
    assert grouping.repeats(factor * (inputs + offset)) == groups or offset != 0  # an offset may cost digits
    again = grouping.repeats(inputs[order])
    assert sorted(tuple(sorted(order[list(group)].tolist())) for group in again) == list(groups)


@pytest.mark.parametrize("columns", [3, 6, 50])
def test_samples_measured_several_times_are_found(columns: int) -> None:
    samples = RNG.random((25, columns))
    noise = 0.004 * samples.std(0) * RNG.normal(size=(100, columns))
    found = grouping.repeats(np.repeat(samples, 4, 0) + noise)
    assert found == tuple(tuple(range(first, first + 4)) for first in range(0, 100, 4))


def test_neither_a_grid_nor_chance_nor_two_materials_make_groups() -> None:
    assert grouping.repeats(np.linspace(0, 1, 500)[:, None]) == ()
    assert grouping.repeats(np.stack(np.meshgrid(*[np.arange(9.0)] * 2), -1).reshape(-1, 2)) == ()
    assert sum(map(len, grouping.repeats(RNG.random((200, 5))))) == 0
    apart = RNG.random((40, 3)) + 9 * (np.arange(40) < 20)[:, None]
    assert grouping.repeats(apart) == ()


def test_a_column_changed_on_purpose_makes_another_sample() -> None:
    twins = np.repeat(RNG.random((20, 60)), 2, 0)
    twins[1::2, 7] += 0.2  # of a spread of 0.3
    assert grouping.repeats(twins) == ()


def test_groups_that_share_a_row_are_one() -> None:
    told = grouping.labelled(["a", "b", "a", "c", "b", "d"])
    assert told == ((0, 2), (1, 4))
    assert grouping.joined(6, [told, [(2, 3)], [[4, 5]]]) == ((0, 2, 3), (1, 4, 5))
    assert grouping.joined(6, [(), ()]) == () and grouping.repeats(np.ones((1, 2))) == ()


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=40), st.integers(0, 40), st.integers(0, 99))
def test_what_is_cut_off_holds_whole_groups(labels: list[int], last: int, seed: int) -> None:
    numbers = grouping.numbered(len(labels), grouping.labelled(labels))
    order = grouping.shuffled(numbers, np.random.default_rng(seed))
    assert sorted(order) == list(range(len(labels)))
    sorted_numbers = numbers[order]
    assert (np.diff(sorted_numbers) != 0).sum() + 1 == len({*numbers})  # each group in one piece
    place = grouping.cut(sorted_numbers, last)
    assert not {*sorted_numbers[:place]} & {*sorted_numbers[place:]} and len(labels) - place >= min(last, len(labels))
