"""One training: the same seed means the same split, weights and order for every arm, and nothing else is read."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from phases import phase, regression
from torch import Tensor

from graft.models.initialise import best_constant, draw_weights
from graft.models.networks.network import Network, Shape
from graft.models.scaling import Scaling
from graft.models.train import Training, prepare_process, train
from graft.models.weights import pack, unpack
from graft.search.engine.outcome import Outcome, measure
from graft.search.engine.progress import Progress
from graft.search.kinds.transfer.pipeline import Pipeline
from graft.search.kinds.transfer.sources import Link, load_source, save_source, train_source
from graft.search.run.folder import Run
from graft.search.run.resources import Resources
from graft.search.run.seeds import Draws, Role
from graft.search.study import resolve
from graft.search.tasks import base
from graft.search.tasks.base import Examples, Phase, Request, fit
from graft.spaces.plan import Plan, Recipe, Span

SHAPE = Shape(3, 4, Network(2, 6), "gelu")
RECIPE = Recipe(rate=5e-3, batch=8, epochs=3, activation="gelu", initial_scale=1.3, warmup=2)
DIRECT = Plan(RECIPE)
TRANSFER = Plan.span(RECIPE, 3, "film", Span(1, 2), scale=1.2)
HEAD = Plan.span(replace(RECIPE, rate=1e-3), 3, "film", Span(3, 3), copied_rate=0.0)


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> None:
    prepare_process()


def examples(rows: int, seed: int = 0) -> Examples:
    rng = np.random.default_rng(seed)
    inputs = rng.uniform(30, 70, (rows, 3)).astype(np.float32)
    return Examples(inputs, (0.6 + 0.3 * np.sin(inputs @ rng.normal(0, 0.03, (3, 4)))).astype(np.float32))


def source() -> bytes:
    network = SHAPE.build()
    draw_weights(network, 1.0, torch.Generator().manual_seed(42))
    return pack(network, SHAPE, Scaling(torch.zeros(3), torch.ones(3)))


TASK = regression(Network(2, 6))
PHASE = phase(7, Role.PLANS, examples(30), 6, Network(2, 6), {"film": source()})


@dataclass
class Seen:
    """What the training loop was given."""

    weights: dict[str, Tensor]
    inputs: Tensor
    outputs: Tensor
    order: Tensor


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Seen]:
    """Starts a training and tells what the loop was given, without carrying it out."""

    def look(plan: Plan, index: int = 0, shuffled: bool = False, of: Phase = PHASE) -> Seen:
        caught: list[Seen] = []

        def catch(training: Training) -> None:
            state = {name: tensor.clone() for name, tensor in training.network.state_dict().items()}
            assert training.outputs is not None
            caught.append(Seen(state, training.inputs, training.outputs, training.order.get_state()))

        with monkeypatch.context() as patched:
            patched.setattr(base, "train", catch)
            fit(of, Request(plan, index, shuffled))
        return caught[0]

    return look


def test_every_arm_of_a_seed_gets_the_same_rows_weights_and_order(seen: Callable[..., Seen]) -> None:
    arms = [seen(DIRECT), seen(TRANSFER), seen(TRANSFER, shuffled=True), seen(HEAD), seen(TRANSFER.without_source())]
    for arm in arms[1:]:
        assert torch.equal(arm.inputs, arms[0].inputs) and torch.equal(arm.outputs, arms[0].outputs)
        assert torch.equal(arm.order, arms[0].order)
    direct, transfer, shuffled, head, same_recipe = (arm.weights for arm in arms)
    for name, tensor in direct.items():
        last = name.startswith("blocks.2")
        assert torch.equal(transfer[name], tensor) == last and torch.equal(shuffled[name], tensor) == last
        assert torch.equal(head[name], tensor) != last
        assert torch.equal(same_recipe[name], tensor)


def test_what_is_copied_is_the_source_scaled_or_its_entries_shuffled(seen: Callable[..., Seen]) -> None:
    theirs = PHASE.sources["film"].state_dict()
    copied, shuffled = seen(TRANSFER).weights, seen(TRANSFER, shuffled=True).weights
    for name in ("blocks.0.0.weight", "blocks.0.0.bias", "blocks.1.0.weight", "blocks.1.0.bias"):
        assert torch.equal(copied[name], theirs[name] * 1.2)
        assert not torch.equal(shuffled[name], copied[name])
        assert torch.equal(shuffled[name].flatten().sort().values, copied[name].flatten().sort().values)


def test_another_seed_or_role_redraws_everything(seen: Callable[..., Seen]) -> None:
    found = [seen(DIRECT), seen(DIRECT, 1), seen(DIRECT, of=replace(PHASE, role=Role.CONFIRMATION)),
             seen(DIRECT, of=replace(PHASE, seed=8))]  # fmt: skip
    for i, one in enumerate(found):
        for other in found[:i]:
            assert not torch.equal(one.outputs, other.outputs) and not torch.equal(one.order, other.order)
            assert not any(torch.equal(one.weights[name], other.weights[name]) for name in one.weights)


def test_the_weights_are_those_of_the_seeds_own_generator(seen: Callable[..., Seen]) -> None:
    network = SHAPE.build()
    draw_weights(network, 1.3, Draws.of(7, Role.PLANS, 2).weights)
    assert all(torch.equal(seen(DIRECT, 2).weights[name], tensor) for name, tensor in network.state_dict().items())


@pytest.mark.parametrize("plan", [DIRECT, TRANSFER, HEAD], ids=["direct", "transfer", "frozen head"])
def test_measuring_twice_gives_the_same_error(plan: Plan) -> None:
    outcomes = [measure(PHASE, Request(plan, 0)) for _ in range(2)]
    assert outcomes[0].error == outcomes[1].error and outcomes[0].error > 0
    assert outcomes[0].reason == "" and outcomes[0].seconds > 0
    assert measure(PHASE, Request(plan, 1)).error != outcomes[0].error


def test_the_order_of_measurements_does_not_matter() -> None:
    alone = measure(PHASE, Request(DIRECT, 0)).error
    torch.manual_seed(123)
    np.random.default_rng(5).random()
    measure(PHASE, Request(TRANSFER, 3, shuffled=True))
    assert measure(replace(PHASE), Request(DIRECT, 0)).error == alone


def test_sources_are_only_read() -> None:
    before = {name: tensor.clone() for name, tensor in PHASE.sources["film"].state_dict().items()}
    measure(PHASE, Request(TRANSFER, 0, shuffled=True))
    measure(PHASE, Request(HEAD, 0))
    assert all(torch.equal(tensor, before[name]) for name, tensor in PHASE.sources["film"].state_dict().items())


@pytest.mark.parametrize("optimiser", ["sgd", "adamw"])
def test_divergence_is_an_outcome_with_a_reason(optimiser: str) -> None:
    recipe = replace(RECIPE, rate=1e30, optimiser=optimiser, loss="mse", warmup=0, activation="relu")
    found = measure(PHASE, Request(Plan(recipe), 0))
    assert isinstance(found, Outcome) and not math.isfinite(found.error)
    assert found.reason and len(found.reason.splitlines()) == 1


def test_a_network_that_predicts_no_number_is_an_outcome_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "predict", lambda network, rows: torch.full((len(rows), 4), math.nan))
    found = measure(PHASE, Request(DIRECT, 0))
    assert math.isnan(found.error) and found.reason == "the error is nan"


def changed(pool: Examples, rows: np.ndarray, value: float) -> Examples:
    inputs, outputs = pool.inputs.copy(), pool.outputs.copy()
    inputs[rows], outputs[rows] = value, value
    return Examples(inputs, outputs)


def test_validation_rows_judge_and_never_train() -> None:
    learned, held = Draws.of(PHASE.seed, PHASE.role, 0).rows(30, 6)
    fitted, off = fit(PHASE, Request(DIRECT, 0))
    literal = fitted.network(fitted.seen(torch.tensor(PHASE.pool.inputs[held]))).detach().numpy()
    exact = PHASE.pool.outputs[held]
    assert off.value == pytest.approx(np.mean(np.abs(literal - exact) / exact), rel=1e-5)

    other, other_off = fit(replace(PHASE, pool=changed(PHASE.pool, held, 5.0)), Request(DIRECT, 0))
    assert fitted.scaling is not None and other.scaling is not None
    assert other_off.value != off.value and torch.equal(fitted.scaling.mean, other.scaling.mean)
    pairs = zip(fitted.network.parameters(), other.network.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    np.testing.assert_allclose(fitted.scaling.mean.numpy(), PHASE.pool.inputs[learned].mean(axis=0), rtol=1e-5)


def test_where_there_are_test_examples_they_judge_and_validation_rows_are_not_read() -> None:
    test = examples(11, seed=3)
    judged = replace(PHASE, test=test)
    fitted, off = fit(judged, Request(TRANSFER, 0))
    literal = fitted.network(fitted.seen(torch.tensor(test.inputs))).detach().numpy()
    assert off.value == pytest.approx(np.mean(np.abs(literal - test.outputs) / test.outputs), rel=1e-5)
    assert off.value != fit(PHASE, Request(TRANSFER, 0))[1].value
    _, held = Draws.of(PHASE.seed, PHASE.role, 0).rows(30, 6)
    spoilt = replace(judged, pool=changed(PHASE.pool, held, math.nan))
    assert fit(spoilt, Request(TRANSFER, 0))[1].value == off.value


def test_locked_rows_are_never_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {"rows.source": 10, "rows.pool": 30, "rows.locked": 5, "rows.validation": 6}
    run = Run(tmp_path)
    study = resolve("film10-film8", "demo", sizes)
    run.begin(study)
    pipeline = Pipeline(study, run, Resources(1), Progress(quiet=True))
    unlocked = examples(25)
    poisoned = Examples(*(np.concatenate([part, np.full((5, part.shape[1]), np.nan, np.float32)]) for part in (
        unlocked.inputs, unlocked.outputs
    )))  # fmt: skip
    monkeypatch.setattr(
        pipeline, "examples", lambda simulator, role, rows: unlocked if role == Role.SOURCE else poisoned
    )
    pipeline.prepare()
    for role in (Role.BASELINE, Role.PLANS, Role.CONFIRMATION):
        shared = pipeline.shared(role, {})
        assert len(shared.pool) == 25
        np.testing.assert_array_equal(shared.pool.inputs, unlocked.inputs)
        np.testing.assert_array_equal(shared.pool.outputs, unlocked.outputs)
    trained = np.concatenate([Draws.of(0, Role.PLANS, i).rows(25, 6)[0] for i in range(20)])
    assert set(trained) == set(range(25))


def test_a_trained_network_travels_with_its_scaling(tmp_path: Path) -> None:
    fitted, _ = fit(PHASE, Request(TRANSFER, 0))
    (tmp_path / "model.safetensors").write_bytes(TASK.pack(fitted))
    opened, shape, again = unpack(tmp_path / "model.safetensors")
    assert fitted.scaling is not None
    assert shape == SHAPE and torch.equal(again.mean, fitted.scaling.mean)
    rows = torch.tensor(PHASE.pool.inputs)
    assert torch.equal(opened(again(rows)), fitted.network(fitted.seen(rows)))
    same = TASK.unpack(TASK.pack(fitted))
    assert (same.inputs, same.outputs) == (fitted.inputs, fitted.outputs)
    assert torch.equal(same.network(same.seen(rows)), fitted.network(fitted.seen(rows)))


def test_a_base_is_trained_the_same_twice_and_found_again_only_intact(tmp_path: Path) -> None:
    data = examples(40, seed=1)
    one, two = (train_source("film", [Link("film-3", data)], TASK, RECIPE, seed=3) for _ in range(2))
    assert one == two and 0 < one.error < 1
    assert one.data != train_source("film", [Link("film-3", data)], TASK, RECIPE, seed=4).data
    save_source(one, tmp_path)
    assert load_source("film", RECIPE, tmp_path) == one
    assert load_source("film", replace(RECIPE, epochs=4), tmp_path) is None
    assert load_source("other", RECIPE, tmp_path) is None
    (weights,) = tmp_path.glob("*.safetensors")
    weights.write_bytes(one.data[:-1] + bytes([one.data[-1] ^ 1]))
    assert load_source("film", RECIPE, tmp_path) is None


def test_a_base_never_reads_its_last_tenth() -> None:
    data = examples(40, seed=1)
    poisoned = changed(data, np.arange(36, 40), math.nan)
    one, two = (train_source("film", [Link("film-3", given)], TASK, RECIPE, seed=3) for given in (data, poisoned))
    assert one == two


def test_a_chain_goes_on_from_what_the_link_before_left_more_gently_and_is_judged_by_the_last() -> None:
    first, last = (Link(f"film-{seed}", examples(40, seed=seed)) for seed in (3, 4))
    found = train_source("film-3~film-4", [first, last], TASK, RECIPE, seed=3)
    before = TASK.unpack(train_source("film-3", [first], TASK, RECIPE, seed=3).data)

    draws = Draws.of(3, Role.SOURCE_NETWORK, 0)
    draws.rows(36, 4)
    torch.randperm(32, generator=draws.order)  # literal: what the first link has drawn, epoch by epoch
    for _ in range(RECIPE.epochs - 1):
        torch.randperm(32, generator=draws.order)
    learned, judged = draws.rows(36, 4)
    gentle = replace(RECIPE, rate=RECIPE.rate / 2, decay=RECIPE.decay / 5)
    plan, whole = Plan.span(gentle, 3, "film-3", Span(1, 3)), {"film-3": before.network}
    training, fitted = TASK.to_train(plan, last.examples.take(learned), draws, whole)
    train(training)
    assert TASK.pack(fitted) == found.data
    assert found.error == TASK.errors(fitted, last.examples.take(judged)).value and found.recipe == RECIPE


def fair(plan: Plan) -> Plan:
    return replace(plan, recipe=replace(plan.recipe, head="constant"))


def test_every_fresh_head_starts_at_the_same_constant_and_so_does_that_of_the_shuffled_control(
    seen: Callable[..., Seen],
) -> None:
    (bias,) = [name for name in seen(DIRECT).weights if name.startswith("blocks.2") and name.endswith("bias")]
    direct = seen(fair(DIRECT))
    constant = best_constant(DIRECT.recipe.loss, direct.outputs)
    assert torch.equal(direct.weights[bias], constant)
    # The head left fresh, and the head copied but shuffled: a mean spectrum is no knowledge of the source's.
    for plan, shuffled in ((TRANSFER, False), (TRANSFER, True), (HEAD, True), (TRANSFER.without_source(), False)):
        assert torch.equal(seen(fair(plan), shuffled=shuffled).weights[bias], constant)
    # The copied head keeps its own, whatever the recipe says of fresh ones.
    assert torch.equal(seen(fair(HEAD)).weights[bias], seen(HEAD).weights[bias])
    # Nothing but the head differs, whose weights are zero, and another seed has other rows and another constant.
    others, weight = seen(DIRECT).weights, bias.replace("bias", "weight")
    assert all(torch.equal(direct.weights[name], others[name]) for name in others if name not in (bias, weight))
    assert not direct.weights[weight].any() and others[weight].any()
    assert not torch.equal(seen(fair(DIRECT), 1).weights[bias], constant)
