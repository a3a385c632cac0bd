"""One training of several tasks: paired with direct learning, judged by task, and the same on Ray as without."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from phases import phase, regression

from graft.models.networks.network import Network
from graft.search.engine.budget import SearchBudget
from graft.search.engine.executor import LocalExecutor
from graft.search.engine.journal import storage
from graft.search.engine.outcome import measure
from graft.search.engine.ray import RayExecutor
from graft.search.engine.sampler import Sampling
from graft.search.engine.search import Search, Space
from graft.search.run.seeds import Role
from graft.search.tasks.base import Examples, Request, fit
from graft.search.tasks.joint import SharedTask, SharedTraining, learn
from graft.spaces import sharing
from graft.spaces.plan import Plan, Recipe
from graft.spaces.ranges import Ranges
from graft.spaces.sharing import Sharing

RECIPE = Recipe(rate=5e-3, batch=8, epochs=3, activation="gelu", warmup=0)
RANGES = Ranges(rate=(1e-3, 2e-2), batch=(4, 16), epochs=(2, 5))
ERRORS = {"a": 0.02, "b": 0.05}
TOGETHER = Sharing.ends(RECIPE, ("a", "b"), 2, 2, one_hot=True)
APART = Sharing.ends(RECIPE, ("a", "b"), 2, 0)


def pool(width: int, rows: int = 30) -> Examples:
    rng = np.random.default_rng(width)
    inputs = rng.uniform(30, 70, (rows, width)).astype(np.float32)
    return Examples(inputs, (0.6 + 0.3 * np.sin(inputs @ rng.normal(0, 0.03, (width, 4)))).astype(np.float32))


POOLS = {"a": pool(3), "b": pool(5)}
TASK = SharedTask(7, Role.PLANS, dict.fromkeys("abc", regression(Network(1, 5))), POOLS, validation=6)


def test_the_score_is_the_geometric_mean_over_tasks() -> None:
    outcome = measure(TASK, SharedTraining(TOGETHER, 0))
    assert list(outcome.by_task) == ["a", "b"] and outcome.reason == ""
    assert outcome.error == pytest.approx(float(np.sqrt(outcome.by_task["a"] * outcome.by_task["b"])))


def test_a_seed_sets_the_same_rows_aside_as_learning_alone() -> None:
    for index in range(3):
        alone, _ = fit(phase(7, Role.PLANS, POOLS["a"], 6, Network(1, 5)), Request(Plan(RECIPE), index))
        assert alone.scaling is not None
        together = learn(TASK, SharedTraining(APART, index)).fitted["a"].scaling
        assert together is not None and torch.equal(together.mean, alone.scaling.mean)


def test_a_path_depends_on_the_others_only_where_it_is_shared() -> None:
    other = replace(TASK, pools=POOLS | {"b": Examples(POOLS["b"].inputs, POOLS["b"].outputs + 0.3)})
    for plan, same in ((APART, True), (TOGETHER, False)):
        found = [learn(task, SharedTraining(plan, 1)).errors["a"] for task in (TASK, other)]
        assert (found[0] == found[1]) is same


def test_the_control_keeps_one_tasks_labels_and_shuffles_the_others() -> None:
    intact = learn(TASK, SharedTraining(APART, 0, "b"))
    assert list(intact.errors) == ["b"]
    assert intact.errors["b"] == learn(TASK, SharedTraining(APART, 0)).errors["b"]
    a, b = (learn(TASK, SharedTraining(TOGETHER, 0, name)).errors.get("b") for name in ("", "b"))
    assert a != b
    told = measure(TASK, SharedTraining(TOGETHER, 0, "b"))
    assert told.by_task == {"b": told.error}


def test_a_shuffled_task_has_the_same_spectra_on_other_examples() -> None:
    kept, other, later = (TASK.labelled("b", SharedTraining(TOGETHER, 0, *how)) for how in [("b",), ("a", 1), ("a", 2)])
    assert kept is POOLS["b"]
    for one in (other, later):
        assert np.array_equal(one.inputs, kept.inputs) and not np.array_equal(one.outputs, kept.outputs)
        assert np.array_equal(np.sort(one.outputs, 0), np.sort(kept.outputs, 0))
    assert not np.array_equal(other.outputs, later.outputs)
    seeds = [TASK.labelled("b", SharedTraining(TOGETHER, index, "a", 1)).outputs for index in range(2)]
    assert np.array_equal(*seeds)  # one shuffle is one set of examples, whatever the seed


def test_fewer_tasks_than_there_are_can_be_learned() -> None:
    third = replace(TASK, pools=POOLS | {"c": pool(4)})
    assert learn(third, SharedTraining(TOGETHER, 0)).errors == learn(TASK, SharedTraining(TOGETHER, 0)).errors


def test_divergence_is_an_outcome() -> None:
    wild = replace(TOGETHER, recipe=replace(RECIPE, rate=1e30, optimiser="sgd"))
    outcome = measure(TASK, SharedTraining(wild, 0))
    assert outcome.error == float("inf") and outcome.by_task == {} and "loss" in outcome.reason


@pytest.mark.parametrize("differs", ["seed", "role", "validation", "tasks", "pools"])
def test_whatever_changes_an_error_changes_its_digest(differs: str) -> None:
    other: dict[str, Any] = {"seed": 8, "role": Role.REGRET, "validation": 5}
    other["tasks"] = dict.fromkeys("abc", regression(Network(2, 5)))
    other["pools"] = POOLS | {"b": pool(5, 31)}
    training = SharedTraining(TOGETHER, 0)
    assert replace(TASK, **{differs: other[differs]}).digest(training) != TASK.digest(training)
    trainings = [SharedTraining(TOGETHER, 1), SharedTraining(TOGETHER, 0, "a"), SharedTraining(APART, 0)]
    assert len({TASK.digest(one) for one in [training, *trainings]}) == 4


def begin(folder: Path) -> Search:
    folder.mkdir()
    return Search(
        storage(folder / "optuna.journal"),
        "plans",
        Space(
            Sharing,
            partial(sharing.suggest, start=RECIPE, errors=ERRORS, blocks=2),
            RANGES,
            sharing.first_guesses(RANGES, RECIPE, 2),
            partial(sharing.constraints, rows=24, steps=100),
        ),
        SearchBudget(trainings=10, seeds=2),
        Sampling(0, Role.PLANS_SAMPLER),
    )


def test_one_worker_on_ray_finds_the_trials_of_the_plain_loop(ray_session: Any, tmp_path: Path) -> None:
    plain, on_ray = begin(tmp_path / "plain"), begin(tmp_path / "ray")
    LocalExecutor().explore(plain, TASK)
    RayExecutor(1, tmp_path / "ray" / "tune").explore(on_ray, TASK)
    assert plain.records() == on_ray.records() and plain.spent >= 10
    assert all(len(trial.by_task) == len(trial.errors) for trial in plain.records())
    assert not any(trial.plan.direct for trial in plain.records() if trial.errors)
