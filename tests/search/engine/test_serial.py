"""Trainings one after the other and trainings on Ray: the same trials, the same numbers."""

import math
import threading
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from phases import phase

from graft.models.networks.network import Network
from graft.search.engine import actors, serial
from graft.search.engine.outcome import measure
from graft.search.engine.search import Rules, Search, storage
from graft.search.run.seeds import Role
from graft.search.tasks.base import Examples, Phase, Request
from graft.spaces import baseline, transfer
from graft.spaces.plan import Plan, Recipe
from graft.spaces.ranges import Ranges

START = Recipe(rate=5e-3, batch=8, epochs=3, activation="gelu")
RANGES = Ranges(rate=(1e-3, 2e-2), batch=(4, 16), epochs=(2, 5))


def shared() -> Phase:
    rng = np.random.default_rng(0)
    inputs = rng.uniform(30, 70, (30, 3)).astype(np.float32)
    outputs = (0.6 + 0.3 * np.sin(inputs @ rng.normal(0, 0.03, (3, 4)))).astype(np.float32)
    return phase(7, Role.BASELINE, Examples(inputs, outputs), 6, Network(1, 5))


def begin(folder: Path, **options: Any) -> Search:
    folder.mkdir(exist_ok=True)
    return Search(
        storage(folder / "optuna.journal"),
        Rules("baseline", 0, Role.BASELINE_SAMPLER, trainings=12, seeds=2),
        partial(baseline.suggest, start=START),
        RANGES,
        baseline.first_guesses(RANGES, START),
        partial(transfer.constraints, rows=24, steps=9),
        **options,
    )


def test_one_worker_on_ray_finds_the_trials_of_the_plain_loop(ray_session: Any, tmp_path: Path) -> None:
    plain, on_ray = begin(tmp_path / "plain"), begin(tmp_path / "ray")
    serial.explore(plain, shared(), 1, tmp_path / "plain" / "tune")
    actors.explore(on_ray, shared(), 1, tmp_path / "ray" / "tune")
    assert plain.records() == on_ray.records()
    assert plain.spent >= 12 and {trial["state"] for trial in plain.records()} >= {"complete", "pruned"}
    assert not (tmp_path / "ray" / "tune").exists()


def test_single_trainings_and_calls_agree_too(ray_session: Any) -> None:
    given, plan = shared(), Plan(START)
    asked = [(f"direct/{i}", given, Request(plan, i)) for i in range(3)]
    plain = {key: outcome.error for key, outcome in serial.outcomes(asked, 1)}
    on_ray = {key: outcome.error for key, outcome in actors.outcomes(asked, 2)}
    assert plain == on_ray and list(plain) == ["direct/0", "direct/1", "direct/2"]
    assert len(set(plain.values())) == 3
    roots = [(4.0,), (9.0,)]
    # One worker and two networks: Ray used to wait for a second worker for ever.
    found: list[float] = []
    waiting = threading.Thread(target=lambda: found.extend(actors.calls(math.sqrt, roots, 1)), daemon=True)
    waiting.start()
    waiting.join(timeout=120)
    assert serial.calls(math.sqrt, roots, 1) == found == [2.0, 3.0]
    assert (
        list(serial.as_done(math.sqrt, roots, 1)) == list(actors.as_done(math.sqrt, roots, 1)) == [(0, 2.0), (1, 3.0)]
    )


@pytest.mark.parametrize("stop_after", [1, 2, 4])
def test_a_search_that_is_killed_goes_on_with_the_same_trials(
    tmp_path: Path, stop_after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = begin(tmp_path / "whole")
    serial.explore(whole, shared(), 1, tmp_path)
    done: list[int] = []

    def dies(given: Phase, training: Request) -> Any:
        if len(done) == stop_after:
            raise KeyboardInterrupt
        done.append(training.index)
        return measure(given, training)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(serial, "measure", dies)
        serial.explore(begin(tmp_path / "killed"), shared(), 1, tmp_path)
    resumed = begin(tmp_path / "killed")
    serial.explore(resumed, shared(), 1, tmp_path)
    assert resumed.records() == whole.records()


def test_a_diverging_trial_is_recorded_and_the_search_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    search = begin(tmp_path)

    def diverges(given: Phase, training: Request) -> Any:
        wild = Recipe(rate=1e30, batch=8, epochs=3, loss="mse", optimiser="sgd", warmup=0)
        return measure(given, Request(Plan(wild), 0) if training.plan.recipe.activation == "relu" else training)

    monkeypatch.setattr(serial, "measure", diverges)
    serial.explore(search, shared(), 1, tmp_path)
    states = {trial["plan"]["recipe"]["activation"]: trial["state"] for trial in search.records()[:3]}
    assert states == {"relu": "failed", "gelu": "complete", "silu": "complete"}
    assert "the loss is" in search.records()[0]["reason"]
