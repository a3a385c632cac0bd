"""Scores of learned energies, on energies whose error is known."""

import numpy as np
import pytest

from graft.models.energies import rmse
from graft.search.tasks.distilled import scores
from graft.spaces.errors import InputError

rng = np.random.default_rng(0)


def test_levels_partition_the_error() -> None:
    exact = np.repeat([-4.0, 0.0, 4.0], [2, 3, 5])
    learned = exact + np.array([1, -1, 2, 2, 2, 0, 0, 0, 0, 3.0])
    levels = scores.by_level(learned, exact)
    assert levels["exact"] == [-4, 0, 4] and levels["mean"] == [-4, 2, pytest.approx(4.6)]
    assert levels["deviation"][:2] == [1, 0] and levels["rmse"][:2] == [1, 2]
    weights = np.array([2, 3, 5])
    assert weights @ np.square(levels["rmse"]) / 10 == pytest.approx(rmse(learned, exact) ** 2)


def test_levels_count_alike_however_many_states_they_have() -> None:
    exact, learned = np.array([-4.0, -4.0, -4.0, 0.0]), np.array([-4.0, -3.0, -5.0, 2.0])
    assert rmse(learned, exact) == pytest.approx(np.sqrt(6 / 4))
    assert scores.over_levels(learned, exact) == pytest.approx(np.sqrt((2 / 3 + 4) / 2))


def test_real_energies_are_cut_into_windows() -> None:
    exact = rng.normal(size=5000)
    levels = scores.by_level(exact + 0.5, exact)
    assert 20 < len(levels["exact"]) <= 32 and levels["rmse"] == pytest.approx([0.5] * len(levels["exact"]))


def test_the_likelihood_of_a_fair_coin_is_its_entropy() -> None:
    assert scores.likelihood(np.full(9, 64 * np.log(0.5))) == pytest.approx(64 * np.log(2))


def test_inconsistency_is_what_averaging_over_symmetries_removes() -> None:
    truth, noise = rng.normal(size=4000), rng.normal(scale=0.3, size=(50, 4000))
    copies = truth + 2.0 + noise  # an error that all copies share is no inconsistency
    assert scores.inconsistency(copies) == pytest.approx(0.3, rel=0.02)
    left = copies.mean(0) - truth - 2.0
    assert np.sqrt(np.mean(left**2)) == pytest.approx(0.3 / np.sqrt(50), rel=0.05)
    with pytest.raises(InputError, match="of 1 copies; allowed: at least 2"):
        scores.inconsistency(copies[:1])


def test_agreement_takes_no_notice_of_the_gauge() -> None:
    teacher = rng.normal(size=100)
    assert scores.agreement(teacher, teacher + 5) == pytest.approx(0, abs=1e-12)
    assert scores.agreement(teacher, 2 * teacher) == pytest.approx(teacher.std())


def test_the_label_free_score_prefers_the_better_of_each_kind() -> None:
    base = scores.label_free(4.0, 39.7, 0.5, 0.2)
    for worse in (scores.label_free(4.0, 39.8, 0.5, 0.2), scores.label_free(4.0, 39.7, 0.6, 0.2),
                  scores.label_free(4.0, 39.7, 0.5, 0.3)):  # fmt: skip
        assert worse > base
    assert scores.label_free(4.0, 39.7, 0.5) == pytest.approx(base - 0.2)


def test_ranks_are_compared_by_spearman() -> None:
    assert scores.rank_correlation([1, 2, 3, 4], [10, 20, 300, 4000]) == pytest.approx(1)
    assert scores.rank_correlation([1, 2, 3, 4], [4, 3, 2, 1]) == pytest.approx(-1)
    assert scores.rank_correlation([1, 2, 3], [1, 2, 3]) is None
    assert scores.rank_correlation([1, 1, 1, 1], [1, 2, 3, 4]) is None
