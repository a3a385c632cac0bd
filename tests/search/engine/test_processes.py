"""Whole runs in processes: each result under its key, and an end that is one."""

import os
import time
from pathlib import Path

import pytest

from graft.search.engine.processes import carried_out


def double(number: int) -> int:
    return 2 * number


def fail(number: int) -> int:
    raise ValueError(f"no {number}")


def stay(folder: Path, seconds: float) -> None:
    (folder / str(os.getpid())).write_text("here")
    time.sleep(seconds)


def test_every_result_comes_under_its_key() -> None:
    assert dict(carried_out(double, {f"n{i}": (i,) for i in range(5)}, 2)) == {f"n{i}": 2 * i for i in range(5)}


def test_nothing_asked_is_nothing_done() -> None:
    assert list(carried_out(double, {}, 2)) == []


def test_an_interruption_ends_the_processes_at_once(tmp_path: Path) -> None:
    began = time.monotonic()
    running = carried_out(stay, {"short": (tmp_path, 0.1)} | {i: (tmp_path, 600) for i in range(4)}, 2)
    assert next(running)[0] == "short"
    with pytest.raises(KeyboardInterrupt):
        running.throw(KeyboardInterrupt)
    assert time.monotonic() - began < 60
    for name in os.listdir(tmp_path):
        deadline = time.monotonic() + 10
        while Path("/proc", name).exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not Path("/proc", name).exists()


def test_a_failure_ends_the_others_and_is_told() -> None:
    with pytest.raises(ValueError, match="no 1"):
        list(carried_out(fail, {i: (1,) for i in range(3)}, 2))
