"""The verdict of a DCL run: is the student better than its teacher, is the pipeline better than the paper's recipe."""

from collections.abc import Mapping

from graft.search.proof.claims import Claim, Errors, Finding, Rival, summary, tested
from graft.search.run.certificate import Comparison
from graft.search.settings import Proof

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


def comparisons(arms: Mapping[str, Errors], proof: Proof) -> list[Comparison]:
    """The certificate's ``comparisons``, one for each claim.

    Args:
        arms: RMSE by arm of `ARMS`, seed by seed; None where a training diverged.
        proof: Level and margin.

    Raises:
        RivalDiverged: If an arm to be beaten has a seed without a finite error, and its candidate has none.
    """
    missed = f"not proved to be better by more than {100 * proof.margin:g} %"
    names = {claim: both for claim, both in CLAIMS.items() if both[0] in arms}  # symmetrised only where there are any
    claims = [
        Claim(claim, arms[ours], {arm: Rival(arms[arm], proof.margin, missed, arm, needed=True)}, ours)
        for claim, (arm, ours) in names.items()
    ]
    return [
        _entry(claim, *names[claim.task], one)
        for claim, one in zip(claims, tested(claims, proof.alpha, 1), strict=True)
    ]


def _entry(claim: Claim, arm: str, ours: str, found: Finding) -> Comparison:
    """What the certificate tells of a claim."""
    return Comparison.read(
        {
            "task": claim.task,
            "claim": WORDS[claim.task],
            "plan": None,
            "arms": {"direct": arm, "candidate": ours},
            "direct": summary(claim.rivals[arm].errors),
            "direct_same_recipe": None,
            "shuffled": None,
            "candidate": summary(claim.candidate),
            **found.told("decision", "reason", "relative_reduction", "interval", "p_value", "sign_p_value"),
        }
    )
