"""Energies from probabilities, against their formulas."""

import numpy as np
import pytest

from graft.models.energies import boltzmann, gauged, rmse
from graft.spaces.errors import InputError


def test_energies_of_a_boltzmann_distribution_come_back_in_any_gauge() -> None:
    rng = np.random.default_rng(0)
    exact = 4.0 * rng.integers(-3, 4, 500)
    logs = -exact / 2.5 - np.log(np.exp(-exact / 2.5).sum())
    learned = boltzmann(logs, 2.5)
    np.testing.assert_allclose(gauged(learned, learned[:100]), gauged(exact, exact[:100]), atol=1e-12)
    assert rmse(gauged(learned, learned), gauged(exact, exact)) < 1e-12


def test_a_temperature_is_above_zero() -> None:
    with pytest.raises(InputError, match="temperature is 0; allowed: a number above 0"):
        boltzmann([0.0], 0)
