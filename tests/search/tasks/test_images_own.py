"""Image networks of a user's own: cut into blocks by names, trained, copied, and begun from a file of weights."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from test_images import held

from graft.models.networks.network import OwnNetwork
from graft.search.cli import main
from graft.search.run.seeds import Draws, Role
from graft.search.study import resolve
from graft.search.tasks.base import Fitted
from graft.simulators.solar.scenes import SolarClasses
from graft.spaces.errors import InputError
from graft.spaces.plan import Plan, Span

CUT = '["conv1+bn1", "layer1", "fc"]'
STUDY = """
extends = "solar-classes-halpha-304"
rows = {{ source = 60, pool = 60, locked = 6, validation = 12, test = 30 }}
network = {{ module = "image_nets:{name}", blocks = {cut} }}
source_training = {{ epochs = 2, batch = 20, activation = "own" }}
start = {{ epochs = 2, batch = 14, activation = "own" }}
ranges = {{ epochs = [2, 4], batch = [14, 28], activation = ["own"] }}
budget = {{ trainings = 8, seeds = 2, steps = 12, map = 2, curve = 1 }}
"""
STAGES = '["net.conv1+net.bn1", "net.layer1", "net.layer2", "net.layer3", "net.layer4", "net.fc"]'


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Images of 16 x 16 pixels, drawn in this process, in a folder of the test's own."""
    monkeypatch.setattr("graft.simulators.registry.SolarClasses", partial(SolarClasses, side=16, pixel=3.2))
    monkeypatch.setattr("graft.search.tasks.images.generate", held)
    monkeypatch.chdir(tmp_path)


def written(name: str, cut: str, source: str = "") -> Path:
    path = Path("mine.toml")
    path.write_text(STUDY.format(name=name, cut=cut) + (f'source = "{source}"\n' if source else ""))
    return path


def trained(study: str, capsys: pytest.CaptureFixture[str], *words: str) -> dict:
    with pytest.raises(SystemExit) as stopped:
        main(["run", study, "--workers", "1", "--out", "out", "--json", *words])
    said = capsys.readouterr()
    assert stopped.value.code == 0, said.err
    return json.loads(said.out)


@pytest.mark.usefixtures("in_this_process")
def test_a_network_of_ones_own_is_searched_and_begins_from_its_weights(capsys: pytest.CaptureFixture[str]) -> None:
    weights = OwnNetwork("image_nets:Residual", cut=("conv1+bn1", "layer1", "fc")).build((16, 16), 5).state_dict()
    save_file({name: tensor + 0 for name, tensor in weights.items() if not name.startswith("blocks.")}, "w.safetensors")
    told = trained(str(written("Residual", CUT, "w.safetensors")), capsys)
    assert told["decision"] in ("transfer", "direct", "undecided")
    result = json.loads(Path("out/result.json").read_text())
    assert result["study"]["network"]["blocks"] == ["conv1+bn1", "layer1", "fc"]
    assert result["bases"][0]["name"] == "w.safetensors" and not result["placebos"]


def test_a_network_that_graft_wrote_is_a_source_with_its_own_scaling(tmp_path: Path) -> None:
    study = resolve("solar-classes-halpha-304", settings={"network.depth": 2, "network.width": 4})
    task, rng = study.learned, np.random.default_rng(0)
    inputs, outputs = task.sample("solar-halpha", 20, rng).tensors()
    network = task.network(study.start, *task.shapes)
    made = Fitted(network, study.start, *task.shapes, task.scaling(inputs, None))
    (tmp_path / "net.safetensors").write_bytes(task.pack(made))
    file = tmp_path / "mine.toml"
    text = 'extends = "solar-classes-halpha-304"\nsource = "net.safetensors"\nnetwork = { depth = 2, width = 4 }\n'
    file.write_text(text + 'ranges = { activation = ["gelu"] }\n')
    found = resolve(str(file)).learned
    again = found.unpack(found.pretrained("net.safetensors"))
    assert again.scaling.mean == made.scaling.mean and again.scaling.deviation == made.scaling.deviation
    assert torch.equal(found.scaling(inputs + 5, "net.safetensors").mean, made.scaling.mean)
    assert found.scaling(inputs + 5, None).mean > made.scaling.mean
    file.write_text(text + 'ranges = { activation = ["gelu", "relu"] }\n')
    with pytest.raises(InputError, match="but net.safetensors is trained"):
        resolve(str(file))


def test_blocks_of_ones_own_network_are_copied_with_what_normalisation_has_counted() -> None:
    study = resolve(str(written("Residual", CUT)))
    task, rng = study.learned, np.random.default_rng(0)
    source = task.network(study.start, *task.shapes)
    with torch.no_grad():
        source.bn1.running_mean += 3.0  # type: ignore[union-attr, operator]
    plan = Plan.span(study.start, study.blocks, "solar-halpha", Span(1, 1))
    examples = task.sample("solar-304", 30, rng)
    training, _ = task.to_train(plan, examples, Draws.of(0, Role.PLANS, 0), {"solar-halpha": source})
    assert study.blocks == 3
    assert torch.equal(training.network.conv1.weight, source.conv1.weight)  # type: ignore[union-attr]
    assert torch.equal(training.network.bn1.running_mean, source.bn1.running_mean)  # type: ignore[union-attr]
    assert not torch.equal(training.network.layer1[0].weight, source.layer1[0].weight)  # type: ignore[index, union-attr]


@pytest.mark.parametrize(
    ("name", "cut", "source", "named"),
    [
        ("Flat", "[]", "", r"given rows \(2, 16, 16\); allowed: a network that maps \(batch, 16, 16\) to \(batch, 5\)"),
        ("Residual", '["conv1", "layer2"]', "", r"unknown submodule of image_nets:Residual .* 'layer2' \(did you mean"),
        ("Residual", CUT, "w.safetensors", "does not fit: 'fc.weight' has shape"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(name: str, cut: str, source: str, named: str) -> None:
    if source:
        weights = OwnNetwork("image_nets:Residual", cut=("conv1", "fc")).build((16, 16), 7).state_dict()
        save_file({key: value + 0 for key, value in weights.items() if not key.startswith("blocks.")}, source)
    with pytest.raises(InputError, match=named) as refused:
        resolve(str(written(name, cut, source)))
    assert "\n" not in str(refused.value)


@pytest.mark.slow
@pytest.mark.usefixtures("in_this_process")
def test_torchvision_s_resnet_18_is_cut_into_stages(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torchvision")
    assert trained(str(written("ResNet18", STAGES)), capsys, "--set", "budget.trainings=4")["decision"]
    assert len(json.loads(Path("out/result.json").read_text())["study"]["network"]["blocks"]) == 6
