"""What a network leaves, solved for: where labels are sums over tiles, where they are noise, against a dense solver."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from graft.models import tiles
from graft.models.initialise import draw_weights
from graft.models.networks import tile_residual
from graft.models.networks.ednn import EDNN, EDNNShape
from graft.models.networks.tile_residual import DAMPS, KEPT, settled
from graft.models.shaped import pack, unpack

UNIFORM, PLACED = EDNNShape(2, 1, 1, (4,)), EDNNShape(2, 1, 1, (4,), (4, 4))


def network(shape: EDNNShape) -> EDNN:
    made = shape.build()
    draw_weights(made, 1.0, torch.Generator().manual_seed(0))
    return made


def states(batch: int, seed: int = 0) -> Tensor:
    return torch.randint(2, (batch, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def ising(index: Tensor) -> np.ndarray:
    spins = index.double() * 2 - 1
    return -sum((spins * spins.roll(1, axis)).sum((1, 2)) for axis in (1, 2)).numpy()  # type: ignore[union-attr]


@pytest.mark.parametrize("shape", [UNIFORM, PLACED])
def test_labels_that_are_sums_over_tiles_are_met_whatever_the_network_was(shape: EDNNShape) -> None:
    index, fresh_ones = states(60_000), states(500, seed=1)
    before = network(shape)
    after, its_shape, left = settled(before, shape, index, ising(index) + 7)
    missed = after(fresh_ones).detach().numpy() - 7 - ising(fresh_ones)
    assert np.abs(missed).max() < 0.05 < np.abs(before(fresh_ones).detach().numpy() - 7 - ising(fresh_ones)).max()
    assert its_shape.settled and not shape.settled
    assert left < 0.05
    read = tiles.table_energy(after.table(), fresh_ones, 2, 1, 1)
    np.testing.assert_allclose(read, after(fresh_ones).detach().numpy(), atol=1e-3)


def test_it_is_the_ridge_solution_that_errs_least_on_the_states_kept_back() -> None:
    index, rng = states(900), np.random.default_rng(0)
    energies = ising(index) + rng.normal(0, 3.0, len(index))
    before = network(UNIFORM)
    after, _, _ = settled(before, UNIFORM, index, energies)
    codes = tiles.codes(index, 2, 1, 1).numpy()
    counts = np.stack([np.bincount(row, minlength=512) for row in codes]).astype(float)
    missed = energies - counts @ before.table()
    middle, kept = missed.mean(), np.arange(len(index)) % KEPT == 0
    seen, left = counts[~kept], missed[~kept] - middle
    tried = [np.zeros(512)] + [np.linalg.solve(seen.T @ seen + d**2 * np.eye(512), seen.T @ left) for d in DAMPS]
    errors = [np.mean((counts[kept] @ one - missed[kept] + middle) ** 2) for one in tried]
    best = int(np.argmin(errors))
    assert best not in (0, 1, len(DAMPS))  # noise asks for a penalty, and for no more than that
    wanted = before.table() + tried[best] + middle / 16
    np.testing.assert_allclose(after.table(), wanted, atol=2e-3)


def test_numbers_that_help_nowhere_are_nought() -> None:
    index = states(300)
    before = network(PLACED)  # 8,192 numbers from 270 states of pure noise
    noise = np.random.default_rng(0).normal(size=len(index))
    after, _, left = settled(before, PLACED, index, before(index).detach().double().numpy() + noise)
    assert left == pytest.approx(noise[::KEPT].std(), rel=0.05)
    assert float((after.table() - before.table()).std()) < 0.003  # unpenalised: 0.05


def test_too_many_numbers_are_not_solved_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tile_residual, "MOST", 511)
    before = network(UNIFORM)
    index = states(50)
    spread = float(before(index).detach().double().std(correction=0))
    assert settled(before, UNIFORM, index, np.zeros(50)) == (before, UNIFORM, pytest.approx(spread, rel=1e-5))


@pytest.mark.parametrize("shape", [UNIFORM, PLACED])
def test_on_disk_it_is_the_same_and_small_batches_are_read_as_large_ones(shape: EDNNShape, tmp_path: Path) -> None:
    index = states(2000)
    after, its_shape, _ = settled(network(shape), shape, index, ising(index))
    (tmp_path / "x.safetensors").write_bytes(pack(after, its_shape))
    again, read = unpack(tmp_path / "x.safetensors", EDNNShape)
    assert read == its_shape and torch.equal(again(index), after(index))
    torch.testing.assert_close(torch.cat([after(one[None]) for one in index[:40]]), after(index)[:40])
