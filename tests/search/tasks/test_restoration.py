"""Undoing seeing as a task: a whole study of a few small images, split by time, and what it refuses."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from test_images import held

from graft.search.cli import main
from graft.search.run.seeds import Draws, Role
from graft.search.study import resolve
from graft.search.tasks.base import Phase, Request, fit
from graft.simulators.solar.observed import Observed
from graft.simulators.solar.truths import Truth, truth
from graft.spaces.errors import InputError
from graft.spaces.plan import Plan

STUDY = """
extends = "solar-seeing"
rows = { source = 30, pool = 30, locked = 3, validation = 6, test = 12 }
network = { depth = 2, width = 4 }
source_training = { epochs = 2, batch = 15 }
start = { epochs = 2, batch = 10 }
ranges = { epochs = [2, 4], batch = [10, 20], activation = ["relu"] }
budget = { trainings = 6, seeds = 2, steps = 8, map = 2, curve = 1 }
"""


class Small(Observed):
    """Frames of 16 x 16 pixels."""

    def __init__(self, truth: Truth, side: int = 16, later: bool = False, r0: float | None = None) -> None:
        super().__init__(truth, 16, later, r0)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graft.simulators.registry.Observed", Small)
    monkeypatch.setattr("graft.search.tasks.restoration.FIELDS", 6)


@pytest.mark.usefixtures("in_this_process")
def test_a_study_of_seeing_is_run_verified_and_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("graft.search.tasks.restoration.generate", held)
    (tmp_path / "mine.toml").write_text(STUDY)

    def graft(*words: str) -> str:
        with pytest.raises(SystemExit) as stopped:
            main(words)
        said = capsys.readouterr()
        assert stopped.value.code == 0, said.err
        return said.out

    told = json.loads(graft("run", "mine.toml", "--workers", "1", "--out", "out", "--json"))
    assert told["metric"].startswith("mean over images of the root mean square")
    found = json.loads((tmp_path / "out" / "result.json").read_text())["restoration"]
    assert {"seen", "wiener", "direct"} <= set(found["quality"])
    assert all(0 < one["error"] and np.isfinite(one["psnr_db"]) for one in found["quality"].values())
    assert np.array(found["images"]["true"]).shape == (2, 16, 16)
    assert [one["r0"] for one in found["by_r0"]] == [0.05, 0.1, 0.2]
    errors = [one["quality"]["seen"]["error"] for one in found["by_r0"]]
    assert errors == sorted(errors, reverse=True) and {"wiener", "direct"} <= set(found["by_r0"][0]["quality"])
    assert "12 frames under fresh seeing, of images of another time than those that taught, of " in told["sentence"]
    assert told["sentence"].endswith("five would decide if all of them agreed (sign test, level 5 %).")
    ways = json.loads((tmp_path / "out" / "result.json").read_text())["ways"]
    assert list(ways) == ["neither", "initialisation alone", "loss alone", "both"]
    assert [bool(one["plan"].get("terms")) for one in ways.values()] == [False, False, True, True]
    assert len(ways["both"]["errors"]) == 4 and ways["neither"]["change"] is None
    page = (tmp_path / "out" / "report" / "index.html").read_text()
    assert "Weights, loss, or both" in page and "r0 = 20 cm" in page
    assert all(line.startswith("ok") for line in graft("verify", "out").splitlines())
    frame = Small(truth("hinode")).draw(1, np.random.default_rng(0))["frame"][0]
    (tmp_path / "frame.csv").write_text(",".join(map(str, frame.ravel())))
    assert len(graft("predict", "out", "frame.csv").strip().splitlines()[1].split(",")) == 256


def test_a_fresh_network_leaves_frames_as_they_are_and_training_improves_them() -> None:
    study = resolve("solar-seeing", settings={"network.depth": 2, "network.width": 6})
    task, rng = study.learned, np.random.default_rng(0)
    pool = task.sample("seeing-hinode", 40, rng)
    inputs, outputs = pool.tensors()
    network = task.network(study.start, *task.shapes)
    task.initialise(network, study.start, Draws.of(0, Role.PLANS, 0), inputs, outputs)
    with torch.no_grad():
        assert torch.equal(network(inputs), inputs)
    phase = Phase(task, 0, Role.PLANS, pool, 4, test=pool)
    assert fit(phase, Request(Plan(study.start), 0))[1].value < task.metric.deviations(pool.inputs, pool.outputs).mean()


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"target": "seeing-hinodes"}, "unknown truth 'hinodes'.*did you mean 'hinode'"),
        ({"source": "solar-304"}, "solar-304 gives no images under seeing"),
        ({"start.loss": "relative-l1"}, "start.loss is 'relative-l1'; allowed with restoration: mse, l1, huber"),
        ({"mode": "holdout"}, "splits by tile"),
        ({"network": {"module": "mine:Net"}}, "allowed with restoration: depth and width"),
    ],
)
def test_what_cannot_be_restored_is_refused_in_one_line(changed: dict[str, object], named: str) -> None:
    with pytest.raises(InputError, match=named) as refused:
        resolve("solar-seeing", settings=changed)
    assert "\n" not in str(refused.value)
