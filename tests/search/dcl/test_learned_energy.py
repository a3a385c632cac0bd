"""The energy of a finished run at work: on states, at other temperatures, on other lattices."""

import csv
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from test_dcl_run import TINY, carried_out, checks
from this_process import nothing_drawn

from graft.search import report
from graft.search.cli import main
from graft.search.kinds.dcl.champion import load
from graft.simulators.registry import lattice
from graft.simulators.spins.exact import internal_energy
from graft.spaces.errors import InputError

pytestmark = pytest.mark.usefixtures("coarse_figures")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("learned") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "write", nothing_drawn)
        carried_out(
            folder,
            patch,
            TINY | {"states.watched": 20_000, "states.student": 2000, "budget.kind": 1.0, "budget.taught": 20},
        )
    yield folder


@pytest.fixture
def copy(done: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(done, tmp_path / "copy"))


def asked(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(["predict", *arguments])
    return int(stopped.value.code or 0)


def table(text: str) -> tuple[list[str], np.ndarray]:
    head, *rows = csv.reader(io.StringIO(text))
    return head, np.array(rows, dtype=float)


def test_energies_of_states_are_near_the_exact_ones_on_other_lattices_too(done: Path) -> None:
    energy, rng = load(done), np.random.default_rng(1)
    for name in ("ising-4x4", "ising-6x9", "ising-16x16"):
        model = lattice(name)
        states = model.states(rng.integers(2, size=(400, *model.shape)))
        exact, learned = model.energy(states), energy(states, name)
        assert np.std(learned - exact) < 0.25 * np.std(exact), name
        assert abs(np.mean(learned)) < 0.3 * np.std(exact)  # random states have energy 0 on average


def test_the_energy_is_that_which_predicted(done: Path) -> None:
    told = json.loads((done / "result.json").read_text())["predictions"][1]
    again = load(done).thermodynamics("ising-8x8")
    assert json.loads(json.dumps(again)) == told and told["asked"] == [2.0, 4.0]


def test_a_lattice_is_predicted_and_joins_the_page(
    copy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert asked(str(copy), "ising-6x6", "--temperatures", "5,8", "--sweeps", "2000") == 0
    seen = capsys.readouterr()
    head, rows = table(seen.out)
    assert "of Monte Carlo" in seen.err and head[:3] == ["T", "energy", "energy_error"] and head[-1] == "exact"
    assert rows[:, 0].tolist() == [5, 8]
    exact = internal_energy(lattice("ising-6x6"), np.array([5.0, 8.0])) / 36
    assert rows[:, -1] == pytest.approx(exact, rel=1e-6) and rows[:, 1] == pytest.approx(exact, rel=0.2)
    assert [problem for _, problem in checks(copy)] == [""] * 5
    page = (copy / "report" / "index.html").read_text()
    assert "<h3>ising-6x6</h3>" in page and "2,000 sweeps" in page and "curves-3" in report.figures(copy)
    monkeypatch.setattr(report, "write", nothing_drawn)
    assert asked(str(copy), "ising-6x6", "--temperatures", "4", "--sweeps", "100") == 0
    assert len(list((copy / "predictions").iterdir())) == 1  # the last answer for a lattice is kept


def test_a_file_of_states_is_answered_with_energies(
    done: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    states = lattice("ising-4x4").states(np.random.default_rng(0).integers(2, size=(5, 4, 4)))
    np.save(tmp_path / "states.npy", states)
    assert asked(str(done), str(tmp_path / "states.npy")) == 0
    head, rows = table(capsys.readouterr().out)
    assert head == ["energy"] and rows[:, 0] == pytest.approx(load(done)(states), rel=1e-5)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["inputs.csv"], "inputs.csv; allowed: a .npy or .npz of states, or a lattice such as ising-4x4"),
        (["isin-6x6"], "unknown lattice 'isin-6x6'"),
        (["ising-J0.5-8x8"], "larger is 'ising-J0.5-8x8'; allowed: the model of ising-4x4"),
        (["missing.npy"], "missing.npy"),
        (["potts3-6x6"], "larger is 'potts3-6x6'; allowed: the model of ising-4x4"),
        (["ising-6x6-open"], "joined edges included"),
        (["ising-2x8"], "shorter side"),
        (["ising-256x256"], "65536 sites; allowed: at most 16384"),
        (["ising-4096x4096"], "16777216 sites"),
        (
            ["ising-8x8", "--temperatures", "1e7"],
            "temperatures is 10000000.0; allowed: a number at least 0.01 and at most 1000",
        ),
        (["ising-8x8", "--sweeps", "2000000"], "sweeps is 2000000"),
        (["ising-8x8", "--temperatures", "1,warm"], "--temperatures is '1,warm'"),
        (["ising-8x8", "--temperatures", "0"], "temperatures is 0.0"),
        (["ising-8x8", "--sweeps", "0"], "--sweeps is 0"),
        (["ising-8x8", "--task", "x"], "--task is 'x'"),
        (["missing.npy", "--sweeps", "500"], "no temperature"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_one_line(
    copy: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    before = sorted(copy.rglob("*"))
    assert asked(str(copy), *arguments) == 2
    error = capsys.readouterr().err
    assert told in error and error.count("\n") == 1, error
    assert sorted(copy.rglob("*")) == before


def test_weights_that_were_changed_are_refused(copy: Path) -> None:
    weights = copy / "model" / "network-student.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    with pytest.raises(InputError, match="is not the network that was certified"):
        load(copy)
    assert "networks" in [name for name, problem in checks(copy) if problem]
    (copy / "certificate.json").unlink()
    with pytest.raises(InputError, match="holds no learned energy yet"):
        load(copy)
