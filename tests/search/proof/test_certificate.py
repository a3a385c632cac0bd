"""The verdict: what it needs to say `transfer`, and how often it says so wrongly."""

import json
import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from graft.search.kinds.transfer.verdict import CONTROLS, Candidate, verdict
from graft.search.proof.claims import RivalDiverged
from graft.search.run.certificate import Comparison
from graft.search.run.folder import strict
from graft.search.settings import Proof
from graft.spaces.plan import Plan, Recipe, Span

PROOF = Proof()
NOISE = 1 + 0.01 * np.sin(np.arange(1, 9) * 7.0)
OTHER = 1 + 0.01 * np.sin(np.arange(1, 9) * 3.0)
SHORT = Plan.span(Recipe(), 7, "film-10", Span(1, 3))
LONG = Plan.span(Recipe(), 7, "film-10", Span(1, 7))


def candidate(
    errors: Sequence[float | None],
    same_recipe: Sequence[float | None],
    shuffled: Sequence[float | None],
    plan: Plan = SHORT,
    trial: int = 3,
) -> Candidate:
    return Candidate(trial, plan, dict(zip((*CONTROLS, "candidate"), (same_recipe, shuffled, errors), strict=True)))


def judge(ours: float, direct: float = 0.05, same: float = 0.05, shuffled: float = 0.05) -> Comparison:
    """The verdict on arms of these mean errors, each with a little noise of its own."""
    arms = same * OTHER[::-1], shuffled * NOISE[::-1]
    return verdict((direct * NOISE).tolist(), [candidate(ours * OTHER, *arms)], PROOF, "film-8")  # type: ignore[arg-type]


def test_beating_all_three_arms_is_transfer() -> None:
    found = judge(0.04)
    assert found.decision == found.candidates[0].decision == "transfer"
    assert found.plan == SHORT and found.chosen == 0 and found.task == "film-8"
    assert found.p_value == max(found.candidates[0].p_values.values()) < 1e-6
    assert found.relative_reduction == pytest.approx(0.2, abs=0.01)
    low, high = found.interval
    assert 0.15 < low < found.relative_reduction < high < 0.25
    assert found.candidates[0].sign_p_value == pytest.approx(2**-8)


@pytest.mark.parametrize(
    ("arms", "reason"),
    [
        ({"direct": 0.04}, "not proved to beat direct learning by more than 2%"),
        ({"same": 0.04}, "not proved to beat direct learning with its own recipe by more than 2%"),
        ({"shuffled": 0.04}, "not proved to beat its own weights shuffled"),
        ({"direct": 0.03, "same": 0.03, "shuffled": 0.03}, "not proved"),
    ],
    ids=["baseline", "same recipe", "shuffled", "all"],
)
def test_one_arm_not_beaten_is_direct(arms: dict[str, float], reason: str) -> None:
    found = judge(0.04, **arms)
    assert found.decision == "direct" and found.plan is None and found.chosen is None
    assert found.candidates[0].reason.startswith(reason)
    assert found.p_value > PROOF.alpha


def test_a_gain_below_the_margin_is_direct_however_sure() -> None:
    tiny = 1 + 1e-6 * np.sin(np.arange(1, 9) * 7.0)
    direct = [0.05] * 8
    one_percent = verdict(direct, [candidate(0.0495 * tiny, direct, direct)], PROOF, "t")  # type: ignore[arg-type]
    three_percent = verdict(direct, [candidate(0.0485 * tiny, direct, direct)], PROOF, "t")  # type: ignore[arg-type]
    assert one_percent.decision == "direct" and three_percent.decision == "transfer"


def test_the_margin_does_not_apply_to_shuffled_weights() -> None:
    tiny = (0.05 * (1 + 1e-6 * np.sin(np.arange(1, 9) * 7.0))).tolist()
    worse, one_percent = [0.06] * 8, [0.0505] * 8
    for direct, same, shuffled, decision in (
        (worse, worse, one_percent, "transfer"),
        (one_percent, worse, worse, "direct"),
        (worse, one_percent, worse, "direct"),
    ):
        assert verdict(direct, [candidate(tiny, same, shuffled)], PROOF, "t").decision == decision


def test_equal_arms_and_ties_are_direct() -> None:
    direct = (0.05 * NOISE).tolist()
    assert verdict(direct, [candidate(direct, direct, direct)], PROOF, "t").decision == "direct"
    half = [error / 2 for error in direct]
    no_variance = verdict(direct, [candidate(half, direct, direct)], PROOF, "t")
    assert no_variance.decision == "direct" and no_variance.p_value == 1.0


def test_no_candidate_is_direct() -> None:
    found = verdict([0.05] * 8, [], PROOF, "t")
    assert found.decision == "direct" and found.candidates == () and found.candidate is None
    assert found.p_value == 1.0 and found.interval is None and found.relative_reduction == 0.0


@pytest.mark.parametrize("bad", [None, math.nan, math.inf, 0.0, -0.01])
@pytest.mark.parametrize("arm", range(3), ids=["candidate", "same recipe", "shuffled"])
def test_one_seed_that_diverged_is_direct(arm: int, bad: float | None) -> None:
    arms: list[list[float | None]] = [(mean * NOISE).tolist() for mean in (0.01, 0.05, 0.05)]
    arms[arm][5] = bad
    found = verdict((0.05 * OTHER).tolist(), [candidate(*arms)], PROOF, "t")
    what = "erred by exactly 0" if bad == 0 else "diverged"  # of 0 there is no ratio
    assert found.decision == "direct" and f"{what} on a confirmation seed" in found.candidates[0].reason
    assert found.candidates[0].arms[("candidate", *CONTROLS)[arm]].mean is None
    assert json.loads(json.dumps(strict(found), allow_nan=False))["decision"] == "direct"


@pytest.mark.parametrize("bad", [0.0, math.nan])
@pytest.mark.parametrize("arms", range(1, 8))
def test_errors_of_zero_and_no_numbers_at_all_are_never_transfer(arms: int, bad: float) -> None:
    # Any of candidate, same recipe and shuffled weights, on every seed: a perfect network is a mistake somewhere.
    told = [[bad] * 8 if arms >> i & 1 else (mean * NOISE).tolist() for i, mean in enumerate((0.01, 0.05, 0.05))]
    found = verdict((0.05 * OTHER).tolist(), [candidate(*told), candidate(*told, LONG, 9)], PROOF, "t")
    assert found.decision == "direct" and found.plan is None and found.p_value == 1.0
    what = "erred by exactly 0" if bad == 0 else "diverged"
    assert all(f"{what} on a confirmation seed" in one.reason for one in found.candidates)


def test_a_p_value_that_is_no_number_is_never_transfer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graft.search.proof.statistics.paired_p_value", lambda ratios, margin: math.nan)
    found = judge(0.04)
    assert found.decision == "direct" and found.candidates[0].reason.startswith("not proved")


@pytest.mark.parametrize("bad", [None, math.nan, math.inf, 0.0, -0.01])
def test_a_direct_seed_that_diverged_is_failure_and_never_dropped(bad: float | None) -> None:
    direct: list[float | None] = [0.05 * x for x in NOISE]
    direct[2] = bad
    with pytest.raises(RivalDiverged, match=r"^film-8: the direct baseline (diverged|erred by exactly 0)"):
        verdict(direct, [candidate([0.01] * 8, [0.05] * 8, [0.05] * 8)], PROOF, "film-8")


def two(first: float, second: float, noise: float = 1.0) -> Comparison:
    """Two candidates of these mean errors against arms at 0.05; ``noise`` multiplies the first one's."""
    direct, wild = (0.05 * NOISE).tolist(), (first * (1 + noise * (OTHER - 1))).tolist()
    return verdict(
        direct,
        [candidate(wild, direct, direct), candidate((second * OTHER).tolist(), direct, direct, LONG, 9)],
        PROOF,
        "t",
    )


def test_of_two_accepted_the_higher_lower_bound_is_chosen() -> None:
    for first, second, chosen in ((0.03, 0.04, 0), (0.04, 0.03, 1)):
        found = two(first, second)
        assert [one.decision for one in found.candidates] == ["transfer", "transfer"]
        assert found.chosen == chosen and found.plan == (SHORT, LONG)[chosen]
        assert found.candidate == found.candidates[chosen].arms["candidate"]
    # A better mean with a much wider interval is not chosen.
    found = two(0.037, 0.038, noise=15)
    assert [one.decision for one in found.candidates] == ["transfer", "transfer"]
    assert found.candidates[0].relative_reduction > found.candidates[1].relative_reduction
    assert found.chosen == 1


def test_equal_candidates_go_to_the_first() -> None:
    assert two(0.04, 0.04).chosen == 0


def test_a_second_candidate_costs_the_first_by_holm() -> None:
    rng = np.random.default_rng(0)
    direct = (0.05 * np.exp(rng.normal(0, 0.04, 8))).tolist()
    arms = [(mean * np.exp(rng.normal(0, 0.04, 8))).tolist() for mean in (0.046, 0.052, 0.052)]
    alone = verdict(direct, [candidate(*arms)], PROOF, "t").candidates[0]
    useless = candidate(direct, direct, direct, LONG)
    both = verdict(direct, [candidate(*arms), useless], PROOF, "t").candidates
    assert both[0].p_value == pytest.approx(2 * alone.p_value) and both[1].p_value == 1.0
    assert both[0].lower_bound < alone.lower_bound


@settings(max_examples=40)
@given(st.lists(st.lists(st.floats(0.01, 0.1), min_size=8, max_size=8), min_size=4, max_size=4))
def test_transfer_means_that_each_arm_is_rejected_by_scipys_test(arms: list[list[float]]) -> None:
    direct, same, shuffled, ours = arms
    found = verdict(direct, [candidate(ours, same, shuffled)], PROOF, "t")
    worst = 0.0
    for arm, margin in ((direct, math.log(1.02)), (same, math.log(1.02)), (shuffled, 0.0)):
        ratios = np.log(arm) - np.log(ours)
        varies = ratios.std(ddof=1) > 1e-12
        worst = max(worst, stats.ttest_1samp(ratios, margin, alternative="greater").pvalue if varies else 1.0)
    assert found.p_value == pytest.approx(worst, rel=1e-6)
    assert found.decision == ("transfer" if worst <= 0.05 else "direct")


def shares(gains: Sequence[float], repeats: int, seed: int) -> float:
    """How often the verdict is `transfer` if candidates have these true gains on the baseline and beat the others."""
    rng = np.random.default_rng(seed)
    transfers = 0
    for _ in range(repeats):
        common = np.exp(rng.normal(0, 0.1, 8))  # seeds are hard or easy for every arm alike
        direct = 0.05 * common * np.exp(rng.normal(0, 0.04, 8))
        ours = [0.05 * (1 - gain) * common * np.exp(rng.normal(0, 0.04, 8)) for gain in gains]
        beaten = 0.08 * common * np.exp(rng.normal(0, 0.02, 8))
        found = verdict(direct.tolist(), [candidate(errors, beaten, beaten) for errors in ours], PROOF, "t")  # type: ignore[arg-type]
        transfers += found.decision == "transfer"
    return transfers / repeats


@pytest.mark.parametrize(("candidates", "repeats"), [(1, 2000), (2, 1000)])
def test_at_a_true_gain_of_just_the_margin_transfer_is_as_rare_as_alpha(candidates: int, repeats: int) -> None:
    # The worst null there is: both controls are beaten by far, and the baseline by exactly what does not count.
    margin = 1 - 1 / 1.02
    highest = stats.binom.ppf(0.999, repeats, PROOF.alpha) / repeats
    assert shares([margin] * candidates, repeats, seed=candidates) <= highest < 0.075


def test_a_true_gain_of_ten_percent_is_found() -> None:
    assert shares([0.10], 300, seed=5) >= 0.8
