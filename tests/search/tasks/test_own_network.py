"""A network of one's own and weights trained elsewhere, from the study file on; bad input ends before any writing."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from phases import phase
from safetensors.torch import save_file

from graft.models.networks.network import Network, OwnNetwork, Shape
from graft.models.pretrained import Pretrained
from graft.models.scaling import Scaling
from graft.models.weights import pack
from graft.search.cli import main
from graft.search.run.seeds import Role
from graft.search.study import opened, resolve
from graft.search.tasks import pretrained
from graft.search.tasks.base import Examples, Request, fit
from graft.spaces.errors import InputError
from graft.spaces.plan import OWN, Plan, Recipe, Span
from graft.spaces.sources import Lesson, Sources

CODE = """
from torch import nn

class Net(nn.Module):
    def __init__(self, inputs, outputs, width=6):
        super().__init__()
        self.blocks = nn.ModuleList([nn.Linear(inputs, width), nn.Linear(width, width), nn.Linear(width, outputs)])
    def forward(self, x):
        for block in self.blocks[:-1]:
            x = block(x).sigmoid()
        return self.blocks[-1](x)

class One(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.blocks = nn.ModuleList([nn.Linear(inputs, outputs)])
    def forward(self, x):
        return self.blocks[0](x)

class Narrow(Net):
    def __init__(self, inputs, outputs, width=6):
        super().__init__(inputs, outputs - 1, width)
"""
STUDY = """
source = {source}
target = "film-3"
network = {network}
"""
OURS = '{ module = "own_net:Net" }'
WEIGHTS = '"w.safetensors"'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "own_net.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    save_file(OwnNetwork("own_net:Net").build(3, 200).state_dict(), "w.safetensors")
    return tmp_path


def write(source: str = WEIGHTS, network: str = OURS, more: str = "") -> str:
    Path("mine.toml").write_text(STUDY.format(source=source, network=network) + more)
    return "mine.toml"


def test_the_study_holds_the_network_and_the_weights_and_survives_json(folder: Path) -> None:
    study = resolve(write('{ file = "w.safetensors", mean = [5, 5, 5], deviation = [11, 11.5, 12] }'))
    assert study.network == OwnNetwork("own_net:Net") and study.blocks == 3 and study.taught == ()
    (file,) = study.weights
    assert (file.name, file.mean, file.deviation) == ("w.safetensors", (5, 5, 5), (11, 11.5, 12))
    assert study.start.activation == study.source_training.activation == OWN and study.ranges.activation == (OWN,)
    assert opened(study.to_dict()) == study


def test_a_network_of_ones_own_replaces_that_of_the_study_it_overrides(folder: Path) -> None:
    Path("mine.toml").write_text('extends = "film10-film8"\nnetwork = { module = "own_net:Net", width = 4 }\n')
    study = resolve("mine.toml", "demo")
    assert study.network == OwnNetwork("own_net:Net", (("width", 4),)) and study.ranges.activation == (OWN,)
    assert study.start.rate == resolve("film10-film8").start.rate
    assert resolve("film10-film8", "demo", {"network.module": "own_net:Net"}).network.to_dict() == {
        "module": "own_net:Net"
    }


NET = "w.safetensors does not fit: block 1, weight, has shape (6, 3) in the file and has shape"
BAD = {
    "no module": ({"network": '{ module = "nowhere:Net" }'}, "network.module 'nowhere:Net' cannot be imported"),
    "unknown key": ({"network": '{ module = "own_net:Net", depth = 3 }'}, "outputs=200, depth=3) raises TypeError"),
    "wrong outputs": ({"network": '{ module = "own_net:Narrow" }'}, "(2, 3) to (2, 199); allowed: to (2, 200)"),
    "one block": ({"network": '{ module = "own_net:One" }'}, "own_net:One has one block; allowed: at least 2"),
    "other sizes": ({"network": '{ module = "own_net:Net", width = 7 }'}, f"{NET} (7, 3) in the network of 3 blocks"),
    "other inputs": ({"source": '{ file = "w.safetensors", mean = [1, 1], deviation = [1, 1] }'}, f"{NET} (6, 2)"),
    "no file": ({"source": '"nothing.pt"'}, "nothing.pt: No such file"),
    "no weights": ({"source": '{ file = "own_net.py" }'}, "source.file is 'own_net.py'; allowed: a file of weights"),
    "mistyped key": ({"source": '{ file = "w.safetensors", maen = 3 }'}, "'maen' (did you mean 'mean'?)"),
    "mean of text": ({"source": '{ file = "w.safetensors", mean = "50" }'}, "source.mean is '50'; allowed: a number"),
    "mean alone": ({"source": '{ file = "w.safetensors", mean = 50 }'}, "has 1 means and 0 deviations"),
    "deviation of zero": ({"source": '{ file = "w.safetensors", mean = 1, deviation = 0 }'}, "deviation of w.safeten"),
    "activation": ({"more": '[start]\nactivation = "gelu"\n'}, "start.activation is 'gelu'; allowed: 'own'"),
    "activations": ({"more": '[ranges]\nactivation = ["gelu"]\n'}, "ranges.activation is 'gelu'; allowed: 'own'"),
    "own activation of a perceptron": (
        {"source": '"film-4"', "network": "{ width = 6 }", "more": '[source_training]\nactivation = "own"\n'},
        "source_training.activation is 'own'; allowed: not 'own' without network.module",
    ),
    "perceptron of unknown activation": (
        {"network": "{ width = 6, depth = 2 }"},
        "ranges.activation is ['relu', 'gelu', 'silu'], but w.safetensors is trained; allowed: a list of the one",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_in_one_line_before_anything_is_written(
    case: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    how, said = BAD[case]
    before = sorted(folder.rglob("*"))
    file = write(**how)
    with pytest.raises(SystemExit) as stopped:
        main(["run", file])
    error = capsys.readouterr().err
    assert stopped.value.code == 2 and said in error
    assert len(error.strip().splitlines()) == 1
    assert sorted(p for p in folder.rglob("*") if "__pycache__" not in p.parts) == sorted([*before, folder / file])


def test_a_file_that_has_changed_since_is_another_study(folder: Path) -> None:
    study = resolve(write())
    save_file({k: v + 1 for k, v in OwnNetwork("own_net:Net").build(3, 200).state_dict().items()}, "w.safetensors")
    with pytest.raises(InputError, match="is not the file that this study began with"):
        pretrained.fitted(study, study.weights[0])
    assert resolve("mine.toml") != study


def test_the_network_of_another_run_is_a_source(folder: Path) -> None:
    network, scaling = Network(1, 6), Scaling(torch.full((3,), 50.0), torch.full((3,), 9.0))
    shape = Shape(3, 200, network, "silu")
    Path("network.safetensors").write_bytes(pack(shape.build(), shape, scaling))
    one = '"network.safetensors"'
    with pytest.raises(InputError, match="allowed: a list of 'silu'"):
        resolve(write(one, "{ depth = 1, width = 6 }"))
    study = resolve(write(one, "{ depth = 1, width = 6 }", '[ranges]\nactivation = ["silu"]\n'))
    assert study.weights[0].mean == (50, 50, 50) and study.weights[0].deviation == (9, 9, 9)


X = np.random.default_rng(0).uniform(30, 70, (30, 3)).astype(np.float32)
POOL = Examples(X, 1 + X[:, :2] / 100)


@pytest.mark.parametrize(("span", "told"), [((1, 2), True), ((2, 2), False), (None, False)])
def test_inputs_are_standardised_as_the_source_was_where_its_first_block_is_copied(
    span: tuple[int, int] | None, told: bool, folder: Path
) -> None:
    network = OwnNetwork("own_net:Net")
    shape, scaling = Shape(3, 2, network, OWN), Scaling(torch.full((3,), 7.0), torch.full((3,), 3.0))
    data = pack(shape.build(), shape, scaling)
    told_by = Pretrained("w.pt", "", (7.0,), (3.0,))
    shared = phase(1, Role.PLANS, POOL, 6, network, {"w.pt": data}, weights=(told_by,))
    recipe = Recipe(epochs=1, batch=8, activation=OWN)
    plan = Plan.span(recipe, 3, "w.pt", Span(*span)) if span else Plan(recipe)
    trained, _ = fit(shared, Request(plan, 0))
    assert trained.scaling is not None and (trained.scaling.mean.tolist() == [7, 7, 7]) == told
    assert type(trained.network).__name__ == "Net"
    again, _ = fit(shared, Request(plan, 0))
    pairs = zip(trained.network.parameters(), again.network.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_a_trained_source_leaves_no_choice_of_examples_and_epochs() -> None:
    sources = Sources(("film-4", "w.pt"), (100, 50), (3,), ("w.pt",))
    assert list(sources.lessons()) == ["film-4@100x3", "film-4@50x3", "w.pt"]
    assert sources.lessons()["w.pt"] == Lesson("w.pt", 100, 3) and sources.first == ["film-4@100x3", "w.pt"]
    assert sources.guess("w.pt") == {"source": "w.pt", "source_rows": 100}


def test_the_verdict_speaks_of_the_weights() -> None:
    plan = Plan.span(Recipe(), 3, "w.pt", Span(1, 2))
    assert re.search(r"copy layers 1 to 2 of 3 from the weights of w\.pt, then", plan.describe())
