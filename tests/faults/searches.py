"""Searches as a user starts them, small enough to be killed often, and what their folders say afterwards."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

ROOT = Path(__file__).parents[2]
SETTINGS = [
    "rows.source=300", "rows.pool=60", "rows.locked=6", "rows.validation=12", "rows.test=50", "network.depth=2",
    "network.width=12", "source_training.epochs=3", "start.epochs=8", "start.batch=7", "ranges.epochs=[4, 16]",
    "ranges.batch=[7, 42]", "budget.trainings=14", "budget.steps=120",
]  # fmt: skip


def start(out: Path, workers: int = 1, *more: str, settings: tuple[str, ...] = (), **environment: str) -> Any:
    """`graft run` in a process group of its own, as a terminal starts it; what it says goes to OUT.log."""
    command = [sys.executable, "-P", "-m", "graft", "run", "calibration", "--out", str(out), "--json"]
    command += [word for setting in (*SETTINGS, *settings) for word in ("--set", setting)]
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    clean = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_TRACKING")}
    environment = clean | {"PYTHONPATH": path} | environment
    with open(out.with_suffix(".log"), "ab") as log:
        return subprocess.Popen(
            [*command, "--workers", str(workers), *more],
            stdout=log, stderr=log, cwd=out.parent, env=environment, start_new_session=True,
        )  # fmt: skip


def said(out: Path) -> str:
    """What the searches in this folder have said."""
    return out.with_suffix(".log").read_text()


def finish(out: Path, workers: int = 1, *more: str, **environment: str) -> float:
    """Run to the end; seconds that it took.

    Raises:
        RuntimeError: With what it said, if it did not end well.
    """
    began = time.monotonic()
    if start(out, workers, *more, **environment).wait(1800) != 0:
        raise RuntimeError(said(out)[-3000:])
    return time.monotonic() - began


def waited(out: Path, file: str, process: Any) -> None:
    """Until the search has got as far as writing that file."""
    deadline = time.monotonic() + 900
    while not (out / file).exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert (out / file).exists(), said(out)[-2000:]


def struck(out: Path, number: int, within: float, draw: Random, workers: int = 1) -> int:
    """Start a search, send it a signal at a random moment, and wait; a search that ended sooner is begun anew.

    Args:
        out: Its folder.
        number: The signal. One that can be caught goes to the whole group, as Ctrl-C does.
        within: Seconds that a whole search takes.
        draw: Decides when.
        workers: Of the search.

    Returns:
        Its exit code, negative for a signal that ended it.
    """
    while True:
        process = start(out, workers)
        waited(out, "run-id", process)  # before that there is nothing to lose
        began = time.monotonic()
        try:
            process.wait(draw.uniform(0, within))
        except subprocess.TimeoutExpired:
            if number == signal.SIGKILL:
                process.kill()
            else:
                os.killpg(process.pid, number)
            return process.wait(300)
        within = time.monotonic() - began
        shutil.rmtree(out)


def parameters(out: Path) -> dict[str, dict[int, Any]]:
    """What each trial drew, by phase and number, as the journal has it so far."""
    from graft.search.engine.journal import storage

    found: dict[str, dict[int, Any]] = {}
    copy = out.with_suffix(".journal")
    if not (out / "optuna.journal").exists():
        return found
    shutil.copy(out / "optuna.journal", copy)
    journal = storage(copy)
    for study in journal.get_all_studies():
        trials = journal.get_all_trials(study._study_id)
        found[study.study_name] = {t.number: dict(t.params) for t in trials if t.params and "plan" in t.user_attrs}
    return found


def mlflow_states(out: Path) -> dict[str, str]:
    """The state of each MLflow run that is not deleted, by phase and number; ``summary`` is one.

    Raises:
        AssertionError: If one trial has two runs.
    """
    if not (out / "mlflow.db").exists():
        return {}
    with sqlite3.connect(out / "mlflow.db") as database:
        rows = database.execute(
            "select r.status, max(case when t.key = 'graft.phase' then t.value end), "
            "max(case when t.key = 'graft.trial' then t.value end) from runs r left join tags t "
            "on r.run_uuid = t.run_uuid where r.lifecycle_stage = 'active' group by r.run_uuid"
        ).fetchall()
    names = [f"{phase} {trial}" if phase else "summary" for _, phase, trial in rows]
    assert len(set(names)) == len(names), names
    return dict(zip(names, (row[0] for row in rows), strict=True))
