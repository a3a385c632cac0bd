"""Classes of images as a task: what it learns from, what it refuses, and a whole study of a few small images."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from graft.search.cli import main
from graft.search.study import resolve
from graft.search.tasks.base import Examples
from graft.search.tasks.images import oriented
from graft.simulators.data.dataset import Dataset
from graft.simulators.data.manifest import Manifest
from graft.simulators.data.shards import write_shard
from graft.simulators.solar.scenes import SolarClasses
from graft.spaces.errors import InputError

STUDY = """
extends = "solar-classes-halpha-304"
rows = { source = 60, pool = 60, locked = 6, validation = 12, test = 30 }
network = { depth = 2, width = 4 }
source_training = { epochs = 2, batch = 20 }
start = { epochs = 2, batch = 14 }
ranges = { epochs = [2, 4], batch = [14, 28], activation = ["relu"] }
budget = { trainings = 8, seeds = 2, steps = 12, map = 2, curve = 1 }
"""


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Images of 16 x 16 pixels, drawn in this process."""
    monkeypatch.setattr("graft.simulators.registry.SolarClasses", partial(SolarClasses, side=16, pixel=3.2))


def held(simulator, seed, rows: int, folder: Path, shard_rows: int, **_: object) -> Dataset:
    """What Ray's actors would write, in one shard."""
    if not folder.is_dir():
        folder.mkdir(parents=True)
        shard = write_shard(simulator, seed, 0, rows, folder)
        Manifest.of(simulator, seed, rows).including(shard).write(folder)
    return Dataset.open(folder, rows)


@pytest.mark.usefixtures("in_this_process")
def test_a_study_of_images_is_run_verified_and_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("graft.search.tasks.images.generate", held)
    (tmp_path / "mine.toml").write_text(STUDY)

    def graft(*words: str) -> str:
        with pytest.raises(SystemExit) as stopped:
            main(words)
        said = capsys.readouterr()
        assert stopped.value.code == 0, said.err
        return said.out

    told = json.loads(graft("run", "mine.toml", "--workers", "1", "--out", "out", "--json"))
    assert told["metric"].startswith("mean over examples of -log p")
    assert told["decision"] in ("transfer", "direct", "undecided")
    classes = json.loads((tmp_path / "out" / "result.json").read_text())["classes"]
    for network in classes["networks"].values():
        assert np.array(network["confusion"]).sum() == 30
        wrong = 1 - np.trace(network["confusion"]) / 30
        assert network["error_rate"] == pytest.approx(wrong)
        assert sum(one["images"] for one in network["reliability"]) == 30
    assert classes["names"][3] == "sunspot"
    assert all(line.startswith("ok") for line in graft("verify", "out").splitlines())
    image = SolarClasses("304", 16, 3.2).draw(1, np.random.default_rng(0))["image"][0]
    (tmp_path / "image.csv").write_text(",".join(map(str, image.ravel())))
    assert len(graft("predict", "out", "image.csv").strip().splitlines()[1].split(",")) == 5


def test_orientations_keep_an_image_s_values_and_all_eight_come_up() -> None:
    images = torch.arange(9.0).reshape(1, 3, 3).repeat(2, 1, 1)
    generator = torch.Generator().manual_seed(0)
    seen = {tuple(oriented(images, generator)[0].flatten().tolist()) for _ in range(100)}
    assert len(seen) == 8 and all(sorted(one) == list(range(9)) for one in seen)


def test_images_are_scaled_as_a_whole_and_any_number_of_them_is_shaped_alike() -> None:
    task = resolve("solar-classes-halpha-304").learned
    inputs, outputs = task.few.tensors()
    scaling = task.scaling(inputs, None)
    assert scaling.mean.dim() == 0
    assert scaling(inputs).mean() == pytest.approx(0, abs=1e-5) and scaling(inputs).std() == pytest.approx(1, rel=1e-3)
    shaped = task.any_rows(3)
    assert [one.shape[1:] for one in shaped] == [one.shape[1:] for one in (inputs, outputs)]


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"target": "solar-305"}, "unknown waveband '305'.*did you mean '304'"),
        ({"target": "film-8"}, "film-8 gives no images with classes"),
        ({"target": "ising-8x8@2.5"}, "ising-8x8@2.5 gives no images"),
        ({"start.loss": "l1"}, "start.loss is 'l1'; allowed with images: 'cross-entropy'"),
        ({"network": {"module": "mine:Net"}}, "'mine:Net' cannot be imported"),
        ({"task": "image"}, "unknown task .image. .did you mean .images."),
        ({"task": "regression"}, "cross-entropy"),
    ],
)
def test_what_cannot_be_learned_is_refused_in_one_line(changed: dict[str, object], named: str) -> None:
    with pytest.raises(InputError, match=named) as refused:
        resolve("solar-classes-halpha-304", settings=changed)
    assert "\n" not in str(refused.value)


def test_few_of_a_class_and_empty_images_are_refused() -> None:
    task = resolve("solar-classes-halpha-304").learned
    images, kinds = np.random.default_rng(0).random((25, 16, 16)), np.eye(5)[np.arange(25) % 5]
    task.admit(Examples(images, kinds), "here")
    with pytest.raises(InputError, match="here: 4 of quiet Sun; allowed: at least 5 examples of each class"):
        task.admit(Examples(images[:24], kinds[:24]), "here")
    images[3] = 1.0
    with pytest.raises(InputError, match="image 3 .* is the same everywhere"):
        task.admit(Examples(images, kinds), "here")


def test_the_error_rate_can_judge_as_well() -> None:
    study = resolve("solar-classes-halpha-304", settings={"task": "images-error-rate"})
    assert study.learned.metric.name == "error-rate" and study.learned.scale.name == "difference"
