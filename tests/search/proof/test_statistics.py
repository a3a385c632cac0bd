"""Statistics against other code, against slow literal definitions, and against what must hold whatever the data."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from graft.search.proof.statistics import (
    MOST,
    drawn_p_value,
    equivalent_rows,
    holm,
    log_ratios,
    paired_p_value,
    power,
    reduction,
    seeds_needed,
    sign_p_value,
    trainings_needed,
)

samples = st.lists(st.floats(-1, 1, allow_subnormal=False), min_size=2, max_size=15).map(np.array)


def test_log_ratios_are_positive_where_the_candidate_is_better() -> None:
    np.testing.assert_allclose(log_ratios([0.02, 0.03], [0.01, 0.06]), [math.log(2), -math.log(2)])


@settings(max_examples=60)
@given(samples, st.floats(-0.2, 0.2, allow_subnormal=False))
def test_the_paired_test_is_scipys(ratios: np.ndarray, margin: float) -> None:
    assume(ratios.std(ddof=1) > 1e-6)
    expected = stats.ttest_1samp(ratios, margin, alternative="greater").pvalue
    assert paired_p_value(ratios, margin) == pytest.approx(expected, rel=1e-9, abs=1e-300)


@pytest.mark.parametrize("value", [0.0, 0.5, -0.5])
def test_differences_that_do_not_vary_prove_nothing(value: float) -> None:
    assert paired_p_value(np.full(8, value), 0.0) == 1.0


def literally_rejected(p_values: list[float], alpha: float) -> set[int]:
    """Holm 1979: the smallest p-value against alpha/m, the next against alpha/(m-1), until one is kept."""
    remaining, rejected = list(range(len(p_values))), set()
    while remaining:
        smallest = min(remaining, key=lambda i: p_values[i])
        if p_values[smallest] > alpha / len(remaining):
            break
        rejected.add(smallest)
        remaining.remove(smallest)
    return rejected


# Levels half way between p-values of the grid: no tie is decided by rounding.
@settings(max_examples=100)
@given(st.lists(st.integers(0, 200), max_size=6), st.integers(0, 199))
def test_holm_rejects_what_its_definition_rejects(thousandths: list[int], level: int) -> None:
    p_values, alpha = [p / 1000 for p in thousandths], (level + 0.5) / 1000
    adjusted = holm(p_values)
    assert {i for i, p in enumerate(adjusted) if p <= alpha} == literally_rejected(p_values, alpha)
    assert all(p <= a <= 1 for p, a in zip(p_values, adjusted, strict=True))


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.02]) == [0.02] and holm([]) == [] and holm([0.9, 0.8]) == [1.0, 1.0]


@settings(max_examples=40)
@given(samples, st.floats(-0.2, 0.2, allow_subnormal=False))
def test_the_sign_test_is_its_binomial_sum(ratios: np.ndarray, margin: float) -> None:
    n, above = len(ratios), sum(1 for ratio in ratios if ratio > margin)
    literal = sum(math.comb(n, k) for k in range(above, n + 1)) / 2**n
    assert sign_p_value(ratios, margin) == pytest.approx(literal, rel=1e-9)


@pytest.mark.parametrize("n", [2, 8, 12])
def test_the_sign_test_cannot_go_below_two_to_the_minus_n(n: int) -> None:
    assert sign_p_value(np.ones(n), 0.0) == pytest.approx(0.5**n, rel=1e-12)
    assert sign_p_value(np.zeros(n), 0.0) == 1.0


@settings(max_examples=40)
@given(samples)
def test_the_interval_is_scipys(ratios: np.ndarray) -> None:
    assume(ratios.std(ddof=1) > 1e-6)
    found, low_high = reduction(ratios, 0.05), stats.ttest_1samp(ratios, 0).confidence_interval(0.95)
    assert found.value == pytest.approx(1 - math.exp(-ratios.mean()))
    assert found.interval == pytest.approx([1 - math.exp(-end) for end in low_high], rel=1e-9, abs=1e-12)
    assert found.interval[0] <= found.lower <= found.value <= found.interval[1]


@settings(max_examples=60)
@given(samples, st.sampled_from([0.01, 0.05, 0.2]), st.sampled_from([1, 2]), st.floats(0, 0.2, allow_subnormal=False))
def test_the_lower_bound_exceeds_a_margin_exactly_where_the_test_rejects_it(
    ratios: np.ndarray, alpha: float, family: int, margin: float
) -> None:
    assume(ratios.std(ddof=1) > 1e-6)
    p_value = paired_p_value(ratios, margin)
    assume(abs(p_value - alpha / family) > 1e-9)
    assert (reduction(ratios, alpha, family).lower > 1 - math.exp(-margin)) == (p_value < alpha / family)


def test_bounds_for_more_candidates_are_wider() -> None:
    ratios = np.array([0.1, 0.12, 0.07, 0.2, 0.05])
    one, two = reduction(ratios, 0.05), reduction(ratios, 0.05, 2)
    assert two.lower < one.lower and two.interval[0] < one.interval[0] and two.interval[1] > one.interval[1]
    assert one.value == two.value


def test_power_grows_with_seeds_effect_and_level_and_falls_with_deviation() -> None:
    by_seeds = [power(0.1, 0.05, n, 0.05) for n in range(2, 30)]
    by_effect = [power(0.1, effect, 8, 0.05) for effect in np.linspace(0, 0.3, 20)]
    by_level = [power(0.1, 0.05, 8, alpha) for alpha in (0.01, 0.025, 0.05, 0.2)]
    by_deviation = [power(deviation, 0.05, 8, 0.05) for deviation in (0.4, 0.2, 0.1, 0.05, 0.02)]
    for curve in (by_seeds, by_effect, by_level, by_deviation):
        assert all(a < b or a > 1 - 1e-9 for a, b in pairwise(curve)), curve
        assert all(0 <= value <= 1 for value in curve)


@pytest.mark.parametrize("alpha", [0.025, 0.05])
def test_power_at_no_effect_is_the_level(alpha: float) -> None:
    assert power(0.1, 0.0, 8, alpha) == pytest.approx(alpha, rel=1e-6)


def test_power_is_how_often_the_test_rejects() -> None:
    draws = np.random.default_rng(1).normal(0.07, 0.1, (4000, 8))
    rejected = np.mean([paired_p_value(ratios, 0.0) <= 0.05 for ratios in draws])
    assert rejected == pytest.approx(power(0.1, 0.07, 8, 0.05), abs=4 * math.sqrt(0.25 / 4000))


def test_power_of_what_does_not_vary_is_certain() -> None:
    assert power(0.0, 0.08, 8, 0.05) == 1.0
    assert power(0.0, -0.08, 8, 0.05) == 0.0


def test_seeds_are_the_fewest_with_the_wanted_power() -> None:
    needed = seeds_needed(0.1, 0.0855, 0.05, 8, 40)
    assert 8 < needed < 40
    assert power(0.1, 0.0855, needed, 0.05) >= 0.9 > power(0.1, 0.0855, needed - 1, 0.05)
    assert seeds_needed(0.001, 0.0855, 0.05, 8, 12) == 8
    assert seeds_needed(5.0, 0.0855, 0.05, 8, 12) == 12
    assert seeds_needed(0.1, 0.0855, 0.05, 8, 8) == 8


@settings(max_examples=40)
@given(st.floats(0.1, 2), st.floats(400, 3200))
def test_a_power_law_is_interpolated_exactly(slope: float, wanted_rows: float) -> None:
    rows = [400, 800, 1600, 3200]
    errors = [0.1 * (n / 400) ** -slope for n in rows]
    found = equivalent_rows(rows, errors, 0.1 * (wanted_rows / 400) ** -slope)
    assert found is None or found == pytest.approx(wanted_rows, rel=1e-6)
    assert found is not None or wanted_rows > 3200 * (1 - 1e-9)


def test_a_curve_that_never_gets_there_says_so_and_one_that_was_there_begins() -> None:
    assert equivalent_rows([400, 800], [0.1, 0.05], 0.049) is None
    assert equivalent_rows([400, 800], [0.1, 0.05], 0.05) == pytest.approx(800)
    assert equivalent_rows([400, 800], [0.1, 0.05], 0.2) == 400.0
    # A curve need not fall everywhere: the first crossing counts.
    assert equivalent_rows([400, 800, 1600], [0.1, 0.12, 0.05], 0.06) == pytest.approx(
        800 * 2 ** (math.log(2) / math.log(0.12 / 0.05))
    )


def test_a_network_is_one_more_draw_as_often_as_the_level_says() -> None:
    """Networks of one kind differ, and so do seeds; the candidate's network is a draw like the others."""
    generator, said = np.random.default_rng(5), {0.05: 0, 0.0146: 0}
    for _ in range(4000):
        networks, ours = generator.normal(0, 0.1, 6), generator.normal(0, 0.1)
        over = networks[np.arange(12) % 6] - ours + generator.normal(0, 0.03, 12)
        for level in said:
            said[level] += drawn_p_value(over, 6) <= level
    assert 0.038 <= said[0.05] / 4000 <= 0.058 and 0.008 <= said[0.0146] / 4000 <= 0.019


def test_two_networks_tell_no_spread_and_equal_ones_nothing() -> None:
    assert drawn_p_value(np.array([0.5, 0.6, 0.55, 0.6]), 2) == 1.0
    assert drawn_p_value(np.full(8, 0.5), 8) == 1.0
    literal = stats.t.sf(0.5 / (np.std([0.4, 0.5, 0.6], ddof=1) * np.sqrt(4 / 3)), 2)
    assert drawn_p_value(np.array([0.35, 0.55, 0.6, 0.45, 0.45, 0.6]), 3) == pytest.approx(literal)


@settings(max_examples=100, deadline=None)
@given(st.floats(0.05, 2), st.floats(0.05, 0.99), st.integers(2, 50))
def test_a_power_law_of_trainings_is_continued_as_it_is(power: float, reduced: float, first: int) -> None:
    trainings = [first, 2 * first, 4 * first]
    errors = [0.3 * n**-power for n in trainings]
    wanted = reduced ** (-1 / power)
    assert trainings_needed(trainings, errors, reduced) == pytest.approx(min(wanted, MOST), rel=1e-6)


def test_what_does_not_fall_never_gets_there() -> None:
    assert trainings_needed([10, 20, 40], [0.03, 0.03, 0.03], 0.9) == MOST
    assert trainings_needed([10, 20], [0.03, 0.04], 0.9) == MOST
    assert trainings_needed([10, 20], [0.03, 0.02], 0.0) == MOST
    assert trainings_needed([10, 20], [0.03, 0.02], 1.2) == 1.0
