"""The way to MLflow's pages: which run, which port, which address."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from urllib.parse import unquote

import pytest
from mlflow import MlflowClient

from graft.search.run.folder import Run
from graft.search.run.trials import Trial
from graft.search.tracking import ui
from graft.spaces.errors import InputError


def run_folder(path, age=0):
    path.mkdir(parents=True)
    (path / "study.json").write_text(json.dumps({"name": "a-study"}))
    (path / "run-id").write_text(path.name)
    os.utime(path / "study.json", (1e9 - age, 1e9 - age))
    return path


def test_last(tmp_path):
    with pytest.raises(InputError, match="no run under"):
        ui.last(tmp_path)
    older, newer = run_folder(tmp_path / "older", age=10), run_folder(tmp_path / "newer")
    assert ui.last(tmp_path) == newer
    (older / "result.json").write_text("{}")
    assert ui.last(tmp_path) == older


def test_port():
    with socket.socket() as taken:
        taken.bind((ui.HOST, 0))
        taken.listen()
        with pytest.raises(InputError, match="cannot be used"):
            ui.usable(taken.getsockname()[1])
    for bad in (0, 65536, -1):
        with pytest.raises(InputError, match="port is"):
            ui.usable(bad)
    assert ui.usable(None) > 0


@pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")
def test_no_trial_yet(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    folder = run_folder(tmp_path / "run")
    with pytest.raises(InputError, match="no trial of"):
        ui.urls(folder, "http://127.0.0.1:5000")
    assert not (folder / "mlflow.db").exists()  # looking creates nothing


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")
def test_serves_and_ends_with_its_children(tmp_path):
    from graft.search.tracking.view import Tracker

    folder, port = run_folder(tmp_path / "run"), ui.usable(None)
    store = f"sqlite:///{folder}/mlflow.db"
    tracker = Tracker(folder, {"name": "a-study"}, store)
    tracker.trial("baseline", Trial(number=0, state="complete", plan=None, errors=(0.1,), value=0.1))
    tracker.close("FINISHED")
    code = (
        "import sys; from pathlib import Path; from graft.search.tracking.ui import ui\n"
        "ui(Path(sys.argv[1]), int(sys.argv[2]), open_browser=False, uri=sys.argv[3])"
    )
    command = [sys.executable, "-c", code, str(folder), str(port), store]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        links = dict(process.stdout.readline().split() for _ in range(4))
        assert set(links) == {"compare", "charts", "table", "summary"}
        with urllib.request.urlopen(links["compare"].split("#")[0]) as page:
            assert b"MLflow" in page.read()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 143
    ui.usable(port)  # the port is free again: no child serves on


@pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")
def test_several_runs_stand_side_by_side(folder, tmp_path_factory):
    other = shutil.copytree(folder, tmp_path_factory.mktemp("other") / "run")
    (other / "run-id").write_text("another")
    store = f"sqlite:///{tmp_path_factory.mktemp('together')}/mlflow.db"
    link = unquote(ui.together([folder, other], store, "http://127.0.0.1:5000"))
    runs = json.loads(link.partition("runs=")[2].partition("&")[0])
    client = MlflowClient(tracking_uri=store)
    assert len(set(runs)) == 2
    assert {client.get_run(run).data.tags["graft.run"] for run in runs} == {"another", (folder / "run-id").read_text()}
    assert {client.get_run(run).data.metrics["direct_error"] for run in runs} == {0.02}
    with pytest.raises(InputError, match="holds no|No such file|no result"):
        ui.together([folder, run_folder(tmp_path_factory.mktemp("new") / "run")], store, "http://127.0.0.1:5000")


def test_a_folder_that_has_lost_its_run_id_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(str(tmp_path))}/run-id is missing; allowed: "):
        _ = Run(tmp_path).id
