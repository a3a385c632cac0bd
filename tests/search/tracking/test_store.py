"""Whether MLflow's store can be used, told without opening it."""

import base64
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from graft.search.tracking import store

# MLflow's own tables use a loader that SQLAlchemy 2.1 will drop.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")


def test_a_database_that_is_not_there_yet_is_well_if_it_can_be_made(tmp_path: Path) -> None:
    assert store.problem(f"sqlite:///{tmp_path}/new/mlflow.db") == ""
    assert "cannot be written" in store.problem("sqlite:////dev/null/mlflow.db")


def test_a_database_of_this_release_is_well_and_an_older_one_is_not(tmp_path: Path) -> None:
    from graft.search.tracking.view import newest

    path = tmp_path / "mlflow.db"  # that MLflow makes such a one is shown in test_tracking.py, where there is one
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("create table alembic_version (version_num text)")
        database.execute("insert into alembic_version values (?)", [newest()])
        assert len(newest()) == 12 and store.problem(f"sqlite:///{path}") == ""
        database.execute("update alembic_version set version_num = '451aebb31d03'")
        older = path.read_bytes()
        assert f"mlflow db upgrade sqlite:///{path}" in store.problem(f"sqlite:///{path}")
        assert path.read_bytes() == older  # opened by MLflow it would be upgraded


@pytest.mark.parametrize("content", [b"", b"no database at all"])
def test_what_is_no_database_of_mlflows(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_bytes(content)
    assert "is no database of MLflow's" in store.problem(f"sqlite:///{tmp_path}/mlflow.db")


class Asking(BaseHTTPRequestHandler):
    """Answers whoever names the right password, and only where MLflow answers."""

    def do_GET(self) -> None:
        right = "Basic " + base64.b64encode(b"ada:pass/word").decode()
        known = self.path == "/base/api/2.0/mlflow/experiments/search?max_results=1"
        self.send_response(404 if not known else 200 if self.headers["Authorization"] == right else 401)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Asking) as found:
        serving = threading.Thread(target=found.serve_forever)
        serving.start()
        yield f"127.0.0.1:{found.server_port}"
        found.shutdown()
        serving.join()


def test_a_server_is_asked_as_mlflow_would_ask(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    assert store.problem(f"http://ada:pass%2Fword@{server}/base/") == ""
    assert store.problem(f"http://{server}/base") == f"http://{server}/base answers 401: user or password is wrong"
    assert store.problem(f"http://{server}") == f"http://{server} answers 404"
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ada")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "pass/word")
    assert store.problem(f"http://{server}/base") == ""


def test_no_server_and_no_password_in_what_is_said() -> None:
    said = store.problem("http://ada:secret@127.0.0.1:1/base")
    assert said.startswith("http://127.0.0.1:1/base does not answer") and "secret" not in said
    assert "does not answer" in store.problem("http://no-such-host.invalid")
    assert "does not answer" in store.problem("http://127.0.0.1:99999999")


def test_other_stores_are_not_looked_at() -> None:
    assert store.problem("databricks") == ""
