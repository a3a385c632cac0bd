"""The wheel: what is in it, and a run from it beside a project with rooms of the same names."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("cluster", "models", "search", "simulators", "spaces")
TINY = [
    "rows.source=300", "rows.pool=60", "rows.locked=6", "rows.validation=12", "rows.test=50", "network.depth=2",
    "network.width=12", "source_training.epochs=3", "start.epochs=6", "start.batch=21", "ranges.epochs=[4, 12]",
    "ranges.batch=[14, 42]", "budget.trainings=8", "budget.seeds=2", "budget.steps=60",
]  # fmt: skip

pytestmark = pytest.mark.slow


def carried_out(*command: str | Path, **options: object) -> str:
    """What a command prints; it must end well."""
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=500, **options)  # type: ignore[call-overload]
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return str(done.stdout)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of what is checked out, so that nothing of an older build is in it and nothing is left."""
    folder = tmp_path_factory.mktemp("wheel")
    unwanted = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__", "runs")
    shutil.copytree(ROOT, folder / "checkout", symlinks=True, ignore=unwanted)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    carried_out(*pip, "wheel", "--no-deps", "--wheel-dir", folder, folder / "checkout")
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def binaries(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a new environment that holds the wheel, and sees what it depends on where these tests have it."""
    place = tmp_path_factory.mktemp("environment")
    carried_out(sys.executable, "-m", "venv", "--without-pip", place)
    python = place / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python)
    carried_out(*pip, "install", "--no-deps", "--no-index", wheel)
    (packages,) = place.glob("lib/python*/site-packages")
    # A folder named in a .pth file is searched after this one, and its own .pth files, an editable graft, are not read.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python.parent


def test_it_holds_graft_alone_and_all_of_it(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name.split("/")[0] for name in names} == {"graft", next(n for n in names if "dist-info" in n).split("/")[0]}
    patterns = ("*.py", "studies/*.toml", "templates/*.j2", "*.yaml", "Dockerfile", "*.npz")
    patterns += ("hinode.md", "packages.toml")
    ours = {path for room in ROOMS for pattern in patterns for path in (ROOT / room).rglob(pattern)}
    assert len(ours) > 100 and {f"graft/{path.relative_to(ROOT)}" for path in ours} <= names
    assert {"graft/__init__.py", "graft/__main__.py"} <= names


def test_it_runs_beside_a_project_with_rooms_of_the_same_names(binaries: Path, tmp_path: Path) -> None:
    for name in ("models.py", "search.py", "cluster.py", "spaces.py", "simulators/__init__.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"raise ImportError('the user\\'s own {name} was imported')\n")
    kept = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    there = {"cwd": tmp_path, "env": kept | {"PYTHONPATH": str(tmp_path)}}
    home = carried_out(binaries / "python", "-P", "-c", "import graft; print(graft.__file__)", **there)
    assert Path(home).is_relative_to(binaries.parent)
    studies = [path for path in ROOT.glob("search/studies/*.toml") if not path.name.startswith("_")]
    listed = carried_out(binaries / "graft", "list", **there)
    assert "film10-film8 " in listed and len(listed.splitlines()) == len(studies)
    tiny = [word for setting in TINY for word in ("--set", setting)]
    said = carried_out(
        binaries / "graft", "run", "calibration", "--out", "out", "--workers", "2", "--json", *tiny, **there
    )
    assert json.loads(said)["decision"] in ("transfer", "direct")
    assert (tmp_path / "out" / "report" / "index.html").is_file()
    assert "BROKEN" not in carried_out(binaries / "python", "-m", "graft", "verify", "out", **there)
