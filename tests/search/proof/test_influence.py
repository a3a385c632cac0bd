"""What few rows or refits may hide: seen, and counted; unseen, and outweighed or not."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graft.search.proof import claims, influence
from graft.search.proof.claims import Claim, Compare, Doubted, Rival, paired
from graft.search.proof.influence import REFITS, ROWS, doubt_of_refits, doubt_of_rows
from graft.search.proof.looks import Look, Looks

RNG = np.random.default_rng(6)
UNSEEN_ROWS, UNSEEN_REFITS = math.log(1.27), math.log(1.25)


def arms(rows: int) -> tuple[np.ndarray, np.ndarray]:
    return tuple(np.exp(0.3 * RNG.normal(size=rows)) for _ in range(2))  # type: ignore[return-value]


def test_as_many_units_are_enough_as_hardly_hide_one_of_the_share() -> None:
    assert (ROWS.enough, REFITS.enough) == (99, 59)
    assert 0.97**99 <= 0.05 < 0.97**98 and 0.95**59 <= 0.05 < 0.95**58


@pytest.mark.parametrize(("rows", "allowance"), [(40, UNSEEN_ROWS), (98, UNSEEN_ROWS), (99, 0.0), (300, 0.0)])
def test_rows_that_are_too_few_may_hide_some_that_are_ten_times_worse(rows: int, allowance: float) -> None:
    found = doubt_of_rows(np.ones(rows), 0.8 + 0.01 * np.sin(np.arange(rows)), rows // 2)
    assert found.allowance == pytest.approx(allowance) and (found.worst, found.seen) == ((), rows)


@pytest.mark.parametrize("row", [7, 93])
def test_a_row_that_is_ten_times_worse_is_found_whether_it_decides_or_not(row: int) -> None:
    arm, candidate = arms(100)
    candidate[row] = 10 * arm[row]
    found = doubt_of_rows(arm, candidate, 50)
    assert found.worst == (row,) and found.allowance > doubt_of_rows(*arms(100), 50).allowance
    ratio = np.median(candidate / arm)
    excess = (candidate[row] - ratio * arm[row]) / (ratio * arm.mean())
    more = influence.stats.beta.ppf(0.95, 2, 99) - (0.02 if row < 50 else 0)
    mean = candidate[:50].mean() / (ratio * arm.mean())
    assert found.allowance == pytest.approx(math.log1p(more * excess / mean))


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32 - 1), st.floats(1e-6, 1e6), st.floats(1e-6, 1e6))
def test_units_of_errors_are_no_matter(seed: int, ours: float, theirs: float) -> None:
    rng = np.random.default_rng(seed)
    arm, candidate = np.exp(0.4 * rng.normal(size=(2, 60)))
    candidate[:2] *= 15
    plain = doubt_of_rows(arm, candidate, 30)
    scaled = doubt_of_rows(theirs * arm, ours * candidate, 30)
    assert scaled.worst == plain.worst and scaled.allowance == pytest.approx(plain.allowance)
    assert plain.allowance >= 0 and set(plain.worst) <= set(range(60))


def refits(repeats: int = 12, rows: int = 50, folds: int = 5) -> tuple[np.ndarray, np.ndarray]:
    errors = np.exp(0.3 * RNG.normal(size=rows) + 0.2 * RNG.normal(size=(repeats, rows)))
    judged = np.stack([folds * r + RNG.permutation(np.arange(rows) % folds) for r in range(repeats)])
    return errors, judged


def test_refits_that_failed_are_found_and_few_may_hide_some() -> None:
    errors, judged = refits()
    assert doubt_of_refits(errors, judged) == influence.Doubt(0.0, (), 60)
    assert doubt_of_refits(*refits(10)).allowance == pytest.approx(UNSEEN_REFITS)
    errors[judged == 17] *= 6
    found = doubt_of_refits(errors, judged)
    assert found.worst == (17,) and 0 < found.allowance < UNSEEN_ROWS * 2


def test_errors_of_zero_hide_nothing_that_could_be_told() -> None:
    assert doubt_of_rows(np.zeros(40), np.zeros(40), 20).allowance == 0
    assert doubt_of_refits(np.zeros((4, 10)), refits(4, 10)[1]).allowance == 0


LOOK = Look(Looks((8,), (), 0.05), 8)


def claim(gain: float) -> Claim:
    rival = Rival([1.0, 1.1, 0.9, 1.0, 1.05, 0.95, 1.02, 0.98], 0.02, "not beaten", "direct")
    ours = [(1 - gain) * error * (1 + 0.02 * math.sin(i)) for i, error in enumerate(rival.errors) if error]
    return Claim("t", ours, {"direct": rival})


@pytest.mark.parametrize(("doubted", "said"), [(0.04, "transfer"), (0.06, "undecided"), (0.999, "undecided")])
def test_a_proof_that_is_doubted_is_undecided_and_says_why(doubted: float, said: str) -> None:
    compare = Compare(paired.scale, paired.of, lambda rival, claim: Doubted(doubted, "rows 3 and 4"))
    (found,) = claims.tested([claim(0.3)], 0.05, compare=compare, look=LOOK)
    assert found.decision == said and found.reason == ("" if said == "transfer" else "rows 3 and 4")
    (plain,) = claims.tested([claim(0.3)], 0.05, look=LOOK)
    assert plain.decision == "transfer" and found.p_values == plain.p_values and found.interval == plain.interval


def test_what_is_not_proved_is_not_doubted_but_refuted_as_before() -> None:
    compare = Compare(paired.scale, paired.of, lambda rival, claim: Doubted(1.0, "rows 3 and 4"))
    (found,) = claims.tested([claim(-0.3)], 0.05, compare=compare, look=LOOK)
    assert found.decision == "direct" and found.reason == "not beaten"
