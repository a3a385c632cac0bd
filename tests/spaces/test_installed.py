"""Simulators, tasks and networks of an installed package are found by plain names."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from graft.search.cli import main
from graft.search.study import resolve, setting
from graft.simulators.registry import find
from graft.spaces.errors import InputError
from graft.spaces.installed import installed

ROOT = Path(__file__).parents[2]
SIMULATORS = """
import pyarrow as pa
import torch
from graft.search.tasks.base import Examples, Task
from graft.simulators.base import Simulator, tensor_field


class Slow(Simulator):
    name, frequency = "slow", 1.0
    schema = pa.schema([tensor_field("phase", 2, "input", "rad", ""), tensor_field("height", 3, "output", "m", "")])

    def sample(self, n, rng):
        phase = rng.uniform(0.5, 1.5, (n, 2))
        return {"phase": phase, "height": 2 + phase[:, :1] * [[0.1, 0.2, 0.3]] * self.frequency}


class Fast(Slow):
    name, frequency = "fast", 2.0


class Narrow(torch.nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.blocks = torch.nn.ModuleList([torch.nn.Linear(inputs, 4), torch.nn.Linear(4, outputs)])

    def forward(self, x):
        return self.blocks[1](self.blocks[0](x).tanh())


class Waves(Task):
    def sample(self, name, rows, rng):
        simulator = {"slow-waves": Slow, "fast-waves": Fast}[name]()
        held = simulator.sample(rows, rng)
        return Examples(held["phase"].astype("float32"), held["height"].astype("float32"))

    def network(self, recipe, inputs, outputs):
        return Narrow(inputs[0], outputs[0])
"""
PROJECT = """
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"
[project]
name = "wavepack"
version = "0.3"
[tool.setuptools]
py-modules = ["wavepack"]
[project.entry-points."graft.simulators"]
slow-waves = "wavepack:Slow"
fast-waves = "wavepack:Fast"
[project.entry-points."graft.tasks"]
waves = "wavepack:Waves"
[project.entry-points."graft.networks"]
narrow = "wavepack:Narrow"
"""
STUDY = """
source = "slow-waves"
target = "fast-waves"
rows = { source = 120, pool = 40, locked = 4, validation = 8, test = 30 }
source_training = { epochs = 2, batch = 20, activation = "own" }
start = { epochs = 2, batch = 14, activation = "own" }
ranges = { epochs = [2, 4], batch = [14, 28], activation = ["own"] }
budget = { trainings = 8, seeds = 2, steps = 60 }
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip has installed a package that registers one of each."""
    folder = tmp_path_factory.mktemp("wavepack")
    (folder / "wavepack.py").write_text(SIMULATORS)
    (folder / "pyproject.toml").write_text(PROJECT)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps"]
    offline = ["--no-index", "--no-build-isolation", "--target", folder / "site", folder]
    subprocess.run([*map(str, [*pip, *offline])], check=True, capture_output=True, timeout=120)
    return folder / "site"


def graft(site: Path, folder: Path, *words: str) -> tuple[int, str]:
    """Exit code of a command where that package is installed, and what it says."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(site), str(ROOT)])}
    command = [sys.executable, "-P", "-m", "graft", *words]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def test_a_package_is_listed_by_its_names(packages: Path, tmp_path: Path) -> None:
    code, said = graft(packages, tmp_path, "list")
    assert code == 0 and "installed: simulator slow-waves (wavepack:Slow of wavepack 0.3)" in said.splitlines()
    assert [line.split()[1] for line in said.splitlines() if line.startswith("installed: ")] == [
        "simulator", "simulator", "task", "network"
    ]  # fmt: skip


def test_the_doctor_finds_what_a_study_names(packages: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(f'network = {{ module = "narrow" }}\n{STUDY}')
    code, said = graft(packages, tmp_path, "doctor", "mine.toml", "--workers", "1")
    assert code == 0 and "mine: 1 trainings at a time" in said, said


@pytest.fixture
def inside(packages: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process sees the package."""
    monkeypatch.syspath_prepend(packages)
    installed.cache_clear()
    yield
    installed.cache_clear()


@pytest.mark.usefixtures("inside")
@pytest.mark.parametrize("own", ['network = { module = "narrow" }', 'task = "waves"'])
def test_a_study_names_what_a_package_registers(
    own: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text(f"{own}\n{STUDY}")
    with pytest.raises(SystemExit) as stopped:
        main(["show", "mine.toml"])
    said = capsys.readouterr()
    assert stopped.value.code == 0 and '"fast-waves"' in said.out, said.err


@pytest.mark.usefixtures("inside")
@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("target=fast-wave", "unknown simulator 'fast-wave' (did you mean 'fast-waves'?); allowed: LATTICE@T, "),
        ("task=wave", "unknown task 'wave' (did you mean 'waves'?); allowed: images, "),
        ("network.module=narow", "unknown network 'narow' (did you mean 'narrow'?); allowed: module:Class, narrow"),
    ],
)
def test_the_nearest_name_may_be_a_packages(key: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(f'network = {{ module = "narrow" }}\n{STUDY}')
    with pytest.raises(InputError) as refused:
        resolve(str(tmp_path / "mine.toml"), settings=dict([setting(key)]))
    assert str(refused.value).startswith(said)


@pytest.mark.usefixtures("inside")
def test_two_packages_with_one_name_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other-1.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1\n")
    (other / "entry_points.txt").write_text("[graft.simulators]\nslow-waves = other:Slow\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError, match="^simulator 'slow-waves' is registered by other 1 and by wavepack 0.3; allow"):
        find("slow-waves")
