"""The two spaces, drawn from through Optuna's own fixed trial: no study, no search."""

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from optuna.trial import FixedTrial

from graft.spaces import baseline, blocks, transfer
from graft.spaces.plan import Block, Plan, Prior, Recipe, Span
from graft.spaces.ranges import Ranges
from graft.spaces.sources import Sources

START = Recipe(rate=8e-3, decay=0.25, batch=100, epochs=400, activation="gelu", warmup=7)
RANGES = Ranges()
DRAWN: dict[str, Any] = {
    "rate": 1e-3, "decay": 0.5, "batch": 50, "epochs": 200, "initial_scale": 0.8, "cut_a": 0, "cut_b": 7,
    "mode": "fine-tune", "copied_rate": 0.3, "fresh_rate": 2.0, "copied_scale": 1.2,
}  # fmt: skip


ONE = Sources(("film-10",), (5000,), (30,))
TWO = Sources(("film-10", "film-12"), (5000,), (30,))


def suggest(sources: Sources = ONE, blocks: int = 7, ranges: Ranges = RANGES, **changed: Any) -> Plan:
    return transfer.suggest(FixedTrial(DRAWN | changed), ranges, START, sources, blocks)


def test_cuts_are_sorted_into_every_span_and_none_for_equal_cuts() -> None:
    found = {(a, b): suggest(cut_a=a, cut_b=b).transferred for a, b in product(range(8), repeat=2)}
    for (a, b), span in found.items():
        assert span == (None if a == b else Span(min(a, b) + 1, max(a, b)))
    assert set(found.values()) - {None} == set(Span.every(7))


def test_equal_cuts_are_direct_learning_with_the_drawn_recipe() -> None:
    plan = suggest(cut_a=3, cut_b=3)
    assert plan == Plan(Recipe(1e-3, 0.5, 50, 200, "gelu", 0.8, warmup=7)) and plan.direct


def test_what_is_drawn_arrives_in_the_blocks() -> None:
    plan = suggest(cut_a=5, cut_b=2)
    assert plan.blocks == (Block(rate=2.0),) * 2 + (Block("film-10", 0.3, 1.2),) * 3 + (Block(rate=2.0),) * 2


def test_freezing_is_a_rate_of_zero() -> None:
    plan = suggest(cut_b=4, mode="freeze")
    assert [block.rate for block in plan.blocks] == [0, 0, 0, 0, 2.0, 2.0, 2.0]


def test_of_several_sources_one_is_drawn() -> None:
    plan = suggest(TWO, source="film-12")
    assert {block.source for block in plan.blocks} == {"film-12"}


def test_a_pull_is_drawn_only_where_the_ranges_allow_one() -> None:
    pulling = Ranges(pull=(1e-3, 0.1))
    assert {block.pull for block in suggest(ranges=pulling, pull=0.01, pulled=True).blocks} == {0.01}
    assert suggest(ranges=pulling, pull=0.01, pulled=False) == suggest()
    for guess in transfer.first_guesses(pulling, START, ONE, 7):
        drawn = transfer.suggest(FixedTrial(guess), pulling, START, ONE, 7)
        assert all(block.pull == 0 for block in drawn.blocks)


def test_how_late_the_last_copied_block_is_thawed_is_drawn_only_where_the_ranges_allow_it() -> None:
    thawing = Ranges(thaw=(0.0, 0.5))
    found = suggest(ranges=thawing, cut_a=5, cut_b=2, thaw=0.3).blocks
    assert [block.thaw for block in found] == pytest.approx([0, 0, 0.2, 0.15, 0.1, 0, 0])
    assert suggest(ranges=thawing, cut_a=5, cut_b=2, thaw=0.0) == suggest(cut_a=5, cut_b=2)
    for guess in transfer.first_guesses(thawing, START, ONE, 7):
        assert all(block.thaw == 0 for block in transfer.suggest(FixedTrial(guess), thawing, START, ONE, 7).blocks)


@pytest.mark.parametrize("space", [transfer, blocks])
def test_how_a_pull_is_shared_is_drawn_only_where_there_is_a_choice(space: Any) -> None:
    def drawn(allowed: tuple[Prior, ...], **more: Any) -> list[Block]:
        ranges = Ranges(pull=(1e-3, 0.1), prior=allowed)
        for guess in space.first_guesses(ranges, START, ONE, 3):
            assert ("prior" in guess) == (len(allowed) > 1)
            space.suggest(FixedTrial(guess), ranges, START, ONE, 3)
        layers = {f"block_{i}": word for i, word in enumerate(("full", "frozen", "fresh"), 1)}
        trial = FixedTrial(DRAWN | layers | {"cut_b": 2, "pull": 0.01, "pulled": True} | more)
        return list(space.suggest(trial, ranges, START, ONE, 3).blocks)

    assert [one.prior for one in drawn(("flat",))] == ["flat"] * 3
    assert drawn(("fisher",))[0].prior == drawn(("flat", "fisher"), prior="fisher")[0].prior == "fisher"
    assert drawn(("flat", "fisher"), prior="flat") == drawn(("flat",))
    assert {one.prior for one in drawn(("fisher",), pulled=False)} == {"flat"}


def test_first_plans_try_every_source() -> None:
    guesses = transfer.first_guesses(RANGES, START, TWO, 7)
    drawn = [transfer.suggest(FixedTrial(guess), RANGES, START, TWO, 7) for guess in guesses]
    for name in TWO.names:
        spans = {plan.transferred for plan in drawn if plan.blocks and plan.blocks[0].source == name}
        assert spans >= {Span(1, 7), Span(1, 6), Span(1, 1)}
    assert drawn[0].direct and not any(plan.direct for plan in drawn[1:])


def test_first_plans_of_muon_copy_at_smaller_rates() -> None:
    def rates(start: Recipe) -> list[float]:
        guesses = transfer.first_guesses(RANGES, start, ONE, 7)
        drawn = [transfer.suggest(FixedTrial(guess), RANGES, start, ONE, 7) for guess in guesses]
        return [plan.recipe.rate / start.rate for plan in drawn if plan.transferred == Span(1, 7)]

    start = replace(START, rate=1e-2)
    assert rates(start) == pytest.approx([1 / 4, 1 / 2, 1])
    assert rates(replace(start, optimiser="muon")) == pytest.approx([1 / 10, 1 / 4, 1 / 2])


def test_the_same_parameters_are_drawn_whatever_their_values() -> None:
    names = set()
    for changed in ({"cut_a": 3, "cut_b": 3}, {"mode": "freeze"}, {}):
        trial = FixedTrial(DRAWN | changed)
        transfer.suggest(trial, RANGES, START, ONE, 7)
        names.add(frozenset(trial.params))
    assert names == {frozenset(DRAWN)}


def test_the_baseline_draws_its_activation_too() -> None:
    plan = baseline.suggest(FixedTrial(DRAWN | {"activation": "silu"}), RANGES, START)
    assert plan == Plan(Recipe(1e-3, 0.5, 50, 200, "silu", 0.8, warmup=7))


def inside(guess: dict[str, Any], ranges: Ranges, blocks: int) -> bool:
    spans = {"cut_a": (0, blocks), "cut_b": (0, blocks)}
    for name, value in guess.items():
        if name == "mode":
            good = value in transfer.MODES
        elif name == "activation":
            good = value in ranges.activation
        else:
            low, high = spans[name] if name in spans else getattr(ranges, name)
            good = low <= value <= high
        if not good:
            return False
    return True


@pytest.mark.parametrize("blocks", [2, 3, 7, 11])
@pytest.mark.parametrize(
    ("ranges", "start"),
    [(RANGES, START), (Ranges(epochs=(60, 150), batch=(25, 80)), START), (RANGES, Recipe(rate=5.0, decay=3.0))],
)
def test_first_plans_lie_inside_the_ranges_and_begin_with_the_baseline(
    ranges: Ranges, start: Recipe, blocks: int
) -> None:
    guesses = transfer.first_guesses(ranges, start, ONE, blocks)
    assert all(inside(guess, ranges, blocks) for guess in guesses)
    assert all(one not in guesses[:i] for i, one in enumerate(guesses))
    drawn = [transfer.suggest(FixedTrial(guess), ranges, start, ONE, blocks) for guess in guesses]
    assert drawn[0].direct and not any(plan.direct for plan in drawn[1:])
    assert drawn[0] == Plan(ranges.recipe(FixedTrial(guesses[0]), start))


def test_first_plans_are_distinct() -> None:
    guesses = transfer.first_guesses(RANGES, START, ONE, 7)
    drawn = {transfer.suggest(FixedTrial(guess), RANGES, START, ONE, 7) for guess in guesses}
    assert len(drawn) == len(guesses) >= 8
    assert {plan.transferred for plan in drawn} >= {None, Span(1, 7), Span(1, 6)}


def test_the_first_plan_is_the_baselines_recipe_where_the_ranges_hold_it() -> None:
    guess = transfer.first_guesses(RANGES, START, ONE, 7)[0]
    assert transfer.suggest(FixedTrial(guess), RANGES, START, ONE, 7) == Plan(START)


def test_first_baselines_are_the_start_with_each_activation() -> None:
    guesses = baseline.first_guesses(RANGES, START)
    assert all(inside(guess, RANGES, 7) for guess in guesses)
    drawn = [baseline.suggest(FixedTrial(guess), RANGES, START) for guess in guesses]
    assert [plan.recipe.activation for plan in drawn] == ["relu", "gelu", "silu"]
    assert Plan(START) in drawn and len(set(drawn)) == 3


def test_a_plan_that_trains_nothing_breaks_a_constraint_and_is_not_drawn() -> None:
    frozen = Plan(Recipe(), (Block("film-10", 0.0),) * 7)
    assert transfer.constraints(frozen, 100, 10**6)["something is trained"] > 0
    assert suggest(mode="freeze") == suggest()  # the whole network, which cannot be frozen, is fine-tuned
    for plan in (suggest(mode="freeze"), suggest(cut_b=6, mode="freeze"), suggest(), suggest(cut_b=0, mode="freeze")):
        assert transfer.constraints(plan, 100, 10**6)["something is trained"] <= 0


@pytest.mark.parametrize(("rows", "batch", "epochs", "needed"), [(100, 50, 10, 20), (101, 50, 10, 30), (7, 50, 3, 3)])
def test_steps_are_counted_as_training_takes_them(rows: int, batch: int, epochs: int, needed: int) -> None:
    plan = Plan(Recipe(batch=batch, epochs=epochs))
    assert transfer.constraints(plan, rows, needed)["optimiser steps"] == 0
    assert transfer.constraints(plan, rows, needed - 1)["optimiser steps"] == 1


def test_plans_are_raced_by_whether_they_copy_the_head() -> None:
    assert transfer.family(suggest(cut_a=2, cut_b=2)) is None
    assert {transfer.family(suggest(cut_a=a, cut_b=7)) for a in range(7)} == {"head copied"}
    assert {transfer.family(suggest(cut_a=a, cut_b=6)) for a in range(6)} == {"head fresh"}
