"""What any executor owes whoever gives it trainings: subclass `Conformance`, and give it an executor."""

import math
import os
import signal
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graft.cluster import times
from graft.models.networks.network import Network
from graft.search.engine.budget import SearchBudget
from graft.search.engine.executor import Executor, LocalExecutor
from graft.search.engine.journal import storage
from graft.search.engine.outcome import measure
from graft.search.engine.ray import RayExecutor
from graft.search.engine.sampler import Sampling
from graft.search.engine.search import Search, Space
from graft.search.run.seeds import Role
from graft.search.tasks.base import Examples, Phase, Request
from graft.search.tasks.regression import Alone, Regression
from graft.spaces import baseline, transfer
from graft.spaces.errors import InputError
from graft.spaces.plan import Plan, Recipe
from graft.spaces.ranges import Ranges

START = Recipe(rate=5e-3, batch=8, epochs=3, activation="gelu")
RANGES = Ranges(rate=(1e-3, 2e-2), batch=(4, 16), epochs=(2, 5))


def shared() -> Phase:
    """What the trainings of a small regression share."""
    rng = np.random.default_rng(0)
    inputs = rng.uniform(30, 70, (30, 3)).astype(np.float32)
    outputs = (0.6 + 0.3 * np.sin(inputs @ rng.normal(0, 0.03, (3, 4)))).astype(np.float32)
    task = Regression(Alone("film-3", 0, Network(1, 5), Recipe(), "relative-l1"))
    return Phase(task, 7, Role.BASELINE, Examples(inputs, outputs), 6)


def begin(folder: Path, suggest: Any = None, seeds: int = 2) -> Search:
    """A search of twelve trainings."""
    folder.mkdir(exist_ok=True)
    space = Space(
        Plan,
        suggest or partial(baseline.suggest, start=START),
        RANGES,
        [] if suggest else baseline.first_guesses(RANGES, START),
        partial(transfer.constraints, rows=24, steps=9),
    )
    sampling = Sampling(0, Role.BASELINE_SAMPLER)
    return Search(storage(folder / "optuna.journal"), "baseline", space, SearchBudget(12, seeds), sampling)


def wild(trial: Any, ranges: Ranges) -> Plan:
    """Every second trial explodes."""
    trial.suggest_float("rate", 1e-3, 1e-2)
    return Plan(Recipe(rate=1e30 if trial.number % 2 else 1e-3, epochs=3, batch=16, optimiser="sgd", loss="mse"))


class Conformance:
    """What every executor does."""

    def test_outcomes_are_those_of_this_process(self, executor: Executor) -> None:
        given = shared()
        jobs = {f"direct/{i}": (measure, (given, Request(Plan(START), i))) for i in range(3)}
        errors = {key: outcome.error for key, outcome in executor.run(jobs)}
        assert errors == {key: function(*arguments).error for key, (function, arguments) in jobs.items()}
        assert len(set(errors.values())) == 3
        assert dict(executor.run({i: (math.sqrt, (i * i,)) for i in range(4)})) == {i: i for i in range(4)}
        assert list(executor.run({})) == []

    def test_jobs_of_a_share_are_carried_out_side_by_side_and_told_by_their_keys(self, executor: Executor) -> None:
        given = shared()
        jobs = {f"direct/{i}": (measure, (given, Request(Plan(START), i))) for i in range(5)}
        alone = {key: outcome.error for key, outcome in executor.run(jobs)}
        shares = [["direct/0", "direct/1", "direct/2"], ["direct/3", "direct/4"]]
        together = {key: outcome.error for key, outcome in executor.run(jobs, shares)}
        assert together == {key: pytest.approx(error, rel=1e-3) for key, error in alone.items()}
        assert together == {key: outcome.error for key, outcome in LocalExecutor().run(jobs, shares)}

    def test_what_workers_do_is_counted_as_training_and_what_is_drawn_as_sampling(
        self, executor: Executor, tmp_path: Path
    ) -> None:
        before = times.spent()
        list(executor.run({i: (time.sleep, (0.1,)) for i in range(3)}))
        assert 0.3 <= times.since(before)["training"] < 3
        search, before = begin(tmp_path / "search"), times.spent()
        executor.explore(search, shared())
        told = times.since(before)
        took = sum(search.seconds(trial.number) for trial in search.records())
        assert took <= told["training"] + 1e-6 < took + 1 and told["sampling"] > 0

    def test_of_a_share_the_job_that_is_refused_is_named_and_no_further_one_begins(self, executor: Executor) -> None:
        def refuses(number: int) -> int:
            if number > 1:
                raise InputError(f"job {number} is refused")
            return number

        jobs = {number: (refuses, (number,)) for number in range(5)}
        with pytest.raises(InputError, match="^job 2 is refused"):
            list(executor.run(jobs, [[0, 1], [2, 3], [4]]))

    def test_trials_are_those_of_the_plain_loop(self, executor: Executor, tmp_path: Path) -> None:
        plain, other = begin(tmp_path / "plain"), begin(tmp_path / "other")
        LocalExecutor().explore(plain, shared())
        executor.explore(other, shared())
        assert other.records() == plain.records() and not (tmp_path / "tune").exists()
        assert plain.spent >= 12 and {trial.state for trial in plain.records()} >= {"complete", "pruned"}
        executor.explore(other, shared())  # there is nothing left of it
        assert other.records() == plain.records()

    def test_trials_that_diverge_have_failed_and_the_others_go_on(self, executor: Executor, tmp_path: Path) -> None:
        search = begin(tmp_path / "wild", wild, seeds=3)
        executor.explore(search, shared())
        told = {trial.number: trial for trial in search.records()}
        assert {number % 2 for number, trial in told.items() if trial.state == "failed"} == {1}
        assert any(trial.state == "complete" for trial in told.values())
        assert all("the loss is" in told[number].reason for number in told if number % 2)

    def test_what_a_job_refuses_is_one_line_here_as_well(self, executor: Executor) -> None:
        def refuse(what: str) -> None:
            raise InputError(f"{what} is wrong; allowed: right")

        with pytest.raises(InputError) as refused:
            list(executor.run({"a": (refuse, ("the rate",))}))
        assert str(refused.value) == "the rate is wrong; allowed: right"
        with pytest.raises(ValueError, match="math domain error|nonnegative"):
            list(executor.run({"a": (math.sqrt, (-1.0,))}))


class TestLocalExecutor(Conformance):
    @pytest.fixture
    def executor(self) -> LocalExecutor:
        return LocalExecutor()

    @pytest.mark.parametrize("stop_after", [1, 2, 4])
    def test_a_search_that_is_killed_goes_on_with_the_same_trials(
        self, executor: LocalExecutor, tmp_path: Path, stop_after: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        whole, killed = begin(tmp_path / "whole"), begin(tmp_path / "killed")
        executor.explore(whole, shared())
        done: list[int] = []

        def dies(given: Phase, training: Request) -> Any:
            if len(done) == stop_after:
                raise KeyboardInterrupt
            done.append(training.index)
            return measure(given, training)

        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr("graft.search.engine.executor.measure", dies)
            executor.explore(killed, shared())
        resumed = begin(tmp_path / "killed")
        executor.explore(resumed, shared())
        assert resumed.records() == whole.records()


class TestRayExecutorAlone:
    """Before any actors stay."""

    def test_jobs_of_two_workers_all_end_and_leave_no_actor(self, ray_session: Any, tmp_path: Path) -> None:
        def slower_the_smaller(value: float) -> float:
            time.sleep(0.3 / (1 + value))
            return math.sqrt(value)

        jobs = {i: (slower_the_smaller, (value,)) for i, value in enumerate((0.0, 4.0, 9.0))}
        assert sorted(RayExecutor(2, tmp_path).run(jobs)) == [(0, 0.0), (1, 2.0), (2, 3.0)]
        deadline = time.monotonic() + 20
        while ray_session.available_resources().get("CPU", 0) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert ray_session.available_resources()["CPU"] == 2


class TestRayExecutor(Conformance):
    @pytest.fixture
    def executor(self, ray_actors: Any, tmp_path: Path) -> RayExecutor:
        return RayExecutor(1, tmp_path / "tune")

    def test_a_job_whose_worker_is_killed_is_begun_again(self, executor: RayExecutor, tmp_path: Path) -> None:
        def once(mark: Path) -> str:
            """Kills its process, the first time."""
            if not mark.exists():
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return mark.name

        jobs = {name: (once, (tmp_path / name,)) for name in ("a", "b")}
        assert dict(executor.run(jobs)) == {"a": "a", "b": "b"}

    def test_two_workers_lose_no_trial(self, executor: RayExecutor, tmp_path: Path) -> None:
        search = begin(tmp_path / "two", wild, seeds=3)
        replace(executor, workers=2).explore(search, shared())
        states = {trial.number: trial.state for trial in search.records()}
        assert all(states[number] == "failed" for number in states if number % 2) and "complete" in states.values()
