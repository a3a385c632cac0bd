"""One run for all tests that need a whole one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from watched import PASSWORD, Watched

TINY = [
    "rows.source=300", "rows.pool=60", "rows.locked=6", "rows.validation=12", "rows.test=50", "network.depth=2",
    "network.width=12", "source_training.epochs=3", "start.epochs=6", "start.batch=21", "ranges.epochs=[4, 12]",
    "ranges.batch=[14, 42]", "budget.trainings=8", "budget.seeds=2", "budget.steps=60", "budget.map=2",
    "proof.looks=[4]",
]  # fmt: skip


@pytest.fixture(scope="session")
def settings() -> list[str]:
    """The arguments that make a run tiny."""
    return [word for setting in TINY for word in ("--set", setting)]


@pytest.fixture(scope="session")
def whole_run(settings: list[str], tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """A run with two workers and a password for MLflow, in a home that holds a user's own models/ and search.py.

    That home is on ``PYTHONPATH`` too, before all else. The run's folder is ``out``, and ``said.json`` is what it
    printed.
    """
    home = tmp_path_factory.mktemp("home")
    for room in ("models", "search", "simulators", "spaces", "cluster"):
        (home / room).mkdir()
        (home / room / "__init__.py").write_text(f"raise ImportError('the user\\'s own {room} was imported')\n")
    shutil.copy("search.py", home / "search.py")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "MLFLOW_"))}
    environment = clean | {
        "HOME": str(home),
        "PYTHONPATH": os.pathsep.join([str(home), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep),
        "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache")),  # matplotlib's list of fonts
        "MLFLOW_TRACKING_USERNAME": "ada",
        "MLFLOW_TRACKING_PASSWORD": PASSWORD,
        "RAY_worker_niceness": "0",
    }
    command = [sys.executable, "search.py", "run", "calibration", "--out", "out", "--workers", "2", "--json", *settings]
    found = Watched(home)
    with open(home / "said.json", "w") as told, open(home / "said.log", "w") as log:
        process = subprocess.Popen(command, env=environment, cwd=home, stdout=told, stderr=log, text=True)
        found.watch(process)
    assert process.returncode == 0, (home / "said.log").read_text()[-3000:]
    return found
