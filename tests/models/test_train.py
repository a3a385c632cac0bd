"""The one training loop, against its literal definition."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from graft.models.initialise import draw_weights
from graft.models.losses import (
    LOSS,
    Batch,
    NonFiniteLoss,
    away_from_zero,
    of_order_one,
    relative_error,
    relative_l1,
    varying,
)
from graft.models.networks.mlp import MLP
from graft.models.scaling import Scaling
from graft.models.train import Training, batches, predict, prepare_process, schedule, train
from graft.spaces.errors import InputError
from graft.spaces.plan import LOSSES, OPTIMISERS, Block, Recipe


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> None:
    prepare_process()


def network(activation: str = "tanh", dtype: torch.dtype = torch.float32) -> MLP:
    made = MLP(3, 2, depth=2, width=8, activation=activation)
    draw_weights(made, 1.0, torch.Generator().manual_seed(0))
    return made.to(dtype)


def examples(rows: int = 24, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    x = torch.randn(rows, 3, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    return x.to(dtype), torch.stack([1.5 + x[:, 0].sin(), 2 + x[:, 1] * x[:, 2] / 4], 1).abs().add(0.2).to(dtype)


def order(seed: int = 5) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def weights(net: MLP) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in net.parameters()]


def test_the_relative_loss_and_error_are_equation_1() -> None:
    prediction, target = torch.randn(6, 5, dtype=torch.float64), torch.rand(6, 5, dtype=torch.float64) + 0.1
    pairs = zip(prediction.flatten().tolist(), target.flatten().tolist(), strict=True)
    literal = sum(abs(p - t) / abs(t) for p, t in pairs) / 30
    assert float(relative_l1(prediction, target)) == pytest.approx(literal, rel=1e-12)
    assert relative_error(prediction.numpy(), target.numpy()) == pytest.approx(literal, rel=1e-12)
    assert relative_error(np.float32([[1.5]]), np.float32([[-2.0]])) == 1.75


def test_the_other_losses_are_what_their_names_say() -> None:
    assert set(LOSS) == set(LOSSES)
    zero, one, four = torch.zeros(1, 2), torch.tensor([[0.5, 0.5]]), torch.tensor([[4.0, 4.0]])
    assert float(LOSS["mse"](four, zero)) == 16 and float(LOSS["mse"](one, zero)) == 0.25
    assert float(LOSS["huber"](four, zero)) == 3.5 and float(LOSS["huber"](one, zero)) == 0.125


def test_outputs_near_zero_are_refused_by_row() -> None:
    outputs = np.ones((9, 3))
    away_from_zero(outputs, "film")
    outputs[[1, 4], 2] = 1e-7
    with pytest.raises(
        InputError, match=r"^film: outputs of rows 1, 4 \(counted from 0\) come within 1e-06 of zero; allowed: "
    ):
        away_from_zero(outputs, "film")


@pytest.mark.parametrize("size", [0.0099, 101.0, -101.0])
def test_outputs_that_no_network_reaches_are_refused(size: float) -> None:
    of_order_one(np.full((5, 2), 99.0), "slab")
    of_order_one(np.full((5, 2), -0.011), "slab")
    with pytest.raises(InputError, match="^slab: outputs are of size .*, or another unit altogether$"):
        of_order_one(np.full((5, 2), size), "slab", "another unit altogether")


class Normalised(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)])

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return x


def test_an_epoch_is_cut_into_near_equal_batches() -> None:
    # A rest of 10 rows would step as far as 88 do: 2.52 % instead of 2.05 % at paper scale.
    assert batches(450, 88, network()) == [75] * 6 and batches(450, 90, network()) == [90] * 5
    for rows in (1, 5, 13, 60, 400):
        for batch in (1, 4, 13, 60, 128):
            sizes = batches(rows, batch, network())
            assert sum(sizes) == rows and max(sizes) <= batch and max(sizes) - min(sizes) <= 1
            assert len(sizes) == -(-rows // batch)


def test_no_batch_of_a_normalised_network_is_one_example() -> None:
    x, y = examples(13)
    assert np.isfinite(train(Training(Normalised(), x, y, Recipe(batch=4, epochs=2, rate=1e-3), order())))
    assert batches(13, 4, Normalised()) == batches(13, 4, network()) == [4, 3, 3, 3]
    assert batches(5, 2, Normalised()) == [3, 2] and batches(5, 2, network()) == [2, 2, 1]
    assert batches(7, 1, Normalised()) == [3, 2, 2] and batches(1, 4, Normalised()) == [1]


def test_one_step_is_gradient_descent_at_each_blocks_own_rate() -> None:
    x, y = examples(10, torch.float64)
    net = network(dtype=torch.float64)
    relative_l1(net(x), y).backward()
    gradients = [parameter.grad.clone() for parameter in net.parameters()]  # type: ignore[union-attr]
    before = weights(net)
    recipe = Recipe(rate=0.01, batch=10, epochs=1, optimiser="sgd", schedule="constant", warmup=0)
    train(Training(net, x, y, recipe, order(), blocks=(Block("a", rate=0.5), Block(rate=2.0), Block())))
    factors = [0.5, 0.5, 2.0, 2.0, 1.0, 1.0]
    for start, now, gradient, factor in zip(before, weights(net), gradients, factors, strict=True):
        torch.testing.assert_close(start - now, 0.01 * factor * gradient, rtol=1e-10, atol=1e-15)


def test_the_loop_is_its_literal_definition() -> None:
    x, y = examples(11, torch.float64)
    recipe = Recipe(rate=0.02, batch=4, epochs=3, optimiser="sgd", warmup=2, decay=0.01)
    net = network(dtype=torch.float64)
    seen: list[float] = []
    train(Training(net, x, y, recipe, order()), on_epoch=lambda epoch, loss: seen.append(loss))

    literal, generator, step, means = network(dtype=torch.float64), order(), 0, []
    speeds = [torch.zeros_like(p) for p in literal.parameters()]
    for _ in range(3):
        rows = torch.randperm(11, generator=generator)
        losses = []
        for chosen in (rows[:4], rows[4:8], rows[8:]):
            rate = 0.02 * ([0.5, 1.0][step] if step < 2 else (1 + math.cos(math.pi * (step - 2) / 7)) / 2)
            loss = ((literal(x[chosen]) - y[chosen]) / y[chosen]).abs().mean()
            literal.zero_grad()
            loss.backward()
            with torch.no_grad():
                for i, parameter in enumerate(literal.parameters()):
                    assert parameter.grad is not None
                    speeds[i] = 0.9 * speeds[i] + parameter.grad + 0.01 * parameter
                    parameter.sub_(rate * speeds[i])
            losses.append(float(loss.detach()))
            step += 1
        means.append(sum(losses) / 3)
    assert seen == pytest.approx(means, rel=1e-6)  # summed in float32
    for ours, theirs in zip(weights(net), weights(literal), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("loss", LOSSES)
def test_the_loss_falls(optimiser: str, loss: str) -> None:
    x, y = examples()
    if loss == "cross-entropy":
        y = torch.nn.functional.one_hot(y.argmax(1), y.shape[1]).float()
    seen: list[tuple[int, float]] = []
    recipe = Recipe(rate=0.01, batch=8, epochs=25, optimiser=optimiser, loss=loss, warmup=5)
    last = train(Training(network(), x, y, recipe, order()), on_epoch=lambda epoch, mean: seen.append((epoch, mean)))
    assert [epoch for epoch, _ in seen] == list(range(1, 26))
    assert last == seen[-1][1] < 0.75 * seen[0][1]


def test_the_same_seed_trains_bit_for_bit_and_another_does_not() -> None:
    x, y = examples()
    found = []
    for seed in (5, 5, 6):
        net = network()
        train(Training(net, x, y, Recipe(batch=7, epochs=4), order(seed)))
        found.append(weights(net))
    assert all(torch.equal(a, b) for a, b in zip(found[0], found[1], strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(found[0], found[2], strict=True))


def test_training_leaves_its_data_alone() -> None:
    x, y = examples()
    before = x.clone(), y.clone()
    train(Training(network(), x, y, Recipe(batch=7, epochs=2), order()))
    assert torch.equal(x, before[0]) and torch.equal(y, before[1])


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_no_number_raises_in_its_epoch(bad: float) -> None:
    x, y = examples()
    y[3, 1] = bad
    seen: list[int] = []
    with pytest.raises(NonFiniteLoss, match=r"^the loss is (nan|inf) at step 3$"):
        training = Training(network(), x, y, Recipe(batch=8, epochs=50, loss="mse"), order())
        train(training, on_epoch=lambda epoch, _: seen.append(epoch))
    assert seen == []


def test_a_rate_too_high_raises() -> None:
    x, y = examples()
    with pytest.raises(NonFiniteLoss):
        recipe = Recipe(rate=1e12, batch=8, epochs=50, loss="mse", optimiser="sgd", warmup=0)
        train(Training(network("relu"), x, y, recipe, order()))


def test_the_pull_keeps_weights_near_where_they_were_copied() -> None:
    x, y = examples()
    distances = []
    for pull in (0.0, 1.0, 30.0):
        net = network()
        start = weights(net)
        blocks = (Block("a", pull=pull), Block("a", pull=pull), Block())
        train(Training(net, x, y, Recipe(rate=3e-3, batch=8, epochs=20, optimiser="sgd"), order(), blocks=blocks))
        moved = [float((a - b).norm()) for a, b in zip(weights(net), start, strict=True)]
        distances.append((math.hypot(*moved[:4]), math.hypot(*moved[4:])))
    free, loose, tight = (pulled for pulled, _ in distances)
    assert tight < 0.5 * free and tight < loose < free
    assert all(other > 0.01 for _, other in distances)


def test_the_pull_is_the_gradient_of_half_its_strength_times_the_squared_distance() -> None:
    x, y = examples(8, torch.float64)
    recipe = Recipe(rate=0.05, batch=8, epochs=2, optimiser="sgd", schedule="constant", warmup=0)
    blocks = (Block("a", pull=0.7), Block(), Block())
    net = network(dtype=torch.float64)
    train(Training(net, x, y, recipe, order(), blocks=blocks))

    literal = network(dtype=torch.float64)
    anchor = [p.detach().clone() for p in literal.blocks[0].parameters()]
    optimiser = torch.optim.SGD(literal.parameters(), lr=0.05, momentum=0.9)
    for _ in range(2):
        away = sum(((p - a) ** 2).sum() for p, a in zip(literal.blocks[0].parameters(), anchor, strict=True))
        optimiser.zero_grad()
        (relative_l1(literal(x), y) + 0.7 / 2 * away).backward()
        optimiser.step()
    for ours, theirs in zip(weights(net), weights(literal), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize(("rows", "outputs"), [(0, 0), (3, 4)])
def test_rows_that_do_not_pair_are_refused(rows: int, outputs: int) -> None:
    with pytest.raises(InputError, match=rf"^training rows: {rows} inputs, {outputs} outputs; allowed: "):
        train(Training(network(), torch.ones(rows, 3), torch.ones(outputs, 2), Recipe(), order()))


def test_a_network_frozen_throughout_is_refused() -> None:
    x, y = examples()
    with pytest.raises(InputError, match=r"^every block is frozen; allowed: "):
        train(Training(network(), x, y, Recipe(), order(), blocks=(Block("a", rate=0.0),) * 3))


@settings(max_examples=50)
@given(st.integers(1, 400), st.integers(0, 200), st.sampled_from(["cosine", "constant"]))
def test_the_schedule_rises_to_one_and_never_rises_again(steps: int, warmup: int, kind: str) -> None:
    recipe = Recipe(warmup=warmup, schedule=kind)
    factors = [schedule(recipe, step, steps) for step in range(steps)]
    rising = min(warmup, steps // 2)
    assert factors[:rising] == pytest.approx([(i + 1) / rising for i in range(rising)])
    assert factors[rising] == 1.0
    falling = factors[rising:]
    assert falling == sorted(falling, reverse=True)
    if kind == "constant":
        assert set(falling) == {1.0}
    else:
        assert 0 < falling[-1] <= 1 and (len(falling) < 10 or falling[-1] < 0.1)


def test_prediction_does_not_depend_on_its_batches() -> None:
    x, _ = examples(9)
    net = network()
    torch.testing.assert_close(predict(net, x, batch=2), net(x).detach(), rtol=1e-6, atol=1e-7)
    assert not predict(net, x).requires_grad


def test_scaling_standardises_the_rows_it_was_measured_on() -> None:
    rows = torch.randn(50, 3, generator=order()) * torch.tensor([1.0, 1e-3, 1e4]) + torch.tensor([0.0, 5.0, -2e4])
    scaled = Scaling.of(rows)(rows).double()
    torch.testing.assert_close(scaled.mean(0), torch.zeros(3, dtype=torch.float64), rtol=0, atol=1e-3)
    torch.testing.assert_close(scaled.std(0, unbiased=False), torch.ones(3, dtype=torch.float64), rtol=1e-4, atol=0)


def test_an_input_that_does_not_vary_is_only_moved() -> None:
    rows = torch.tensor([[2.0, 7.0], [4.0, 7.0]])
    scaling = Scaling.of(rows)
    assert torch.equal(scaling(rows), torch.tensor([[-1.0, 0.0], [1.0, 0.0]]))
    assert torch.equal(scaling(torch.tensor([[3.0, 9.0]])), torch.tensor([[0.0, 2.0]]))


def test_without_outputs_a_batch_is_judged_by_itself_and_augmented_each_time() -> None:
    states = torch.arange(12, dtype=torch.uint8).reshape(6, 2)
    net = nn.Module()
    net.blocks = nn.ModuleList([nn.Linear(2, 1)])
    net.forward = lambda rows: net.blocks[0](rows.float()).sum(1)  # type: ignore[method-assign]
    met: list[Tensor] = []

    def loss(network: nn.Module, batch: Batch) -> Tensor:
        met.append(batch.outputs)
        assert batch.inputs is batch.outputs
        return -network(batch.inputs).mean()

    def add(rows: Tensor, generator: torch.Generator) -> Tensor:
        return rows + 100 * torch.randint(2, (len(rows), 1), generator=generator).to(torch.uint8)

    train(Training(net, states, None, Recipe(batch=4, epochs=2), order(), loss=loss, augment=add))
    generator = order()
    for first, second in (met[:2], met[2:]):
        rows = torch.randperm(6, generator=generator)
        literal = [add(states[rows[:3]], generator), add(states[rows[3:]], generator)]
        assert torch.equal(first, literal[0]) and torch.equal(second, literal[1])


def test_an_output_that_never_varies_is_refused() -> None:
    outputs = np.arange(12.0).reshape(4, 3)
    varying(outputs, "film")
    outputs[:, 1] = 0.25
    expected = r"^film: output 2 of 3 is 0.25 in all 4 rows; allowed: outputs to be learned$"
    with pytest.raises(InputError, match=expected):
        varying(outputs, "film")


def test_trainings_of_one_key_differ_in_weights_and_numbers_only() -> None:
    x, y = examples()
    key = Training(network(), x, y, Recipe(batch=8, epochs=3), order()).fuse_key
    assert Training(network(), x + 1, y + 1, Recipe(batch=8, epochs=3, rate=0.1), order(1)).fuse_key == key
    frozen = network()
    frozen.blocks[0].requires_grad_(False)
    others = [
        Training(frozen, x, y, Recipe(batch=8, epochs=3), order()),
        Training(network("relu"), x, y, Recipe(batch=8, epochs=3), order()),
        Training(network(), x[1:], y[1:], Recipe(batch=8, epochs=3), order()),
        Training(network(), x, y, Recipe(batch=8, epochs=4), order()),
        Training(network(), x, y, Recipe(batch=8, epochs=3, optimiser="sgd"), order()),
    ]
    assert key not in {other.fuse_key for other in others}


def test_what_layers_draw_comes_from_the_trainings_noise() -> None:
    x, y = examples()
    found = []
    for noise, outside in ((1, 0), (1, 7), (2, 0)):
        net = network()
        net.blocks[0] = nn.Sequential(net.blocks[0], nn.Dropout(0.5))
        torch.manual_seed(outside)
        found.append(train(Training(net, x, y, Recipe(batch=7, epochs=2), order(), noise=noise)))
        assert torch.initial_seed() == outside
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize("convolves", [False, True])
def test_kernels_of_onednn_are_left_to_networks_that_convolve(convolves: bool) -> None:
    seen = []

    class Watched(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = nn.ModuleList([nn.Linear(2, 2), nn.Conv1d(1, 1, 1) if convolves else nn.Linear(2, 2)])

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen.append(torch.backends.mkldnn.enabled)
            return self.blocks[1](self.blocks[0](x)[:, None]).reshape(-1, 2)

    x = torch.ones(4, 2)
    before = torch.backends.mkldnn.enabled
    train(Training(Watched(), x, x, Recipe(epochs=1, batch=4), torch.Generator()))
    assert seen == [convolves and before] and torch.backends.mkldnn.enabled == before


def test_frozen_blocks_get_no_gradients_and_can_be_trained_again() -> None:
    network, x = MLP(2, 2, 2, 3), torch.rand(6, 2)
    blocks = [Block("another", rate=0.0), Block(), Block()]
    train(Training(network, x, x + 1, Recipe(epochs=1, batch=3), torch.Generator(), blocks))
    assert all(weight.grad is None for weight in network.blocks[0].parameters())
    assert all(weight.requires_grad for weight in network.parameters())


def test_a_block_stays_as_it_was_copied_until_it_thaws() -> None:
    x, y = examples(32)
    recipe = Recipe(rate=1e-2, batch=8, epochs=4, loss="mse", warmup=0)  # four steps an epoch, sixteen in all
    net, seen = network(), list[list[bool]]()
    start = [next(block.parameters()).detach().clone() for block in net.blocks]
    blocks = (Block("a", thaw=0.75), Block("a", thaw=0.5), Block())

    def look(epoch: int, mean: float) -> None:
        seen.append([torch.equal(next(b.parameters()), first) for b, first in zip(net.blocks, start, strict=True)])

    train(Training(net, x, y, recipe, order(), blocks=blocks), look)
    assert seen == [[True, True, False], [True, True, False], [True, False, False], [False, False, False]]
