"""A stranger's loss term is searched, confirmed, reported, verified and asked with no other file touched."""

import json
from pathlib import Path

import pytest
from test_stranger import graft

from graft.spaces.plan import Plan

HERE = Path(__file__).parent
STUDY = """
task = "strangers:Waves"
source = "slow"
target = "fast"
terms = { "nearness:Near" = [0.1, 1.0] }
rows = { source = 120, pool = 40, locked = 4, validation = 8, test = 30 }
source_training = { epochs = 20, batch = 20, rate = 1e-2, activation = "own" }
start = { epochs = 6, batch = 14, rate = 1e-2, activation = "own" }
ranges = { epochs = [6, 6], batch = [14, 14], activation = ["own"] }
budget = { trainings = 4, seeds = 2, steps = 20, curve = 1, rival = 1 }
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with nothing but the stranger's files and study."""
    folder = tmp_path_factory.mktemp("stranger")
    for name in ("strangers.py", "nearness.py"):
        (folder / name).write_text((HERE / name).read_text())
    (folder / "mine.toml").write_text(STUDY)
    (folder / "inputs.csv").write_text("1.0,1.2\n0.7,0.9\n")
    return folder


@pytest.mark.usefixtures("in_this_process")  # that workers find a stranger's file is shown by his task
def test_it_is_run_reported_verified_and_asked(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(home)
    monkeypatch.syspath_prepend(home)
    told = json.loads(graft(capsys, "run", "mine.toml", "--workers", "1", "--out", "out", "--json"))
    assert told["decision"] in ("transfer", "direct")
    result = json.loads((home / "out" / "result.json").read_text())
    plans = [Plan.from_dict(trial["plan"]) for trial in result["plans"]["trials"]]
    assert plans[0].direct and plans[1].label == "nearness:Near 2"
    assert "ok" in graft(capsys, "verify", "out")
    assert graft(capsys, "report", "out").strip().endswith("index.html")
    assert "nearness:Near" in (home / "out" / "report" / "index.html").read_text()
    assert len(graft(capsys, "predict", "out", "inputs.csv").strip().splitlines()) == 3
