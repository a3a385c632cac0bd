"""Monte Carlo with tables of tiles: the right energies and changes of energy, and the thermodynamics of a known one."""

import numpy as np
import pytest

from graft.models import tiles
from graft.search.study import resolve
from graft.search.tasks.distilled.prediction import exact, ladder, predicted
from graft.search.tasks.distilled.spread import BETAS, inverse_temperatures, random_states, spread, spread_by_tiles
from graft.search.tasks.distilled.teaching import Taught
from graft.simulators.registry import lattice
from graft.simulators.spins.exact import internal_energy
from graft.spaces.dcl import Student

STUDENT = Student(1, 1)


def ising_table() -> np.ndarray:
    """The Ising energy as a table of 3 x 3 tiles, f = 1: each tile has half of its middle spin's four bonds."""
    s = 2.0 * tiles.every(2, 1, 1).numpy() - 1
    return -0.5 * s[:, 4] * s[:, [1, 3, 5, 7]].sum(1)


def taught() -> Taught:
    return Taught(ising_table(), STUDENT, (4, 4), 2).zeroed()


@pytest.mark.parametrize("name", ["ising-4x4", "ising-8x8"])
def test_a_perfect_table_predicts_the_ising_model_on_every_lattice(name: str) -> None:
    model = lattice(name)
    temperatures = ladder((1.5, 2.27, 4.0), model.sites)
    study = resolve("dcl-ising", "demo", {"temperatures": [1.5, 2.27, 4.0], "budget.sweeps": 1500})
    found = predicted(name, taught(), study)
    assert found["temperatures"] == temperatures.tolist() and found["sites"] == model.sites
    mean, error = (np.array(found[key]) for key in ("energy", "energy_error"))
    assert found["exact"] == pytest.approx((internal_energy(model, temperatures) / model.sites).tolist())
    assert (np.abs(mean - found["exact"]) < 4.5 * error).all() and (error < 0.02).all()


@pytest.mark.parametrize("name", ["ising-4x4", "potts3-delta-4x4", "potts3-4x4"])
def test_the_gauge_of_exact_energies_is_random_states(name: str) -> None:
    found = exact(lattice(name), np.array([1e7]))
    assert found is not None and abs(found[0]) < 1e-5
    assert exact(lattice("potts3-16x16"), np.array([4.0])) is None


def test_the_gauge_of_a_table_is_random_states_whatever_its_tiles() -> None:
    rng = np.random.default_rng(0)
    table = Taught(rng.normal(size=(36, 512)) + 7, STUDENT, (6, 6), 2).zeroed()
    energies = table(rng.integers(2, size=(40_000, 36), dtype=np.uint8))
    assert abs(energies.mean()) < 5 * energies.std() / 200


def test_the_ladder_holds_what_was_asked_and_is_denser_for_larger_lattices() -> None:
    asked = (1.0, 2.27, 4.0)
    small, large = (ladder(asked, sites) for sites in (64, 1024))
    assert set(asked) <= set(small.tolist()) & set(large.tolist())
    assert (np.diff(small) > 0).all() and len(large) > 3 * len(small)


@pytest.mark.parametrize("name", ["ising-16x16", "ising-J0.5-16x16", "potts3-16x16", "glass-16x16-3"])
def test_inverse_temperatures_follow_the_couplings(name: str) -> None:
    """In the Ising model they are in 1 / J; of all others they reach as far in units of their own energies."""
    model = lattice(name)
    index = random_states(4000, model.sites, model.q, np.random.default_rng(0))
    energies = model.energy(model.states(index.reshape(-1, *model.shape)))
    unit = {"ising-16x16": 1.0, "ising-J0.5-16x16": 2.0, "potts3-16x16": 2**0.5, "glass-16x16-3": 1.0}[name]
    rel = 0.1 if "glass" in name else 0.03  # its couplings are a sample
    np.testing.assert_allclose(inverse_temperatures(energies, model.sites), unit * BETAS, rtol=rel)
    assert np.array_equal(inverse_temperatures(np.zeros(5), 16), BETAS)


def test_states_of_all_energies_are_reached_with_either_kind_of_energy() -> None:
    model, rng = lattice("ising-4x4"), np.random.default_rng(0)
    by_table = spread_by_tiles(taught().laid(model.shape), BETAS, 2000, rng)
    plain = spread(lambda index: model.energy(model.states(index.reshape(-1, 4, 4))), 2000, 16, 2, rng)
    for index in (by_table, plain):
        energies = model.energy(model.states(index.reshape(-1, 4, 4)))
        assert energies.min() == -32 and energies.max() == 32 and len(np.unique(energies)) >= 13
