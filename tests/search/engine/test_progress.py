"""How long a run may take, told before it and again by the pace of its first trainings."""

from types import SimpleNamespace

import pytest

from graft.search.engine.progress import FIRST, Expected, Progress, in_words


def test_what_is_left_follows_the_pace() -> None:
    told = Expected(searching=120.0, trainings=60, rest=60.0)
    assert told.seconds == 180 and told.left(10, each=2.0) == pytest.approx(100 + 60)
    assert told.left(10, each=6.0) == pytest.approx(300 + 180)  # all else is trainings too
    short = Expected(searching=120.0, trainings=60, rest=60.0, limit=50.0)
    assert short.seconds == 110 and short.left(10, each=2.0) == pytest.approx(50 + 60)


def carried_out(expected: Expected, monkeypatch: pytest.MonkeyPatch, seconds: float) -> list[str]:
    """What is said on the way of a search whose first training waited 100 s for its worker."""
    progress, said = Progress(quiet=True), list[str]()
    monkeypatch.setattr(progress, "say", said.append)
    progress.expect(expected)
    search = SimpleNamespace(used=0, budget=SimpleNamespace(trainings=20))
    progress.search, progress.first = search, 0  # type: ignore[assignment]
    for used in range(1, 20):
        progress._pace(used, 100 + seconds * used)
    return said


def test_it_is_told_once_and_by_trainings_that_waited_for_no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = Expected(searching=60.0, trainings=60, rest=30.0)
    (line,) = carried_out(expected, monkeypatch, 3.0)
    assert line == f"by the first {FIRST + 1} trainings about 4 minutes more"  # 3 * 54 + 3 * 30 seconds
    assert carried_out(Expected(60.0, 0, 30.0), monkeypatch, 3.0) == []  # trainings that are not alike


@pytest.mark.parametrize(("seconds", "words"), [(12.4, "12 s"), (600, "10 minutes"), (9000, "2.5 hours")])
def test_durations_are_told_as_people_do(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
