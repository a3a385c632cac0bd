"""Kill a search with -9 at random moments, run it again, and compare with one that was left alone.

With one worker: the same trials and the same result.json, bit for bit. With two: every trial number exactly once, and
each trial that was under way runs again with its own parameters. Always: no duplicate and no RUNNING MLflow run.

    python tests/faults/kill_and_resume.py --times 20 --workers 1
"""

import argparse
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SETTINGS = [
    "rows.source=300", "rows.pool=60", "rows.locked=6", "rows.validation=12", "rows.test=50", "network.depth=2",
    "network.width=12", "base.epochs=3", "start.epochs=8", "start.batch=7", "ranges.epochs=[4, 16]",
    "ranges.batch=[7, 42]", "budget.trainings=14", "budget.steps=120",
]  # fmt: skip


def start(out: Path, workers: int) -> subprocess.Popen[bytes]:
    """The search, in a process group of its own."""
    command = [sys.executable, "-P", "-m", "search", "run", "calibration", "--out", str(out)]
    command += [word for setting in SETTINGS for word in ("--set", setting)] + ["--workers", str(workers), "--json"]
    with open(out.with_suffix(".log"), "ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, cwd=out.parent)


def finish(out: Path, workers: int) -> None:
    """Run to the end, or raise."""
    if start(out, workers).wait(900) != 0:
        raise RuntimeError(out.with_suffix(".log").read_text()[-3000:])


def parameters(out: Path) -> dict[str, dict[int, Any]]:
    """What each trial drew, by phase and number, as the journal has it so far."""
    from search.ledger import storage

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


def mlflow_is_clean(out: Path) -> bool:
    """No run twice, none left RUNNING."""
    with sqlite3.connect(out / "mlflow.db") as database:
        states = [row[0] for row in database.execute("select status from runs where lifecycle_stage = 'active'")]
        keys = database.execute(
            "select p.value, t.value from tags p join tags t on p.run_uuid = t.run_uuid join runs r on "
            "r.run_uuid = p.run_uuid where p.key = 'graft.phase' and t.key = 'graft.trial' and "
            "r.lifecycle_stage = 'active'"
        ).fetchall()
    return "RUNNING" not in states and len(keys) == len(set(keys))


def killed(out: Path, workers: int, within: float, draw: random.Random) -> float:
    """Start a search and kill it at a random moment while it runs; one that ended sooner is begun anew."""
    while True:
        moment = draw.uniform(1.0, within)
        process = start(out, workers)
        began = time.monotonic()
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            return moment
        within = time.monotonic() - began
        shutil.rmtree(out)


def trial(out: Path, workers: int, within: float, reference: bytes, draw: random.Random) -> tuple[float, list[str]]:
    """Kill one search at a random moment and run it again; what was wrong afterwards."""
    moment = killed(out, workers, within, draw)
    before = parameters(out)
    finish(out, workers)
    wrong = []
    after = parameters(out)
    for phase, drawn in before.items():
        for number, params in drawn.items():
            if after[phase].get(number) != params:
                wrong.append(f"{phase} {number} has other parameters")
    result = json.loads((out / "result.json").read_text())
    for phase in ("baseline", "plans"):
        numbers = [entry["number"] for entry in result[phase]["trials"]]
        if numbers != list(range(len(numbers))):
            wrong.append(f"{phase} numbers {numbers}")
        if any(entry["state"] == "interrupted" for entry in result[phase]["trials"]):
            wrong.append(f"{phase} has trials under way")
    if workers == 1 and (out / "result.json").read_bytes() != reference:
        wrong.append("result.json differs")
    if not mlflow_is_clean(out):
        wrong.append("MLflow has runs twice or under way")
    return moment, wrong


def main() -> int:
    """Print each repeat and the fraction that held."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--times", type=int, default=20)
    options.add_argument("--workers", type=int, default=1)
    options.add_argument("--seed", type=int, default=0)
    asked = options.parse_args()
    held = 0
    with tempfile.TemporaryDirectory() as place:
        whole = Path(place) / "undisturbed"
        began = time.monotonic()
        finish(whole, asked.workers)
        took = time.monotonic() - began
        reference = (whole / "result.json").read_bytes()
        draw = random.Random(asked.seed)
        for i in range(asked.times):
            moment, wrong = trial(Path(place) / f"killed-{i:02}", asked.workers, took, reference, draw)
            held += not wrong
            print(f"{i:2} killed after {moment:5.1f} of {took:.1f} s: {'held' if not wrong else wrong}", flush=True)
    print(f"{held} of {asked.times} held with {asked.workers} worker(s)")
    return 0 if held == asked.times else 1


if __name__ == "__main__":
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    sys.exit(main())
