"""Whole searches: killed and run again (row 3), interrupted (12), two in one folder (13), the same again (14)."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest
from searches import ROOT, finish, mlflow_states, parameters, said, start, struck, waited

HOLD = (
    "import sys, time; from pathlib import Path\n"
    "from graft.search.run.folder import Run; from graft.spaces.errors import InputError\n"
    "while time.time() < float(sys.argv[2]): pass\n"
    "try:\n    with Run(Path(sys.argv[1])).held():\n        print('held', flush=True); time.sleep(60)\n"
    "except InputError as refused: sys.exit(str(refused))"
)


@pytest.mark.slow
def test_row_03_killed_in_the_plan_search_and_in_the_confirmation_it_ends_the_same(
    undisturbed: tuple[Path, float], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    base = json.loads((undisturbed[0] / "result.json").read_text())["bases"][0]
    for file in (f"bases/{base['name']}-{base['recipe']['activation']}.json", "evidence/confirmation.jsonl"):
        process = start(out)
        waited(out, file, process)
        time.sleep(0.3)
        process.kill()
        process.wait()
    finish(out)
    assert (out / "result.json").read_bytes() == (undisturbed[0] / "result.json").read_bytes()
    assert "RUNNING" not in mlflow_states(out).values()


RIVAL = "search: direct learning, gone on with"


@pytest.mark.slow
def test_row_03_killed_in_the_second_half_of_the_rivals_search(
    undisturbed: tuple[Path, float], tmp_path: Path, draw: Random
) -> None:
    whole, out = undisturbed[0], tmp_path / "run"
    took = json.loads((whole / "spent.json").read_text())[RIVAL]
    while True:
        process = start(out)
        waited(out, "plans.ended", process)
        time.sleep(draw.uniform(0.5, 1.0) * took)
        process.kill()
        process.wait()
        if not (out / "rival.ended").exists():
            break
        shutil.rmtree(out)  # it was faster today
    finish(out)
    for file in ("result.json", "direct.json", "rival.json"):
        assert (out / file).read_bytes() == (whole / file).read_bytes()
    assert "RUNNING" not in mlflow_states(out).values()


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_row_03_killed_at_a_random_moment(
    workers: int, undisturbed: tuple[Path, float], tmp_path: Path, draw: Random
) -> None:
    whole, took = undisturbed
    out = tmp_path / "run"
    struck(out, signal.SIGKILL, took, draw, workers)
    before = parameters(out)
    finish(out, workers)
    after = parameters(out)
    # What was under way runs again with its own parameters, and every number exactly once.
    assert [after[phase][n] for phase in before for n in before[phase]] == [
        p for d in before.values() for p in d.values()
    ]
    result = json.loads((out / "result.json").read_text())
    for phase in ("baseline", "plans"):
        assert [trial["number"] for trial in result[phase]["trials"]] == list(range(len(result[phase]["trials"])))
        assert "interrupted" not in {trial["state"] for trial in result[phase]["trials"]}
    if workers == 1:
        assert (out / "result.json").read_bytes() == (whole / "result.json").read_bytes()
    assert "RUNNING" not in mlflow_states(out).values()


@pytest.mark.slow
def test_row_12_interrupted_at_a_random_moment(undisturbed: tuple[Path, float], tmp_path: Path, draw: Random) -> None:
    out = tmp_path / "run"
    number = draw.choice([signal.SIGINT, signal.SIGTERM])
    assert struck(out, number, undisturbed[1], draw) == 128 + number, said(out)
    assert "To go on: graft run calibration" in said(out)
    states = mlflow_states(out)
    assert "RUNNING" not in states.values()
    assert states.get("summary", "KILLED") in ("KILLED", "FINISHED")  # finished, if all was told when the signal came


@pytest.mark.slow
def test_row_12_terminated_it_says_how_to_go_on_and_row_13_a_second_search_is_refused_meanwhile(tmp_path: Path) -> None:
    out = tmp_path / "run"
    process = start(out)
    waited(out, "optuna.journal", process)
    second = start(out)
    assert second.wait(600) == 2
    assert f"in use by process {process.pid} on {socket.gethostname()}" in said(out)
    process.send_signal(signal.SIGTERM)
    assert process.wait(600) == 143
    assert "To go on: graft run calibration" in said(out)
    assert "RUNNING" not in mlflow_states(out).values()


@pytest.mark.slow
def test_row_12_terminated_while_ray_is_starting_it_says_how_to_go_on(tmp_path: Path, draw: Random) -> None:
    out = tmp_path / "run"
    process = start(out)
    while process.poll() is None and not re.search(rb"gcs_server|raylet", b"".join(children(process.pid))):
        time.sleep(0.02)
    time.sleep(draw.uniform(0, 2))
    process.terminate()
    assert process.wait(300) == 143, said(out)
    assert "To go on: graft run calibration" in said(out)


def children(process: int) -> list[bytes]:
    """Command lines of a process's children."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(stat.read_text().rpartition(")")[2].split()[1]) == process:
                found.append((stat.parent / "cmdline").read_bytes())
        except OSError:  # it has ended since
            pass
    return found


def test_row_13_of_two_at_once_one_is_refused_and_a_killed_holder_is_followed(tmp_path: Path, draw: Random) -> None:
    def hold(moment: float) -> "subprocess.Popen[str]":
        command = [sys.executable, "-c", HOLD, str(tmp_path), repr(moment)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)

    moment = time.time() + 3
    racing = [hold(moment + draw.uniform(0, 0.002)) for _ in range(2)]
    try:
        holder = next(process for process in racing if process.stdout and process.stdout.readline() == "held\n")
        (other,) = set(racing) - {holder}
        told = other.communicate(timeout=60)[1]
        assert re.search(rf"in use by process {holder.pid} on {socket.gethostname()}$", told.strip()), told
        assert other.returncode == 1
        os.kill(holder.pid, signal.SIGKILL)
        holder.communicate()
        racing.append(hold(0))
        assert racing[-1].stdout and racing[-1].stdout.readline() == "held\n"
    finally:
        for process in racing:
            process.kill()
            process.communicate()


@pytest.mark.slow
def test_row_14_a_search_is_the_same_bit_for_bit_in_another_time_zone(
    undisturbed: tuple[Path, float], tmp_path: Path, draw: Random
) -> None:
    zone, hashing = draw.choice(["Asia/Tokyo", "Etc/GMT+11", "America/St_Johns"]), str(draw.randrange(1000))
    finish(tmp_path / "run", 1, TZ=zone, PYTHONHASHSEED=hashing, LC_ALL="C")
    assert (tmp_path / "run" / "result.json").read_bytes() == (undisturbed[0] / "result.json").read_bytes()
    shards = {path.relative_to(undisturbed[0]) for path in undisturbed[0].glob("data/*/*.arrow")}
    assert shards and all((tmp_path / "run" / p).read_bytes() == (undisturbed[0] / p).read_bytes() for p in shards)
