"""Holdout mode: all there is is the pool, so what confirms a plan was locked away before anything else.

Recipes and candidates come from inside the unlocked rows: each seed of a search redraws which of them train and which
validate, that is Monte Carlo cross-validation (Picard and Cook 1984, J. Am. Stat. Assoc. 79, 575). Its splits overlap,
so it ranks plans and proves nothing. Confirmation draws that split anew for each refit, trains every arm on it, with
initial weights and batch order of its own, and scores the locked rows; these are few, so both refits and locked rows
count as samples (`graft.search.proof.crossed`). The claim is about the pool at hand, as it is in fresh mode.
"""

import numpy as np

from graft.search.proof.claims import SEED_BY_SEED, Claim, Compare, Comparison, Errors, Rival
from graft.search.proof.crossed import Crossed, CrossedDifferences
from graft.search.run.folder import Evidence, Run
from graft.search.run.scale import SCALES

CROSSED: dict[str, type[Crossed] | type[CrossedDifferences]] = {"ratio": Crossed, "difference": CrossedDifferences}
"""By refits and locked rows, on every scale."""


def compare(run: Run, mode: str, scale: str = "ratio") -> Compare:
    """How this run's arms are compared: seed by seed in fresh mode, by refits and locked rows in holdout mode."""
    if mode == "fresh":
        return SEED_BY_SEED[scale]

    def crossed(rival: Rival, claim: Claim) -> Comparison:
        held = Evidence(run.path("evidence", "confirmation.jsonl")).done  # by now: it grows from look to look
        return CROSSED[scale].of(_table(held, rival.key, rival.errors), _table(held, claim.key, claim.candidate))

    return Compare(SCALES[scale], crossed)


def _table(held: dict, arm: str, errors: Errors) -> np.ndarray:
    """Errors of an arm (refits, examples).

    Raises:
        ValueError: If their means are not the errors told.
    """
    table = np.array([held[f"{arm}/{refit}"]["by_example"] for refit in range(len(errors))])
    if not np.allclose(table.mean(1), np.array(errors, np.float64), rtol=1e-9):
        raise ValueError(f"the errors of {arm} by example are not those of its refits")
    return table
