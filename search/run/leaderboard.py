"""What the trials of a run say: the order of the plans, and the best of each span."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from graft.spaces.dcl import Watch
from graft.spaces.plan import Plan, Recipe
from graft.spaces.sharing import Sharing

Errors = Sequence[float | None]


def finite(errors: Iterable[float | None]) -> list[float]:
    """The errors that are numbers; JSON records a non-finite one as null."""
    return [float(error) for error in errors if error is not None and math.isfinite(error)]


def geometric_mean(errors: Iterable[float | None]) -> float | None:
    """Geometric mean of the finite errors, or None if there is none above zero."""
    logs = [math.log(error) for error in finite(errors) if error > 0]
    return math.exp(sum(logs) / len(logs)) if logs else None


def change(errors: Errors, reference: Errors) -> float | None:
    """Relative change of ``errors`` against ``reference`` over the seeds that both have (negative is better)."""
    pairs = [(e, r) for e, r in zip(errors, reference, strict=False) if e and r and math.isfinite(e / r)]
    return math.expm1(sum(math.log(e / r) for e, r in pairs) / len(pairs)) if pairs else None


def read_plan(values: Mapping[str, Any] | None) -> Plan | Sharing | Watch | None:
    """Read the plan of a trial, whatever kind of study it is of; None where the trial came to none."""
    if not values:
        return None
    kind: type[Plan | Sharing | Watch] = Sharing if "groups" in values else Watch if "student" in values else Plan
    return kind.from_dict(values)


def transfers(trial: Mapping[str, Any]) -> bool:
    """Whether a trial's plan copies anything."""
    plan = read_plan(trial["plan"])
    return isinstance(plan, Plan) and not plan.direct


def phases(result: Mapping[str, Any]) -> list[str]:
    """The searches that a result records."""
    return [name for name, held in result.items() if isinstance(held, Mapping) and "trials" in held]


def trials(result: Mapping[str, Any], phase: str) -> list[dict[str, Any]]:
    """Trials of a phase, ``"baseline"`` or ``"plans"``, in the order of their numbers."""
    found = (result.get(phase) or {}).get("trials") or []
    return sorted(found, key=lambda trial: trial["number"])


def best(result: Mapping[str, Any], phase: str) -> dict[str, Any] | None:
    """The best trial of a phase as the run recorded it."""
    number = (result.get(phase) or {}).get("best")
    return next((trial for trial in trials(result, phase) if trial["number"] == number), None)


def direct_errors(result: Mapping[str, Any]) -> list[float | None]:
    """Validation errors of tuned direct learning: on the plans' own seeds where that was recorded."""
    inside = [t for t in trials(result, "plans") if t["state"] == "complete" and not transfers(t)]
    chosen = min(inside, key=lambda t: t["value"] or math.inf) if inside else best(result, "baseline")
    return list(chosen["errors"]) if chosen else []


def leaderboard(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """All plans of the plan search that have an error, best first; pruned ones follow the complete ones.

    Returns:
        One row a plan: rank, trial, span, blocks (see `Plan.marks`), error, change (against direct learning, negative
        is better), seeds, state, source, copied_rate, scale, pull, and the settings of its recipe.
    """
    reference = direct_errors(result)
    rows = []
    for trial in trials(result, "plans"):
        error = geometric_mean(trial["errors"])
        if error is None or trial["state"] == "failed":
            continue
        found = read_plan(trial["plan"])
        plan = found if isinstance(found, Plan) else Plan(Recipe())
        span = plan.transferred
        block = plan.blocks[plan.copied[0] - 1] if plan.copied else None
        rows.append(
            {"trial": trial["number"], "span": span and (span.first, span.last), "blocks": plan.marks, "error": error}
            | {"change": change(trial["errors"], reference), "seeds": len(finite(trial["errors"]))}
            | {"state": trial["state"], "source": block and block.source, "copied_rate": block and block.rate}
            | {"scale": block and block.scale, "pull": block and block.pull}
            | trial["plan"].get("recipe", {})
        )
    rows.sort(key=lambda row: (row["state"] != "complete", row["error"], row["trial"]))
    return [{"rank": rank} | row for rank, row in enumerate(rows, 1)]


def best_by_span(result: Mapping[str, Any], source: str | None = None) -> dict[tuple[int, int], dict[str, Any]]:
    """Best row of `leaderboard` for each span tried, with the number of trials that tried it.

    Args:
        result: result.json.
        source: Count only spans of this base network.
    """
    found: dict[tuple[int, int], dict[str, Any]] = {}
    for row in leaderboard(result):
        if row["span"] and source in (None, row["source"]):
            found.setdefault(row["span"], row | {"trials": 0})["trials"] += 1
    return found
