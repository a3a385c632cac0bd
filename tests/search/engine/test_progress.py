"""How long a run may take, told before it and again by the pace of its first trainings."""

import pytest

from graft.search.engine.progress import FIRST, Expected, Pace, Progress, in_words


def test_what_is_left_follows_the_pace() -> None:
    told = Expected(searching=120.0, trainings=60, rest=60.0)
    assert told.seconds == 180 and told.left(10, each=2.0) == pytest.approx(100 + 60)
    assert told.left(10, each=6.0) == pytest.approx(300 + 180)  # all else is trainings too
    more = Expected(searching=120.0, trainings=60, rest=90.0, after=20, others=15.0)  # the rest at most, and expected
    assert more.seconds == 210 and more.left(10, each=6.0) == pytest.approx(300 + 120 + 15)
    short = Expected(searching=120.0, trainings=60, rest=60.0, limit=50.0)
    assert short.seconds == 110 and short.left(10, each=2.0) == pytest.approx(50 + 60)


def test_it_is_told_by_trainings_that_waited_for_no_worker_and_again_by_twice_as_many() -> None:
    pace = Pace(Expected(searching=60.0, trainings=60, rest=30.0))
    said = [pace.ended(used, 0, 100 + 3.0 * used) for used in range(1, 13)]  # the first waited for 100 s
    assert [line for line in said if line] == [
        f"by the first {FIRST + 1} trainings about 4 minutes more",  # 3 * 54 + 3 * 30 seconds
        f"by the first {2 * FIRST + 1} trainings about 4 minutes more",
    ]
    pace.before = None  # another search, gone on with: 12 of its trainings were another's
    said = [pace.ended(used, 12, 900 + 1.0 * used) for used in range(13, 60)]
    assert [line for line in said if line][0].startswith(f"by the first {12 + 10} trainings about ")


def test_trainings_that_are_not_alike_tell_nothing_of_each_other() -> None:
    progress = Progress(quiet=True)
    progress.expect(Expected(60.0, 0, 30.0))
    assert progress.pace is None


@pytest.mark.parametrize(("seconds", "words"), [(12.4, "12 s"), (600, "10 minutes"), (9000, "2.5 hours")])
def test_durations_are_told_as_people_do(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
