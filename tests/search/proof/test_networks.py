"""Several source networks: the test over networks has its level as a claim about their source, that over seeds not."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from graft.search.proof.claims import SEED_BY_SEED, Claim, Rival, by_network, paired

NETWORK, SEED = 0.042, 0.073
"""Deviations of the log gain between source networks and between seeds, as measured of film-12 -> film-9."""
CONFIRMATIONS, SEEDS = 40_000, 12


@pytest.mark.parametrize("networks", [6, 12])
def test_over_networks_the_level_holds_for_the_source(networks: int) -> None:
    rng = np.random.default_rng(5)
    of_networks = rng.normal(0, NETWORK, (CONFIRMATIONS, networks))
    d = np.tile(of_networks, SEEDS // networks) + rng.normal(0, SEED, (CONFIRMATIONS, SEEDS))
    means = d.reshape(CONFIRMATIONS, -1, networks).mean(1)
    over_networks = stats.ttest_1samp(means, 0, axis=1, alternative="greater").pvalue <= 0.05
    assert over_networks.mean() == pytest.approx(0.05, abs=0.004)


def test_over_the_seeds_of_one_network_it_does_not() -> None:
    rng = np.random.default_rng(6)
    d = rng.normal(0, NETWORK, (CONFIRMATIONS, 1)) + rng.normal(0, SEED, (CONFIRMATIONS, 8))
    over_seeds = stats.ttest_1samp(d, 0, axis=1, alternative="greater").pvalue <= 0.05
    assert over_seeds.mean() > 0.12


errors = st.lists(st.floats(0.01, 1), min_size=12, max_size=12)


@settings(max_examples=60, deadline=None)
@given(errors, errors, st.sampled_from([3, 4, 6, 12]))
def test_the_test_is_one_over_the_means_of_networks(theirs: list[float], ours: list[float], networks: int) -> None:
    claim = Claim("film-8", ours, {"direct": Rival(theirs, 0.02, "", "")})
    found = by_network(paired, networks).of(claim.rivals["direct"], claim).p_value(0.02)
    d = np.log(np.array(theirs) / ours)
    means = np.array([d[k::networks].mean() for k in range(networks)])
    if means.std() > 1e-9:
        wanted = stats.ttest_1samp(means, math.log(1.02), alternative="greater").pvalue
        assert found == pytest.approx(wanted, rel=1e-6, abs=1e-12)


def test_where_errors_may_be_0_means_are_arithmetic() -> None:
    theirs, ours = [0.5, 0.4, 0.3, 0.1, 0.2, 0.3], [0.0, 0.1, 0.0, 0.2, 0.1, 0.0]
    claim = Claim("classes", ours, {"direct": Rival(theirs, 0.0, "", "")})
    found = by_network(SEED_BY_SEED["difference"], 3).of(claim.rivals["direct"], claim).p_value(0.0)
    d = np.subtract(theirs, ours).reshape(2, 3).mean(0)
    assert found == pytest.approx(stats.ttest_1samp(d, 0, alternative="greater").pvalue)


def test_one_network_is_compared_as_otherwise() -> None:
    assert by_network(paired, 1) is paired and by_network(paired, 0) is paired
