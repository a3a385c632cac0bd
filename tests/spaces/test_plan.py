"""The vocabulary: what can be said, survives JSON unchanged; what cannot, is refused where it is said."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graft.spaces.errors import InputError
from graft.spaces.plan import ACTIVATIONS, LOSSES, OPTIMISERS, SCHEDULES, Block, Plan, Recipe, Span

positive = st.floats(1e-6, 1e3)
recipes = st.builds(
    Recipe,
    rate=positive,
    decay=st.floats(0, 2),
    batch=st.integers(1, 500),
    epochs=st.integers(1, 1000),
    activation=st.sampled_from(ACTIVATIONS),
    initial_scale=positive,
    loss=st.sampled_from(LOSSES),
    optimiser=st.sampled_from(OPTIMISERS),
    schedule=st.sampled_from(SCHEDULES),
    warmup=st.integers(0, 100),
)
copied = st.builds(
    Block, source=st.sampled_from(["film-10", "film-12"]), rate=st.just(0.0) | positive, scale=positive,
    pull=st.floats(0, 5),
)  # fmt: skip
plans = st.builds(Plan, recipes, st.lists(copied | st.builds(Block, rate=positive), max_size=8).map(tuple))


def test_spans_of_the_papers_network() -> None:
    spans = Span.every(7)
    assert len(spans) == len(set(spans)) == 28
    assert sum(span.last < 7 for span in spans) == 21
    assert all(1 <= span.first <= span.last <= 7 for span in spans)
    assert spans == sorted(spans)


def test_a_span_counts_both_ends() -> None:
    assert len(Span(2, 5)) == 4 and str(Span(2, 5)) == "(2, 5)" and len(Span(3, 3)) == 1


@pytest.mark.parametrize(
    ("first", "last", "field"), [(0, 3, "first"), (-1, 2, "first"), (4, 3, "last"), (1, 2.5, "last")]
)
def test_spans_that_do_not_exist_are_refused(first: int, last: int, field: str) -> None:
    with pytest.raises(InputError, match=rf"^span\.{field} is .*; allowed: a whole number"):
        Span(first, last)


@settings(max_examples=60)
@given(plans)
def test_a_plan_survives_json(plan: Plan) -> None:
    text = json.dumps(plan.to_dict(), allow_nan=False)
    again = Plan.from_dict(json.loads(text))
    assert again == plan and hash(again) == hash(plan)
    assert json.dumps(again.to_dict()) == text


@settings(max_examples=30)
@given(recipes)
def test_a_recipe_survives_json(recipe: Recipe) -> None:
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


def test_a_missing_key_keeps_its_default() -> None:
    assert Recipe.from_dict({"rate": 0.5}) == Recipe(rate=0.5)
    assert Plan.from_dict({"recipe": {}}) == Plan(Recipe())
    assert Plan.from_dict({"recipe": {}}).direct


@settings(max_examples=40)
@given(plans)
def test_without_source_copies_nothing_and_keeps_recipe_and_rates(plan: Plan) -> None:
    alone = plan.without_source()
    assert alone.direct and alone.transferred is None and alone.recipe == plan.recipe
    assert [block.rate for block in alone.blocks] == [block.rate if block.rate > 0 else 1 for block in plan.blocks]


@pytest.mark.parametrize("span", Span.every(7), ids=str)
def test_a_plan_tells_the_span_that_it_copies(span: Span) -> None:
    plan = Plan.span(Recipe(), 7, "film-10", span, copied_rate=0.0, fresh_rate=2.0, scale=1.1, pull=0.3)
    assert plan.transferred == span and not plan.direct and len(plan.blocks) == 7
    for number, block in enumerate(plan.blocks, 1):
        inside = span.first <= number <= span.last
        assert block == (Block("film-10", 0.0, 1.1, 0.3) if inside else Block(rate=2.0))


def test_a_span_outside_the_network_is_refused() -> None:
    with pytest.raises(InputError, match=r"^span \(2, 8\) lies outside the network; allowed: blocks 1 to 7$"):
        Plan.span(Recipe(), 7, "film-10", Span(2, 8))


def test_copied_blocks_with_a_gap_are_no_span() -> None:
    plan = Plan(Recipe(), (Block("a"), Block(), Block("a")))
    assert plan.transferred is None and plan.copied == (1, 3) and not plan.direct


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"rate": 0}, "recipe.rate is 0; allowed: a number above 0"),
        ({"rate": float("nan")}, "recipe.rate is nan; allowed: a number above 0"),
        ({"rate": "fast"}, "recipe.rate is 'fast'; allowed: a number above 0"),
        ({"decay": -1}, "recipe.decay is -1; allowed: a number at least 0"),
        ({"batch": 0}, "recipe.batch is 0; allowed: a whole number of at least 1"),
        ({"batch": 2.0}, "recipe.batch is 2.0; allowed: a whole number of at least 1"),
        ({"epochs": -4}, "recipe.epochs is -4; allowed: a whole number of at least 1"),
        ({"warmup": -1}, "recipe.warmup is -1; allowed: a whole number of at least 0"),
        ({"initial_scale": 0.0}, "recipe.initial_scale is 0.0; allowed: a number above 0"),
        (
            {"activation": "gelo"},
            "unknown recipe.activation 'gelo' (did you mean 'gelu'?); allowed: gelu, own, relu, silu, tanh",
        ),
        (
            {"loss": "ms"},
            "unknown recipe.loss 'ms' (did you mean 'mse'?); allowed: cross-entropy, huber, l1, mse, relative-l1",
        ),
        (
            {"optimiser": "muom"},
            "unknown recipe.optimiser 'muom' (did you mean 'muon'?); allowed: adam, adamw, muon, sgd",
        ),
        ({"schedule": "cosin"}, "unknown recipe.schedule 'cosin' (did you mean 'cosine'?); allowed: constant, cosine"),
    ],
)
def test_a_recipe_is_refused_in_one_line(values: dict[str, object], expected: str) -> None:
    with pytest.raises(InputError) as refused:
        Recipe.from_dict(values)
    assert str(refused.value) == expected


def test_an_unknown_key_names_the_nearest() -> None:
    expected = r"^unknown key in recipe 'rat' \(did you mean 'rate'\?\); allowed: activation, "
    with pytest.raises(InputError, match=expected):
        Recipe.from_dict({"rat": 1})
    with pytest.raises(InputError, match=r"^unknown key in plan 'block' \(did you mean 'blocks'\?\)"):
        Plan.from_dict({"recipe": {}, "block": []})
    with pytest.raises(InputError, match=r"^unknown key in plan.blocks\[0\] 'sorce' \(did you mean 'source'\?\)"):
        Plan.from_dict({"recipe": {}, "blocks": [{"sorce": "film-10"}]})


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"rate": 0}, "block.rate is 0 on a fresh block; allowed: "),
        ({"scale": 2.0}, "block.scale and block.pull need a source; allowed "),
        ({"pull": 0.1}, "block.scale and block.pull need a source; allowed "),
        ({"source": "a", "scale": 0}, "block.scale is 0; allowed: a number above 0"),
        ({"source": "a", "rate": -1}, "block.rate is -1; allowed: a number at least 0"),
        ({"source": "a", "prior": "fisher"}, "block.prior is 'fisher' with a pull of 0; allowed: 'flat', or a pull"),
        ({"source": "a", "pull": 1, "prior": "fishe"}, "unknown block.prior 'fishe' (did you mean 'fisher'?); allowed"),
        ({"thaw": 0.5}, "block.thaw is 0.5; allowed: 0 on a fresh block and on one that stays frozen"),
        ({"source": "a", "rate": 0, "thaw": 0.5}, "block.thaw is 0.5; allowed: 0 on a fresh block and on one that"),
        ({"source": "a", "thaw": 1.0}, "block.thaw is 1.0; allowed: "),
        ({"source": "a", "pull": float("inf")}, "block.pull is inf; allowed: a number at least 0"),
    ],
)
def test_decisions_without_meaning_are_refused(values: dict[str, object], field: str) -> None:
    with pytest.raises(InputError) as refused:
        Block(**values)  # type: ignore[arg-type]
    assert str(refused.value).startswith(field)


BLOCKS = (
    Block("film-10", 0.0), Block("film-10", 0.3, 0.5, 0.01), Block(), Block("film-12@50x3", 1.0), Block(rate=2.0),
)  # fmt: skip


def test_a_plan_is_one_label_one_row_of_marks_and_one_sentence() -> None:
    plan = Plan(Recipe(), BLOCKS)
    assert plan.label == "blocks 1, 2 and 4" and plan.marks == "❄◐·●·"
    assert Plan.span(Recipe(), 3, "a", Span(1, 2)).label == "span (1, 2)"
    assert Plan(Recipe()).label == "direct" and Plan(Recipe()).marks == ""
    text = (
        "copy layers 1 to 2 and 4 of 5 from the network trained on film-10 and film-12 (50 examples, 3 epochs), "
        "keep layer 1 frozen and train the rest"
    )
    assert plan.describe() == text
    assert plan.describe(rates=True) == text + (
        "; layer 2 at 0.3 times the rate, with weights scaled by 0.5, pulled to the source with strength 0.01; "
        "layer 5 at 2 times the rate"
    )
    assert Plan(Recipe()).describe(rates=True) == "copy nothing"


def test_a_prior_is_told_and_written_only_where_it_is_not_flat() -> None:
    flat, fisher = (Plan(Recipe(), (Block("a", pull=0.1, prior=prior), Block())) for prior in ("flat", "fisher"))
    assert "prior" not in flat.to_dict()["blocks"][0] and fisher.to_dict()["blocks"][0]["prior"] == "fisher"  # type: ignore[index]
    assert Plan.from_dict(flat.to_dict()) == flat and Plan.from_dict(fisher.to_dict()) == fisher != flat
    told = "; layer 1 pulled to the source with strength 0.1"
    assert flat.describe(rates=True).endswith(told)
    assert fisher.describe(rates=True).endswith(f"{told}, each weight by its Fisher information")


def test_copied_blocks_thaw_one_after_the_other_from_the_head_down() -> None:
    plan = Plan.span(Recipe(), 5, "film-10", Span(1, 4))
    assert plan.thawing(0) == plan and "thaw" not in plan.to_dict()["blocks"][0]  # type: ignore[index]
    thawing = plan.thawing(0.4)
    assert [block.thaw for block in thawing.blocks] == pytest.approx([0.4, 0.3, 0.2, 0.1, 0.0])
    assert Plan.from_dict(thawing.to_dict()) == thawing
    assert Plan(Recipe(), BLOCKS).thawing(0.4).blocks[0].thaw == 0  # what is frozen stays so
    assert [block.thaw for block in Plan.span(Recipe(), 1, "a", Span(1, 1)).thawing(0.4).blocks] == [0]
    assert thawing.describe(rates=True).endswith(
        "; layers 1 to 4 unfrozen one after the other, the last after 40% of the steps"
    )
    assert all(block.thaw == 0 for block in thawing.without_source().blocks)
