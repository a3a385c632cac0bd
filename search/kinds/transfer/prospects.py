"""What a certificate tells a user to decide by, from what the trainings of a confirmation told beside their errors."""

import math
from collections.abc import Mapping, Sequence

from graft.search.proof.prospects import best_of_each, in_units, outperforms
from graft.search.run.certificate import Beside, Comparison, Prospects
from graft.search.run.evidence import Evidence
from graft.search.run.folder import Run
from graft.search.run.results import TransferResult
from graft.search.run.trials import finite


def told(run: Run, arms: Mapping[str, Sequence[float | None]]) -> dict[str, Beside]:
    """What the trainings of direct learning and of the candidates told beside their errors, by arm."""
    held = Evidence(run.path("evidence", "confirmation.jsonl")).done
    found = {}
    for arm in arms:
        if arm != "direct" and not arm.endswith("/candidate"):
            continue
        entries = [held[f"{arm}/{i}"] for i in range(len(arms[arm]))]
        known = all(entry.validation is not None for entry in entries)
        off = all(entry.in_units for entry in entries)
        found[arm] = Beside(
            validation=tuple(entry.validation for entry in entries) if known else (),
            in_units=tuple(entry.in_units for entry in entries) if off else (),
        )
    return found


def prospects(comparison: Comparison, result: TransferResult, units: Sequence[tuple[str, str]]) -> Prospects | None:
    """What follows for the candidate that was chosen, or else for the first; None where either arm diverged."""
    assert result.confirmation is not None
    arm = f"{comparison.chosen or 0}/candidate"
    names = ("direct", arm)
    if not all(name in result.beside for name in names):
        return None
    errors = [result.confirmation.arms[name] for name in names]
    if any(None in each for each in errors):
        return None
    folds, beside = result.confirmation.folds or 1, [result.beside[name] for name in names]
    theirs, ours = (_by_training(finite(each), folds) for each in errors)
    if not (theirs and ours):
        return None
    chosen = [_by_training(finite(one.validation), folds) for one in beside]
    best = best_of_each((chosen[0], theirs), (chosen[1], ours)) if all(chosen) else ()
    off = in_units(units, *(one.in_units for one in beside)) if units and all(one.in_units for one in beside) else ()
    return Prospects(trainings=len(ours), outperforms=outperforms(theirs, ours), best_of=best, in_units=off)


def _by_training(errors: Sequence[float], folds: int) -> list[float]:
    """Errors of trainings from those of fits: where rows are cross-fitted, a whole repeat of all folds is one."""
    return [math.fsum(errors[i : i + folds]) / folds for i in range(0, len(errors) - folds + 1, folds)]
