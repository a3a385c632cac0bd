"""A server that is away costs little and loses nothing."""

import json
import shutil
import time
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url
from tracked import BASELINE, MOVED, PLANS, folder_name, runs_of, trial

from graft.search.engine.progress import Progress
from graft.search.tracking.address import address, database, masked
from graft.search.tracking.store import problem
from graft.spaces.errors import InputError

# MLflow's own tables use a loader that SQLAlchemy 2.1 will drop.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")

DEAD = "http://127.0.0.1:9"


def test_server_away(store, client, folder):
    from graft.search.tracking.view import Tracker, deliver

    began = time.monotonic()
    tracker = Tracker(folder, json.loads((folder / "study.json").read_text()), DEAD)
    tracker.start()
    for number in range(20):
        tracker.trial("plans", trial(number, MOVED))
    assert time.monotonic() - began < 15
    tracker.finish()
    assert f"graft deliver {folder}" in tracker.warning
    with pytest.raises(InputError, match="did not take everything"):
        deliver(folder, DEAD)
    assert deliver(folder, store) == 1 + len(BASELINE + PLANS)


def test_server_back(store, client, folder, monkeypatch):
    from graft.search.tracking import view
    from graft.search.tracking.view import Tracker

    monkeypatch.setattr(view, "PAUSE", 0.0)
    monkeypatch.setattr(view, "SHARE", 0.0)
    tracker = Tracker(folder, json.loads((folder / "study.json").read_text()), store)
    with monkeypatch.context() as patch:
        patch.setattr(Tracker, "_create", lambda *_, **__: (_ for _ in ()).throw(ConnectionError("gone")))
        tracker.trial("plans", PLANS[0])
        assert "gone" in tracker.warning
    tracker.trial("plans", PLANS[1])
    assert tracker.warning == ""
    assert len(runs_of(client, folder, "tags.`graft.kind` = 'trial'")) == 2


def test_tries_pause_in_proportion(folder, monkeypatch):
    from graft.search.tracking import view

    clock, tries = [0.0], []
    monkeypatch.setattr(view.time, "monotonic", lambda: clock[0])

    def slow(_):
        tries.append(clock[0])
        clock[0] += 5.0
        raise TimeoutError

    monkeypatch.setattr(view.Tracker, "_connect", slow)
    tracker = view.Tracker(folder, json.loads((folder / "study.json").read_text()), DEAD)
    while clock[0] < 1000:
        tracker.sync()
        clock[0] += 1.0
    assert 5.0 * len(tries) <= 0.06 * 1000
    assert tracker.problem == "TimeoutError"


def test_credentials_stay_hidden(folder):
    from graft.search.tracking.view import Tracker

    uri = "http://someone:s3cret@127.0.0.1:9"
    tracker = Tracker(folder, json.loads((folder / "study.json").read_text()), uri)
    tracker.start()
    assert tracker.warning and "s3cret" not in tracker.warning and "someone" not in tracker.warning
    assert masked("at postgresql://a:b@host/db", uri) == "at postgresql://***@host/db"


def test_address_is_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert address(Path("a")) == f"sqlite:///{tmp_path}/a/mlflow.db"
    assert address(Path("a"), "sqlite:///b.db") == f"sqlite:///{tmp_path}/b.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://server")
    assert address(Path("a")) == "http://server"


ODD = "is it 50%? #1 & café"


def test_signs_of_a_folder_are_no_signs_of_its_address(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    found = address(tmp_path / ODD)
    assert database(found) == tmp_path / ODD / "mlflow.db"
    assert make_url(found).database == str(tmp_path / ODD / "mlflow.db")  # as MLflow reads it
    assert address(tmp_path, found) == found  # quoted once, however often it is made absolute
    assert address(tmp_path, f"sqlite:///{tmp_path}/b.db?timeout=9") == f"sqlite:///{tmp_path}/b.db?timeout=9"


def test_a_run_in_such_a_folder_is_shown_there(folder, monkeypatch):
    from graft.search.tracking.view import deliver

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    place = shutil.copytree(folder, folder / ODD)
    assert deliver(place) > 0 and (place / "mlflow.db").is_file() and (place / "mlartifacts").is_dir()
    assert problem(address(place)) == "" and deliver(place) == 0
    assert [path.name for path in folder.iterdir() if path.name.startswith("is it")] == [ODD]


def test_a_file_that_is_no_database_is_given_up_at_once(folder, monkeypatch):
    from graft.search.tracking.view import deliver

    (folder / "mlflow.db").write_text("nothing of MLflow's")
    began = time.monotonic()
    with pytest.raises(InputError, match="is no database of MLflow's"):
        deliver(folder, f"sqlite:///{folder}/mlflow.db")
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("quiet", [False, True])
def test_a_warning_is_told_on_the_other_stream_also_to_programs(
    quiet: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """What `graft run --json` prints is read by programs; what MLflow did not take must be said all the same."""
    progress = Progress(quiet=quiet)
    progress.say("on my way")
    progress.warn("not everything arrived; later: graft deliver runs/mine")
    said = capsys.readouterr()
    assert said.out == "" and ("on my way" in said.err) is not quiet
    assert "warning: not everything arrived; later: graft deliver runs/mine" in said.err


def test_certified_metrics_are_tied_to_the_network_and_the_data_that_judged_it(store, client, folder):
    from graft.search.tracking.view import deliver

    deliver(folder, store)
    deliver(folder, store)
    experiment = client.get_experiment_by_name(folder_name(folder)).experiment_id
    (model,) = client.search_logged_models([experiment])
    summary = next(run for run in runs_of(client, folder) if run.data.tags["graft.kind"] == "summary")
    assert (model.source_run_id, str(model.status)) == (summary.info.run_id, "READY")
    tied = {metric.key: (metric.value, metric.dataset_name, metric.dataset_digest) for metric in model.metrics}
    assert tied["direct_error"] == (0.02, "film-8", "ab" * 8) and tied["p_value"][0] == 0.001
    assert summary.data.metrics["direct_error"] == 0.02 and summary.data.metrics["wall_seconds"] == 9.0
    assert "wall_seconds" not in tied
