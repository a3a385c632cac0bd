"""Small searches, and ways through them that need no training."""

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from graft.search.engine.budget import SearchBudget
from graft.search.engine.journal import storage
from graft.search.engine.outcome import Outcome
from graft.search.engine.sampler import Sampling
from graft.search.engine.search import Search, Space
from graft.search.run.seeds import Role
from graft.spaces import baseline
from graft.spaces.plan import Plan, Recipe
from graft.spaces.ranges import Ranges, widened

START = Recipe(rate=4e-3, decay=0.2, batch=50, epochs=200, activation="gelu")
RANGES = Ranges()
Error = Callable[[Plan, int], float]


def begin(
    folder: Path, trainings: int = 12, seeds: int = 3, phase: str = "baseline", seed: int = 0, **options: Any
) -> Search:
    """A search on the journal of ``folder``: build it again to come back after a kill."""
    budget = SearchBudget(trainings, seeds, until=options.pop("until", math.inf), widen=options.pop("widen", ()))
    role = {"baseline": Role.BASELINE_SAMPLER, "plans": Role.PLANS_SAMPLER}[phase]
    more = {name: options.pop(name) for name in ("on_close", "pruner") if name in options}
    usual = {"suggest": partial(baseline.suggest, start=START), "ranges": RANGES, "widened": widened}
    space = Space(**{"plans": Plan} | usual | options)
    return Search(storage(folder / "optuna.journal"), phase, space, budget, Sampling(seed, role), **more)


def bowl(plan: Plan, index: int) -> float:
    """An error with its lowest value at a rate of 2e-3, and a little noise that each seed repeats."""
    noise = np.random.default_rng([index, plan.recipe.batch]).normal(0, 0.02)
    return float(0.03 * math.exp(abs(math.log(plan.recipe.rate / 2e-3)) + 0.2 * plan.recipe.decay + noise))


def run(search: Search, error: Error = bowl, stop_after: int | None = None) -> int:
    """Carry out trials one after another; ``stop_after`` trainings, as a kill would. Returns the trainings done."""
    done = 0
    while (asked := search.ask()) is not None:
        number, plan = asked
        for index in range(search.budget.seeds):
            if done == stop_after:
                return done
            done += 1
            if search.tell(number, index, outcome(error(plan, index))):
                break
        search.close(number)
    return done


def outcome(error: float) -> Outcome:
    return Outcome(error, 0.5, "" if math.isfinite(error) else f"the error is {error}")


def constant(*errors: float) -> Error:
    return lambda plan, index: errors[index]


def states(search: Search) -> list[str]:
    return [trial.state for trial in search.records()]
