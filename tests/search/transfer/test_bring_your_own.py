"""The guide to data, simulators and networks of one's own, taken from it and run, only smaller."""

import re
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import save_file
from test_verification import carried_out, kind_in

from graft.models.train import prepare_process
from graft.models.weights import sha256
from graft.search import report
from graft.search.champion import load
from graft.search.engine.executor import LocalExecutor
from graft.search.engine.progress import Progress
from graft.search.kinds.transfer import calibration
from graft.search.kinds.transfer.pipeline import Pipeline
from graft.search.report.sections import TRANSFER
from graft.search.run.folder import Run
from graft.search.run.resources import Resources
from graft.search.study import resolve
from graft.simulators.optics.film import transmittance
from graft.spaces.errors import InputError

GUIDE = (Path(__file__).parents[3] / "docs/guides/own.md").read_text()
TINY = {
    "network.depth": 1, "network.width": 6, "source_training.epochs": 1, "start.epochs": 2, "start.batch": 15,
    "ranges.epochs": [1, 3], "ranges.batch": [14, 28], "budget.trainings": 4, "budget.seeds": 2, "budget.steps": 20,
}  # fmt: skip


pytestmark = pytest.mark.usefixtures("coarse_figures")


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> None:
    prepare_process()


def taken(name: str) -> str:
    """The guide's code block that begins with the file's name."""
    (found,) = re.findall(rf"```(?:python|toml)\n(# {re.escape(name)}.*?)```", GUIDE, re.DOTALL)
    return str(found)


def test_a_simulator_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = taken("slab.py")
    assert len(code.splitlines()) <= 30
    (tmp_path / "slab.py").write_text(code)
    (tmp_path / "slab.toml").write_text(taken("slab.toml"))
    monkeypatch.syspath_prepend(tmp_path)
    rows = {"rows.source": 60, "rows.pool": 40, "rows.locked": 4, "rows.validation": 8, "rows.test": 20}
    study = resolve(str(tmp_path / "slab.toml"), "demo", TINY | rows)
    assert study.target == "slab:Slab" and study.scenario(study.target).outputs == 200
    found = calibration.repeat(study, "gain", tmp_path / "out")
    assert found["decision"] in ("transfer", "undecided", "direct")
    assert len(found["direct"]["per_seed"]) in study.proof.looks


def test_data_of_ones_own(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    thickness = rng.uniform(30, 70, (100, 3))
    cheap, dear = (transmittance(thickness, substrate=substrate)[:, ::20] for substrate in (1.0, 1.52))
    np.savez(tmp_path / "cheap.npz", inputs=thickness, outputs=cheap)
    header = ",".join([f"d{i} [nm]" for i in (1, 2, 3)] + [f"T{400 + 40 * i}" for i in range(10)])
    np.savetxt(tmp_path / "measured.csv", np.hstack([thickness, dear])[:30], delimiter=",", header=header, comments="")
    (tmp_path / "measured.toml").write_text(taken("measured.toml"))
    study = resolve(str(tmp_path / "measured.toml"), "demo", TINY)
    assert (study.mode, study.rows.pool, study.rows.locked) == ("holdout", 30, 15)
    run = Run(tmp_path / "out")
    run.begin(study)
    line = Pipeline(study, run, Resources(1), Progress(quiet=True), executor=LocalExecutor())
    line.prepare()
    direct = line.baseline()
    sources = line.source_networks(direct.plan.recipe)
    line.plans(direct, sources)
    found = line.confirm(line.rival(direct).plan, sources).comparison
    assert found.decision in ("transfer", "undecided", "direct") and len(found.measured["direct"].per_seed) in (20, 60)


@pytest.mark.parametrize("mode", ["fresh", "holdout"])
def test_a_network_and_weights_of_ones_own(mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "resnet.py").write_text(taken("resnet.py"))
    (tmp_path / "resnet.toml").write_text(taken("resnet.toml"))
    monkeypatch.syspath_prepend(tmp_path)
    import resnet  # type: ignore[import-not-found]

    save_file(resnet.ResNet(inputs=8, outputs=200, depth=3).state_dict(), tmp_path / "pretrained.safetensors")
    rows = {"rows.pool": 30, "rows.locked": 6, "rows.validation": 8, "rows.test": 20, "mode": mode}
    settings = {key: value for key, value in (TINY | rows).items() if not key.startswith("network")}
    study, out, draw = resolve(str(tmp_path / "resnet.toml"), "demo", settings), tmp_path / "out", report.write
    assert (study.blocks, study.taught, study.weights[0].mean) == (5, (), (50,))
    with pytest.raises(InputError, match=r"^ranges.prior is \['fisher'\], but pretrained.safetensors comes trained"):
        fisher = {"ranges.pull": [0.01, 0.1], "ranges.prior": ["fisher"]}
        resolve(str(tmp_path / "resnet.toml"), "demo", settings | fisher)
    Run(out).begin(study)
    certificate, _ = carried_out(out, monkeypatch)
    assert [problem for _, problem in kind_in(out).verify(Run(out))] == [""] * 6
    (source,) = certificate["sources"]
    (copied,) = (out / "bases").glob("*.safetensors")
    assert source == {"name": "pretrained.safetensors", "sha256": sha256(copied.read_bytes())}
    (tmp_path / "pretrained.safetensors").unlink()  # what the run rests on is in its folder
    assert carried_out(out, monkeypatch)[0] == certificate
    champion = load(out)
    assert type(champion.network) is resnet.ResNet and champion([[50.0] * 8]).shape == (1, 200)
    assert "pretrained.safetensors" in draw(out, TRANSFER).read_text()
