"""The space of decisions block by block, drawn from through Optuna's own fixed trial."""

from itertools import product
from typing import Any

import pytest
from optuna.trial import FixedTrial

from graft.spaces import blocks, transfer
from graft.spaces.plan import Block, Plan, Recipe
from graft.spaces.ranges import Ranges
from graft.spaces.sources import Sources

START = Recipe(rate=8e-3, decay=0.25, batch=100, epochs=400, activation="gelu", warmup=7)
RANGES = Ranges(pull=(1e-3, 0.1))
SOURCES = Sources(("film-10", "nano-8"), (5000,), (30,))
DRAWN: dict[str, Any] = {
    "rate": 1e-3, "decay": 0.5, "batch": 50, "epochs": 200, "initial_scale": 0.8, "copied_rate": 0.3,
    "fresh_rate": 2.0, "copied_scale": 1.2, "pull": 0.01, "pulled": True, "source": "nano-8",
}  # fmt: skip


def suggest(*words: str) -> Plan:
    named = {f"block_{i}": word for i, word in enumerate(words, 1)}
    return blocks.suggest(FixedTrial(DRAWN | named), RANGES, START, SOURCES, len(words))


def test_each_word_is_what_happens_to_its_block() -> None:
    assert suggest("frozen", "fresh", "slow", "full").blocks == (
        Block("nano-8", 0.0, 1.2, 0.0),
        Block(rate=2.0),
        Block("nano-8", 0.3, 1.2, 0.01),
        Block("nano-8", 1.0, 1.2, 0.01),
    )


def test_every_choice_of_decisions_is_a_plan_of_its_own() -> None:
    drawn = {words: suggest(*words) for words in product(blocks.DECISIONS, repeat=3)}
    # All but one: with every block frozen nothing would be trained, so then every block is.
    assert drawn.pop(("frozen",) * 3) == drawn["full", "full", "full"]
    assert len(set(drawn.values())) == len(drawn) == 63
    for words, plan in drawn.items():
        assert plan.copied == tuple(i for i, word in enumerate(words, 1) if word != "fresh")
        assert plan.direct == (set(words) == {"fresh"})


def test_only_fresh_blocks_are_direct_learning_itself() -> None:
    assert suggest("fresh", "fresh").blocks == ()


@pytest.mark.parametrize("number", [2, 3, 7])
def test_first_plans_lie_in_the_space_begin_with_the_baseline_and_reach_every_source(number: int) -> None:
    guesses = blocks.first_guesses(RANGES, START, SOURCES, number)
    drawn = [blocks.suggest(FixedTrial(guess), RANGES, START, SOURCES, number) for guess in guesses]
    assert drawn[0] == Plan(START)
    assert len(set(drawn)) == len(drawn)
    for source in SOURCES.names:
        words = {tuple(block.rate for block in plan.blocks) for plan in drawn if source in str(plan.blocks)}
        assert any(0 in rates and 1 in rates for rates in words), "the first half frozen"
        assert (1.0,) * number in words


def test_both_spaces_give_the_same_plan_for_the_same_span() -> None:
    quiet = {"copied_rate": 1.0, "fresh_rate": 1.0, "pulled": False}
    words = {"block_1": "full", "block_2": "full", "block_3": "fresh"}
    ours = blocks.suggest(FixedTrial(DRAWN | quiet | words), RANGES, START, SOURCES, 3)
    cuts = {"cut_a": 0, "cut_b": 2, "mode": "fine-tune"}
    assert ours == transfer.suggest(FixedTrial(DRAWN | quiet | cuts), RANGES, START, SOURCES, 3)
