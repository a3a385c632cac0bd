"""What every simulator promises, and how one is found."""

import numpy as np
import pytest
from scenarios import Coins

from graft.simulators.registry import FAMILIES, find
from graft.spaces.errors import InputError


class Stubborn(Coins):
    """A simulator that cannot be constructed."""

    def __init__(self):
        raise RuntimeError("no")


EVERY = [find(f"{family}-{size}") for family, kind in FAMILIES.items() for size in (kind.low, 8, kind.high)]


@pytest.mark.parametrize("simulator", EVERY, ids=lambda simulator: simulator.name)
def test_first_rows_do_not_depend_on_how_many_are_drawn(simulator):
    few, many = (simulator.draw(n, np.random.default_rng(5)) for n in (3, 7))
    other = simulator.draw(3, np.random.default_rng(6))
    for column in simulator.schema.names:
        np.testing.assert_array_equal(few[column], many[column][:3])
        assert (few[column] != other[column]).any()


@pytest.mark.parametrize("simulator", EVERY, ids=lambda simulator: simulator.name)
def test_is_described(simulator):
    assert find(simulator.name).schema == simulator.schema
    assert simulator.inputs > 0 and simulator.outputs > 0
    for field in simulator.schema:
        assert field.metadata[b"unit"] and field.metadata[b"description"]
    if simulator.grid is not None:
        assert simulator.grid.values.shape == (simulator.outputs,)


def test_widths_count_all_numbers_of_a_row():
    assert (Coins().inputs, Coins().outputs) == (1, 6)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda n: {"bias": np.ones((n, 1))}, r"coins returned columns \['bias'\]"),
        (lambda n: {"bias": np.ones((n, 2)), "count": np.zeros((n, 2, 3))}, r"coins.bias has shape \(4, 2\)"),
        (lambda n: {"bias": np.full((n, 1), np.nan), "count": np.zeros((n, 2, 3))}, r"coins.bias\[0, 0\] is nan"),
        (lambda n: {"bias": np.full((n, 1), -1e39), "count": np.zeros((n, 2, 3))}, "must be finite"),
    ],
)
def test_a_simulator_is_held_to_its_schema(answer, message):
    coins = Coins()
    coins.answer = answer
    with pytest.raises(ValueError, match=message):
        coins.draw(4, np.random.default_rng(0))


def test_a_users_own_simulator():
    assert find("scenarios:Coins").name == "coins"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("film-0", "allowed: film-1 to film-50"),
        ("film-51", "allowed: film-1 to film-50"),
        ("nano-21", "allowed: nano-1 to nano-20"),
        ("flim-8", "did you mean 'film-N'"),
        ("film", "allowed: LATTICE@T, film-N"),
        ("film-08", "unknown simulator"),
        ("nowhere:Thing", "cannot be imported"),
        ("json:loads", "not a simulator"),
        ("test_simulator:Nothing", "cannot be imported"),
        ("test_simulator:Stubborn", "cannot be made .RuntimeError: no."),
    ],
)
def test_what_cannot_be_found_is_refused(name, message):
    with pytest.raises(InputError, match=message) as refused:
        find(name)
    assert "\n" not in str(refused.value)
