"""The studies of real measurements in the repository, as their sources published them, and the notebook: it runs."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from graft.search.study import resolve

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_meat_is_two_tables_of_one_instrument_and_its_repeats_stay_together() -> None:
    study = resolve(str(EXAMPLES / "tecator" / "tecator-fat-protein.toml"))
    fat, protein = study.tables
    assert (fat.rows, protein.rows, fat.outputs, protein.outputs) == (140, 75, ("fat [%]",), ("protein [%]",))
    assert fat.inputs == protein.inputs and len(fat.inputs) == 100 and fat.left_out == ()
    assert study.mode == "holdout" and protein.groups and study.ranges.linear == (True,)
    seen = study.scenario("protein.csv").draw(75, np.random.default_rng(0))["inputs"]
    assert all(np.allclose(seen[group[0]], seen[list(group)], rtol=1e-2) for group in protein.groups)
    assert "The data can be redistributed as long as this permission note is attached." in " ".join(
        (EXAMPLES / "tecator" / "README.md").read_text().replace("\n> ", " ").split()
    )


NOTEBOOK = json.loads((EXAMPLES / "films.ipynb").read_text())
CODE = [cell for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
SMALL = """
CHEAP, DEAR = 120, 60
SETTINGS = {
    "network.depth": 1, "network.width": 8, "source_training.epochs": 2, "start.epochs": 2, "start.batch": 20,
    "ranges.epochs": [1, 3], "ranges.batch": [10, 20], "budget.trainings": 4, "budget.seeds": 2, "budget.steps": 20,
    "budget.curve": 1,
}
"""


def test_the_notebook_was_executed_and_is_small() -> None:
    assert [cell["execution_count"] for cell in CODE] == list(range(1, len(CODE) + 1))
    outputs = [output for cell in CODE for output in cell["outputs"]]
    assert outputs and all(output["output_type"] != "error" for output in outputs)
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert (EXAMPLES / "films.ipynb").stat().st_size < 300_000
    assert not re.search(r"/(home|root|tmp|usr)/", (EXAMPLES / "films.ipynb").read_text())


@pytest.mark.slow
def test_every_cell_of_the_notebook_runs(tmp_path: Path) -> None:
    (sizes,) = [cell for cell in CODE if "parameters" in cell["metadata"].get("tags", [])]
    parts = [SMALL if cell is sizes else "".join(cell["source"]) for cell in CODE]
    (tmp_path / "films.py").write_text("\n\n".join(parts))
    path = {"PYTHONPATH": str(EXAMPLES.parent)}
    command = [sys.executable, "-P", "films.py"]
    done = subprocess.run(command, cwd=tmp_path, env=os.environ | path, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "of all values" in done.stdout and (tmp_path / "runs" / "films" / "certificate.json").is_file()
