"""The searches of a run: direct learning, plans that start from it, and direct learning gone on with."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from graft.search.engine.budget import SearchBudget, affordable
from graft.search.engine.journal import Journal
from graft.search.engine.sampler import NumberedGP, Sampling
from graft.search.engine.search import OnClose, Search, Space
from graft.search.engine.searched import Direct
from graft.search.kinds.transfer.study import Budget, Study
from graft.search.run.scale import RATIO, Scale
from graft.search.run.seeds import Role
from graft.spaces import baseline, blocks, terms, transfer
from graft.spaces.plan import Plan, Recipe
from graft.spaces.ranges import Ranges, shortened, widened

SPACE: dict[str, Any] = {"span": transfer, "blocks": blocks}
WIDEN = (0.25, 0.5)
"""Shares of a search of direct learning after which a range is widened where the best recipe touches its edge: early,
for of the last quarter nothing is left to draw from."""
FINALISTS = 3
"""Recipes of direct learning that get all seeds."""
PLANS = 4
"""Plans that do: of transfer the baseline's recipe, the best with a copied and with a fresh head, and the next best."""


def direct_budget(budget: Budget, until: float, times: int = 1, scale: Scale = RATIO) -> SearchBudget:
    """What the search of direct learning may spend with ``times`` as many trainings as plans get.

    The larger search is the smaller one gone on with, as often as it takes: milestones of the smaller stay where they
    were, and each further part has its own, so that an optimum at an edge widens its range late in the search too.
    """
    trainings = times * budget.trainings
    widen = tuple((part + share) / times for part in range(times) for share in WIDEN)
    finalists = affordable(FINALISTS, budget.trainings, budget.seeds)
    return SearchBudget(trainings, budget.seeds, finalists, until, widen, scale)


def catching_up(budget: Budget, direct: Direct) -> Budget:
    """The budget of direct learning's whole search; where time cut its first part short, plans got no more than that.

    A search that was not cut short may leave a training or two for which no finalist had a use.

    Args:
        budget: The study's.
        direct: What the first part came to.
    """
    short = direct.spent <= budget.trainings - budget.seeds
    return replace(budget, trainings=max(budget.seeds, direct.spent)) if short else budget


def direct_search(
    journal: Journal,
    phase: str,
    seed: int,
    budget: SearchBudget,
    start: Recipe,
    ranges: Ranges,
    rows: int,
    steps: int,
    on_close: OnClose = lambda trial, seconds: None,
) -> Search[Plan, Ranges]:
    """The search for the best recipe of direct learning on ``rows`` training rows, ``steps`` a training at most."""
    space = Space(
        Plan,
        partial(shortened, space=partial(baseline.suggest, start=start), rows=rows, steps=steps),
        ranges,
        baseline.first_guesses(ranges, start),
        partial(transfer.constraints, rows=rows, steps=steps),
        widened=widened,
    )
    sampling = Sampling(seed, Role.BASELINE_SAMPLER, NumberedGP)
    return Search(journal, phase, space, budget, sampling, on_close=on_close)


def plans_search(
    study: Study,
    journal: Journal,
    until: float,
    on_close: OnClose,
    start: Recipe,
    ranges: Ranges,
    trainings: int,
    favourites: Sequence[transfer.Favourite] = (),
) -> Search[Plan, Ranges]:
    """The search for the best plan of transfer, from the tuned baseline's recipe and with its ranges.

    It gets no more trainings than the baseline search had, also where time cut that short.
    """
    module, rows, steps = SPACE[study.space], study.rows.training, study.budget.steps
    weights, sources, layers = study.terms, study.source_space, study.blocks
    copied = partial(module.suggest, start=start, sources=sources, blocks=layers)
    suggest = partial(terms.suggest, space=copied, weights=weights, sources=sources, blocks=layers)
    guesses = module.first_guesses(ranges, start, sources, layers, favourites)
    seeds = study.budget.seeds
    space = Space(
        Plan,
        partial(shortened, space=suggest, rows=rows, steps=steps),
        ranges,
        terms.first_guesses(guesses, weights, sources, layers),
        partial(transfer.constraints, rows=rows, steps=steps),
        transfer.family,
        reference="direct",
    )
    finalists = affordable(PLANS, trainings, seeds, least=2)
    budget = SearchBudget(trainings, seeds, finalists, until, scale=study.learned.scale)
    sampling = Sampling(study.seed, Role.PLANS_SAMPLER, NumberedGP)
    return Search(journal, "plans", space, budget, sampling, on_close=on_close)
