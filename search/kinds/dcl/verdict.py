"""The verdict of a DCL run: is the student better than its teacher, is the pipeline better than the paper's recipe.

No claim needs a control for knowledge: a teacher is the very network that its student learned from, and the paper's
recipe sees the same states with the same compute. So what is beaten is told, and nothing else could explain it.
"""

from collections.abc import Mapping

from graft.search.proof.claims import Claim, Errors, Finding, Rival, summary, tested
from graft.search.proof.confirmation import Arms, Course, Settled, one_by_one, replayed
from graft.search.proof.looks import Looks
from graft.search.run.certificate import Comparison
from graft.search.run.results import Equal

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


def course(fixed: Equal) -> Course[str, Mapping[str, Settled]]:
    """How the confirmation goes on: a claim's arms end as soon as it is decided."""
    beside = {"pipeline-paper": ("paper_teacher",)}
    names = [claim for claim, both in CLAIMS.items() if fixed.symmetrised or "symmetrised" not in both[0]]

    def arms(name: str, controlled: bool) -> tuple[str, ...]:
        return (*CLAIMS[name], *beside.get(name, ()))

    def claim(name: str, errors: Arms) -> Claim:
        return _claim(name, errors, fixed.margin)

    return one_by_one(Looks(fixed.looks, fixed.more, fixed.alpha), names, arms, claim, family=1)


def comparisons(fixed: Equal) -> list[Comparison]:
    """The certificate's ``comparisons``, one for each claim.

    Args:
        fixed: With the RMSE by arm of `ARMS`, seed by seed; None where a training diverged.

    Raises:
        RivalDiverged: If an arm to be beaten has a seed without a finite error, and its candidate has none.
        ValueError: If the protocol asks for other seeds or arms than were measured.
    """
    arms = fixed.arms
    if fixed.looks:
        settled = replayed(course(fixed), arms)
        return [
            _entry(_claim(name, {arm: arms[arm][: one.seeds] for arm in CLAIMS[name]}, fixed.margin), one.finding)
            for name, one in settled.items()
        ]
    names = [claim for claim, both in CLAIMS.items() if both[0] in arms]  # symmetrised only where there are any
    claims = [_claim(name, arms, fixed.margin) for name in names]
    return [_entry(claim, one) for claim, one in zip(claims, tested(claims, fixed.alpha, 1), strict=True)]


def _claim(name: str, arms: Mapping[str, Errors], margin: float) -> Claim:
    """What has to be shown."""
    missed = f"not proved to be better by more than {100 * margin:g} %"
    arm, ours = CLAIMS[name]
    return Claim(name, arms[ours], {arm: Rival(arms[arm], margin, missed, arm, needed=True)}, ours)


def _entry(claim: Claim, found: Finding) -> Comparison:
    """What the certificate tells of a claim."""
    arm, ours = CLAIMS[claim.task]
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
