"""The three claims of a DCL certificate: what is proved, what is not, and what stops everything."""

import math
from typing import Any

import numpy as np
import pytest

from graft.search.kinds.dcl import verdict
from graft.search.kinds.dcl.confirmation import protocol
from graft.search.kinds.dcl.sentence import sentence
from graft.search.kinds.dcl.verdict import ARMS, CLAIMS, course
from graft.search.proof.claims import RivalDiverged
from graft.search.proof.confirmation import decide
from graft.search.proof.looks import Look, Looks
from graft.search.proof.statistics import holm, log_ratios, paired_p_value
from graft.search.run.certificate import Comparison
from graft.search.run.results import Equal
from graft.search.study import resolve
from graft.spaces.dcl import Watch, linear, paper

STUDY = resolve("dcl-ising")
ONCE = {"plan": linear(), "paper": paper(), "symmetrised": True, "seconds": 1.0, "margin": 0.02, "alpha": 0.05}


def arms(gains: dict[str, float], scatter: float = 0.05, seeds: int = 8) -> dict[str, list[float | None]]:
    """Errors around 0.5 J times ``gains``, seed by seed."""
    drawn = np.random.default_rng(3)
    return {name: list(0.5 * gains.get(name, 1.0) * np.exp(scatter * drawn.normal(size=seeds))) for name in ARMS}


def comparisons(arms: dict[str, list[float | None]]) -> list[Comparison]:
    """As protocol 2 had them: one look, and no third verdict."""
    return verdict.comparisons(Equal.read({**ONCE, "arms": arms}))


def test_each_claim_is_decided_by_its_own_arms() -> None:
    found = comparisons(arms({"student": 0.7, "paper": 10.0}))
    assert [one.decision for one in found] == ["transfer", "direct", "transfer"]
    assert found[0].relative_reduction == pytest.approx(0.3, abs=0.06)
    assert [one.to_dict()["arms"] for one in found] == [{"direct": a, "candidate": c} for a, c in CLAIMS.values()]
    assert found[1].reason == "not proved to be better by more than 2 %"


def test_p_values_are_paired_t_tests_against_the_margin_with_holm() -> None:
    held = arms({"student": 0.97})
    raw = [paired_p_value(log_ratios(held[a], held[c]), math.log(1.02)) for a, c in CLAIMS.values()]  # type: ignore[arg-type]
    assert [one.p_value for one in comparisons(held)] == pytest.approx(holm(raw))


def test_a_student_no_better_than_the_margin_is_not_proved_better() -> None:
    wrong = 0
    for repeat in range(200):
        drawn = np.random.default_rng(repeat)
        held: dict[str, Any] = {name: list(np.exp(0.1 * drawn.normal(size=8))) for name in ARMS}
        held["student"] = [error / 1.02 for error in held["student"]]  # exactly at the margin
        wrong += any(one.decision == "transfer" for one in comparisons(held))
    assert wrong <= 20  # 5 % wanted; 20 of 200 is beyond the 99.9 % quantile of that


def test_without_symmetries_two_claims_are_left() -> None:
    held = {name: errors for name, errors in arms({"student": 0.7}).items() if "symmetrised" not in name}
    found = comparisons(held)
    assert [one.task for one in found] == ["student-teacher", "pipeline-paper"]
    assert "symmetrised" not in sentence(found, STUDY, linear())


def test_a_diverged_student_is_never_better() -> None:
    held = arms({"student": 0.5})
    held["student"][3] = None
    found = comparisons(held)
    assert [one.decision for one in found] == ["direct", "direct", "direct"]
    assert found[0].reason == "student diverged on a confirmation seed" and found[0].mean("candidate") is None


def test_a_pipeline_that_diverged_altogether_is_never_better() -> None:
    held = arms({"student": 0.5})
    for name in ("teacher", "teacher_symmetrised", "student", "student_symmetrised"):
        held[name][3] = None
    found = comparisons(held)
    assert [one.decision for one in found] == ["direct", "direct", "direct"]
    assert all("diverged on a confirmation seed" in one.reason for one in found)


@pytest.mark.parametrize("arm", ["teacher", "teacher_symmetrised", "paper"])
def test_a_diverged_arm_stops_everything(arm: str) -> None:
    held = arms({})
    held[arm][0] = math.inf
    with pytest.raises(RivalDiverged, match=f"{arm} diverged on a confirmation seed"):
        comparisons(held)


def test_the_sentence_says_what_was_proved_and_what_was_not() -> None:
    text = sentence(comparisons(arms({"student": 0.7, "paper": 10.0})), STUDY, Watch("gru", width=48))
    assert "Watched at T = 4 only" in text and "GRU (1 x 48, snake, with linear term), augmented" in text
    assert "better by 2" in text or "better by 3" in text
    assert "not proved to be better by more than 2 %" in text and "gauge: minus the mean" in text


def test_pipelines_in_words() -> None:
    assert linear().describe() == "linear-logistic model (snake), augmented"
    assert paper().describe() == "GRU (1 x 378, spiral, squared error)"
    assert paper().student.describe() == "f = 2, c = 1, 32-64, 0 active rounds"


def looked(gains: dict[str, float], more: bool = False) -> tuple[Equal, list[dict[str, int]]]:
    """A confirmation as a study fixes it, of errors around 0.5 J times ``gains``; and what each look wanted."""
    held, asked = arms(gains, seeds=24), list[dict[str, int]]()
    fixed = protocol(linear(), STUDY)  # type: ignore[arg-type]

    def measured(wanted: Any) -> Any:
        asked.append(dict(wanted))
        return {arm: tuple(held[arm][:seeds]) for arm, seeds in wanted.items()}

    _, found = decide(course(fixed), measured, more)
    return fixed.model_copy(update={"arms": found}), asked


def test_a_claim_ends_as_soon_as_it_is_decided_and_the_others_go_on() -> None:
    fixed, asked = looked({"student": 0.7, "paper": 10.0, "paper_teacher": 10.0})
    assert fixed.looks == (4, 6, 8, 12) and fixed.more == (16, 24)
    assert asked[0]["paper"] == 4 and asked[-1]["paper"] < asked[-1]["teacher_symmetrised"]
    found = {one.task: one for one in verdict.comparisons(fixed)}
    assert list(found) == list(CLAIMS)
    assert found["pipeline-paper"].decision == "transfer"
    assert len(found["pipeline-paper"].measured["candidate"].per_seed) == asked[-1]["paper"]
    assert len(fixed.arms["teacher_symmetrised"]) == fixed.longest == 12
    assert len(fixed.arms["paper_teacher"]) == asked[-1]["paper"]


def test_what_is_neither_proved_nor_refuted_is_undecided_and_can_go_on() -> None:
    fixed, _ = looked({"student": 0.7, "student_symmetrised": 0.975, "paper": 10.0})
    open_ = verdict.comparisons(fixed)[1]
    assert (open_.decision, fixed.longest) == ("undecided", 12)
    assert "undecided, not proved to be better by more than 2 %" in sentence(
        verdict.comparisons(fixed), STUDY, linear()
    )
    further, _ = looked({"student": 0.7, "student_symmetrised": 0.975, "paper": 10.0}, more=True)
    assert further.longest in (16, 24)
    assert verdict.comparisons(further)[0].to_dict() == verdict.comparisons(fixed)[0].to_dict()


def test_a_confirmation_that_ended_too_early_or_went_on_too_long_is_found() -> None:
    fixed, _ = looked({"student": 0.7, "student_symmetrised": 0.975, "paper": 10.0})
    short = {arm: errors[:8] for arm, errors in fixed.arms.items()}
    with pytest.raises(ValueError, match="ended before its protocol allows"):
        verdict.comparisons(fixed.model_copy(update={"arms": short}))
    long = dict(fixed.arms) | {"paper": (*fixed.arms["paper"], 0.5)}
    with pytest.raises(ValueError, match="more was measured than the protocol allows"):
        verdict.comparisons(fixed.model_copy(update={"arms": long}))


def test_p_values_of_a_look_allow_for_all_looks_and_claims() -> None:
    fixed, asked = looked({"student": 0.7, "student_symmetrised": 0.7, "paper": 10.0})
    assert len(asked) == 1  # all three are proved at the first look
    raw = [paired_p_value(log_ratios(fixed.arms[a], fixed.arms[c]), math.log(1.02)) for a, c in CLAIMS.values()]  # type: ignore[arg-type]
    look = Look(Looks(fixed.looks, fixed.more, fixed.alpha), 4)
    assert [one.p_value for one in verdict.comparisons(fixed)] == pytest.approx(look.adjusted(raw))
    assert all(p >= r for p, r in zip(look.adjusted(raw), raw, strict=True))
