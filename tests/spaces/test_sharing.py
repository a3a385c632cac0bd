"""Plans of sharing: what is a plan, what is refused, and what can be drawn."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graft.spaces.errors import InputError
from graft.spaces.plan import Plan, Recipe
from graft.spaces.ranges import Ranges
from graft.spaces.sharing import WEIGHTINGS, Sharing, divisions, first_guesses, middle, suggest, weights

TASKS = ("film-8", "film-10", "film-12", "film-14")
ERRORS = {"film-8": 0.021, "film-10": 0.051, "film-12": 0.1, "film-14": 0.2}
START = Recipe(rate=8e-3, decay=0.25, activation="gelu")


class Drawn:
    """A trial that gives what it was told, and checks that it may."""

    def __init__(self, params: dict[str, Any]) -> None:
        self.params, self.asked = params, []  # type: ignore[var-annotated]

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        self.asked.append(name)
        assert low <= self.params[name] <= high, name
        return self.params[name]

    suggest_int: Any = suggest_float

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        self.asked.append(name)
        assert self.params[name] in choices, name
        return self.params[name]


def drawn(blocks: int = 7, **params: Any) -> Sharing:
    base = Ranges().guess(START) | {"one_hot": False, "align": "left", "weighting": "equal"}
    return suggest(Drawn(base | params), Ranges(), START, ERRORS, blocks)


def test_the_paper_shares_the_first_blocks() -> None:
    plan = drawn(pattern="ends", first=2, last=0)
    assert plan.groups[:2] == ((TASKS,),) * 2 and plan.groups[2:] == (tuple((task,) for task in TASKS),) * 5
    assert not plan.direct and plan.alone == Plan(plan.recipe)
    assert Sharing.ends(START, TASKS, 7, 0).direct
    assert drawn(pattern="ends", first=5, last=6) == drawn(pattern="ends", first=7, last=0)


def test_any_block_may_be_divided_by_itself() -> None:
    names = ["apart", "together", "1 | 3", "2 | 2", "3 | 1"]
    assert list(divisions(TASKS)) == names
    plan = drawn(5, pattern="blocks", **{f"block_{i}": name for i, name in enumerate(names, 1)})
    assert plan.groups[3] == (("film-8", "film-10"), ("film-12", "film-14"))
    assert [len(groups) for groups in plan.groups] == [4, 1, 2, 2, 2]


def test_weights_follow_the_direct_errors() -> None:
    plan = drawn(pattern="ends", first=7, last=0, weighting="fixed", emphasis=1.0)
    assert sum(plan.weights) == pytest.approx(4)
    products = [weight * error for weight, error in zip(plan.weights, ERRORS.values(), strict=True)]
    assert products == pytest.approx([products[0]] * 4)
    assert weights(ERRORS, 0.0) == pytest.approx((1.0,) * 4)
    assert drawn(pattern="ends", first=7, last=0, weighting="uncertainty").weights == ()


def test_every_guess_can_be_drawn_and_shares_something() -> None:
    narrow = Ranges(rate=(1e-3, 4e-3), epochs=(10, 20))
    for ranges in (Ranges(), narrow):
        guesses = first_guesses(ranges, START, 7)
        plans = [suggest(Drawn(guess), ranges, START, ERRORS, 7) for guess in guesses]
        assert len(set(plans)) == len(guesses) > 4 and not any(plan.direct for plan in plans)
    assert all(not suggest(Drawn(g), narrow, START, ERRORS, 2).direct for g in first_guesses(narrow, START, 2))


any_plan = st.builds(
    lambda groups, told, align, how: Sharing(START, TASKS, tuple(groups), told, align, *how),
    st.lists(
        st.sampled_from([*divisions(TASKS).values(), (("film-8", "film-14"), ("film-12",), ("film-10",))]), min_size=1
    ),
    st.booleans(),
    st.sampled_from(["left", "right"]),
    st.sampled_from([("equal", ()), ("uncertainty", ()), ("fixed", (6, 3, 1, 0.5)), ("surgery", (1.0, 1.0, 1.0, 1.0))]),
)


@given(any_plan)
def test_a_plan_survives_json(plan: Sharing) -> None:
    assert Sharing.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan


@given(any_plan, st.sets(st.sampled_from(TASKS), min_size=1))
def test_a_plan_for_fewer_tasks_keeps_who_shares_with_whom(plan: Sharing, kept: set[str]) -> None:
    fewer = plan.only(sorted(kept))
    assert set(fewer.tasks) == kept and len(fewer.groups) == len(plan.groups)
    assert fewer.tasks == tuple(task for task in TASKS if task in kept)
    for before, after in zip(plan.groups, fewer.groups, strict=True):
        assert {tuple(t for t in group if t in kept) for group in before} - {()} == set(after)
    assert (
        dict(zip(fewer.tasks, fewer.weights, strict=False)).items()
        <= dict(zip(plan.tasks, plan.weights, strict=False)).items()
    )


def test_the_order_in_which_groups_are_named_does_not_matter() -> None:
    one = Sharing(START, TASKS, ((("film-14", "film-8"), ("film-12", "film-10")),))
    two = Sharing(START, TASKS, ((("film-10", "film-12"), ("film-8", "film-14")),))
    assert one == two and one.groups == ((("film-8", "film-14"), ("film-10", "film-12")),)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"groups": ((("film-8",),),)}, "sharing.groups of block 1 are .*; allowed: each of film-8, film-10"),
        ({"groups": ((("film-8", "film-10"), ("film-8",)),)}, "sharing.groups of block 1 are "),
        ({"groups": ()}, "sharing.groups is empty; allowed: one partition of the tasks for each block"),
        ({"tasks": ("film-8", "film-8")}, "sharing.tasks is .*; allowed: one task or more, each once"),
        ({"weighting": "pcgrad"}, "unknown sharing.weighting 'pcgrad'; allowed: equal, fixed, surgery, uncertainty"),
        ({"weighting": "fixed"}, "sharing.weights has 0 values; allowed: one for each task"),
        ({"weights": (1.0, 2.0)}, "sharing.weights has 2 values; allowed: .* none otherwise"),
        ({"weighting": "fixed", "weights": (1.0, 0.0)}, "sharing.weights.1. is 0.0; allowed: a number above 0"),
        ({"align": "rigth"}, "unknown sharing.align 'rigth' .did you mean 'right'"),
        ({"one_hot": 1}, "sharing.one_hot is 1; allowed: true or false"),
    ],
)  # fmt: skip
def test_what_is_no_plan_is_refused(change: dict[str, Any], said: str) -> None:
    good = {"recipe": START, "tasks": ("film-8", "film-10"), "groups": ((("film-8", "film-10"),),)}
    with pytest.raises(InputError, match=f"^{said}"):
        Sharing(**good | change)
    assert set(WEIGHTINGS) == {"equal", "fixed", "uncertainty", "surgery"}


def test_only_the_weightings_that_are_allowed_are_drawn_and_guessed() -> None:
    guesses = first_guesses(Ranges(), START, 7, ("equal",))
    assert guesses and all(guess.get("weighting", "equal") == "equal" for guess in guesses)
    assert {guess["weighting"] for guess in first_guesses(Ranges(), START, 7)} == {"equal", "fixed"}
    drawn = Drawn(guesses[0] | {"weighting": "surgery"})
    with pytest.raises(AssertionError):
        suggest(drawn, Ranges(), START, ERRORS, 7, ("equal",))


def test_sharing_sets_out_from_settings_in_use_and_learns_as_long_as_the_longest() -> None:
    recipes = [
        Recipe(rate=5e-3, decay=0.1, batch=110, epochs=600, activation="gelu"),
        Recipe(rate=4e-3, decay=0.3, batch=128, epochs=500, activation="relu"),
        Recipe(rate=8e-3, decay=0.2, batch=100, epochs=800, activation="gelu"),
    ]
    start = middle(recipes)
    assert (start.rate, start.decay) == (5e-3, 0.2)
    assert (start.batch, start.epochs) == (100, 800)  # of one recipe, so within the same limit of steps
    assert start.activation == "gelu"
