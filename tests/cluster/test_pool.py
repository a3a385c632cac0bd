"""What a pool of actors owes whoever gives it jobs; what dies meanwhile is in tests/faults too."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from graft.cluster.pool import TRIES, Failed, carry_out


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
