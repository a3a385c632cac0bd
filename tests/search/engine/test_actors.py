"""Tune with two workers; that one worker does what the plain loop does is in test_serial."""

import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from phases import phase

from graft.models.networks.network import Network
from graft.search.engine import actors
from graft.search.engine.search import Rules, Search, storage
from graft.search.run.seeds import Role
from graft.search.tasks.base import Examples, Phase
from graft.spaces.plan import Plan, Recipe
from graft.spaces.ranges import Ranges


@pytest.fixture(scope="module")
def shared() -> Phase:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(40, 3)).astype(np.float32)
    outputs = (2 + np.sin(inputs @ rng.normal(size=(3, 5)))).astype(np.float32)
    return phase(0, Role.BASELINE, Examples(inputs, outputs), 8, Network(2, 8))


def diverging(trial: Any, ranges: Ranges) -> Plan:
    """Every second trial explodes."""
    trial.suggest_float("rate", 1e-3, 1e-2)
    return Plan(Recipe(rate=1e30 if trial.number % 2 else 1e-3, epochs=3, batch=16, optimiser="sgd", loss="mse"))


def test_diverged_trials_are_failed_and_the_others_go_on(ray_session: Any, shared: Phase, tmp_path: Path) -> None:
    found = Search(
        storage(tmp_path / "optuna.journal"),
        Rules("baseline", 3, Role.BASELINE_SAMPLER, 12, 3),
        diverging,
        Ranges(),
        [],
        lambda plan: {},
    )
    actors.explore(found, shared, 2, tmp_path / "tune")
    states = {trial["number"]: trial["state"] for trial in found.records()}
    assert all(states[number] == "failed" for number in states if number % 2)
    assert any(state == "complete" for state in states.values())
    assert all("step" in t["reason"] or "error" in t["reason"] for t in found.records() if t["state"] == "failed")


def test_calls_come_back_in_the_order_asked_and_leave_no_actor(ray_session: Any) -> None:
    def slower_the_smaller(value: float) -> float:
        """A root; the one asked for first comes last."""
        time.sleep(0.3 / (1 + value))
        return math.sqrt(value)

    asked = [(0.0,), (4.0,), (9.0,)]
    assert actors.calls(slower_the_smaller, asked, 2) == [0.0, 2.0, 3.0]
    ended = list(actors.as_done(slower_the_smaller, asked, 3))
    assert sorted(ended) == [(0, 0.0), (1, 2.0), (2, 3.0)]
    deadline = time.monotonic() + 20
    while ray_session.available_resources().get("CPU", 0) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert ray_session.available_resources()["CPU"] == 2


def test_a_call_that_fails_raises_what_it_raised(ray_session: Any) -> None:
    with pytest.raises(ValueError, match="math domain error|nonnegative"):
        actors.calls(math.sqrt, [(-1.0,)], 1)
