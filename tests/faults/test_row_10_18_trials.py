"""Trials whose loss is no number (row 10), and trials whose worker is killed (row 18).

A worker that runs out of memory is killed by the kernel or by Ray with the same signal 9.
"""

import os
import re
import signal
import threading
import time
from pathlib import Path
from random import Random
from typing import Any

import deadly
import pytest
import ray
from deadly import Mortal, error
from searches import mlflow_states, said, start

from graft.search.engine.budget import SearchBudget
from graft.search.engine.journal import storage
from graft.search.engine.outcome import measure
from graft.search.engine.ray import FAILURES, RayExecutor
from graft.search.engine.sampler import Sampling
from graft.search.engine.search import Search, Space
from graft.search.run.seeds import Role
from graft.search.run.trials import Trial
from graft.search.tasks.base import Request
from graft.spaces.plan import Plan, Recipe
from graft.spaces.ranges import Ranges

ray.cloudpickle.register_pickle_by_value(deadly)
TRIALS = 8


def numbered(trial: Any, ranges: Ranges) -> Plan:
    """A plan that says which trial it is of."""
    trial.suggest_float("rate", 1e-3, 2e-3)
    return Plan(Recipe(rate=1e-3 * (1 + trial.number), batch=1 + trial.number, epochs=1))


def searched(folder: Path, task: Mortal) -> list[Trial]:
    """A search of eight trials of two seeds, two at a time."""
    search = Search(
        storage(folder / "optuna.journal"),
        "baseline",
        Space(Plan, numbered, Ranges()),
        # The race would stop some: no trial is complete before the last one has begun.
        SearchBudget(2 * TRIALS, 2),
        Sampling(0, Role.BASELINE_SAMPLER),
    )
    RayExecutor(2, folder / "tune").explore(search, task)
    return search.records()


def test_row_10_trials_that_diverge_have_failed_and_the_others_go_on(
    ray_session: Any, tmp_path: Path, draw: Random
) -> None:
    wrong = draw.sample(range(TRIALS), 3)
    (tmp_path / "marks").mkdir()
    task = Mortal(tmp_path / "marks", diverging=tuple(1 + number for number in wrong), seconds=0.02)
    states = {trial.number: trial.state for trial in searched(tmp_path, task)}
    assert {number for number, state in states.items() if state == "failed"} >= set(wrong)
    assert {number for number, state in states.items() if state != "complete"} & set(range(TRIALS)) == set(wrong)


@pytest.mark.slow
def test_row_10_if_all_trials_diverge_the_command_fails(tmp_path: Path) -> None:
    out = tmp_path / "run"
    settings = ("ranges.rate=[1e30, 1e35]", "start.rate=1e32", "budget.trainings=4")
    assert start(out, settings=settings).wait(900) == 1
    told = re.search(r"no trial of the baseline search finished \((\d+) tried\): seed 0: ", said(out))
    states = mlflow_states(out)  # of each trial, and of the run
    assert told and int(told[1]) >= 2 and set(states.values()) == {"FAILED"} and len(states) == 1 + int(told[1])


class Killer(threading.Thread):
    """Kills processes that are at work in ``folder`` with signal 9, one after another, at random moments."""

    def __init__(self, folder: Path, times: int, draw: Random) -> None:
        super().__init__()
        self.folder, self.times, self.draw = folder, times, draw
        self.killed: set[int] = set()
        self.done = threading.Event()

    def run(self) -> None:
        while not self.done.is_set() and len(self.killed) < self.times:
            at_work = {int(path.name.split("-")[2]) for path in self.folder.iterdir()} - self.killed
            if at_work:
                time.sleep(self.draw.uniform(0, 0.3))
                self.killed.add(victim := self.draw.choice(sorted(at_work)))
                os.kill(victim, signal.SIGKILL)
            time.sleep(0.01)

    def __enter__(self) -> "Killer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.join()


def test_row_18_trials_whose_workers_are_killed_are_carried_out_all_the_same(
    ray_session: Any, tmp_path: Path, draw: Random
) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    with Killer(marks, 2, draw) as killer:
        records = searched(tmp_path, Mortal(marks))
    assert killer.killed
    plans = [trial.plan for trial in records]
    assert [trial.number for trial in records] == list(range(len(records)))
    assert {trial.state for trial in records} <= {"complete", "pruned"}
    for trial, plan in zip(records, plans, strict=True):
        assert trial.errors == tuple(error(Request(plan, i)) for i in range(len(trial.errors)))


@pytest.mark.slow
def test_row_18_a_trial_that_always_kills_its_worker_has_failed_and_the_others_have_not(
    ray_session: Any, tmp_path: Path
) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    records = searched(tmp_path, Mortal(marks, deadly=(3,), seconds=0.02))
    (failed,) = (trial for trial in records if trial.state == "failed")
    assert failed.number == 2 and len(records) >= TRIALS
    assert "died" in failed.reason.lower() or "dead" in failed.reason.lower()
    assert len(list(marks.glob("3-0-*"))) == 1 + FAILURES


def test_row_18_single_trainings_whose_workers_are_killed_are_carried_out_all_the_same(
    ray_session: Any, tmp_path: Path, draw: Random
) -> None:
    plans = [Plan(Recipe(rate=1e-3 * (1 + i), batch=1 + i, epochs=1)) for i in range(10)]
    task = Mortal(tmp_path)
    with Killer(tmp_path, 2, draw) as killer:
        jobs = {i: (measure, (task, Request(plan, 0))) for i, plan in enumerate(plans)}
        found = dict(RayExecutor(2, tmp_path / "tune").run(jobs))
    assert killer.killed
    assert {key: outcome.error for key, outcome in found.items()} == {
        i: error(Request(plan, 0)) for i, plan in enumerate(plans)
    }
