"""A pull that is shared by the Fisher information of its source is searched, confirmed, verified and reported."""

import json
from pathlib import Path

import pytest
from test_stranger import graft

from graft.models.weights import sha256
from graft.search.cli import main
from graft.spaces.plan import Plan

STUDY = """
task = "halves:Halves"
source = "steep"
target = "flat"
rows = { source = 200, pool = 60, locked = 6, validation = 12, test = 40 }
source_training = { epochs = 20, batch = 20, rate = 2e-2, activation = "own", loss = "cross-entropy" }
start = { epochs = 8, batch = 14, rate = 2e-2, activation = "own", loss = "cross-entropy", head = "constant" }
budget = { trainings = 16, seeds = 2, steps = 80, map = 2, curve = 1 }

[ranges]
epochs = [3, 20]
batch = [14, 28]
activation = ["own"]
pull = [1e-2, 1.0]
prior = ["flat", "fisher"]
"""


@pytest.mark.usefixtures("in_this_process")
def test_it_is_run_verified_mapped_and_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "halves.py").write_text(Path(__file__).with_name("halves.py").read_text())
    (tmp_path / "mine.toml").write_text(STUDY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    out = tmp_path / "out"
    graft(capsys, "run", "mine.toml", "--workers", "1", "--out", "out", "--json")
    result = json.loads((out / "result.json").read_text())
    plans = [Plan.from_dict(trial["plan"]) for trial in result["plans"]["trials"]]
    pulled = {block.prior for plan in plans for block in plan.blocks if block.pull}
    assert "fisher" in pulled
    held = out / "bases" / "steep-own-fisher.safetensors"
    (told,) = result["bases"]
    assert told["precision"] == sha256(held.read_bytes()) != told["sha256"]
    # Trained and asked once: what is there is used by whoever comes back.
    before = {path: path.stat().st_mtime_ns for path in (out / "bases").iterdir()}
    drawn = json.loads(graft(capsys, "map", "mine.toml", "--workers", "1", "--out", "out", "--json"))
    assert len(drawn["cells"]) == 6 and {path: path.stat().st_mtime_ns for path in (out / "bases").iterdir()} == before
    said = graft(capsys, "verify", "out").splitlines()
    assert said and all(line.startswith("ok") for line in said)
    assert graft(capsys, "report", "out").strip().endswith("index.html")
    assert "how the pull is shared among weights" in (out / "report" / "index.html").read_text()
    held.write_bytes(held.read_bytes()[:-1] + b"?")
    with pytest.raises(SystemExit) as stopped:
        main(["verify", "out"])
    assert stopped.value.code == 1
    assert "bases/steep-own-fisher.safetensors is not the precision of the result" in capsys.readouterr().out
