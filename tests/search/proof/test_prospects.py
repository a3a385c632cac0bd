"""What a user decides by, against every subset and every pair counted one by one."""

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graft.search.proof.prospects import NETWORKS, best_of, best_of_each, in_units, outperforms

errors = st.lists(st.floats(0.01, 1), min_size=1, max_size=7)


@given(errors, errors)
def test_outperforms_counts_every_pair(direct: list[float], candidate: list[float]) -> None:
    won = [1.0 if ours < theirs else 0.5 if ours == theirs else 0.0 for theirs, ours in product(direct, candidate)]
    assert outperforms(direct, candidate) == pytest.approx(sum(won) / len(won))
    assert outperforms(direct, candidate) + outperforms(candidate, direct) == pytest.approx(1)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=7), st.integers(1, 7))
def test_the_best_of_several_is_the_mean_over_all_subsets(measured: list[tuple[float, float]], networks: int) -> None:
    networks = min(networks, len(measured))
    validation, found = zip(*measured, strict=True)
    kept = [
        found[min(chosen, key=lambda i: (validation[i], i))] for chosen in combinations(range(len(found)), networks)
    ]
    assert best_of(networks, validation, found) == pytest.approx(float(np.mean(kept)), abs=1e-12)


@given(errors)
def test_more_networks_help_where_validation_tells_the_truth(found: list[float]) -> None:
    kept = [best_of(networks, found, found) for networks in range(1, len(found) + 1)]
    assert kept[0] == pytest.approx(np.mean(found)) and kept[-1] == min(found)
    assert all(later <= before + 1e-12 for before, later in zip(kept, kept[1:], strict=False))


def test_the_gain_is_told_for_as_many_as_were_measured() -> None:
    rng = np.random.default_rng(0)
    direct, candidate = rng.uniform(1, 2, 5), rng.uniform(0.5, 1, 4)
    found = best_of_each((direct, direct), (candidate, candidate))
    assert [one.networks for one in found] == [k for k in NETWORKS if k <= 2]
    assert found[0].relative_reduction == pytest.approx(1 - candidate.mean() / direct.mean())
    assert best_of_each(([0.0], [0.0]), ([0.0], [0.0]))[0].relative_reduction is None


def test_units_are_told_output_by_output() -> None:
    (fat, water) = in_units([("fat", "%"), ("water", "1")], [[1.0, 4.0], [3.0, 4.0]], [[1.0, 5.0]])
    assert (fat.output, fat.unit, fat.direct, fat.candidate, fat.gain) == ("fat", "%", 2.0, 1.0, 1.0)
    assert (water.direct, water.candidate, water.gain) == (4.0, 5.0, -1.0)
