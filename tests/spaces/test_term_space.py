"""Loss terms of a plan, and the space from which they are drawn."""

from functools import partial
from typing import Any

import pytest
from optuna.trial import FixedTrial

from graft.spaces import blocks, terms, transfer
from graft.spaces.errors import InputError
from graft.spaces.plan import Plan, Recipe, Span, Term
from graft.spaces.ranges import Ranges
from graft.spaces.sources import Sources

START = Recipe(rate=8e-3, batch=100, epochs=400, activation="gelu")
TWO = Sources(("film-10", "film-12"), (5000,), (30,))
WEIGHTS = {"feature": (0.01, 1.0), "near:Near": (1.0, 100.0)}
TERM = Term("feature", "film-10", 3, 0.2)
ALONE, BOTH = Plan(START, (), (TERM,)), Plan(START, Plan.span(START, 7, "film-10", Span(1, 2)).blocks, (TERM,))


def test_a_plan_with_a_term_alone_is_not_direct_learning() -> None:
    assert not ALONE.direct and ALONE.copied == () and ALONE.sources == ("film-10",)
    for plan in (ALONE, BOTH):
        assert plan.without_source().direct and plan.without_source().terms == ()
        assert Plan.from_dict(plan.to_dict()) == plan
    assert transfer.family(ALONE) == transfer.family(BOTH) == "head fresh" and transfer.family(Plan(START)) is None
    assert set(transfer.constraints(ALONE, 100, 1000).values()) == {0.0, -600.0}


def test_a_plan_without_terms_is_written_as_it_always_was() -> None:
    assert set(Plan(START).to_dict()) == {"recipe", "blocks"}
    old = {"recipe": START.to_dict(), "blocks": [{"source": "film-10", "rate": 1.0, "scale": 1.0, "pull": 0.0}]}
    assert Plan.from_dict(old).terms == () and Plan.from_dict(old).to_dict() == old


def test_terms_are_part_of_what_a_plan_is_called() -> None:
    assert ALONE.label == "feature 3" and BOTH.label == "span (1, 2) + feature 3"
    added = ", adding the loss term feature of layer 3 from the network trained on film-10"
    assert ALONE.describe() == "train the whole network" + added
    copied = "copy layers 1 to 2 of 7 from the network trained on film-10, then fine-tune the whole network"
    assert BOTH.describe(rates=True) == f"{copied}{added}; feature weighs 0.2"


@pytest.mark.parametrize(
    ("values", "refused"), [({"block": 0}, "term.block is 0"), ({"weight": 0}, "term.weight is 0")]
)
def test_a_term_of_no_block_or_of_no_weight_is_refused(values: dict[str, Any], refused: str) -> None:
    with pytest.raises(InputError, match=f"^{refused}; allowed: "):
        Term(**{"name": "feature", "source": "a", "block": 1} | values)


@pytest.mark.parametrize("space", [transfer, blocks])
def test_what_is_drawn_arrives_in_the_terms_and_comes_from_the_plans_own_source(space: Any) -> None:
    ranges = Ranges()
    guesses = terms.first_guesses(space.first_guesses(ranges, START, TWO, 7), WEIGHTS, TWO, 7)
    suggest = partial(space.suggest, start=START, sources=TWO, blocks=7)
    found = [terms.suggest(FixedTrial(guess), ranges, suggest, WEIGHTS, TWO, 7) for guess in guesses]
    assert found[0].direct
    middle = {"feature": Term("feature", "film-10", 4, 0.1), "near:Near": Term("near:Near", "film-10", 4, 10.0)}
    for plan, (name, source) in zip(found[1:5], ((n, s) for n in WEIGHTS for s in TWO.names), strict=True):
        assert plan.copied == () and [(one.name, one.source, one.block) for one in plan.terms] == [(name, source, 4)]
        assert plan.terms[0].weight == pytest.approx(middle[name].weight)
    assert all(not plan.terms and plan.copied for plan in found[5:])
    place = next(i for i, plan in enumerate(found) if plan.blocks and plan.sources == ("film-12",))
    drawn = FixedTrial(guesses[place] | {"feature": True, "feature block": 2})
    both = terms.suggest(drawn, ranges, suggest, WEIGHTS, TWO, 7)
    assert both.blocks == found[place].blocks and [one.source for one in both.terms] == ["film-12"] == list(
        both.sources
    )


@pytest.mark.parametrize("space", [transfer, blocks])
def test_without_terms_nothing_more_is_drawn(space: Any) -> None:
    ranges = Ranges()
    guesses = space.first_guesses(ranges, START, TWO, 7)
    assert terms.first_guesses(guesses, {}, TWO, 7) == guesses
    suggest = partial(space.suggest, start=START, sources=TWO, blocks=7)
    for guess in guesses:
        plain, more = FixedTrial(guess), FixedTrial(guess)
        assert terms.suggest(more, ranges, suggest, {}, TWO, 7) == suggest(plain, ranges)
        assert more.params == plain.params
