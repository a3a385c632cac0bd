"""SIGTERM, kill -9, and a second search in the same folder."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from kill_and_resume import finish, mlflow_is_clean, start  # noqa: E402

pytestmark = pytest.mark.fault


def waited(out: Path, file: str, process: "subprocess.Popen[bytes]") -> None:
    """Until the search has got as far as writing that file."""
    deadline = time.monotonic() + 400
    while not (out / file).exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert (out / file).exists(), out.with_suffix(".log").read_text()[-2000:]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "run"
    finish(out, 1)
    return out


def test_killed_in_the_plan_search_and_in_the_confirmation_it_ends_the_same(undisturbed: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    base = json.loads((undisturbed / "result.json").read_text())["bases"][0]
    for file in (f"bases/{base['name']}-{base['recipe']['activation']}.json", "evidence/confirmation.jsonl"):
        process = start(out, 1)
        waited(out, file, process)
        time.sleep(0.3)
        process.send_signal(signal.SIGKILL)
        process.wait()
    finish(out, 1)
    assert (out / "result.json").read_bytes() == (undisturbed / "result.json").read_bytes()
    assert mlflow_is_clean(out)


def test_terminated_it_says_how_to_go_on_and_a_second_search_is_refused_meanwhile(tmp_path: Path) -> None:
    out = tmp_path / "run"
    process = start(out, 1)
    waited(out, "optuna.journal", process)
    second = start(out, 1)
    assert second.wait(300) == 2
    assert f"in use by process {process.pid}" in out.with_suffix(".log").read_text()
    process.send_signal(signal.SIGTERM)
    assert process.wait(300) == 143
    assert "To go on: graft run calibration" in out.with_suffix(".log").read_text()
