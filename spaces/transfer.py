"""The space of transfer: which span of blocks to copy from which source, and how to train what results."""

from collections.abc import Sequence

from graft.spaces.plan import Optimiser, Plan, Recipe, Span
from graft.spaces.ranges import Ranges, Trial
from graft.spaces.sources import Sources

MODES = ("fine-tune", "freeze")
SLOWER = (2.0, 5.0)
"""By what rate and decay of a plan that copies are divided if nothing better is known."""

Favourite = tuple[str, Span]
"""A source network's name and the span of it that looks worth copying."""


def suggest(trial: Trial, ranges: Ranges, start: Recipe, sources: Sources, blocks: int) -> Plan:
    """Draw a plan: a span or none, fine-tuned or frozen, its scale, and a recipe around the baseline's.

    The span is drawn as two cut points over one fixed range and sorted, because a range that depends on another
    draw loses joint sampling. The cuts 0..blocks lie between blocks; equal cuts mean that nothing is copied.

    Args:
        trial: Draws.
        ranges: The same recipe ranges as the baseline's.
        start: The tuned baseline's recipe: activation and whatever is not searched come from it.
        sources: The source networks.
        blocks: Blocks of the network, head included.
    """
    recipe = ranges.recipe(trial, start)
    cuts = sorted((trial.suggest_int("cut_a", 0, blocks), trial.suggest_int("cut_b", 0, blocks)))
    mode = trial.suggest_categorical("mode", MODES)
    copied_rate = trial.suggest_float("copied_rate", *ranges.copied_rate, log=True)
    fresh_rate = trial.suggest_float("fresh_rate", *ranges.fresh_rate, log=True)
    scale = trial.suggest_float("copied_scale", *ranges.copied_scale, log=True)
    pull, prior = ranges.pulled(trial)
    thaw = ranges.thawed(trial)
    source = sources.suggest(trial)
    if cuts[0] == cuts[1]:
        return Plan(recipe)
    span = Span(cuts[0] + 1, cuts[1])
    plan = Plan.span(
        recipe,
        blocks,
        source,
        span,
        copied_rate=0.0 if mode == "freeze" and len(span) < blocks else copied_rate,  # else nothing would be trained
        fresh_rate=fresh_rate,
        scale=scale,
        pull=pull,
        prior=prior,
    )
    return plan.thawing(thaw)


def first_guesses(
    ranges: Ranges, start: Recipe, sources: Sources, blocks: int, favourites: Sequence[Favourite] = ()
) -> list[dict[str, object]]:
    """Parameters worth trying before anything is known.

    First the baseline itself, the reference that every plan is raced against; then the `patterns`, each from every
    source in turn, and after the first two of them what cheap priors favour.
    """
    guesses = [guessed_recipe(ranges, start, 1.0, 1.0) | sources.guess(sources.first[0])]
    guesses[0] |= {"mode": "fine-tune", "cut_a": 0, "cut_b": 0}
    for network, span, slower, looser in spans(sources, blocks, start, favourites):
        guess = guessed_recipe(ranges, start, slower, looser, sources.scale(network)) | sources.guess(network)
        guesses.append(guess | {"mode": "fine-tune", "cut_a": span.first - 1, "cut_b": span.last})
    return [one for i, one in enumerate(guesses) if one not in guesses[:i]]


def spans(
    sources: Sources, blocks: int, start: Recipe, favourites: Sequence[Favourite]
) -> list[tuple[str, Span, float, float]]:
    """Spans worth trying first: source network, span, and the factors by which rate and decay are divided."""
    found = [
        (network, Span(1, last), slower, looser)
        for last, slower, looser in patterns(blocks, start.optimiser)
        for network in sources.first
    ]
    early = 2 * len(sources.first)
    return found[:early] + [(network, span, *SLOWER) for network, span in favourites] + found[early:]


def patterns(blocks: int, optimiser: Optimiser = "adamw") -> list[tuple[int, float, float]]:
    """First blocks to copy with the factors by which rate and decay are then divided.

    The whole network and all hidden blocks at fractions of the baseline's rate and decay, because copied weights want
    smaller steps; then shorter first spans. A step of Muon is as long however small the gradient has become, so with it
    they want much smaller ones: on the demo's films a tenth of the rate errs by 0.9 %, a quarter by 1.1 %.
    """
    whole, hidden = blocks, blocks - 1
    slower = [(10.0, 5.0), (4.0, 5.0), SLOWER] if optimiser == "muon" else [(4.0, 5.0), SLOWER, (1.0, 1.0)]
    found = [(last, *by) for by in slower for last in (whole, hidden)]
    return found + [(last, *SLOWER) for last in range(1, hidden, 2)]


def guessed_recipe(
    ranges: Ranges, start: Recipe, slower: float, looser: float, scale: float = 1.0
) -> dict[str, object]:
    """Parameters of the baseline's recipe with rate and decay divided, and of factors that change nothing else.

    ``scale`` is the factor on copied weights.
    """
    recipe: dict[str, object] = dict(ranges.guess(start))
    recipe["rate"] = _nearest(start.rate / slower, *ranges.rate)
    recipe["decay"] = _nearest(start.decay / looser, *ranges.decay)
    factors = {"copied_rate": 1.0, "fresh_rate": 1.0, "copied_scale": scale}
    neutral = {key: _nearest(factor, *getattr(ranges, key)) for key, factor in factors.items()}
    pull = {"pull": ranges.pull[0], "pulled": False} if ranges.pull[1] else {}
    prior = {"prior": ranges.prior[0]} if len(ranges.prior) > 1 else {}
    thaw = {"thaw": ranges.thaw[0]} if ranges.thaw[1] else {}
    return {**recipe, **neutral, **pull, **prior, **thaw}


def _nearest(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


def family(plan: Plan) -> str | None:
    """The group in which a plan is raced: spans that copy the head, and those that leave it fresh (the paper's 21).

    Both are candidates of their own right, so the better group must not stop the other. Direct learning is raced
    with everyone: None.
    """
    if plan.direct:
        return None
    return "head copied" if plan.copied and plan.copied[-1] == len(plan.blocks) else "head fresh"


def constraints(plan: Plan, rows: int, steps: int) -> dict[str, float]:
    """What a plan must satisfy to be trained at all: each value at most 0.

    Args:
        plan: The plan.
        rows: Training rows.
        steps: The most optimiser steps a training may take.
    """
    trained = not plan.blocks or any(block.rate > 0 for block in plan.blocks)
    return {"something is trained": 0.0 if trained else 1.0, "optimiser steps": float(plan.recipe.steps(rows) - steps)}
