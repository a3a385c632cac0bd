"""The image of one machine: what its file says, and, where there is docker or podman, that it is built and runs."""

import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LINES = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if line and not line.startswith("#")]


def engine() -> str:
    """What builds images here; '' if nothing does."""
    for name in ("docker", "podman"):
        found = shutil.which(name)
        if found and not subprocess.run([found, "info"], capture_output=True, timeout=60).returncode:
            return found
    return ""


def test_what_it_is_built_from_is_what_the_project_asks_for() -> None:
    (base,) = [line.split()[1] for line in LINES if line.startswith("FROM")]
    image, _, tag = base.partition(":")
    low, high = (part.lstrip("<>=") for part in PROJECT["requires-python"].split(","))
    version = tuple(map(int, tag.removesuffix("-slim").split(".")))
    assert image == "python" and tuple(map(int, low.split("."))) <= version < tuple(map(int, high.split(".")))
    (asked,) = [line for line in LINES if "/opt/graft[" in line]
    extras = asked.partition("/opt/graft[")[2].partition("]")[0].split(",")
    assert set(extras) <= PROJECT["optional-dependencies"].keys()


def test_it_runs_as_nobody_special_and_holds_no_history_nor_results() -> None:
    users = [line for line in LINES if line.startswith("USER")]
    assert users == ["USER graft"] and LINES.index(users[0]) < next(
        number for number, line in enumerate(LINES) if line.startswith("ENTRYPOINT")
    )
    ignored = set((ROOT / ".dockerignore").read_text().split())
    assert {".git/", "runs/", ".venv/"} <= ignored
    secret = ("token", "password", "secret", "key")
    assert not any(word in line.lower() for line in LINES for word in secret)


@pytest.mark.slow
def test_it_is_built_and_runs(tmp_path: Path) -> None:
    found = engine()
    if not found:
        pytest.skip("neither docker nor podman answers here")
    subprocess.run([found, "build", "--tag", "graft-test", str(ROOT)], check=True, timeout=3000)
    tmp_path.chmod(0o777)
    run = [found, "run", "--rm", "--shm-size=2g", "--volume", f"{tmp_path}:/work", "graft-test"]
    said = subprocess.run([*run, "--version"], check=True, capture_output=True, text=True, timeout=300).stdout
    assert said == f"graft {PROJECT['version']}\n"
    small = ["network.width=12", "network.depth=2", "rows.source=300", "rows.pool=60", "rows.locked=6", "rows.test=50"]
    small += [
        "rows.validation=12",
        "source_training.epochs=3",
        "budget.trainings=8",
        "budget.seeds=2",
        "budget.steps=60",
    ]
    settings = [word for setting in small for word in ("--set", setting)]
    subprocess.run([*run, "run", "calibration", "--workers", "1", "--out", "out", *settings], check=True, timeout=1500)
    assert (tmp_path / "out" / "certificate.json").is_file()
