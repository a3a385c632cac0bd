"""Sequence models learn a distribution that is known exactly, each kind and each form."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from graft.models.initialise import draw_weights
from graft.models.networks.sequence.chain import Autoregressive
from graft.models.networks.sequence.fit import fit, log_probabilities
from graft.models.networks.sequence.shape import SequenceShape
from graft.models.networks.sequence.warm import from_linear
from graft.models.shaped import pack, unpack
from graft.models.symmetries import Symmetries
from graft.models.train import prepare_process
from graft.spaces.dcl import KINDS
from graft.spaces.errors import InputError
from graft.spaces.plan import Block, Recipe

EVERY = torch.tensor(list(itertools.product(range(2), repeat=9)), dtype=torch.uint8)
TORUS = Symmetries.of(("translations", "reflections", "rotations", "colours"), (3, 3))


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> None:
    prepare_process()


def exact() -> Tensor:
    """Log-probabilities of all states of a 3 x 3 Ising torus at T = 4."""
    spins = EVERY.double().reshape(-1, 3, 3) * 2 - 1
    bonds = sum((spins * spins.roll(1, axis)).sum((1, 2)) for axis in (1, 2))
    return (bonds / 4).log_softmax(0)


def watched(rows: int, seed: int = 0) -> Tensor:
    drawn = torch.multinomial(exact().exp(), rows, True, generator=torch.Generator().manual_seed(seed))
    return EVERY[drawn]


def trained(kind: str, rows: int = 20_000, symmetries: Symmetries | None = TORUS, epochs: int = 5) -> Autoregressive:
    made = SequenceShape(kind, (3, 3), width=32).build()
    generator = torch.Generator().manual_seed(1)
    draw_weights(made, 1.0, generator)
    fit(made, watched(rows), Recipe(rate=1e-2, batch=250, epochs=epochs), generator, symmetries=symmetries)
    return made


def divergence(model: Autoregressive) -> float:
    """KL divergence of the model from the truth, in nats."""
    logs = exact()
    return float((logs.exp() * (logs - torch.from_numpy(log_probabilities(model, EVERY)))).sum())


@pytest.mark.parametrize(("kind", "most"), [("linear", 2e-3), ("made", 4e-3), ("gru", 2e-3), ("transformer", 3e-3)])
def test_each_kind_learns_what_it_watches(kind: str, most: float) -> None:
    model = trained(kind)
    assert 0 < divergence(model) < most
    learned, truth = log_probabilities(model, EVERY), exact().numpy()
    assert np.std(learned - truth) * 4 < 0.5  # energies, in J: the couplings are 1


def test_symmetric_batches_and_a_symmetric_mean_each_help() -> None:
    plain, augmented = trained("made", 1000, None, 40), trained("made", 1000, epochs=40)
    assert divergence(augmented) < 0.5 * divergence(plain)
    truth = exact().numpy()
    alone, four, group = (
        np.std(log_probabilities(plain, EVERY, **options) - truth)  # type: ignore[arg-type]
        for options in (
            {},
            {"symmetries": TORUS, "copies": 4, "generator": torch.Generator().manual_seed(0)},
            {"symmetries": TORUS, "batch": 100},
        )
    )
    assert group < four < alone


def test_the_same_seed_gives_the_same_bits_and_batches_make_no_difference() -> None:
    first, again = trained("made", 1000), trained("made", 1000)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    drawn = [
        log_probabilities(
            first, EVERY, symmetries=TORUS, copies=3, generator=torch.Generator().manual_seed(5), batch=batch
        )
        for batch in (64, 4096)
    ]
    np.testing.assert_allclose(*drawn, rtol=1e-5)


def test_a_frozen_block_stays_and_the_others_learn() -> None:
    model = SequenceShape("gru", (3, 3), width=8).build()
    generator = torch.Generator().manual_seed(0)
    draw_weights(model, 1.0, generator)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    seen: list[tuple[int, float]] = []
    fit(
        model,
        watched(1000),
        Recipe(rate=1e-2, batch=100, epochs=2),
        generator,
        blocks=(Block(), Block("source", rate=0), Block()),
        on_epoch=lambda epoch, loss: seen.append((epoch, loss)),
    )
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]) == name.startswith("blocks.1"), name
    assert [epoch for epoch, _ in seen] == [1, 2] and seen[1][1] < seen[0][1]
    assert seen[1][1] < 9 * np.log(2) - 0.2  # nine coins; with this seed 5.80 nats


@pytest.mark.parametrize("kind", ["gru", "made", "transformer"])
def test_a_start_from_the_linear_model_is_the_linear_model_and_gets_better_from_there(kind: str) -> None:
    linear = trained("linear", 4000)
    model = SequenceShape(kind, (3, 3), width=32).build()
    draw_weights(model, 1.0, torch.Generator().manual_seed(2))
    from_linear(model, linear)
    np.testing.assert_allclose(log_probabilities(model, EVERY), log_probabilities(linear, EVERY), rtol=1e-5)
    before = divergence(model)
    rates = (Block("linear", rate=0.1), *(Block() for _ in model.blocks[1:]))
    recipe = Recipe(rate=5e-3, batch=200, epochs=3)
    fit(model, watched(8000, 3), recipe, torch.Generator().manual_seed(4), symmetries=TORUS, blocks=rates)
    assert divergence(model) < before
    for other in (
        SequenceShape(kind, (3, 3), width=32, linear_term=False),
        SequenceShape(kind, (3, 3), order="raster"),
    ):
        with pytest.raises(InputError, match="a model cannot start from this linear one"):
            from_linear(other.build(), linear)


@pytest.mark.parametrize("q", [2, 3])
def test_the_squared_error_form_learns_the_mean_spin_and_reads_probabilities_from_it(q: int) -> None:
    states = torch.tensor(list(itertools.product(range(q), repeat=4)), dtype=torch.uint8)
    model = SequenceShape("gru", (2, 2), q, "raster", width=16, loss="mse", linear_term=False).build()
    generator = torch.Generator().manual_seed(0)
    draw_weights(model, 1.0, generator)
    logs = model.log_prob(states).detach()
    assert float(logs.exp().sum()) == pytest.approx(1, abs=2e-6)
    follow = torch.full((q, q), 0.2 / (q - 1)).fill_diagonal_(0.8)  # each spin is like the last one with P = 0.8
    chain = [torch.randint(q, (20_000,), generator=generator)]
    for _ in range(3):
        chain.append(torch.multinomial(follow[chain[-1]], 1, generator=generator)[:, 0])
    watched = torch.stack(chain, 1).to(torch.uint8)
    loss = fit(model, watched, Recipe(rate=1e-2, batch=200, epochs=3), generator)
    variance = {2: 1 - 0.6**2, 3: (1 - 0.8**2 - 2 * 0.1**2) / 3}[q]
    assert loss == pytest.approx(variance, rel=0.03)
    with torch.no_grad():
        learned = model.conditionals(states).exp()
    assert bool(((learned[:, 0] - 1 / q).abs() < 1e-7).all())
    wanted = torch.stack([follow[states[:, t - 1].long(), states[:, t].long()] for t in (1, 2, 3)], 1)
    torch.testing.assert_close(learned[:, 1:], wanted, atol=0.04, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_on_disk_is_the_same_model(kind: str, tmp_path: Path) -> None:
    shape = SequenceShape(kind, (3, 3), 3, "spiral", width=16)
    model = shape.build()
    path = tmp_path / "model.safetensors"
    path.write_bytes(pack(model, shape))
    again, its_shape = unpack(path, SequenceShape)
    assert its_shape == shape and pack(again, its_shape) == path.read_bytes()
    torch.testing.assert_close(again(EVERY), model(EVERY), rtol=0, atol=0)


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"nothing")
    for wrong in (path, tmp_path / "none"):
        with pytest.raises(InputError, match="holds no SequenceShape written by graft"):
            unpack(wrong, SequenceShape)
    with pytest.raises(InputError, match="training rows: 0 inputs"):
        fit(SequenceShape("linear", (3, 3)).build(), EVERY[:0], Recipe(), torch.Generator())
    with pytest.raises(InputError, match="sequence.loss is 'mse' of kind 'made'"):
        SequenceShape("made", (3, 3), loss="mse")
