"""The verdict of a DCL run: is the student better than its teacher, is the pipeline better than the paper's recipe."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from search.proof.statistics import holm, log_ratios, paired_p_value, reduction, sign_p_value
from search.study import Proof

Errors = Sequence[float | None]

CLAIMS = {
    "student-teacher": ("teacher", "student"),
    "student-teacher-symmetrised": ("teacher_symmetrised", "student_symmetrised"),
    "pipeline-paper": ("paper", "student"),
}
"""What is tested: the arm that has to be beaten, and the candidate."""
WORDS = {
    "student-teacher": "the EDNN beats its teacher, both as trained",
    "student-teacher-symmetrised": "the EDNN beats its teacher, both symmetrised",
    "pipeline-paper": "the pipeline beats the paper's recipe, equal compute",
}
ARMS = ("teacher", "teacher_symmetrised", "student", "student_symmetrised", "paper_teacher", "paper")
"""RMSE of each, seed by seed: the sequence model and the student of the searched pipeline, as trained and averaged
over symmetries; those of the paper's recipe, as trained."""


class ArmDiverged(RuntimeError):
    """An arm that the candidate is compared with gave no finite error on a seed: nothing can be certified."""


def comparisons(arms: Mapping[str, Errors], proof: Proof) -> list[dict[str, Any]]:
    """The certificate's ``comparisons``: one-sided paired t-tests of log-ratios against the margin, Holm over claims.

    Args:
        arms: RMSE by arm of `ARMS`, seed by seed; None where a training diverged.
        proof: Level and margin.

    Raises:
        ArmDiverged: If an arm to be beaten has a seed without a finite error.
    """
    judged = [
        _judge(claim, arms[arm], arms[candidate], arm, candidate, proof)
        for claim, (arm, candidate) in CLAIMS.items()
        if arm in arms  # without symmetries there is nothing to symmetrise
    ]
    for one, adjusted in zip(judged, holm([one["p_value"] for one in judged]), strict=True):
        one["p_value"] = adjusted
        if not one["reason"] and not adjusted <= proof.alpha:
            one["reason"] = f"not proved to be better by more than {100 * proof.margin:g} %"
        one["decision"] = "direct" if one["reason"] else "transfer"
    return judged


def _judge(claim: str, arm: Errors, ours: Errors, arm_name: str, name: str, proof: Proof) -> dict[str, Any]:
    """One claim before Holm. Nothing is proved of a candidate that diverges, whatever its arm does."""
    entry: dict[str, Any] = {
        "task": claim,
        "claim": WORDS[claim],
        "decision": "direct",
        "reason": "",
        "plan": None,
        "arms": {"direct": arm_name, "candidate": name},
        "direct": _summary(arm),
        "direct_same_recipe": None,
        "shuffled": None,
        "candidate": _summary(ours),
        "relative_reduction": None,
        "interval": None,
        "p_value": 1.0,
        "sign_p_value": 1.0,
    }
    if not all(map(_finite, ours)):
        return entry | {"reason": f"{name} diverged on a confirmation seed"}
    if not all(map(_finite, arm)):
        raise ArmDiverged(f"{claim}: {arm_name} diverged on a confirmation seed; its errors: {list(arm)}")
    ratios = log_ratios(arm, ours)  # type: ignore[arg-type]
    estimate, margin = reduction(ratios, proof.alpha), math.log1p(proof.margin)
    return entry | {
        "relative_reduction": estimate.value,
        "interval": list(estimate.interval),
        "p_value": paired_p_value(ratios, margin),
        "sign_p_value": sign_p_value(ratios, margin),
    }


def _summary(errors: Errors) -> dict[str, Any]:
    """Mean (None if any seed diverged) and every seed."""
    known = [error for error in errors if error is not None and _finite(error)]
    return {"mean": sum(known) / len(known) if len(known) == len(errors) else None, "per_seed": list(errors)}


def _finite(error: float | None) -> bool:
    return error is not None and math.isfinite(error) and error > 0
