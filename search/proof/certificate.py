"""The verdict: `transfer` only if a candidate beats every arm it must beat; otherwise `direct`."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from search.proof.statistics import Paired, Reduction, holm, log_ratios
from search.study import Proof
from spaces.plan import Plan

ARMS = ("direct", "direct_same_recipe", "shuffled")
"""What a candidate must beat: the tuned baseline, direct learning with its own recipe, its shuffled weights."""

DIVERGED = {
    "candidate": "its training",
    "direct_same_recipe": "direct learning with its recipe",
    "shuffled": "its control with shuffled weights",
}

Errors = Sequence[float | None]


class Comparison(Protocol):
    """What measured errors say of an arm and a candidate."""

    def p_value(self, margin: float) -> float:
        """One-sided p-value of the log-ratio of errors being at most ``margin``."""

    def sign_p_value(self, margin: float) -> float:
        """The same by the sign test."""

    def reduction(self, alpha: float, family: int = 1) -> Reduction:
        """Relative reduction of the error."""


Compare = Callable[[str, str, Errors, Errors], Comparison]
"""Compares an arm with a candidate: their names (``direct``, ``0/shuffled``, ``0/candidate``), their errors by seed."""


def paired(arm: str, candidate: str, errors: Errors, ours: Errors) -> Comparison:
    """Fresh mode: seed by seed, for each seed has thousands of examples of its own to be judged by."""
    return Paired(log_ratios(errors, ours))  # type: ignore[arg-type]


class DirectDiverged(RuntimeError):
    """The tuned direct baseline gave no finite error on a confirmation seed: nothing can be certified."""


@dataclass(frozen=True)
class Candidate:
    """A plan fixed before confirmation, and its errors with those of its two controls, all on the same seeds."""

    trial: int
    plan: Plan
    errors: Mapping[str, Errors]


def verdict(
    direct: Errors, candidates: Sequence[Candidate], proof: Proof, task: str, compare: Compare = paired
) -> dict[str, Any]:
    """Compare candidates with direct learning: one entry of the certificate's ``comparisons``.

    Three one-sided paired t-tests for each candidate (against the baseline and the same recipe by a margin, against
    shuffled weights by none); its p-value is the largest of them; Holm over candidates; of several accepted, the one
    with the highest simultaneous lower bound.

    Args:
        direct: Errors of the tuned baseline, seed by seed.
        candidates: At most two.
        proof: Level and margin.
        task: Name of the target.
        compare: How an arm is compared with a candidate.

    Raises:
        DirectDiverged: If any baseline seed has no finite error.
    """
    if not all(_finite(error) for error in direct):
        raise DirectDiverged(f"{task}: the direct baseline diverged on a confirmation seed; its errors: {list(direct)}")
    judged = [
        _judge(i, list(direct), candidate, proof, len(candidates), compare) for i, candidate in enumerate(candidates)
    ]
    for one, adjusted in zip(judged, holm([one["p_value"] for one in judged]), strict=True):
        one["p_value"] = adjusted
        if not one["reason"] and not adjusted <= proof.alpha:
            one["reason"] = _missed(one["p_values"], proof)
        one["decision"] = "direct" if one["reason"] else "transfer"
    accepted = [i for i, one in enumerate(judged) if one["decision"] == "transfer"]
    chosen = max(accepted, key=lambda i: (judged[i]["lower_bound"], -i)) if accepted else None
    shown = chosen if chosen is not None else (0 if judged else None)
    entry: dict[str, Any] | None = judged[shown] if shown is not None else None
    return {
        "task": task,
        "decision": "direct" if chosen is None else "transfer",
        "plan": None if chosen is None else judged[chosen]["plan"],
        "chosen": chosen,
        "direct": _summary(direct),
        **{name: entry["arms"][name] if entry else None for name in (*ARMS[1:], "candidate")},
        "relative_reduction": entry["relative_reduction"] if entry else 0.0,
        "interval": entry["interval"] if entry else None,
        "p_value": entry["p_value"] if entry else 1.0,
        "candidates": judged,
    }


def _judge(
    number: int, direct: list[float | None], candidate: Candidate, proof: Proof, family: int, compare: Compare
) -> dict[str, Any]:
    """One candidate before Holm: its three p-values, the reduction, and why it fails if that is plain already."""
    arms = {"direct": direct, **candidate.errors}
    ours = arms["candidate"]
    diverged = [name for name in ("candidate", *ARMS[1:]) if not all(_finite(error) for error in arms[name])]
    span = candidate.plan.transferred
    entry: dict[str, Any] = {
        "trial": candidate.trial,
        "plan": candidate.plan.to_dict(),
        "span": [span.first, span.last] if span else None,
        "decision": "direct",
        "reason": "",
        "relative_reduction": None,
        "interval": None,
        "lower_bound": -math.inf,
        "p_value": 1.0,
        "p_values": dict.fromkeys(ARMS, 1.0),
        "sign_p_value": 1.0,
        "arms": {name: _summary(arms[name]) for name in (*ARMS[1:], "candidate")},
    }
    if diverged:
        return entry | {"reason": DIVERGED[diverged[0]] + " diverged on a confirmation seed"}
    margins = {"direct": math.log1p(proof.margin), "direct_same_recipe": math.log1p(proof.margin), "shuffled": 0.0}
    found = {
        name: compare(name if name == "direct" else f"{number}/{name}", f"{number}/candidate", arms[name], ours)
        for name in ARMS
    }
    p_values = {name: found[name].p_value(margins[name]) for name in ARMS}
    estimate = found["direct"].reduction(proof.alpha, family)
    return entry | {
        "relative_reduction": estimate.value,
        "interval": list(estimate.interval),
        "lower_bound": estimate.lower,
        "p_value": max(p_values.values()),
        "p_values": p_values,
        "sign_p_value": max(found[name].sign_p_value(margins[name]) for name in ARMS),
    }


def _missed(p_values: Mapping[str, float], proof: Proof) -> str:
    """Which arm was not beaten, in words."""
    words = {
        "direct": f"not proved to beat direct learning by more than {proof.margin:.0%}",
        "direct_same_recipe": f"not proved to beat direct learning with its own recipe by more than {proof.margin:.0%}",
        "shuffled": "not proved to beat its own weights shuffled: a luckier scale of initial weights would do as well",
    }
    return words[max(ARMS, key=lambda name: p_values[name])]


def _summary(errors: Errors) -> dict[str, Any]:
    """Mean (None if any seed diverged) and every seed."""
    known = [error for error in errors if _finite(error)]
    mean = sum(known) / len(known) if known and len(known) == len(errors) else None  # type: ignore[arg-type]
    return {"mean": mean, "per_seed": list(errors)}


def _finite(error: float | None) -> bool:
    return error is not None and math.isfinite(error) and error > 0
