"""Opens MLflow on the comparison of a study's trials."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import webbrowser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import quote

from graft.search.tracking.address import address, masked, of_database
from graft.spaces.errors import InputError, whole

HOST = "127.0.0.1"  # MLflow asks nobody for a password: never on a network interface
PATIENCE = 60.0  # seconds for the server to answer; it takes 4 on two idle cores


def ui(
    folder: Path | None = None, port: int | None = None, *, open_browser: bool = True, uri: str | None = None
) -> None:
    """Serve MLflow until interrupted, and show where to look.

    Args:
        folder: Of a run; the last run under ``./runs`` if None.
        port: To serve on; if None 5000, or any free one where 5000 is taken.
        open_browser: Whether to open the comparison too.
        uri: Tracking server or database, as for the search itself. A server is used as it is, none is started.

    Raises:
        InputError: If there is no run to show, or the port cannot be used.
    """
    folder = folder or last(Path("runs"))
    store = address(folder, uri)
    if store.startswith("http"):
        show(urls(folder, masked(store).rstrip("/"), uri), open_browser)
        return
    base = f"http://{HOST}:{usable(port)}"
    links = urls(folder, base, uri)  # before the server starts: an empty folder is refused at once
    try:
        with serving(store, base) as server:
            show(links, open_browser)
            print("Ctrl-C ends it.", flush=True)
            server.wait()
    except KeyboardInterrupt:
        return


def side_by_side(folders: Sequence[Path], port: int | None = None, *, open_browser: bool = True) -> None:
    """Serve MLflow on several runs until interrupted: what each folder records, in one database for that time.

    Args:
        folders: Of runs that ended, of one study or of several.
        port: As of `ui`.
        open_browser: Whether to open the comparison too.

    Raises:
        InputError: Naming a folder that records no result, or if the port cannot be used.
    """
    base = f"http://{HOST}:{usable(port)}"
    with tempfile.TemporaryDirectory() as scratch:
        store = of_database(Path(scratch) / "mlflow.db")
        link = together(folders, store, base)
        try:
            with serving(store, base) as server:
                show({"compare": link}, open_browser)
                print("Ctrl-C ends it.", flush=True)
                server.wait()
        except KeyboardInterrupt:
            return


def together(folders: Sequence[Path], store: str, base: str) -> str:
    """The page that compares whole runs, all of them delivered to one store.

    Args:
        folders: As of `side_by_side`.
        store: Address of a database.
        base: Of MLflow's pages.

    Raises:
        InputError: As of `side_by_side`.
    """
    from graft.search.tracking.view import deliver, shown

    found = []
    for folder in folders:
        deliver(folder, store)
        if run := shown(folder, store):
            found.append(run)
    chosen = quote(json.dumps([run.summary for run in found], separators=(",", ":")))
    experiments = quote(json.dumps(sorted({run.experiment for run in found})))
    return f"{base}/#/compare-runs?runs={chosen}&experiments={experiments}&workflowType=machine_learning"


def last(root: Path) -> Path:
    """The run folder under ``root`` that changed last.

    Raises:
        InputError: If there is none.
    """
    records = [path for name in ("study.json", "result.json") for path in root.glob(f"*/{name}")]
    if not records:
        raise InputError(f"no run under {root.resolve()}; allowed: the folder of a run, as in `graft ui DIR`")
    return max(records, key=lambda path: path.stat().st_mtime).parent


def urls(folder: Path, base: str, uri: str | None = None) -> dict[str, str]:
    """Pages of MLflow that show this run.

    Returns:
        ``compare`` (its best trials side by side), ``charts`` and ``table`` (all its trials, best first), ``summary``.

    Raises:
        InputError: If MLflow has no trial of the run yet.
    """
    from graft.search.tracking.view import shown, trials_filter

    run = shown(folder, uri)
    if run is None:
        raise InputError(
            f"MLflow has no trial of {folder}; allowed: a run that ended a trial; `graft deliver {folder}`"
        )
    home = f"{base}/#/experiments/{run.experiment}/runs"
    kind = "workflowType=machine_learning"  # else the page is laid out for chat models
    best_first = f"orderByKey={quote('metrics.`error_percent`')}&orderByAsc=true"
    chosen = quote(json.dumps(run.best, separators=(",", ":")))
    return {
        "compare": f"{base}/#/compare-runs?runs={chosen}&experiments={quote(json.dumps([run.experiment]))}&{kind}",
        "charts": f"{home}?searchFilter={quote(trials_filter(run.tag))}&{best_first}&compareRunsMode=CHART&{kind}",
        "table": f"{home}?viewStateShareKey={run.tag}&{kind}",
        "summary": f"{home}/{run.summary}?{kind}",
    }


def show(links: dict[str, str], open_browser: bool) -> None:
    """Print the links, and open the comparison."""
    for name, link in links.items():
        print(f"{name:8} {link}", flush=True)
    if open_browser:
        webbrowser.open(links["compare"])


def usable(port: int | None) -> int:
    """A port that can be served on.

    Raises:
        InputError: If the given one is taken or is none.
    """
    if port is not None:
        whole("port", port, 1, 65535)
    for wish in (5000, 0) if port is None else (port,):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, wish))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise InputError(f"port {port} cannot be used; allowed: a free one, or none given")


@contextmanager
def serving(store: str, base: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run MLflow's server on ``base``, and end it with all its children.

    Raises:
        InputError: If it does not answer.
    """
    environment = os.environ | {
        "MLFLOW_BACKEND_STORE_URI": store,  # not an argument: it may hold a password, and arguments are public
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # else 10 processes and 1.7 GB, for a scheduler nobody uses
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    port = base.rpartition(":")[2]
    command = [sys.executable, "-P", "-m", "mlflow", "server", "--host", HOST, "--port", port, "--workers", "1"]
    with tempfile.TemporaryDirectory() as scratch, (Path(scratch) / "log").open("w+") as log:
        # A process group of its own: ending only `mlflow server` would leave its uvicorn child serving.
        server = subprocess.Popen(command, cwd=scratch, env=environment, stdout=log, stderr=log, start_new_session=True)
        before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # else it skips `finally`
        try:
            await_answer(server, base, log)
            yield server
        finally:
            end(server)
            signal.signal(signal.SIGTERM, before)


def await_answer(server: subprocess.Popen[bytes], base: str, log: IO[str]) -> None:
    """Return once the server answers.

    Raises:
        InputError: If it ends, or stays silent.
    """
    deadline = time.monotonic() + PATIENCE
    while server.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{base}/health", timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    log.seek(0)
    said = log.read().strip().splitlines() or ["it said nothing"]
    raise InputError(f"MLflow's server did not start: {said[-1][:200]}")


def end(server: subprocess.Popen[bytes]) -> None:
    """End the server's whole process group."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(server.pid, number)
        except ProcessLookupError:
            return
        try:
            server.wait(timeout=5)
        except subprocess.TimeoutExpired:
            continue
