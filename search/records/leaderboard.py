"""What the trials of a run say: the order of the plans, and the best of each span."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

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


def copied(plan: Mapping[str, Any]) -> list[int]:
    """Blocks with a source, counted from 1."""
    return [i for i, block in enumerate(plan.get("blocks") or (), 1) if block.get("source")]


def span(plan: Mapping[str, Any]) -> tuple[int, int] | None:
    """First and last block copied; None for direct learning, and for blocks that are not one span."""
    blocks = copied(plan)
    whole = bool(blocks) and blocks[-1] - blocks[0] + 1 == len(blocks)
    return (blocks[0], blocks[-1]) if whole else None


def decisions(plan: Mapping[str, Any]) -> str:
    """What happens to each block, from the first to the head: fresh ·, frozen ❄, copied ●, copied but slow ◐."""
    marks = {None: "·", 0: "❄"}
    return "".join(
        marks[None] if not block["source"] else marks.get(block["rate"], "●" if block["rate"] >= 1 else "◐")
        for block in plan.get("blocks") or ()
    )


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
    inside = [t for t in trials(result, "plans") if t["state"] == "complete" and not copied(t["plan"])]
    chosen = min(inside, key=lambda t: t["value"] or math.inf) if inside else best(result, "baseline")
    return list(chosen["errors"]) if chosen else []


def leaderboard(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """All plans of the plan search that have an error, best first; pruned ones follow the complete ones.

    Returns:
        One row a plan: rank, trial, span, blocks (see `decisions`), error, change (against direct learning, negative is
        better), seeds, state, source, copied_rate, scale, pull, and the settings of its recipe.
    """
    reference = direct_errors(result)
    rows = []
    for trial in trials(result, "plans"):
        error = geometric_mean(trial["errors"])
        if error is None or trial["state"] == "failed":
            continue
        blocks = copied(trial["plan"])
        block = trial["plan"]["blocks"][blocks[0] - 1] if blocks else {}
        rows.append(
            {"trial": trial["number"], "span": span(trial["plan"]), "blocks": decisions(trial["plan"]), "error": error}
            | {"change": change(trial["errors"], reference), "seeds": len(finite(trial["errors"]))}
            | {"state": trial["state"], "source": block.get("source"), "copied_rate": block.get("rate")}
            | {"scale": block.get("scale"), "pull": block.get("pull")}
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
