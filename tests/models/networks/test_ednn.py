"""Extensive networks: tiles and codes by their literal definition, extensivity, locality, tables."""

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from graft.models import tiles
from graft.models.distil import distil
from graft.models.initialise import draw_weights
from graft.models.networks.ednn import EDNN, EDNNShape
from graft.models.shaped import pack, unpack
from graft.models.surgery import copy_span
from graft.models.symmetries import Symmetries
from graft.models.train import predict, prepare_process
from graft.spaces.errors import InputError
from graft.spaces.plan import Recipe, Span


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> None:
    prepare_process()


def states(rows: int, columns: int, q: int = 2, batch: int = 5, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(q, (batch, rows, columns), dtype=torch.uint8, generator=generator)


def network(seed: int = 0, **options: object) -> EDNN:
    made = EDNNShape(**options).build()  # type: ignore[arg-type]
    draw_weights(made, 1.0, torch.Generator().manual_seed(seed))
    return made


def literal_tile(state: np.ndarray, i: int, j: int, f: int, c: int) -> list[int]:
    """Rows f i - c .. f i + f + c - 1 and columns alike, with wrap."""
    rows, columns = state.shape
    return [
        int(state[r % rows, s % columns])
        for r in range(f * i - c, f * i + f + c)
        for s in range(f * j - c, f * j + f + c)
    ]


GRIDS = st.tuples(st.integers(2, 3), st.integers(1, 2), st.integers(0, 1), st.integers(1, 3), st.integers(1, 3))


@given(GRIDS)
def test_tiles_and_codes_are_their_definition(grid: tuple[int, int, int, int, int]) -> None:
    q, f, c, down, across = grid
    shape = (f * max(down, 1 + 2 * c), f * max(across, 1 + 2 * c))
    index = states(*shape, q)
    found, numbers = tiles.cut(index, f, c), tiles.codes(index, q, f, c)
    for state, rows, codes in zip(index.numpy(), found.tolist(), numbers.tolist(), strict=True):
        wanted = [literal_tile(state, i, j, f, c) for i in range(shape[0] // f) for j in range(shape[1] // f)]
        assert rows == wanted
        assert codes == [sum(value * q**k for k, value in enumerate(tile)) for tile in wanted]


@pytest.mark.parametrize(("q", "focus", "context"), [(2, 2, 1), (3, 1, 1), (2, 1, 1), (2, 2, 0), (4, 1, 0)])
def test_a_network_is_its_table(q: int, focus: int, context: int) -> None:
    net = network(q=q, focus=focus, context=context, widths=(8, 8)).double()
    net.centre(torch.tensor([3.0, 9.0], dtype=torch.float64), (4, 4))
    table = net.table()
    assert table.dtype == np.float64 and table.shape == (q ** (focus + 2 * context) ** 2,)
    for shape in [(4, 4), (8, 6)]:
        index = states(*shape, q)
        energy = net(index).detach().numpy()
        literal = [
            sum(
                table[sum(v * q**k for k, v in enumerate(literal_tile(state, i, j, focus, context)))]
                for i in range(shape[0] // focus)
                for j in range(shape[1] // focus)
            )
            for state in index.numpy()
        ]
        np.testing.assert_allclose(energy, literal, rtol=1e-12)
        np.testing.assert_allclose(tiles.table_energy(table, index, q, focus, context), literal, rtol=1e-12)


def test_large_batches_go_through_the_table_with_the_same_values_and_gradients() -> None:
    net, index = network(focus=1, widths=(8,)).double(), states(8, 8, batch=40)
    predict(net, index)  # what inference has made must not stand in the way of training
    results = []
    for rows in (index, None):
        net.zero_grad()
        if rows is not None:
            assert 64 * 40 >= 2**9
            energy = net(rows)
        else:
            energy = torch.cat([net(one[None]) for one in index])  # 64 tiles each: fewer than 512
        (energy.sin().sum()).backward()
        results.append([energy.detach(), *(p.grad.clone() for p in net.parameters())])  # type: ignore[union-attr]
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


def test_the_energy_is_extensive_local_and_the_same_at_every_tile() -> None:
    net, index = network().double(), states(8, 8)
    with torch.no_grad():
        energy = net(index)
        torch.testing.assert_close(net(index.repeat(1, 2, 3)), 6 * energy)
        torch.testing.assert_close(net(index.roll((2, -4), (1, 2))), energy)
        assert not torch.allclose(net(index.roll(1, 1)), energy)
        before = tiles.codes(index, 2, 2, 1)
        flipped = index.clone()
        flipped[:, 2, 3] ^= 1  # in tiles (1, 1), its own, and the neighbours whose context it is
        changed = (tiles.codes(flipped, 2, 2, 1) != before).all(0).nonzero()[:, 0].tolist()
    assert changed == [4 * 0 + 1, 4 * 0 + 2, 4 * 1 + 1, 4 * 1 + 2]


@pytest.mark.parametrize(("q", "focus", "context"), [(2, 2, 1), (3, 1, 1), (2, 2, 0)])
def test_a_symmetrised_table_gives_the_mean_over_images_of_the_lattice(q: int, focus: int, context: int) -> None:
    table = np.random.default_rng(0).standard_normal(tiles.codes_of(q, focus, context))
    mean, index = tiles.symmetrised(table, q, focus, context), states(6, 6, q)
    group = Symmetries.of(("reflections", "rotations", "colours"), (6, 6), q)
    literal = np.mean(
        [tiles.table_energy(table, group.image(index, g), q, focus, context) for g in range(len(group))], 0
    )
    np.testing.assert_allclose(tiles.table_energy(mean, index, q, focus, context), literal, rtol=1e-10)
    np.testing.assert_allclose(tiles.symmetrised(mean, q, focus, context), mean, atol=1e-12)
    only = tiles.symmetrised(table, q, focus, context, ("translations", "colours"))
    assert len(np.unique(only.round(12))) > len(np.unique(mean.round(12)))


def test_weights_of_each_place_are_used_at_that_place_only() -> None:
    net, index = network(lattice=(4, 6), widths=(8,)).double(), states(4, 6)
    with torch.no_grad():
        before = net(index)
        for place, (i, j) in enumerate(product(range(2), range(3))):
            alone = network(widths=(8,)).double()
            for mine, theirs in zip(alone.parameters(), net.parameters(), strict=True):
                mine.copy_(theirs[place].reshape(mine.T.shape).T if theirs.shape[1] > 1 else theirs[place, 0])
            tile = torch.tensor([literal_tile(state, i, j, 2, 1) for state in index.numpy()], dtype=torch.uint8)
            before = before - alone.of_tiles(tile)
    torch.testing.assert_close(before, torch.zeros_like(before), atol=1e-12, rtol=0)
    assert net.table().shape == (6, 65536)
    np.testing.assert_allclose(tiles.table_energy(net.table(), index, 2, 2, 1), net(index).detach().numpy(), rtol=1e-9)
    with pytest.raises(InputError, match="states of 6 x 6; allowed: 4 x 6, the lattice"):
        net(states(6, 6))


def ising(index: Tensor) -> Tensor:
    spins = index.float() * 2 - 1
    return -sum((spins * spins.roll(1, axis)).sum((1, 2)) for axis in (1, 2))  # type: ignore[return-value]


@pytest.mark.parametrize("focus", [1, 2])
def test_it_learns_labels_on_small_lattices_and_holds_on_larger_ones(focus: int) -> None:
    net, generator = network(focus=focus), torch.Generator().manual_seed(1)
    index = states(6, 6, batch=20_000)
    labels = ising(index) + torch.randn(len(index), generator=generator) + 90
    loss = distil(net, index, labels, Recipe(rate=3e-2, batch=250, epochs=10), generator)
    assert 0.8 < loss < 1.2  # the noise of the labels: it sees through that
    large = states(8, 8, batch=500, seed=5)
    learned, exact = predict(net, large) - 160, ising(large)
    assert float((learned - exact).square().mean().sqrt()) < 1.0
    before = predict(net, index)
    distil(net, index, labels, Recipe(rate=1e-5, batch=1000, epochs=1), generator, centred=True)
    torch.testing.assert_close(predict(net, index), before, atol=0.3, rtol=0)


def test_each_place_learns_its_own_couplings() -> None:
    net, generator = network(lattice=(4, 4)), torch.Generator().manual_seed(1)
    index = states(4, 4, batch=20_000)
    across, down = torch.randn(2, 4, 4, generator=generator)
    spins = index.float() * 2 - 1
    exact = -(spins * (across * spins.roll(-1, 2) + down * spins.roll(-1, 1))).sum((1, 2))
    distil(net, index, exact, Recipe(rate=1e-2, batch=500, epochs=15), generator)
    assert float((predict(net, index) - exact).square().mean().sqrt()) < 0.15 * float(exact.std())


def test_symmetric_labels_are_learned_from_any_image() -> None:
    net, generator, index = network(widths=(8,)), torch.Generator().manual_seed(1), states(4, 4, batch=2000)
    group = Symmetries.of(("reflections", "rotations", "colours"), (4, 4))
    lopsided = index[:, 0, 0].float() * 2 - 1  # the teacher prefers one spin up: the mean over flips does not
    distil(net, index, lopsided, Recipe(rate=1e-2, batch=500, epochs=10), generator, symmetries=group)
    assert float(predict(net, index).std()) < 0.5


def test_blocks_can_be_copied_and_a_network_on_disk_is_the_same(tmp_path: Path) -> None:
    for number, shape in enumerate((EDNNShape(3, 1, 1, (8, 4)), EDNNShape(2, 2, 1, (8,), (4, 6)))):
        net, other = shape.build(), shape.build()
        net.centre(torch.tensor([1.0, 2.0, 5.0]), (4, 6))
        path = tmp_path / f"{number}.safetensors"
        path.write_bytes(pack(net, shape))
        again, its_shape = unpack(path, EDNNShape)
        index = states(4, 6, shape.q)
        assert its_shape == shape == EDNNShape.from_dict(json.loads(json.dumps(shape.to_dict())))
        assert torch.equal(again(index), net(index))
        copy_span(other, net, Span(1, len(net.blocks)))
        other.scale.copy_(net.scale)
        other.offset.copy_(net.offset)
        assert torch.equal(other(index), net(index))


def test_what_is_refused() -> None:
    for shape in [(7, 8), (2, 8)]:
        with pytest.raises(InputError, match=r"allowed: rows and columns that are multiples of 2 and at least 4"):
            network()(states(*shape))
    with pytest.raises(InputError, match=r"tiles of 16 sites with 3 values are 4.3e\+07 different ones; allowed in"):
        network(q=3).table()
    with pytest.raises(InputError, match=r"lattice of 5 x 4 with focus 2"):
        EDNNShape(lattice=(5, 4))
    with pytest.raises(InputError, match=r"ednn.focus is 0"):
        EDNNShape(focus=0)
