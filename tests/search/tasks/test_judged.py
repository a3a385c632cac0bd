"""Rows that judge come from what a simulator says, in every task, and the verdict says so."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from test_images import held

from graft.search.kinds.registry import kind_of
from graft.search.run.seeds import Role
from graft.search.study import resolve
from graft.search.tasks.judged import said_of
from graft.simulators.base import Simulator, tensor_field
from graft.simulators.data.dataset import Dataset
from graft.spaces.errors import InputError

STUDY = """
task = "{task}"
source = "test_judged:Twice"
target = "test_judged:Twice"
rows = {{ source = 40, pool = 40, locked = 8, validation = 8, test = 10 }}
{more}
"""


class Twice(Simulator):
    """A straight line, seen at two times: at the later one it lies a thousand higher."""

    name = "twice"

    def __init__(self, later: bool = False) -> None:
        self.later = later
        self.judged_on, self.reservation = "rows of the later time of", " This is said of one line."
        self.schema = pa.schema(
            [tensor_field("x", 1, "input", "1", "where"), tensor_field("y", 1, "output", "1", "how high")]
        )

    def judging(self) -> "Twice":
        return Twice(later=True)

    def sample(self, n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        x = rng.uniform(1, 2, (n, 1))
        return {"x": x, "y": x + 1000 * self.later}


def study(tmp_path: Path, mode: str = "fresh", more: str = ""):
    file = tmp_path / "mine.toml"
    file.write_text(STUDY.format(task="regression", more=f'mode = "{mode}"\n{more}'))
    return resolve(str(file))


class Places:
    """Where a run keeps its data."""

    actors = 1

    def __init__(self, folder: Path) -> None:
        self.path = folder

    def place(self, name: str) -> Path:
        return self.path / name

    folder = place

    def count(self, done: int, wanted: int) -> None:
        pass


def test_rows_that_judge_are_of_the_other_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def kept(simulator: Simulator, seed, rows: int, folder: Path, **_: object) -> Dataset:
        return held(simulator, seed, rows, folder, shard_rows=rows)

    monkeypatch.setattr("graft.search.tasks.regression.generate", kept)
    task = study(tmp_path).learned
    for role, later in ((Role.POOL, False), (Role.CURVE, False), (Role.TEST, True), (Role.TRUTH, True)):
        found = task.examples("test_judged:Twice", role, 10, Places(tmp_path))
        assert (found.outputs > 900).all() == later, role


def test_the_verdict_is_told_of_what_judged(tmp_path: Path) -> None:
    told = said_of(study(tmp_path).learned, "test_judged:Twice")
    assert told == ("rows of the later time of", " This is said of one line.")
    assert said_of(resolve("film10-film8").learned, "film-8") == ("newly simulated examples of", "")
    assert said_of(resolve("dcl-transfer").learned, resolve("dcl-transfer").target)[0] == "newly watched states of"
    assert "one region" in said_of(resolve("solar-classes-simulated-real").learned, "regions-hinode").reservation


@pytest.mark.parametrize("name", ["solar-classes-simulated-real", "mine"])
def test_holdout_mode_would_judge_by_what_taught(tmp_path: Path, name: str) -> None:
    sizes = {"mode": "holdout", "rows.locked": 30}
    found = study(tmp_path, "holdout") if name == "mine" else resolve(name, "demo", sizes)
    with pytest.raises(InputError, match="shows a few real things at two times.*allowed: 'fresh'"):
        kind_of(found).check()
