"""The three claims of a DCL certificate: what is proved, what is not, and what stops everything."""

import math
from typing import Any

import numpy as np
import pytest

from graft.search.kinds.dcl.sentence import sentence
from graft.search.kinds.dcl.verdict import ARMS, CLAIMS, comparisons
from graft.search.proof.claims import RivalDiverged
from graft.search.proof.statistics import holm, log_ratios, paired_p_value
from graft.search.settings import Proof
from graft.search.study import resolve
from graft.spaces.dcl import Watch, linear, paper

PROOF = Proof()
STUDY = resolve("dcl-ising")


def arms(gains: dict[str, float], scatter: float = 0.05, seeds: int = 8) -> dict[str, list[float | None]]:
    """Errors around 0.5 J times ``gains``, seed by seed."""
    drawn = np.random.default_rng(3)
    return {name: list(0.5 * gains.get(name, 1.0) * np.exp(scatter * drawn.normal(size=seeds))) for name in ARMS}


def test_each_claim_is_decided_by_its_own_arms() -> None:
    found = comparisons(arms({"student": 0.7, "paper": 10.0}), PROOF)
    assert [one.decision for one in found] == ["transfer", "direct", "transfer"]
    assert found[0].relative_reduction == pytest.approx(0.3, abs=0.06)
    assert [one.to_dict()["arms"] for one in found] == [{"direct": a, "candidate": c} for a, c in CLAIMS.values()]
    assert found[1].reason == "not proved to be better by more than 2 %"


def test_p_values_are_paired_t_tests_against_the_margin_with_holm() -> None:
    held = arms({"student": 0.97})
    raw = [paired_p_value(log_ratios(held[a], held[c]), math.log(1.02)) for a, c in CLAIMS.values()]  # type: ignore[arg-type]
    assert [one.p_value for one in comparisons(held, PROOF)] == pytest.approx(holm(raw))


def test_a_student_no_better_than_the_margin_is_not_proved_better() -> None:
    wrong = 0
    for repeat in range(200):
        drawn = np.random.default_rng(repeat)
        held: dict[str, Any] = {name: list(np.exp(0.1 * drawn.normal(size=8))) for name in ARMS}
        held["student"] = [error / 1.02 for error in held["student"]]  # exactly at the margin
        wrong += any(one.decision == "transfer" for one in comparisons(held, PROOF))
    assert wrong <= 20  # 5 % wanted; 20 of 200 is beyond the 99.9 % quantile of that


def test_without_symmetries_two_claims_are_left() -> None:
    held = {name: errors for name, errors in arms({"student": 0.7}).items() if "symmetrised" not in name}
    found = comparisons(held, PROOF)
    assert [one.task for one in found] == ["student-teacher", "pipeline-paper"]
    assert "symmetrised" not in sentence(found, STUDY, linear())


def test_a_diverged_student_is_never_better() -> None:
    held = arms({"student": 0.5})
    held["student"][3] = None
    found = comparisons(held, PROOF)
    assert [one.decision for one in found] == ["direct", "direct", "direct"]
    assert found[0].reason == "student diverged on a confirmation seed" and found[0].mean("candidate") is None


def test_a_pipeline_that_diverged_altogether_is_never_better() -> None:
    held = arms({"student": 0.5})
    for name in ("teacher", "teacher_symmetrised", "student", "student_symmetrised"):
        held[name][3] = None
    found = comparisons(held, PROOF)
    assert [one.decision for one in found] == ["direct", "direct", "direct"]
    assert all("diverged on a confirmation seed" in one.reason for one in found)


@pytest.mark.parametrize("arm", ["teacher", "teacher_symmetrised", "paper"])
def test_a_diverged_arm_stops_everything(arm: str) -> None:
    held = arms({})
    held[arm][0] = math.inf
    with pytest.raises(RivalDiverged, match=f"{arm} diverged on a confirmation seed"):
        comparisons(held, PROOF)


def test_the_sentence_says_what_was_proved_and_what_was_not() -> None:
    text = sentence(comparisons(arms({"student": 0.7, "paper": 10.0}), PROOF), STUDY, Watch("gru", width=48))
    assert "Watched at T = 4 only" in text and "GRU (1 x 48, snake, with linear term), augmented" in text
    assert "better by 2" in text or "better by 3" in text
    assert "not proved to be better by more than 2 %" in text and "gauge: minus the mean" in text


def test_pipelines_in_words() -> None:
    assert linear().describe() == "linear-logistic model (snake), augmented"
    assert paper().describe() == "GRU (1 x 378, spiral, squared error)"
    assert paper().student.describe() == "f = 2, c = 1, 32-64, 0 active rounds"
