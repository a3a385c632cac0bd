"""A stranger's two classes learned together, errors of exactly 0 and all, by every command and no other file."""

import json
from pathlib import Path

import pytest
from test_stranger import graft

STUDY = """
task = "halves:Halves"
tasks = ["flat", "steep"]
rows = { pool = 60, locked = 6, validation = 12, test = 40 }
start = { epochs = 8, batch = 14, rate = 2e-2, activation = "own", loss = "cross-entropy", head = "constant" }
ranges = { epochs = [3, 20], batch = [14, 28], activation = ["own"] }
budget = { trainings = 6, seeds = 2, steps = 80, map = 2 }
"""


@pytest.mark.usefixtures("in_this_process")
def test_any_task_is_learned_together_with_others_like_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "halves.py").write_text(Path(__file__).with_name("halves.py").read_text())
    (tmp_path / "mine.toml").write_text(STUDY)
    (tmp_path / "inputs.csv").write_text("3.0,3.0\n-3.0,-3.0\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    told = json.loads(graft(capsys, "run", "mine.toml", "--workers", "1", "--out", "out", "--json"))
    assert told["metric"].startswith("share of examples") and told["decision"] in ("transfer", "undecided", "direct")
    seeds = [e for one in told["comparisons"] for arm in ("direct", "candidate") for e in one[arm]["per_seed"]]
    assert 0 in seeds and None not in seeds and "exactly 0" not in told["sentence"]
    said = graft(capsys, "verify", "out").splitlines()
    assert said and all(line.startswith("ok") for line in said)
    drawn = json.loads(graft(capsys, "map", "mine.toml", "--workers", "1", "--out", "out", "--json"))
    assert [cell["first"] for cell in drawn["cells"]] == [0, 1, 2, 3]  # such a network is not told its task
    assert graft(capsys, "report", "out").strip().endswith("index.html")
    page = (tmp_path / "out" / "report" / "index.html").read_text()
    assert "How many blocks to share" in page and "flat" in page and "steep" in page
    for task in ("flat", "steep"):
        rows = graft(capsys, "predict", "out", "inputs.csv", "--task", task).strip().splitlines()[1:]
        assert [a < b for a, b in (map(float, row.split(",")) for row in rows)] == [True, False]
