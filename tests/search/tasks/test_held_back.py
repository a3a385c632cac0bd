"""A plan whose pull is shared by Fisher information: where its precisions come from, and what its arms do with them."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from test_fit import DIRECT, PHASE, RECIPE, TASK, examples
from torch import Tensor, nn

from graft.models.train import prepare_process
from graft.search.engine.outcome import measure
from graft.search.kinds.transfer.precisions import load_precision, save_precision, with_precision
from graft.search.kinds.transfer.sources import Link, SourceNetwork, save_source, train_source
from graft.search.run.seeds import Draws
from graft.search.tasks.base import Phase, Request
from graft.search.tasks.prior import held_back
from graft.spaces.plan import Plan, Span

FLAT, FISHER = (Plan.span(RECIPE, 3, "film", Span(1, 2), pull=0.5, prior=prior) for prior in ("flat", "fisher"))
DATA = examples(40, seed=1)


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> None:
    prepare_process()


@pytest.fixture(scope="module")
def network() -> SourceNetwork:
    taught = train_source("film", [Link("film-3", DATA)], TASK, RECIPE, seed=3)
    return with_precision(taught, TASK, DATA)


@pytest.fixture(scope="module")
def phase(network: SourceNetwork) -> Phase:
    assert network.precision is not None
    return replace(PHASE, packed={"film": network.data}, precisions={"film": network.precision})


def held(phase: Phase, plan: Plan, shuffled: bool = False) -> nn.Module | None:
    draws = Draws.of(phase.seed, phase.role, 0)
    training, _ = phase.task.to_train(plan, phase.pool, draws, phase.sources, shuffled)
    return held_back(Request(plan, 0, shuffled), training.network, phase.precise, draws, phase.task.masks)


def named(network: nn.Module | None) -> dict[str, Tensor]:
    assert network is not None
    return dict(network.named_parameters())


def test_precisions_are_kept_beside_the_network_that_they_are_of(network: SourceNetwork, tmp_path: Path) -> None:
    alone = replace(network, precision=None)
    assert "precision" not in alone.card() and network.card()["precision"] != network.sha256
    save_source(alone, tmp_path)
    assert load_precision(alone, tmp_path) == alone
    save_precision(network, tmp_path)
    assert load_precision(alone, tmp_path) == network
    other = replace(alone, data=alone.data[:-1] + b"?")
    assert load_precision(other, tmp_path) == other
    (file,) = tmp_path.glob("*-fisher.safetensors")
    file.write_bytes(file.read_bytes()[:-1])
    assert load_precision(alone, tmp_path) == alone


def test_the_last_tenth_of_a_source_is_not_asked_either(network: SourceNetwork) -> None:
    inputs = DATA.inputs.copy()
    inputs[36:] = float("nan")
    again = with_precision(replace(network, precision=None), TASK, replace(DATA, inputs=inputs))
    assert again == network


def test_a_plan_that_asks_gets_those_of_its_copied_blocks_and_the_control_shuffled_ones(phase: Phase) -> None:
    assert held(phase, DIRECT) is None and held(phase, FLAT) is None
    theirs, plain, shuffled = named(phase.precise["film"]), named(held(phase, FISHER)), named(held(phase, FISHER, True))
    for name, tensor in plain.items():
        if name.startswith("blocks.2"):
            assert not tensor.any() and not shuffled[name].any()
            continue
        assert torch.equal(tensor, theirs[name]) and not torch.equal(shuffled[name], tensor)
        assert torch.equal(shuffled[name].flatten().sort().values, tensor.flatten().sort().values)


def test_how_a_pull_is_shared_changes_what_is_learned_and_nothing_else(phase: Phase) -> None:
    plans = [DIRECT, FLAT, FISHER]
    outcomes = [measure(phase, Request(plan, 0)) for plan in plans]
    assert all(one.reason == "" for one in outcomes) and len({one.error for one in outcomes}) == 3
    assert [measure(phase, Request(plan, 0)).error for plan in plans] == [one.error for one in outcomes]
    bare = replace(phase, precisions={})
    assert [measure(bare, Request(plan, 0)).error for plan in plans[:2]] == [one.error for one in outcomes[:2]]
