"""Errors that may be 0, compared by differences: literal versions, levels and coverage where the truth is known."""

import math

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from graft.search.proof import claims
from graft.search.proof.claims import SEED_BY_SEED, Claim, Errors, Finding, Rival, RivalDiverged
from graft.search.proof.crossed import CrossedDifferences
from graft.search.proof.statistics import Differences, ratio_of_means

Array = NDArray[np.float64]
rates = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=3, max_size=12).map(
    lambda pairs: Differences(*np.array(pairs).T / 40)
)


def possible(found: Differences, ratio: float, sides: int, alpha: float) -> bool:
    """Whether a t-test leaves E[candidate] = ratio x E[arm] standing; one-sided: E[candidate] >= ratio x E[arm]."""
    d = found.candidate - ratio * found.arm
    if d.std() < 1e-12:
        return bool(abs(d.mean()) < 1e-12 or (sides == 1 and d.mean() > 0))
    alternative = "two-sided" if sides == 2 else "less"
    return bool(stats.ttest_1samp(d, 0, alternative=alternative).pvalue >= alpha)


@settings(max_examples=150, deadline=None)
@example(Differences(np.array([1, 2, 2]) / 40, np.array([1, 2, 2]) / 40), 0.05)
@given(rates, st.sampled_from([0.05, 0.2]))
def test_fiellers_interval_holds_the_ratios_that_no_t_test_rejects(found: Differences, alpha: float) -> None:
    assume(found.arm.mean() > 0 and max(found.arm.std(), found.candidate.std()) > 1e-9)
    told = found.reduction(alpha)
    low, high = 1 - told.interval[1], 1 - told.interval[0]
    step = 1e-6
    point = high - low < 2 * step  # of errors that are proportional, seed by seed, one ratio remains
    if low > step:  # the end itself is possible, a step beyond is not
        assert point or possible(found, low + step, 2, alpha)
        assert not possible(found, low - step, 2, alpha)
    else:
        assert possible(found, step, 2, alpha) or found.candidate.mean() == 0 or high < 2 * step
    if math.isfinite(high):
        assert point or high < 2 * step or possible(found, high - step, 2, alpha)
        assert not possible(found, high + step, 2, alpha) and not possible(found, high + 50, 2, alpha)
    else:
        assert possible(found, 1e9, 2, alpha)
    upper = 1 - told.lower
    assert possible(found, 1e9, 1, alpha) if math.isinf(upper) else not possible(found, upper + step, 1, alpha)
    assert told.interval[0] <= told.lower <= told.value <= told.interval[1] <= 1


@settings(max_examples=60)
@given(rates, st.floats(1e-6, 1e6), st.floats(0, 0.1))
def test_the_unit_of_the_error_says_nothing(found: Differences, unit: float, margin: float) -> None:
    other = Differences(unit * found.arm, unit * found.candidate)
    assert other.p_value(margin) == pytest.approx(found.p_value(margin), rel=1e-6, abs=1e-12)
    one, two = found.reduction(0.05), other.reduction(0.05)
    assert two.value == pytest.approx(one.value) and two.interval == pytest.approx(one.interval, rel=1e-5, abs=1e-9)
    assert two.lower == pytest.approx(one.lower, rel=1e-5, abs=1e-9)


@settings(max_examples=60)
@given(rates, st.floats(0, 0.2, allow_subnormal=False))
def test_the_paired_test_is_scipys_on_the_differences(found: Differences, margin: float) -> None:
    d = found.arm - (1 + margin) * found.candidate
    assume(d.std() > 1e-6)
    expected = stats.ttest_1samp(d, 0, alternative="greater").pvalue
    assert found.p_value(margin) == pytest.approx(expected, rel=1e-7, abs=1e-300)


@settings(max_examples=150)
@given(rates, st.floats(0, 0.2, allow_subnormal=False), st.sampled_from([1, 3]))
def test_a_lower_bound_above_the_margin_means_that_the_test_rejects_it(
    found: Differences, margin: float, family: int
) -> None:
    p_value, told = found.p_value(margin), found.reduction(0.05, family)
    assume(abs(p_value - 0.05 / family) > 1e-9 and (found.arm - (1 + margin) * found.candidate).std() > 1e-9)
    if told.lower > 1 - 1 / (1 + margin):
        assert p_value < 0.05 / family
    elif math.isfinite(told.lower):
        assert p_value > 0.05 / family


def simulated(rng: np.random.Generator, cases: int, seeds: int, ratio: float) -> tuple[Array, Array]:
    """Error rates of two networks on 400 examples, seeds that are hard for both; the candidate's is ``ratio`` times."""
    hard = rng.beta(8, 40, (cases, seeds))
    own = [np.clip(hard * rng.uniform(0.7, 1.3, hard.shape), 0, 1) for _ in range(2)]
    return rng.binomial(400, own[0]) / 400, rng.binomial(400, ratio * own[1]) / 400


@pytest.mark.parametrize("seeds", [8, 12])
def test_the_interval_covers_the_truth_as_often_as_it_says(seeds: int) -> None:
    arms, candidates = simulated(np.random.default_rng(7), 4000, seeds, 0.8)
    found = [Differences(*both).reduction(0.05) for both in zip(arms, candidates, strict=True)]
    assert 0.93 < np.mean([one.interval[0] <= 0.2 <= one.interval[1] for one in found]) < 0.97
    assert 0.93 < np.mean([one.lower <= 0.2 for one in found]) < 0.97


@pytest.mark.parametrize("seeds", [8, 12])
@pytest.mark.parametrize("margin", [0.0, 0.02])
def test_the_level_of_the_test_is_what_it_says(seeds: int, margin: float) -> None:
    arms, candidates = simulated(np.random.default_rng(8), 4000, seeds, 1 / (1 + margin))
    rejected = np.mean([Differences(*both).p_value(margin) <= 0.05 for both in zip(arms, candidates, strict=True)])
    assert 0.035 < rejected < 0.063  # four standard errors about what was measured, 0.049


def test_errors_that_do_not_vary_leave_one_ratio_and_prove_nothing() -> None:
    found = Differences(np.full(8, 0.475), np.full(8, 0.075))
    assert found.reduction(0.05).interval == pytest.approx([1 - 3 / 19] * 2) and found.p_value(0.02) == 1


def test_bounds_for_more_candidates_are_wider_and_no_mean_is_no_bound() -> None:
    found = Differences(np.array([0.4, 0.5, 0.45, 0.6]), np.array([0.2, 0.3, 0.2, 0.3]))
    one, two = found.reduction(0.05), found.reduction(0.05, 3)
    assert two.lower < one.lower and two.interval[0] < one.interval[0] and two.interval[1] > one.interval[1]
    nothing = ratio_of_means(np.zeros(2), np.zeros((2, 2)), 3, 0.05)
    assert nothing.value == 0 and nothing.interval == (-math.inf, 1) and nothing.lower == -math.inf
    assert ratio_of_means(np.array([0.0, 0.1]), np.zeros((2, 2)), 3, 0.05).value == -math.inf


def decided(direct: Errors, candidate: Errors, scale: str = "difference") -> Finding:
    rival = Rival(direct, 0.02, "not beaten", "direct learning", needed=True)
    return claims.tested([Claim("t", candidate, {"direct": rival})], 0.05, compare=SEED_BY_SEED[scale])[0]


LOW, HIGH = [0.0, 0.01, 0.0, 0.02, 0.0, 0.01, 0.01, 0.0], [0.1, 0.12, 0.09, 0.11, 0.0, 0.12, 0.1, 0.13]
NEVER = [0.0] * 8


def test_an_error_of_exactly_0_is_an_error_like_any_other() -> None:
    assert decided(HIGH, LOW).decision == decided(HIGH, NEVER).decision == "transfer"
    assert decided(HIGH, NEVER).relative_reduction == 1
    for direct, candidate in ((LOW, HIGH), (NEVER, LOW), (NEVER, NEVER), (LOW, LOW), (HIGH, HIGH)):
        assert decided(direct, candidate).reason == "not beaten"
    assert decided(HIGH, [*LOW[:-1], None]).reason == "its training diverged on a confirmation seed"
    assert decided(HIGH, LOW, "ratio").reason == "its training erred by exactly 0 on a confirmation seed"
    with pytest.raises(RivalDiverged, match="direct learning erred by exactly 0"):
        decided(HIGH, [0.1] * 8, "ratio")
    with pytest.raises(RivalDiverged, match="direct learning diverged"):
        decided([*HIGH[:-1], math.inf], LOW)


@settings(max_examples=300, deadline=None)
@given(*[st.lists(st.one_of(st.none(), st.sampled_from([0.0, 0.05, 0.1, 1.0])), min_size=8, max_size=8)] * 2)
def test_any_errors_are_decided(direct: Errors, candidate: Errors) -> None:
    if None in direct and None not in candidate:
        with pytest.raises(RivalDiverged):
            decided(direct, candidate)
    else:
        found = decided(direct, candidate)
        assert found.decision == "direct" or sum(candidate) < sum(direct)  # type: ignore[arg-type]


def cells(rng: np.random.Generator, refits: int, examples: int, sizes: tuple[float, float, float]) -> Array:
    """Errors of two arms (2, refits, examples), 0 or 1 each: refits and examples that are hard for both, and luck."""
    shared = sizes[0] * rng.standard_normal((refits, 1)) + sizes[1] * rng.standard_normal((1, examples))
    own = sizes[2] * rng.standard_normal((2, refits, 1)) + sizes[2] * rng.standard_normal((2, 1, examples))
    return (shared + own + rng.standard_normal((2, refits, examples)) > 0.6).astype(float)


@given(st.integers(2, 8), st.integers(2, 8), st.integers(0, 10**6), st.floats(0, 0.1))
def test_the_crossed_test_is_its_analysis_of_variance(refits: int, examples: int, seed: int, margin: float) -> None:
    tables = cells(np.random.default_rng(seed), refits, examples, (0.3, 1.0, 0.5))
    z = tables[0] - (1 + margin) * tables[1]
    mean, rows, columns = z.mean(), z.mean(1), z.mean(0)
    ms_refit = examples * sum((row - mean) ** 2 for row in rows) / (refits - 1)
    ms_example = refits * sum((column - mean) ** 2 for column in columns) / (examples - 1)
    inner = [(z[r, e] - rows[r] - columns[e] + mean) ** 2 for r in range(refits) for e in range(examples)]
    ms_inner = sum(inner) / ((refits - 1) * (examples - 1))
    assume(max(ms_refit, ms_example) > 1e-9 and min(abs(ms_refit - ms_inner), abs(ms_example - ms_inner)) > 1e-9)
    both = ms_refit > ms_inner and ms_example > ms_inner
    variance = (ms_refit + ms_example - ms_inner if both else max(ms_refit, ms_example)) / z.size
    squares = (
        (ms_refit / z.size) ** 2 / (refits - 1)
        + (ms_example / z.size) ** 2 / (examples - 1)
        + (ms_inner / z.size) ** 2 / ((refits - 1) * (examples - 1))
    )
    alone = refits - 1 if ms_refit > ms_example else examples - 1
    assume(both or abs(ms_refit - ms_example) > 1e-9)
    freedom = max(1.0, variance**2 / squares) if both else alone
    expected = stats.t.sf(mean / math.sqrt(variance), freedom)
    assert CrossedDifferences(tables).p_value(margin) == pytest.approx(expected, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("axis", [0, 1])
def test_a_factor_that_does_nothing_leaves_the_plain_test_and_fieller(axis: int) -> None:
    arm, candidate = simulated(np.random.default_rng(3), 1, 15, 0.7)
    spread = [np.repeat(one[0][:, None], 8, 1) for one in (arm, candidate)]
    crossed = CrossedDifferences.of(*(one if axis == 0 else one.T for one in spread))
    plain = Differences(arm[0], candidate[0])
    assert crossed.p_value(0.02) == pytest.approx(plain.p_value(0.02))
    ours, theirs = crossed.reduction(0.05, 2), plain.reduction(0.05, 2)
    assert ours.value == pytest.approx(theirs.value) and ours.interval == pytest.approx(theirs.interval)


def test_crossed_errors_of_0_are_ordinary() -> None:
    some, never = np.random.default_rng(4).binomial(1, 0.3, (20, 12)).astype(float), np.zeros((20, 12))
    assert CrossedDifferences.of(some, never).p_value(0.02) < 1e-4
    assert CrossedDifferences.of(never, some).p_value(0.02) > 0.99
    assert CrossedDifferences.of(never, never).p_value(0.02) == 1
    assert CrossedDifferences.of(some, never).reduction(0.05).value == 1
    assert CrossedDifferences.of(never, never).reduction(0.05).value == 0
    assert CrossedDifferences.of(never, some).sign_p_value(0.02) == 1


@pytest.mark.parametrize("sizes", [(0.1, 1.0, 0.3), (0.3, 0.3, 0.1)])
def test_level_and_coverage_over_refits_and_examples(sizes: tuple[float, float, float]) -> None:
    rng, count, rejected, covered = np.random.default_rng(11), 1000, 0, 0
    for _ in range(count):
        found = CrossedDifferences(cells(rng, 20, 40, sizes))
        rejected += found.p_value(0.0) <= 0.05
        low, high = found.reduction(0.05).interval
        covered += low <= 0 <= high
    # One-sided 99.9 % bound of a binomial with p = 0.05 in 1,000 cases is 0.073; coverage likewise.
    assert rejected / count <= 0.073 and covered / count >= 0.927
