"""A task of a stranger's own whose error is exactly 0 on many seeds, from run to prediction."""

import json
from pathlib import Path

import pytest
from test_stranger import graft

STUDY = """
task = "halves:Halves"
source = "steep"
target = "flat"
rows = { source = 200, pool = 60, locked = 6, validation = 12, test = 40 }
source_training = { epochs = 20, batch = 20, rate = 2e-2, activation = "own", loss = "cross-entropy" }
start = { epochs = 8, batch = 14, rate = 2e-2, activation = "own", loss = "cross-entropy", head = "constant" }
ranges = { epochs = [3, 20], batch = [14, 28], activation = ["own"] }
budget = { trainings = 10, seeds = 2, steps = 80, map = 2, curve = 1 }
"""


@pytest.mark.usefixtures("in_this_process")
@pytest.mark.parametrize("mode", ["fresh", "holdout"])
def test_errors_of_exactly_0_are_run_verified_mapped_reported_and_asked(
    mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "halves.py").write_text(Path(__file__).with_name("halves.py").read_text())
    holdout = STUDY.replace("locked = 6", "locked = 12")
    (tmp_path / "mine.toml").write_text(STUDY if mode == "fresh" else f'mode = "holdout"{holdout}')
    (tmp_path / "inputs.csv").write_text("3.0,3.0\n-3.0,-3.0\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    told = json.loads(graft(capsys, "run", "mine.toml", "--workers", "1", "--out", "out", "--json"))
    seeds = [one for arm in ("direct", "candidate") for one in told["comparisons"][0][arm]["per_seed"]]
    assert len(seeds) >= 8 and 0 in seeds and None not in seeds and "exactly 0" not in told["sentence"]
    assert told["decision"] in ("transfer", "direct", "undecided") and told["metric"].startswith("share of examples")
    said = graft(capsys, "verify", "out").splitlines()
    assert said and all(line.startswith("ok") for line in said)
    drawn = json.loads(graft(capsys, "map", "mine.toml", "--workers", "1", "--out", "out", "--json"))
    assert len(drawn["cells"]) == 6
    assert graft(capsys, "report", "out").strip().endswith("index.html")
    assert "misclassification rate" in (tmp_path / "out" / "report" / "index.html").read_text()
    rows = graft(capsys, "predict", "out", "inputs.csv").strip().splitlines()[1:]
    assert [first < second for first, second in (map(float, row.split(",")) for row in rows)] == [True, False]
