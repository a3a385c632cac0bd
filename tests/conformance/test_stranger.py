"""A stranger's task passes every command with no other file touched."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from graft.search.cli import main

HERE = Path(__file__).parent
STUDY = """
task = "strangers:Waves"
source = "slow"
target = "fast"
rows = { source = 120, pool = 40, locked = 4, validation = 8, test = 30 }
source_training = { epochs = 20, batch = 20, rate = 1e-2, activation = "own" }
start = { epochs = 6, batch = 14, rate = 1e-2, activation = "own" }
ranges = { epochs = [3, 12], batch = [14, 28], activation = ["own"] }
budget = { trainings = 4, seeds = 2, steps = 60, map = 2, curve = 1, rival = 1, members = 2 }
proof = { looks = [4] }
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with nothing but the stranger's file and study."""
    folder = tmp_path_factory.mktemp("stranger")
    (folder / "strangers.py").write_text((HERE / "strangers.py").read_text())
    (folder / "mine.toml").write_text(STUDY)
    (folder / "inputs.csv").write_text("1.0,1.2\n0.7,0.9\n")
    return folder


def graft(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What a command prints, in this process; it must end well."""
    with pytest.raises(SystemExit) as stopped:
        main(words)
    said = capsys.readouterr()
    assert stopped.value.code == 0, said.err
    return said.out


def run(home: Path, *words: str) -> str:
    """What a run prints, as a process whose workers find the stranger's file by themselves; it must end well."""
    environment = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    environment["PYTHONPATH"] = os.pathsep.join([str(home), str(HERE.parents[1])])
    command = [sys.executable, "-P", "-m", "graft", "run", *words]
    done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.usefixtures("in_this_process")  # the run, a process of its own, has shown that workers can
def test_it_is_run_mapped_reported_verified_asked_and_examined(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(home)
    monkeypatch.syspath_prepend(home)
    assert "mine: 2 trainings at a time" in graft(capsys, "doctor", "mine.toml", "--workers", "2")
    told = json.loads(run(home, "mine.toml", "--workers", "1", "--out", "out", "--json"))
    assert told["decision"] in ("transfer", "undecided", "direct")
    assert len(told["comparisons"][0]["direct"]["per_seed"]) in told["looks"]
    assert "regressors" not in told and "Neither" not in told["sentence"]  # none suits a task that names none
    assert "ok" in graft(capsys, "verify", "out")
    drawn = json.loads(graft(capsys, "map", "mine.toml", "--workers", "1", "--out", "out", "--json"))
    assert len(drawn["cells"]) == 6 and drawn["blocks"] == 3
    assert graft(capsys, "report", "out").strip().endswith("index.html")
    page = (home / "out" / "report" / "index.html").read_text()
    assert "fast" in page and "slow" in page
    rows = graft(capsys, "predict", "out", "inputs.csv").strip().splitlines()
    assert len(rows) == 3 and len(rows[1].split(",")) == 12
