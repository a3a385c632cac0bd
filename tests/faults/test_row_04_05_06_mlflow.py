"""MLflow's server gone for a while (row 4) or for good (row 5), and four processes at one new database (row 6)."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from searches import ROOT, finish, said

from graft.search.run.trials import Trial
from graft.spaces.plan import Plan, Recipe, Span

# MLflow's own tables use a loader that SQLAlchemy 2.1 will drop.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")

STUDY = {"name": "tiny", "title": "A test", "seed": 0}
TRIALS = 60
SECONDS = 0.25
"""Of a trial."""


class Server:
    """`mlflow server` on the loopback, with a database in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"
        self.process: Any = None

    def start(self) -> None:
        """Begin to serve; returns at once."""
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)]
        command += ["--backend-store-uri", f"sqlite:///{self.folder}/server.db", "--workers", "1"]
        command += ["--default-artifact-root", str(self.folder / "artifacts")]
        with (self.folder / "server.log").open("ab") as log:
            # A group of its own: killing the first process alone would leave uvicorn serving.
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self.folder, start_new_session=True,
                env=os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"},
            )  # fmt: skip

    def ready(self) -> None:
        """Wait until it answers."""
        deadline = time.monotonic() + 240
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"{self.uri}/health", timeout=2) as answer:
                    if answer.status == 200:
                        return
            except OSError:
                time.sleep(0.1)
        pytest.fail((self.folder / "server.log").read_text()[-2000:])

    def kill(self) -> None:
        """End it, all at once."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    found = Server(tmp_path_factory.mktemp("server"))
    found.start()
    found.ready()
    yield found
    found.kill()


def trial(number: int) -> Trial:
    plan = Plan.span(Recipe(rate=1e-3 * (1 + number)), 7, "film-10", Span(1, 1 + number % 7))
    return Trial(number=number, state="complete", plan=plan, errors=(0.02 + 1e-4 * number, 0.03), value=0.025)


def run_folder(place: Path) -> Path:
    place.mkdir()
    (place / "study.json").write_text(json.dumps(STUDY))
    (place / "run-id").write_text(place.name)
    return place


def metrics(uri: str, run: str) -> dict[str, Any]:
    """What MLflow has of a run, by the names of its MLflow runs."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("tiny")
    found = client.search_runs([experiment.experiment_id], f"tags.`graft.run` = '{run}'")
    assert len({one.info.run_name for one in found}) == len(found)
    return {str(one.info.run_name): (one.info.status, one.data.metrics, one.data.params) for one in found}


@pytest.mark.slow
@pytest.mark.parametrize("silent", [False, True], ids=["killed", "silent"])
def test_row_04_a_server_gone_for_30_seconds(
    silent: bool, server: Server, tmp_path: Path, draw: Random, monkeypatch: pytest.MonkeyPatch
) -> None:
    from graft.search.tracking.view import Tracker

    def shown(name: str, uri: str, gone: bool) -> tuple[float, float]:
        """Seconds in all and seconds lost to MLflow, of a search that trains for 75 s (15 s if nothing happens)."""
        tracker = Tracker(run_folder(tmp_path / name), STUDY, uri)
        tracker.start()
        began, lost = time.monotonic(), 0.0
        away, back = (draw.uniform(1, 8), 0.0) if gone else (float("inf"), float("inf"))
        number = 0
        while number < (5 * TRIALS if gone else TRIALS):
            now = time.monotonic() - began
            if now > away:
                os.killpg(server.process.pid, signal.SIGSTOP) if silent else server.kill()
                away, back = float("inf"), now + 30
            elif back and now > back:
                os.killpg(server.process.pid, signal.SIGCONT) if silent else server.start()
                back = 0.0
            time.sleep(SECONDS)
            asked = time.monotonic()
            tracker.trial("plans", trial(number % TRIALS))
            lost += time.monotonic() - asked
            number += 1
        total = time.monotonic() - began
        server.ready()
        tracker.close("FINISHED")
        assert tracker.warning == ""
        return total, lost

    shown("alone", server.uri, False)
    total, lost = shown("away", server.uri, True)
    assert lost < 0.1 * total
    assert metrics(server.uri, "away") == metrics(server.uri, "alone")


@pytest.mark.slow
def test_row_05_a_search_without_its_server_ends_well_and_says_how_to_deliver(
    undisturbed: tuple[Path, float], tmp_path: Path, draw: Random
) -> None:
    from graft.search.tracking.view import deliver

    out = tmp_path / "run"
    with socket.socket() as deaf:  # answers nothing, or does not listen
        deaf.bind(("127.0.0.1", 0))
        if draw.random() < 0.5:
            deaf.listen()
        finish(out, 1, "--tracking-uri", f"http://127.0.0.1:{deaf.getsockname()[1]}")
    assert "later: graft deliver" in said(out)
    assert (out / "result.json").read_bytes() == (undisturbed[0] / "result.json").read_bytes()
    result = json.loads((out / "result.json").read_text())
    assert deliver(out) == 1 + sum(len(result[phase]["trials"]) for phase in ("baseline", "plans"))
    assert deliver(out) == 0


@pytest.mark.slow
def test_row_06_four_processes_at_a_new_database(tmp_path: Path, draw: Random) -> None:
    code = (
        "import sys, time; from pathlib import Path; from graft.search.tracking.view import Tracker\n"
        "place = Path(sys.argv[1]); time.sleep(float(sys.argv[2]))\n"
        f"tracker = Tracker(place, {STUDY!r}, f'sqlite:///{{place.parent}}/fresh.db')\n"
        "tracker.start(); tracker.close('FINISHED'); sys.exit(tracker.warning or 0)"
    )
    racing = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(run_folder(tmp_path / f"run-{i}")), str(draw.uniform(0, 0.3))],
            stderr=subprocess.PIPE, text=True, cwd=ROOT,
        )
        for i in range(4)
    ]  # fmt: skip
    told = [process.communicate(timeout=300)[1] for process in racing]
    assert [process.returncode for process in racing] == [0] * 4, told
    for i in range(4):
        assert set(metrics(f"sqlite:///{tmp_path}/fresh.db", f"run-{i}")) == {"tiny summary"}
