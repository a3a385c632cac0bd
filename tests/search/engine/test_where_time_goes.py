"""A run's phases say what its workers did, whole: the seconds add up to workers times wall time."""

import time
from pathlib import Path

import pytest

from graft.cluster import times
from graft.search.engine.cost import WORK, core_seconds
from graft.search.engine.executor import LocalExecutor
from graft.search.engine.progress import Progress
from graft.search.engine.work import Work
from graft.search.run.folder import Run
from graft.search.run.resources import Resources
from graft.spaces.settings import Settings


def work(folder: Path) -> Work[Settings]:
    return Work(Settings(), Run(folder), Resources(2), Progress(quiet=True), executor=LocalExecutor())


def test_what_is_known_is_told_and_the_rest_is_waiting_or_scheduling(tmp_path: Path) -> None:
    line = work(tmp_path)
    with line.phase("data"):
        time.sleep(0.05)
        times.add("generating", 0.03)
    with line.phase("search", idle="scheduling"), times.spending("sampling"):
        time.sleep(0.05)
    assert line.worked["data"].keys() >= {"generating", "waiting"}
    told = core_seconds(line.run)
    assert tuple(told) == WORK
    assert told["generating"] == pytest.approx(0.03) and told["sampling"] >= 0.05
    assert told["scheduling"] == pytest.approx(2 * line.spent["search"] - told["sampling"], abs=1e-6)
    assert sum(told.values()) == pytest.approx(2 * sum(line.spent.values()), abs=1e-6)


def test_a_run_that_goes_on_adds_to_what_was_told(tmp_path: Path) -> None:
    for _ in range(2):  # the second as after a kill
        line = work(tmp_path)
        with line.phase("confirmation"):
            time.sleep(0.02)
            times.add("training", 0.01)
    assert line.worked["confirmation"]["training"] == pytest.approx(0.02)
    assert sum(core_seconds(line.run).values()) == pytest.approx(2 * line.spent["confirmation"], abs=1e-6)


def test_a_folder_that_does_not_know_says_nothing(tmp_path: Path) -> None:
    assert core_seconds(Run(tmp_path)) == {}
