"""The space of transfer block by block: each block of the network is copied or fresh, frozen, slow or at full rate."""

import math
from collections.abc import Sequence

from graft.spaces.plan import Block, Plan, Recipe
from graft.spaces.ranges import Ranges, Trial
from graft.spaces.sources import Sources
from graft.spaces.transfer import Favourite, guessed_recipe, spans

DECISIONS = ("fresh", "frozen", "slow", "full")


def suggest(trial: Trial, ranges: Ranges, start: Recipe, sources: Sources, blocks: int) -> Plan:
    """Draw a plan: one decision for each block, and a recipe around the baseline's.

    Args:
        trial: Draws.
        ranges: The same recipe ranges as the baseline's; ``copied_rate`` is the factor of slow blocks.
        start: The tuned baseline's recipe.
        sources: The source networks; a plan copies from one.
        blocks: Blocks of the network, head included.
    """
    recipe = ranges.recipe(trial, start)
    slow = trial.suggest_float("copied_rate", *ranges.copied_rate, log=True)
    fresh_rate = trial.suggest_float("fresh_rate", *ranges.fresh_rate, log=True)
    scale = trial.suggest_float("copied_scale", *ranges.copied_scale, log=True)
    pull, prior = ranges.pulled(trial)
    thaw = ranges.thawed(trial)
    source = sources.suggest(trial)
    drawn = [trial.suggest_categorical(_name(i), DECISIONS) for i in range(1, blocks + 1)]
    if set(drawn) == {"fresh"}:
        return Plan(recipe)
    if set(drawn) == {"frozen"}:  # then nothing would be trained
        drawn = ["full"] * blocks
    rates = {"frozen": 0.0, "slow": slow, "full": 1.0}
    fresh = Block(rate=fresh_rate)
    # Nothing pulls at a block that does not move.
    held = {word: (pull, prior) if rate else (0.0, "flat") for word, rate in rates.items()}
    copied = {word: Block(source, rate, scale, *held[word]) for word, rate in rates.items()}
    return Plan(recipe, tuple(copied.get(word, fresh) for word in drawn)).thawing(thaw)


def first_guesses(
    ranges: Ranges, start: Recipe, sources: Sources, blocks: int, favourites: Sequence[Favourite] = ()
) -> list[dict[str, object]]:
    """Parameters worth trying before anything is known.

    The baseline; spans at full rate, as in `transfer`; and, of the first span, its first half frozen or slow.
    """
    nothing = {_name(i): "fresh" for i in range(1, blocks + 1)}
    guesses = [guessed_recipe(ranges, start, 1.0, 1.0) | sources.guess(sources.first[0]) | nothing]
    slow = {"copied_rate": math.sqrt(math.prod(ranges.copied_rate))}
    half = [_name(i) for i in range(1, (blocks + 1) // 2 + 1)]
    for place, (network, span, slower, looser) in enumerate(spans(sources, blocks, start, favourites)):
        guess = guessed_recipe(ranges, start, slower, looser, sources.scale(network)) | slow
        guess |= sources.guess(network) | nothing
        guess |= {_name(i): "full" for i in range(span.first, span.last + 1)}
        guesses.append(guess)
        if place < len(sources.first):
            guesses += [guess | dict.fromkeys(half, "frozen"), guess | dict.fromkeys(half, "slow")]
    return [one for i, one in enumerate(guesses) if one not in guesses[:i]]


def _name(block: int) -> str:
    return f"block_{block}"
