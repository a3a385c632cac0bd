"""A whole run of transfer between sequence models, tiny and in this process."""

import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from this_process import CONNECTED, connected, nothing_drawn, written

from graft.search import report
from graft.search.cli import main
from graft.search.engine.executor import LocalExecutor
from graft.search.engine.progress import Progress
from graft.search.kinds.base import Kind
from graft.search.kinds.registry import kind_of
from graft.search.kinds.transfer.kind import Transfer
from graft.search.kinds.transfer.pipeline import Pipeline
from graft.search.report.sections import TRANSFER
from graft.search.run.certificate import Certificate
from graft.search.run.folder import Run
from graft.search.run.resources import Resources
from graft.search.study import reopened, resolve
from graft.simulators.spins.lattice import SpinModel
from graft.simulators.spins.sampling import Observations
from graft.simulators.spins.watched import Watched, observations
from graft.spaces.errors import InputError

pytestmark = pytest.mark.usefixtures("coarse_figures")

TINY = {
    "sources": ["ising-4x4@4", "glass-4x4-1@4"], "target": "ising-4x4@2.5", "symmetries": "flip",
    "rows": {"source": 3000, "pool": 2200, "locked": 100, "validation": 100, "test": 2000},
    "network.width": 8, "source_training": {"epochs": 2, "batch": 100, "rate": 1e-2},
    "start.epochs": 1, "start.batch": 200,
    "ranges": {"epochs": [1, 2], "batch": [100, 250]}, "budget.trainings": 8, "budget.seeds": 2, "budget.steps": 60,
}  # fmt: skip


class Connected(LocalExecutor):
    """Carries trainings out in this process, where Ray is connected."""

    def run(self, jobs: Any, shares: Any = ()) -> Any:
        assert CONNECTED, "Ray would start by itself, once more and unwatched"
        return super().run(jobs, shares)


def here(model: SpinModel, T: float, n: int, seed: Any, folder: Path, **_: Any) -> Observations:
    """What Ray's actors would write, written by this process."""
    watched = Watched(model, T)
    return observations(written(watched, seed, n, folder), watched)


def prepared(folder: Path, patch: pytest.MonkeyPatch) -> Run:
    patch.setattr("graft.search.kinds.base.connection", connected)
    patch.setattr("graft.search.tasks.likelihood.watch", here)
    patch.setattr(report, "write", nothing_drawn)
    patch.setattr(Transfer, "work", partial(Pipeline, executor=Connected()))
    return Run(folder)


def carried_out(folder: Path, patch: pytest.MonkeyPatch) -> Certificate:
    run = prepared(folder, patch)
    with run.held():
        study = resolve("dcl-transfer", "demo", TINY)
        run.begin(study)
        return kind_of(study).run(run, Resources(1), Progress(quiet=True), Mock())


def kind_in(run: Run) -> Kind:
    return kind_of(reopened(run.read("study.json")))


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("likelihood") / "run"
    with pytest.MonkeyPatch.context() as patch:
        carried_out(folder, patch)
    return folder


@pytest.fixture
def copy(done: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(done, tmp_path / "copy"))


def test_the_folder_vouches_for_itself(done: Path) -> None:
    assert [problem for _, problem in kind_in(Run(done)).verify(Run(done))] == [""] * 6
    result, certificate = (json.loads((done / f"{name}.json").read_text()) for name in ("result", "certificate"))
    assert certificate["metric"].startswith("Kullback-Leibler divergence") and certificate["test_examples"] == 2000
    assert "2,000 newly watched states of ising-4x4 at T = 2.5" in certificate["sentence"]
    assert [source["name"] for source in certificate["sources"]] == TINY["sources"]
    assert set(result["energies"]) >= {"linear", "direct"}
    assert all(0 < one["error"] < 1 and one["rmse"] > 0 for one in result["energies"].values())
    assert all(0 < error < 1 for errors in result["confirmation"]["arms"].values() for error in errors)


def test_a_run_taken_up_again_gives_the_same_bits(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (copy / "result.json").read_bytes()
    for name in ("certificate.json", "result.json", "confirmation.json", "reference.json"):
        (copy / name).unlink()
    shutil.rmtree(copy / "bases")
    carried_out(copy, monkeypatch)
    assert (copy / "result.json").read_bytes() == before


def test_the_map_and_the_page_show_every_span(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw, run = report.write, prepared(copy, monkeypatch)
    drawn = kind_in(run).map(run, Resources(1), Progress(quiet=True)).to_dict()
    assert len(drawn["cells"]) == 2 * 6 and drawn["blocks"] == 3
    page = draw(copy, TRANSFER).read_text().replace("\u00a0", " ")
    assert {"arms", "energies", "layers-1", "map-1", "map-2"} <= set(report.figures(copy))
    for words in (
        "Energies, learned and exact",
        "Linear-logistic baseline",
        "information missed",
        "ising-4x4 at T = 4",
    ):
        assert words in page, words


def test_energies_predict_no_table(done: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["predict", str(done), "inputs.csv"])
    assert stopped.value.code == 2 and "an energy learned from watched states" in capsys.readouterr().err


def test_a_system_that_was_hardly_watched_is_refused_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = TINY | {"rows": TINY["rows"] | {"pool": 700}}  # type: ignore[operator]
    monkeypatch.setattr("test_likelihood_run.TINY", few)
    expected = "700 states of ising-4x4 at temperature 2.5 are worth .* allowed: at least 1000"
    with pytest.raises(InputError, match=expected):
        carried_out(tmp_path / "run", monkeypatch)
    assert not list(tmp_path.iterdir())


def test_its_length_is_estimated() -> None:
    searching, rest = kind_of(resolve("dcl-transfer", "demo", TINY)).seconds(1)
    assert 0 < searching < 600 and 0 < rest < 600
