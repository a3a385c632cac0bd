"""The crossed comparison: its limits, a literal oracle, and its level where the truth is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from graft.search.proof.crossed import Crossed, standard_error


def table(rng: np.random.Generator, refits: int, examples: int, sizes: tuple[float, float, float]) -> np.ndarray:
    """A crossed table of mean 0: deviations over refits, over examples, and of each cell."""
    by_refit, by_example, neither = sizes
    return (
        by_refit * rng.standard_normal((refits, 1))
        + by_example * rng.standard_normal((1, examples))
        + neither * rng.standard_normal((refits, examples))
    )


def literal(z: np.ndarray) -> float:
    """Variance of the mean, from components of variance written out cell by cell, none negative."""
    refits, examples = z.shape
    mean = sum(z[r, e] for r in range(refits) for e in range(examples)) / z.size
    rows = [sum(z[r]) / examples for r in range(refits)]
    columns = [sum(z[:, e]) / refits for e in range(examples)]
    ms_refit = examples * sum((row - mean) ** 2 for row in rows) / (refits - 1)
    ms_example = refits * sum((column - mean) ** 2 for column in columns) / (examples - 1)
    inner = [(z[r, e] - rows[r] - columns[e] + mean) ** 2 for r in range(refits) for e in range(examples)]
    ms_inner = sum(inner) / ((refits - 1) * (examples - 1))
    variance_refit, variance_example = (ms_refit - ms_inner) / examples, (ms_example - ms_inner) / refits
    if variance_refit > 0 and variance_example > 0:
        return variance_refit / refits + variance_example / examples + ms_inner / z.size
    return max(ms_refit, ms_example) / z.size


@given(st.integers(2, 9), st.integers(2, 9), st.integers(0, 10**6), st.sampled_from([(1, 1, 1), (0, 2, 1), (2, 0, 1)]))
def test_for_small_variations_the_variance_is_that_of_the_components(
    refits: int, examples: int, seed: int, sizes: tuple[float, float, float]
) -> None:
    z = 1e-5 * table(np.random.default_rng(seed), refits, examples, sizes)
    assert standard_error(1 + z, np.ones_like(z))[0] ** 2 == pytest.approx(literal(z), rel=1e-3)


@pytest.mark.parametrize("axis", [0, 1])
def test_a_factor_that_does_nothing_leaves_the_plain_t_test(axis: int) -> None:
    values = np.random.default_rng(3).normal(0.1, 0.2, 15) * 1e-4
    ratios = np.repeat(values[:, None], 8, 1) if axis == 0 else np.repeat(values[None], 8, 0)
    found = Crossed.of(np.exp(ratios), np.ones_like(ratios))
    assert found.freedom == 14 and found.error == pytest.approx(stats.sem(values), rel=1e-3)
    plain = stats.ttest_1samp(values, 2e-6, alternative="greater").pvalue
    assert found.p_value(2e-6) == pytest.approx(plain, rel=1e-3)


def test_arms_that_do_not_vary_prove_nothing() -> None:
    assert Crossed.of(np.full((5, 6), 2.0), np.full((5, 6), 1.0)).p_value(0.0) == 1.0


@given(st.integers(0, 10**6), st.floats(1e-3, 1e3))
def test_the_unit_of_the_error_says_nothing_and_roles_reverse(seed: int, unit: float) -> None:
    rng = np.random.default_rng(seed)
    arm, ours = np.exp(table(rng, 6, 9, (0.1, 0.5, 0.2))), np.exp(table(rng, 6, 9, (0.1, 0.5, 0.2)))
    one, other, back = Crossed.of(arm, ours), Crossed.of(unit * arm, unit * ours), Crossed.of(ours, arm)
    assert other.mean == pytest.approx(one.mean, abs=1e-9) and other.error == pytest.approx(one.error)
    assert back.mean == pytest.approx(-one.mean, abs=1e-9) and back.p_value(0) == pytest.approx(1 - one.p_value(0))
    assert one.reduction(0.05).value == pytest.approx(1 - ours.mean() / arm.mean())


def test_more_examples_or_refits_give_more_certainty() -> None:
    rng = np.random.default_rng(5)
    wide, narrow = (
        np.mean([standard_error(*np.exp([table(rng, 20, m, (0.05, 0.3, 0.2)) for _ in "ab"]))[0] for _ in range(40)])
        for m in (100, 20)
    )
    assert wide < 0.7 * narrow


@pytest.mark.parametrize("sizes", [(0.05, 0.3, 0.1), (0.2, 0.05, 0.1), (0.0, 0.0, 0.2), (0.15, 0.6, 0.3)])
@pytest.mark.parametrize("examples", [20, 60])
def test_level_and_coverage_where_the_truth_is_known(sizes: tuple[float, float, float], examples: int) -> None:
    """Errors are lognormal; examples hard for one arm are hard for the other, and both share each refit's luck."""
    rng = np.random.default_rng(11)
    cases, rejected, covered = 1500, 0, 0
    for _ in range(cases):
        shared = table(rng, 20, examples, (0.1, 0.5, 0.0))
        arm, ours = (np.exp(shared + table(rng, 20, examples, sizes)) for _ in range(2))
        found = Crossed.of(1.25 * arm, ours)
        rejected += found.p_value(0.25) <= 0.05
        low, high = found.reduction(0.05).interval
        covered += low <= 1 - 1 / 1.25 <= high
    # One-sided 99.9 % bound of a binomial with p = 0.05 in 1,500 cases is 0.069; coverage likewise.
    assert rejected / cases <= 0.069
    assert covered / cases >= 0.931


def test_ignoring_examples_as_a_sample_would_err() -> None:
    """The test above can fail: averaged over examples and tested over refits alone, the level is far above 5 %."""
    rng = np.random.default_rng(12)
    rejected = 0
    for _ in range(300):
        arm, ours = (np.exp(table(rng, 20, 20, (0.05, 0.4, 0.1))) for _ in range(2))
        rejected += stats.ttest_1samp(np.log(arm.mean(1) / ours.mean(1)), 0, alternative="greater").pvalue <= 0.05
    assert rejected / 300 > 0.2
