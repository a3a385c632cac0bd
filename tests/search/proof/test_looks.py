"""Looks: several chances, one level."""

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from graft.search.proof.claims import Claim, Rival
from graft.search.proof.confirmation import Arms, decide, one_by_one, replayed
from graft.search.proof.looks import Look, Looks

PROTOCOL = Looks((4, 6, 8, 12), (16, 24), 0.05)
CONFIRMATIONS = 100_000


def p_values(effect: float, seed: int) -> dict[int, np.ndarray]:
    """One-sided p-values of scipy's t-test after each look, of differences that the product did not draw."""
    drawn = np.random.default_rng(seed).normal(effect, 1, (CONFIRMATIONS, 24)).astype(np.float32)
    looks = PROTOCOL.seeds + PROTOCOL.more
    return {n: stats.ttest_1samp(drawn[:, :n], 0, axis=1, alternative="greater").pvalue for n in looks}


def test_the_levels_are_those_of_the_protocol() -> None:
    levels = PROTOCOL.levels
    assert [levels[n] for n in PROTOCOL.seeds] == pytest.approx([0.0144] * 4, rel=0.03)
    assert [levels[n] for n in PROTOCOL.more] == pytest.approx([0.0112] * 2, rel=0.04)


def test_all_looks_together_have_the_level() -> None:
    found, levels = p_values(0, 1), PROTOCOL.levels
    first = np.any([found[n] <= levels[n] for n in PROTOCOL.seeds], axis=0)
    second = np.any([found[n] <= levels[n] for n in PROTOCOL.more], axis=0)
    assert first.mean() == pytest.approx(0.04, abs=0.0025)
    assert (first | second).mean() == pytest.approx(0.05, abs=0.003)


@pytest.mark.parametrize(("effect", "wanted"), [(1.0, 0.84), (1.5, 0.99)])
def test_power_is_that_of_the_protocol(effect: float, wanted: float) -> None:
    found, levels = p_values(effect, 2), PROTOCOL.levels
    assert np.any([found[n] <= levels[n] for n in PROTOCOL.seeds], axis=0).mean() == pytest.approx(wanted, abs=0.01)


def test_a_gain_of_three_deviations_is_proved_after_four_and_a_half_seeds_at_most() -> None:
    found, levels = p_values(3.0, 3), PROTOCOL.levels
    proved = np.array([found[n] <= levels[n] for n in PROTOCOL.seeds])
    assert np.array(PROTOCOL.seeds)[proved.argmax(0)].mean() < 4.5 and proved.any(0).mean() > 0.999


@settings(max_examples=60, deadline=None)
@given(st.floats(1e-9, 1), st.floats(1e-9, 1), st.sampled_from(PROTOCOL.seeds + PROTOCOL.more), st.integers(1, 2))
def test_an_adjusted_p_value_keeps_the_order_and_never_falls(one: float, other: float, seeds: int, family: int) -> None:
    low, high = (PROTOCOL.p_value(p, seeds, family) for p in sorted((one, other)))
    assert low <= high <= 1
    assert seeds in PROTOCOL.more or high >= max(one, other)


def test_a_p_value_is_accepted_where_it_lies_below_the_level() -> None:
    for seeds, level in PROTOCOL.levels.items():
        look = Look(PROTOCOL, seeds)
        assert look.adjusted([level * 0.98])[0] <= look.limit < look.adjusted([level * 1.02])[0]


def test_two_claims_share_the_level_by_holm() -> None:
    look = Look(PROTOCOL, 8)
    level = look.looks.level(8, 0.02)
    assert level == pytest.approx(0.0067, rel=0.04)
    assert max(look.adjusted([level * 0.97, 0.9])[:1]) <= look.limit < look.adjusted([level * 1.03, 0.9])[0]
    assert max(look.adjusted([level * 0.97, PROTOCOL.levels[8] * 0.98])) <= look.limit


def test_a_single_look_is_the_plain_test() -> None:
    once = Looks((8,), (), 0.05)
    assert once.levels == {8: 0.05} and once.p_value(0.031, 8) == 0.031
    assert Look(once, 8).wide(0.05, 1) == pytest.approx(0.05)


def test_intervals_of_all_looks_hold_together() -> None:
    drawn = np.random.default_rng(4).normal(0, 1, (20_000, 12))
    missed = np.zeros(len(drawn), bool)
    for n in PROTOCOL.seeds:
        t = stats.t.ppf(1 - Look(PROTOCOL, n).wide(0.05, 1) / 2, n - 1)
        mean, error = drawn[:, :n].mean(1), drawn[:, :n].std(1, ddof=1) / np.sqrt(n)
        missed |= abs(mean) > t * error
    assert 0.03 <= missed.mean() <= 0.052


def test_a_glance_gives_up_what_is_refuted_and_proves_nothing() -> None:
    looks = Looks((60,), (), 0.05, (20,))
    assert (looks.levels, Look(looks, 60).limit) == ({60: 0.05}, 0.05)
    assert Look(looks, 20).adjusted([0.0])[0] > Look(looks, 20).limit
    rng = np.random.default_rng(3)
    seen = []

    def decided(gain: float) -> str:
        direct = np.exp(0.1 * rng.normal(size=60))
        ours = (1 - gain) * direct * np.exp(0.05 * rng.normal(size=60))

        def claim(name: str, arms: Arms) -> Claim:
            return Claim("t", arms["ours"], {"direct": Rival(arms["direct"], 0.02, "not beaten", "direct")})

        def measured(wanted: Mapping[str, int]) -> Arms:
            seen.append(max(wanted.values()))
            return {name: {"direct": direct, "ours": ours}[name][:seeds].tolist() for name, seeds in wanted.items()}

        course = one_by_one(looks, ["a"], lambda name, controlled: ("direct", "ours"), claim)
        found, arms = decide(course, measured)
        assert replayed(course, arms) == found
        return found["a"].decision

    assert [decided(-0.3), decided(0.5), decided(0.02)] == ["direct", "transfer", "undecided"]
    assert seen == [20, 20, 60, 20, 60]
