"""What a placebo network learns: the same inputs, and outputs that have nothing to do with them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graft.search.study import resolve
from graft.search.tasks.base import Examples


@pytest.fixture(scope="module")
def spectra() -> Examples:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(60, 3)).astype(np.float32)
    return Examples(inputs, np.stack([inputs.sum(1), inputs.prod(1)], 1))


def test_rows_of_outputs_are_permuted_as_they_are(spectra: Examples) -> None:
    task = resolve("film10-film8").learned
    found = task.placebo(spectra, np.random.default_rng(1))
    np.testing.assert_array_equal(found.inputs, spectra.inputs)
    assert sorted(map(tuple, found.outputs)) == sorted(map(tuple, spectra.outputs))
    assert (found.outputs != spectra.outputs).any(1).mean() > 0.9
    again = task.placebo(spectra, np.random.default_rng(1))
    np.testing.assert_array_equal(found.outputs, again.outputs)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_each_site_of_states_is_permuted_by_itself(seed: int) -> None:
    task = resolve("many-film8").learned  # any study: Likelihood.placebo needs nothing of it
    from graft.search.tasks.likelihood import Likelihood

    rng = np.random.default_rng(seed)
    first = rng.integers(0, 2, 400)
    states = Examples(np.stack([first, first, 1 - first], 1), np.zeros((400, 0)))
    found = Likelihood(task.study).placebo(states, rng)
    np.testing.assert_array_equal(found.inputs.sum(0), states.inputs.sum(0))  # frequencies are left
    aligned = abs(np.corrcoef(found.inputs, rowvar=False)[0, 1:])
    assert aligned.max() < 0.25  # correlations are not: they were 1
