"""Where time goes: nothing is counted twice, and what workers tell is added."""

import time

import pytest

from graft.cluster import times
from graft.cluster.times import spending


def test_what_is_counted_inside_is_not_counted_outside_too() -> None:
    @spending("logging")
    def shown() -> None:
        time.sleep(0.05)

    before, began = times.spent(), time.perf_counter()
    with spending("sampling"):
        time.sleep(0.1)
        shown()
        shown()
    told, wall = times.since(before), time.perf_counter() - began
    assert told["sampling"] >= 0.1 <= told["logging"]
    assert sum(told.values()) <= wall


def test_what_raises_has_taken_its_time_too() -> None:
    before = times.spent()
    with pytest.raises(ValueError, match="no"), spending("sampling"):
        time.sleep(0.02)
        raise ValueError("no")
    assert times.since(before)["sampling"] >= 0.02


def test_what_workers_tell_is_added() -> None:
    before = times.spent()
    times.add("generating", 2.0)
    times.add("generating", 3.0)
    assert times.since(before)["generating"] == pytest.approx(5.0)
