"""A whole run on the real stack, tiny, started in a folder where the user's own files would shadow ours."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from watched import PASSWORD, Watched

from graft.search.cli import main


def graft(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "graft", *arguments]
    environment = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    environment["PYTHONPATH"] = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=900, env=environment)


@pytest.fixture(scope="module")
def finished(whole_run: Watched) -> Path:
    """Where it was run, into the folder ``out``."""
    return whole_run.place


def test_the_certificate_is_what_was_printed(finished: Path) -> None:
    said = json.loads((finished / "said.json").read_text())
    held = json.loads((finished / "out" / "certificate.json").read_text())
    assert said == held
    assert held["decision"] in ("transfer", "undecided", "direct") and held["mode"] == "fresh"
    assert held["seeds"] in held["looks"] and len(held["comparisons"][0]["direct"]["per_seed"]) == held["seeds"]


def test_every_trial_has_its_number_once_and_ends_as_what_it_was(finished: Path) -> None:
    result = json.loads((finished / "out" / "result.json").read_text())
    for phase in ("baseline", "plans"):
        trials = result[phase]["trials"]
        assert [trial["number"] for trial in trials] == list(range(len(trials)))
        assert {trial["state"] for trial in trials} <= {"complete", "pruned", "failed"}
        assert sum(len(trial["errors"]) for trial in trials) >= 8


def carried_out(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What a command prints, in this process."""
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    said = capsys.readouterr()
    assert stopped.value.code == 0, said.err
    return said.out


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[object, str]:
    """Exit code and complaint of a command, in this process."""
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    return stopped.value.code, capsys.readouterr().err


def test_the_folder_verifies_and_a_changed_certificate_does_not(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert graft(finished, "verify", "out").returncode == 0
    copy = tmp_path / "copy"
    shutil.copytree(finished / "out", copy)
    certificate = json.loads((copy / "certificate.json").read_text())
    certificate["comparisons"][0]["p_value"] = 0.0
    (copy / "certificate.json").write_text(json.dumps(certificate))
    code, said = refused(capsys, "verify", str(copy))
    assert code == 1 and "certificate" in said


def test_networks_of_another_ensemble_are_found(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(finished / "out", copy)
    members = copy / "model" / "members"
    assert sorted(path.name for path in members.iterdir()) == [f"{k}.safetensors" for k in range(4)]
    shutil.copy(members / "1.safetensors", members / "2.safetensors")
    code, said = refused(capsys, "verify", str(copy))
    assert code == 1 and "champion cannot be trusted" in said
    (tmp_path / "inputs.csv").write_text("40,50,60,45,55\n")
    code, said = refused(capsys, "predict", str(copy), str(tmp_path / "inputs.csv"), "--intervals", "0.8")
    assert code == 2 and "2.safetensors is not what the run recorded" in said


def test_the_champion_predicts(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from graft.search.champion import load

    champion = load(finished / "out")
    spectra = champion([[40.0, 50.0, 60.0, 45.0, 55.0], [30.0, 31.0, 32.0, 33.0, 34.0]])
    assert spectra.shape == (2, 200) and np.isfinite(spectra).all()
    (tmp_path / "inputs.csv").write_text("40,50,60,45,55\n30,31,32,33,34\n")
    said = carried_out(capsys, "predict", str(finished / "out"), str(tmp_path / "inputs.csv")).splitlines()
    assert len(said) == 3 and said[0].startswith("400,402")
    assert np.allclose([float(cell) for cell in said[1].split(",")], spectra[0], rtol=1e-4)


def test_intervals_are_told_beside_the_mean_of_several_networks(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "inputs.csv").write_text("40,50,60,45,55\n30,31,32,33,34\n")
    asked = ("predict", str(finished / "out"), str(tmp_path / "inputs.csv"), "--intervals")
    head, *rows = carried_out(capsys, *asked, "0.8").splitlines()
    assert head.startswith("400,400 lower,400 upper,402") and len(rows) == 2
    values = np.array([[float(cell) for cell in row.split(",")] for row in rows]).reshape(2, 200, 3)
    assert (values[..., 1] < values[..., 0]).all() and (values[..., 0] < values[..., 2]).all()
    told = json.loads((finished / "out" / "certificate.json").read_text())["handed_over"]["ensemble"]
    assert told["held"] == 6 and len(told["sha256"]) == 4 and told["error"] > 0
    code, said = refused(capsys, *asked, "0.9")  # of six held rows the largest is passed by one new row in seven
    assert code == 2 and "coverage is 0.9; allowed: above 0, at most 0.857 with 6 held rows" in said


@pytest.mark.parametrize(("text", "said"), [("1,2\n", "(1, 2)"), ("a,b,c\nx,y,z\n", "allowed"), ("", "is empty")])
def test_bad_inputs_for_the_champion(
    finished: Path, tmp_path: Path, text: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.csv").write_text(text)
    code, complaint = refused(capsys, "predict", str(finished / "out"), str(tmp_path / "bad.csv"))
    assert code == 2 and said in complaint and len(complaint.splitlines()) == 1


def test_running_again_changes_nothing(
    finished: Path, settings: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    before = (finished / "out" / "result.json").read_bytes()
    out = str(finished / "out")
    told = carried_out(capsys, "run", "calibration", "--out", out, "--workers", "2", "--json", *settings)
    assert json.loads(told) == json.loads((finished / "out" / "certificate.json").read_text())
    assert (finished / "out" / "result.json").read_bytes() == before


def test_mlflow_holds_each_trial_once_and_none_is_running(finished: Path) -> None:
    import sqlite3

    result = json.loads((finished / "out" / "result.json").read_text())
    with sqlite3.connect(finished / "out" / "mlflow.db") as database:
        states = [row[0] for row in database.execute("select status from runs where lifecycle_stage = 'active'")]
        keys = database.execute(
            "select p.value, t.value from tags p join tags t on p.run_uuid = t.run_uuid "
            "join runs r on r.run_uuid = p.run_uuid where r.lifecycle_stage = 'active' "
            "and p.key = 'graft.phase' and t.key = 'graft.trial'"
        ).fetchall()
    expected = {(phase, str(t["number"])) for phase in ("baseline", "plans") for t in result[phase]["trials"]}
    assert "RUNNING" not in states
    assert len(keys) == len(set(keys)) and expected == set(keys)


def test_the_report_was_written(finished: Path) -> None:
    page = (finished / "out" / "report" / "index.html").read_text()
    sentence = json.loads((finished / "out" / "certificate.json").read_text())["sentence"]
    assert sentence.split(".")[0] in page


def test_the_cost_says_what_the_time_of_both_workers_went_to(finished: Path) -> None:
    told = json.loads((finished / "out" / "cost.json").read_text())
    seconds = told["core_seconds"]
    assert list(seconds) == ["training", "generating", "sampling", "scheduling", "logging", "waiting"]
    assert min(seconds.values()) > 0
    assert sum(seconds.values()) == pytest.approx(2 * told["wall_seconds"], rel=0.01)
    assert seconds["training"] >= told["train_seconds"]
    assert "what workers did" in (finished / "out" / "report" / "index.html").read_text()


def test_a_map_draws_every_span(finished: Path, settings: list[str]) -> None:
    drawn = graft(finished, "map", "calibration", "--out", "out", "--workers", "1", "--json", *settings)
    assert drawn.returncode == 0, drawn.stderr
    cells = json.loads(drawn.stdout)["cells"]
    assert [(cell["n1"], cell["n2"]) for cell in cells] == [(1, 1), (1, 2), (1, 3), (2, 2), (2, 3), (3, 3)]
    assert [cell["paper"] for cell in cells] == [True, True, False, True, False, False]
    assert {cell["verdict"] for cell in cells} <= {"helps", "harms", "undecided"}


# Nothing of a run is to be reached from another machine, and its secrets stand nowhere but in their files. That an
# address with a password in it is told without is in test_tracking.py and in row 17 of the faults.
LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}
"""127.0.0.1, the same as an IPv6 address, and ::1."""


def test_everything_listens_on_loopback_alone(whole_run: Watched) -> None:
    assert whole_run.addresses and whole_run.addresses <= LOOPBACK


def test_secrets_stand_in_no_argument_no_log_and_no_file_but_their_own(whole_run: Watched) -> None:
    token = whole_run.place / ".ray" / "auth_token"
    assert token.stat().st_mode & 0o777 == 0o600
    secrets = (token.read_bytes(), PASSWORD.encode())
    assert any(b"raylet" in words for words in whole_run.arguments) and whole_run.sessions
    assert not [words for words in whole_run.arguments for secret in secrets if secret in words]
    folders = [whole_run.place, *whole_run.sessions]
    files = [file for folder in folders for file in Path(folder).rglob("*") if file.is_file() and file != token]
    assert len(files) > 20
    assert [file for file in files for secret in secrets if secret in file.read_bytes()] == []
