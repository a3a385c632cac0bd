"""How much of direct learning's error is its optimiser's? ``python -P tests/benchmarks/optimisers.py``.

The demo's direct learning of film-8 with each optimiser, its rate and decay multiplied by what is told, its epochs too;
new films judge. Recipes are those that AdamW was found by hand to want.
"""

import argparse
import math
import time
from dataclasses import replace

import numpy as np

from graft.models.train import prepare_process, train
from graft.search.run.seeds import Draws, Role, stream
from graft.search.study import resolve
from graft.spaces.plan import Plan

ADAMW = {"optimiser": "adamw", "rate": 8e-3, "decay": 0.25}
TRIED = (
    ("adamw", 1, 1, 1),
    ("adamw", 1, 1, 4),
    ("muon", 1, 1, 1),
    ("muon", 2, 1, 1),
    ("muon", 4, 1, 1),
    ("muon", 2, 0.3, 1),
    ("muon", 2, 0.1, 1),
    ("muon", 2, 3, 1),
    ("muon", 2, 1, 0.5),
)
"""Optimiser, and factors on rate, decay and epochs."""


def main() -> None:
    """Measure, and print a table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--scale", default="demo")
    options.add_argument("--target", default="film-8")
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--test", type=int, default=4000)
    asked = options.parse_args()
    prepare_process()
    study = resolve("film10-film8", asked.scale)
    task, unlocked = study.learned, study.rows.pool - study.rows.locked
    pool = task.sample(asked.target, unlocked, stream(0, Role.POOL))
    test = task.sample(asked.target, asked.test, stream(0, Role.TEST))
    start = replace(study.start, **ADAMW).within(study.rows.training, study.budget.steps)
    print("| optimiser | rate | decay | epochs | error | processor time of a training |")
    print("|---|---|---|---|---|---|")
    for optimiser, rate, decay, longer in TRIED:
        recipe = replace(start, optimiser=optimiser, rate=start.rate * rate, decay=start.decay * decay)
        recipe = replace(recipe, epochs=int(start.epochs * longer))
        errors, before = [], time.process_time()
        for seed in range(asked.seeds):
            draws = Draws.of(0, Role.REGRET, seed)
            learned, _ = draws.rows(unlocked, study.rows.validation)
            training, fitted = task.to_train(Plan(recipe), pool.take(learned), draws, {})
            train(training)
            errors.append(math.log(task.errors(fitted, test).value))
        spent = (time.process_time() - before) / asked.seeds
        told = f"{math.exp(np.mean(errors)):.2%} ± {np.std(errors, ddof=1) / asked.seeds**0.5:.1%} of it"
        print(
            f"| {optimiser} | {recipe.rate:.3g} | {recipe.decay:.3g} | {recipe.epochs} | {told} | {spent:.1f} s |",
            flush=True,
        )


if __name__ == "__main__":
    main()
