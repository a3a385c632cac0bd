"""Several machines, one of which dies in the middle of each kind of work: the work is done all the same."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from graft.cluster import token

SCRIPT = Path(__file__).with_name("several_nodes.py")

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def came(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("nodes")
    with tempfile.TemporaryDirectory(prefix="g", dir="/tmp") as short, pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder))
        token.make()
        environment = os.environ | {
            "RAY_TMPDIR": short,  # Ray's sockets need a short path
            "RAY_AUTH_MODE": "token",
            "RAY_worker_niceness": "0",
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }
        command = [sys.executable, str(SCRIPT), str(folder)]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=900)
    assert ended.returncode == 0, ended.stderr[-3000:]
    return json.loads((folder / "came.json").read_text())


def test_a_search_would_start_with_all_cpus_of_machines_that_agree(came: dict[str, Any]) -> None:
    assert came["preflight"] == [2, 3, [2, 0], None]


def test_too_much_and_another_token_are_refused(came: dict[str, Any]) -> None:
    (code, said), (code_of_stranger, said_to_stranger) = came["refused"]
    assert code == code_of_stranger == 2
    assert "asked 77, have 2; allowed: 1 to 2 CPUs of the cluster at" in said and "(3 nodes)" in said
    assert "does not take this user's token; allowed: RAY_AUTH_MODE=token" in said_to_stranger


def test_the_doctor_hears_from_every_machine(came: dict[str, Any]) -> None:
    assert sorted(came["doctor"]) == [[0, "", True], [1, "", True], [1, "", True]]


@pytest.mark.parametrize(
    ("job", "result", "calls"),
    [
        ("shards", True, 12),
        ("trials", list(range(12)), 12),
        ("trainings", list(range(9)), 9),
        ("functions", [k * k for k in range(9)], 9),
    ],
)
def test_work_is_spread_and_a_machine_that_dies_costs_only_what_it_had_in_hand(
    job: str, result: Any, calls: int, came: dict[str, Any]
) -> None:
    found = came[job]
    assert found["came"] == result
    assert found["nodes"] == 2 and len(found["died_after"]) == 1
    assert calls < found["noted"] <= calls + 2
