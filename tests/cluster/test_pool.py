"""What a pool of actors owes whoever gives it jobs; what dies meanwhile is in tests/faults too."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from graft.cluster.pool import TRIES, Failed, carry_out, staying


def test_what_several_jobs_share_arrives_once_and_no_job_is_none(ray_session: Any) -> None:
    shared = list(range(1000))
    found = dict(carry_out({key: (lambda values, k: sum(values) + k, (shared, key)) for key in range(5)}, 2))
    assert found == {key: 499500 + key for key in range(5)}
    assert list(carry_out({}, 2)) == []


def test_a_process_is_prepared_before_its_first_job(ray_session: Any) -> None:
    def prepare() -> None:
        os.environ["PREPARED"] = "yes"

    assert dict(carry_out({"only": (os.getenv, ("PREPARED",))}, 1, prepare=prepare)) == {"only": "yes"}


def test_once_a_job_raises_none_begins_and_the_first_in_order_is_named(ray_session: Any, tmp_path: Path) -> None:
    def job(number: int) -> int:
        (tmp_path / str(number)).touch()
        if number:
            raise ValueError(f"number\n{number}")
        return number

    came: list[Any] = []
    with pytest.raises(Failed, match=r"^1 raised ValueError: number 1$") as failure:
        came.extend(carry_out({number: (job, (number,)) for number in range(9)}, 1))
    assert {path.name for path in tmp_path.iterdir()} == {"0", "1"}
    assert isinstance(failure.value.cause, ValueError) and failure.value.key == 1
    assert "test_pool.py" in failure.value.cause.__notes__[0]


def test_a_job_that_kills_does_not_keep_the_others_from_their_end(ray_session: Any, tmp_path: Path) -> None:
    def job(number: int) -> int:
        if number == 1:
            (tmp_path / str(os.getpid())).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return number

    came = []
    with pytest.raises(Failed, match=rf"^1 killed its worker {TRIES} times: \S") as failure:
        for key, _ in carry_out({number: (job, (number,)) for number in range(4)}, 2):
            came.append(key)
    assert failure.value.cause is None
    assert sorted(came) == [0, 2, 3] and len(list(tmp_path.iterdir())) == TRIES


def pids(jobs: int, workers: int, **more: Any) -> set[int]:
    """Processes of the actors that carry out so many jobs."""
    return set(dict(carry_out({key: (os.getpid, ()) for key in range(jobs)}, workers, **more)).values())


def test_actors_stay_for_the_next_jobs_of_their_kind_and_no_longer(ray_session: Any) -> None:
    def prepared() -> None:
        """Makes actors of another kind."""

    with staying():
        first = pids(4, 1)
        assert pids(4, 1) == first  # the same process
        other = pids(4, 1, prepare=prepared)
        assert other != first
        assert pids(1, 1) not in (first, other)  # those of another kind had gone, for they hold CPUs
    assert pids(1, 1) != pids(1, 1)  # outside nothing stays


def test_an_actor_that_died_while_it_waited_is_replaced(ray_session: Any) -> None:
    with staying():
        (pid,) = pids(1, 1)
        os.kill(pid, signal.SIGKILL)
        found = dict(carry_out({key: (abs, (-key,)) for key in range(3)}, 1))
        assert found == {0: 0, 1: 1, 2: 2}


def test_jobs_that_raise_leave_actors_that_work(ray_session: Any) -> None:
    def job() -> None:
        raise ValueError("no")

    with staying():
        first = pids(1, 1)
        with pytest.raises(Failed):
            list(carry_out({"only": (job, ())}, 1))
        assert pids(1, 1) == first
