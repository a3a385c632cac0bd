"""optuna-dashboard shows a run's trials, and changes nothing."""

import json
import threading
import urllib.request
from importlib.util import find_spec
from pathlib import Path

import pytest

from graft.search.cli import main
from graft.search.dashboard import serving
from graft.search.engine.journal import shown
from graft.spaces.errors import InputError

RUN = Path(__file__).parents[1] / "reference" / "protocol-1" / "transfer"
INSTALLED = find_spec("optuna_dashboard") is not None


@pytest.mark.skipif(INSTALLED, reason="optuna-dashboard is installed")
def test_without_it_one_line_says_what_to_install(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["dashboard", str(RUN)])
    said = capsys.readouterr().err.strip().splitlines()
    assert stopped.value.code == 2 and len(said) == 1 and "pip install 'graft[dashboard]'" in said[0]


@pytest.mark.skipif(not INSTALLED, reason="optuna-dashboard is not installed")
def test_it_shows_the_searches_of_a_run() -> None:
    before = (RUN / "optuna.journal").read_bytes()
    with serving(RUN) as server:
        serve = threading.Thread(target=server.serve_forever)
        serve.start()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/api/studies", timeout=20) as answer:
                names = {study["study_name"] for study in json.load(answer)["study_summaries"]}
        finally:
            server.shutdown()
            serve.join()
    assert names == {"baseline", "plans"} and (RUN / "optuna.journal").read_bytes() == before


@pytest.mark.skipif(not INSTALLED, reason="optuna-dashboard is not installed")
def test_a_folder_without_trials_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="optuna.journal is not there; allowed: the folder of a run"):
        serving(tmp_path)


def test_a_journal_that_is_shown_is_not_changed() -> None:
    before, journal = (RUN / "optuna.journal").read_bytes(), shown(RUN / "optuna.journal")
    (study, *_) = journal.get_all_studies()
    with pytest.raises(InputError, match="is only shown"):
        journal.set_study_user_attr(study._study_id, "note", "mine")
    assert (RUN / "optuna.journal").read_bytes() == before
