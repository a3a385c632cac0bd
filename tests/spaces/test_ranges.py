"""Ranges: what lies at an edge, and what moves when it does."""

import math
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import FixedTrial

from graft.spaces import baseline
from graft.spaces.errors import InputError
from graft.spaces.plan import Prior, Recipe
from graft.spaces.ranges import SETTINGS, Ranges, shortened

RANGES = Ranges(decay=(0.1, 1.0))
MIDDLE = Recipe(rate=math.sqrt(3e-4 * 2e-2), decay=0.55, batch=71, epochs=200, initial_scale=1.0)


def at(place: float, low: float, high: float, name: str) -> float:
    """The value at ``place`` of [0, 1] on the scale that ``name`` is drawn on."""
    if name == "decay":
        return low + place * (high - low)
    value = low * (high / low) ** place
    return min(max(round(value), low), high) if name in ("batch", "epochs") else min(max(value, low), high)


def test_nothing_is_at_an_edge_in_the_middle() -> None:
    assert RANGES.edges(MIDDLE) == []
    assert RANGES.widened(MIDDLE) == RANGES


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("end", [0, 1])
def test_an_end_is_an_edge(name: str, end: int) -> None:
    assert RANGES.edges(replace(MIDDLE, **{name: getattr(RANGES, name)[end]})) == [name]


@pytest.mark.parametrize("name", ["rate", "decay", "initial_scale"])
def test_edges_are_five_percent_wide(name: str) -> None:
    low, high = getattr(RANGES, name)
    found = {
        place: RANGES.edges(replace(MIDDLE, **{name: at(place, low, high, name)})) for place in (0.04, 0.06, 0.94, 0.96)
    }
    assert found == {0.04: [name], 0.06: [], 0.94: [], 0.96: [name]}


def test_below_the_lowest_possible_there_is_no_edge() -> None:
    ranges = Ranges(rate=(1e-7, 1e-2), decay=(0.0, 1.0), batch=(4, 100), epochs=(1, 100), initial_scale=(1e-3, 1.0))
    assert ranges.edges(Recipe(rate=1e-7, decay=0.0, batch=4, epochs=1, initial_scale=1e-3)) == []


def test_a_range_of_one_value_has_no_edge() -> None:
    ranges = Ranges(rate=(1e-3, 1e-3), batch=(50, 50), decay=(0.2, 0.2))
    assert ranges.edges(replace(MIDDLE, rate=1e-3, batch=50, decay=0.2)) == []


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("rate", 2e-2, (3e-4, 4e-2)),
        ("rate", 3e-4, (1.5e-4, 2e-2)),
        ("batch", 200, (25, 400)),
        ("batch", 25, (12, 200)),
        ("initial_scale", 2.0, (0.5, 4.0)),
        ("initial_scale", 0.5, (0.25, 2.0)),
        ("decay", 1.0, (0.1, 2.0)),
        ("decay", 0.1, (0.05, 1.0)),
        ("epochs", 400, (100, 400)),
    ],
)
def test_only_the_edge_that_is_touched_moves_by_a_factor_of_two(
    name: str, value: float, expected: tuple[float, float]
) -> None:
    assert RANGES.widened(replace(MIDDLE, **{name: value})) == replace(RANGES, **{name: expected})


@settings(max_examples=50)
@given(st.fixed_dictionaries({name: st.floats(0, 1) for name in SETTINGS}))
def test_widening_never_narrows_and_ends_up_inside(places: dict[str, float]) -> None:
    ranges = Ranges()
    recipe = replace(MIDDLE, **{name: at(place, *getattr(ranges, name), name) for name, place in places.items()})
    wider = ranges.widened(recipe)
    for name in SETTINGS:
        (low, high), (lower, higher) = getattr(ranges, name), getattr(wider, name)
        assert lower <= low and higher >= high
        moved = (lower, higher) != (low, high)
        assert moved == (name in ranges.edges(recipe) and name != "epochs")
    assert set(wider.edges(recipe)) <= {"epochs"}


@settings(max_examples=40)
@given(
    st.builds(
        Recipe, rate=st.floats(1e-6, 1), decay=st.floats(0, 9), batch=st.integers(1, 999), epochs=st.integers(1, 999)
    )
)
def test_a_guess_is_drawn_back_as_the_nearest_recipe_inside(recipe: Recipe) -> None:
    ranges = Ranges()
    guess = ranges.guess(recipe)
    drawn = ranges.recipe(FixedTrial(guess), recipe)
    for name in SETTINGS:
        low, high = getattr(ranges, name)
        assert getattr(drawn, name) == guess[name] == min(max(getattr(recipe, name), low), high)
    assert (drawn.activation, drawn.loss, drawn.warmup) == (recipe.activation, recipe.loss, recipe.warmup)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"rate": (1e-2, 1e-3)}, "ranges.rate[1] is 0.001; allowed: a number at least 0.01"),
        ({"rate": (0.0, 1e-3)}, "ranges.rate[0] is 0.0; allowed: a number at least 1e-07"),
        ({"decay": (-0.1, 1.0)}, "ranges.decay[0] is -0.1; allowed: a number at least 0"),
        ({"batch": (1, 50)}, "ranges.batch[0] is 1; allowed: a number at least 4"),
        ({"batch": (25.0, 50.0)}, "ranges.batch[0] is 25.0; allowed: a whole number"),
        ({"epochs": (0, 10)}, "ranges.epochs[0] is 0; allowed: a number at least 1"),
        ({"epochs": (10,)}, "ranges.epochs is (10,); allowed: [lowest, highest]"),
        ({"copied_rate": (0.0, 1.0)}, "ranges.copied_rate[0] is 0.0; allowed: a number at least 1e-06"),
        ({"prior": ()}, "ranges.prior is empty; allowed: a list of at least 1, each one of fisher, flat"),
        ({"prior": ("fischer",)}, "unknown ranges.prior[0] 'fischer' (did you mean 'fisher'?); allowed: fisher, flat"),
        ({"prior": ("flat", "flat")}, "ranges.prior is ['flat', 'flat']; allowed: each of 'flat' and 'fisher' once"),
        ({"prior": ("fisher",)}, "ranges.prior is ['fisher'] where ranges.pull is [0, 0]; allowed: ['flat'], or a "),
        (
            {"activation": ()},
            "ranges.activation is empty; allowed: a list of at least 1, each one of gelu, ",
        ),
        ({"activation": ("rely",)}, "unknown ranges.activation[0] 'rely' (did you mean 'relu'?); allowed: gelu, "),
    ],
)
def test_ranges_that_cannot_be_drawn_from_are_refused(values: dict[str, tuple], field: str) -> None:
    with pytest.raises(InputError) as refused:
        Ranges(**values)
    assert str(refused.value).startswith(field)


@given(st.integers(1, 500), st.integers(1, 400), st.integers(1, 200), st.integers(1, 1000))
def test_a_recipe_over_the_limit_of_steps_is_shortened_and_no_other_is_changed(
    epochs: int, rows: int, batch: int, steps: int
) -> None:
    recipe = Recipe(epochs=epochs, batch=batch)
    found = recipe.within(rows, steps)
    assert found == replace(recipe, epochs=found.epochs) and 1 <= found.epochs <= epochs
    assert found.steps(rows) <= steps or found.epochs == 1
    assert found.epochs == epochs or replace(found, epochs=found.epochs + 1).steps(rows) > steps


def test_a_space_draws_what_it_drew_but_shortened() -> None:
    guess = {"rate": 1e-3, "decay": 0.1, "batch": 50, "epochs": 300, "initial_scale": 1.0, "activation": "relu"}
    space = partial(baseline.suggest, start=Recipe())
    plan = shortened(FixedTrial(guess), Ranges(), space, rows=400, steps=800)
    assert plan == replace(space(FixedTrial(guess), Ranges()), recipe=replace(plan.recipe, epochs=100))
    assert plan.recipe.epochs == 100 and plan.recipe.steps(400) == 800


@pytest.mark.parametrize("prior", [("flat",), ("fisher",), ("flat", "fisher")])
def test_priors_are_written_only_where_they_are_not_flat_alone(prior: tuple[Prior, ...]) -> None:
    ranges = Ranges(pull=(0.1, 1.0), prior=prior)
    assert ("prior" in ranges.to_dict()) == ("fisher" in prior) and Ranges.from_dict(ranges.to_dict()) == ranges


@pytest.mark.parametrize("allowed", [(), (True,), (False, True)])
def test_the_search_decides_on_a_linear_part_where_there_is_a_choice(allowed: tuple[bool, ...]) -> None:
    ranges, start = Ranges(activation=("relu", "gelu"), linear=allowed), replace(MIDDLE, linear=True)
    guesses = baseline.first_guesses(ranges, start)
    drawn = [baseline.suggest(FixedTrial(guess), ranges, start).recipe for guess in guesses]
    assert {one.linear for one in drawn} == (set(allowed) or {True})
    assert len(drawn) == len({(one.activation, one.linear) for one in drawn}) == 2 * max(1, len(allowed))
    assert all(("linear" in guess) == (len(allowed) > 1) for guess in guesses)
