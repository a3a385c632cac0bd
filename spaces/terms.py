"""The space of loss terms beside what a plan copies: each there or not, of which block, how heavy."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from graft.spaces.plan import Plan, Term
from graft.spaces.ranges import Ranges, Trial
from graft.spaces.sources import Sources

Weights = Mapping[str, tuple[float, float]]
"""Lowest and highest weight of each term by its name."""


def suggest(
    trial: Trial,
    ranges: Ranges,
    space: Callable[[Trial, Ranges], Plan],
    weights: Weights,
    sources: Sources,
    blocks: int,
) -> Plan:
    """Draw a plan of another space, and terms taken from the source that it drew; without ``weights`` the plan alone.

    Args:
        trial: Draws.
        ranges: What ``space`` may choose.
        space: Draws what is copied, and the recipe.
        weights: Of the terms that there may be.
        sources: The source networks.
        blocks: Blocks of the network, head included.
    """
    plan, found = space(trial, ranges), list[Term]()
    for name, ends in weights.items():
        block = trial.suggest_int(f"{name} block", 1, blocks)
        weight = trial.suggest_float(f"{name} weight", *ends, log=True)
        if trial.suggest_categorical(name, (False, True)):
            found.append(Term(name, sources.suggest(trial), block, weight))
    return replace(plan, terms=tuple(found))


def first_guesses(
    guesses: Sequence[dict[str, object]], weights: Weights, sources: Sources, blocks: int
) -> list[dict[str, object]]:
    """Those of the other space without terms; after the first of them, the baseline, that with each term by itself.

    A term is first tried at half of the network and the middle of its weights.
    """
    without: dict[str, object] = dict.fromkeys(weights, False)
    for name, ends in weights.items():
        without |= {f"{name} block": (blocks + 1) // 2, f"{name} weight": math.sqrt(math.prod(ends))}
    first, *others = ({**guess, **without} for guess in guesses)
    alone = [first | sources.guess(network) | {name: True} for name in weights for network in sources.first]
    return [first, *alone, *others]
