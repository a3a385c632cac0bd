"""A whole run on the real stack, tiny, started in a folder where the user's own files would shadow ours."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

TINY = [
    "rows.source=300", "rows.pool=60", "rows.locked=6", "rows.validation=12", "rows.test=50", "network.depth=2",
    "network.width=12", "base.epochs=3", "start.epochs=6", "start.batch=21", "ranges.epochs=[4, 12]",
    "ranges.batch=[14, 42]", "budget.trainings=14", "budget.steps=60",
]  # fmt: skip


def graft(folder: Path, *arguments: str, workers: int = 1) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "search", *arguments]
    environment = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=900, env=environment)


def run_tiny(folder: Path, out: str, workers: int = 1) -> subprocess.CompletedProcess[str]:
    settings = [word for setting in TINY for word in ("--set", setting)]
    return graft(folder, "run", "calibration", "--out", out, "--workers", str(workers), "--json", *settings)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, made in a folder that holds a user's own models/, search/, simulators/ and search.py."""
    home = tmp_path_factory.mktemp("home")
    for room in ("models", "search", "simulators", "spaces", "cluster"):
        (home / room).mkdir()
        (home / room / "__init__.py").write_text(f"raise ImportError('the user\\'s own {room} was imported')\n")
    shutil.copy("search.py", home / "search.py")
    settings = [word for setting in TINY for word in ("--set", setting)]
    command = [sys.executable, "search.py", "run", "calibration", "--out", "out", "--workers", "2", "--json", *settings]
    done = subprocess.run(command, cwd=home, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    (home / "said.json").write_text(done.stdout)
    return home


def test_the_certificate_is_what_was_printed(finished: Path) -> None:
    said = json.loads((finished / "said.json").read_text())
    held = json.loads((finished / "out" / "certificate.json").read_text())
    assert said == held
    assert held["decision"] in ("transfer", "direct") and held["mode"] == "fresh"
    assert held["seeds"] >= 8 and len(held["comparisons"][0]["direct"]["per_seed"]) == held["seeds"]


def test_every_trial_has_its_number_once_and_ends_as_what_it_was(finished: Path) -> None:
    result = json.loads((finished / "out" / "result.json").read_text())
    for phase in ("baseline", "plans"):
        trials = result[phase]["trials"]
        assert [trial["number"] for trial in trials] == list(range(len(trials)))
        assert {trial["state"] for trial in trials} <= {"complete", "pruned", "failed"}
        assert sum(len(trial["errors"]) for trial in trials) >= 14


def test_the_folder_verifies_and_a_changed_certificate_does_not(finished: Path, tmp_path: Path) -> None:
    assert graft(finished, "verify", "out").returncode == 0
    copy = tmp_path / "copy"
    shutil.copytree(finished / "out", copy)
    certificate = json.loads((copy / "certificate.json").read_text())
    certificate["comparisons"][0]["p_value"] = 0.0
    (copy / "certificate.json").write_text(json.dumps(certificate))
    broken = graft(finished, "verify", str(copy))
    assert broken.returncode == 1 and "certificate" in broken.stderr


def test_the_champion_predicts(finished: Path) -> None:
    from search.champion import load

    champion = load(finished / "out")
    spectra = champion([[40.0, 50.0, 60.0, 45.0, 55.0], [30.0, 31.0, 32.0, 33.0, 34.0]])
    assert spectra.shape == (2, 200) and np.isfinite(spectra).all()
    (finished / "inputs.csv").write_text("40,50,60,45,55\n30,31,32,33,34\n")
    said = graft(finished, "predict", "out", "inputs.csv").stdout.splitlines()
    assert len(said) == 3 and said[0].startswith("400,402")
    assert np.allclose([float(cell) for cell in said[1].split(",")], spectra[0], rtol=1e-4)


@pytest.mark.parametrize(("text", "said"), [("1,2\n", "(1, 2)"), ("a,b,c\nx,y,z\n", "allowed"), ("", "at least one")])
def test_bad_inputs_for_the_champion(finished: Path, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "bad.csv").write_text(text)
    refused = graft(finished, "predict", "out", str(tmp_path / "bad.csv"))
    assert refused.returncode == 2 and said in refused.stderr and "Traceback" not in refused.stderr


def test_running_again_changes_nothing(finished: Path) -> None:
    before = (finished / "out" / "result.json").read_bytes()
    again = run_tiny(finished, "out", workers=2)
    assert again.returncode == 0, again.stderr
    assert (finished / "out" / "result.json").read_bytes() == before


def test_mlflow_holds_each_trial_once_and_none_is_running(finished: Path) -> None:
    import sqlite3

    result = json.loads((finished / "out" / "result.json").read_text())
    with sqlite3.connect(finished / "out" / "mlflow.db") as database:
        states = [row[0] for row in database.execute("select status from runs where lifecycle_stage = 'active'")]
        keys = database.execute(
            "select p.value, t.value from tags p join tags t on p.run_uuid = t.run_uuid "
            "where p.key = 'graft.phase' and t.key = 'graft.trial'"
        ).fetchall()
    expected = {(phase, str(t["number"])) for phase in ("baseline", "plans") for t in result[phase]["trials"]}
    assert "RUNNING" not in states
    assert len(keys) == len(set(keys)) and expected == set(keys)


def test_the_report_was_written(finished: Path) -> None:
    page = (finished / "out" / "report" / "index.html").read_text()
    sentence = json.loads((finished / "out" / "certificate.json").read_text())["sentence"]
    assert sentence.split(".")[0] in page


def test_a_map_draws_every_span(finished: Path) -> None:
    settings = [word for setting in TINY for word in ("--set", setting)]
    drawn = graft(finished, "map", "calibration", "--out", "out", "--json", *settings)
    assert drawn.returncode == 0, drawn.stderr
    cells = json.loads(drawn.stdout)["cells"]
    assert [(cell["n1"], cell["n2"]) for cell in cells] == [(1, 1), (1, 2), (1, 3), (2, 2), (2, 3), (3, 3)]
    assert [cell["paper"] for cell in cells] == [True, True, False, True, False, False]
    assert {cell["verdict"] for cell in cells} <= {"helps", "harms", "undecided"}
