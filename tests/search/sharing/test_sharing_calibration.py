"""What stands beside the first task has to be what the case says, and a repeat a whole run."""

from pathlib import Path

import numpy as np
import pytest

from graft.models.train import prepare_process
from graft.search.kinds import calibration as every
from graft.search.kinds.sharing.calibration import CASES, of_case, permuted, repeat, unrelated
from graft.search.kinds.sharing.study import SharingStudy
from graft.search.run.folder import Run
from graft.search.study import resolve
from graft.search.tasks.base import Examples
from graft.spaces.errors import InputError

TINY = {
    "rows.pool": 40, "rows.locked": 4, "rows.validation": 8, "rows.test": 20, "network.depth": 1, "network.width": 6,
    "start.epochs": 2, "start.batch": 15, "start.warmup": 0, "ranges.epochs": [1, 3], "ranges.batch": [14, 28],
    "budget.trainings": 4, "budget.seeds": 2, "budget.steps": 20,
}  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> None:
    prepare_process()


def study() -> SharingStudy:
    found = resolve("calibration-sharing", "demo", TINY)
    assert isinstance(found, SharingStudy)
    return found


def test_labels_that_are_permuted_are_of_other_examples_and_a_teacher_is_one_function() -> None:
    rng = np.random.default_rng
    inputs = rng(0).uniform(30, 70, (60, 3)).astype(np.float32)
    given = Examples(inputs, rng(1).uniform(0.4, 0.9, (60, 5)).astype(np.float32))
    found = permuted(given, given, rng(2), rng(3))
    assert np.array_equal(np.sort(found.outputs, 0), np.sort(given.outputs, 0))
    assert np.mean(found.outputs == given.outputs) < 0.1 and np.array_equal(found.inputs, given.inputs)
    whole = unrelated(given, given, rng(2), rng(3))
    part = unrelated(given.last(10), given, rng(2), rng(4))  # another role: the same teacher
    np.testing.assert_allclose(part.outputs, whole.outputs[-10:], rtol=1e-5)
    assert whole.outputs.std(0).min() > 0.01 and 0 < whole.outputs.min() < whole.outputs.max() < 1


@pytest.mark.parametrize("case", ["permuted", "gain"])
def test_a_repeat_is_a_whole_run_and_is_told(case: str, tmp_path: Path) -> None:
    found = repeat(of_case(study(), case, 3), case, tmp_path / case / "003")
    assert found["decision"] in ("transfer", "undecided", "direct", "failed")
    assert Run(tmp_path / case / "003").read("verdict.json")["decision"] == found["decision"]
    rows = {row["case"]: row for row in every.table(CASES, tmp_path)}
    assert rows[case]["repeats"] == 1 and rows[case]["helps"] == (case == "gain")
    assert rows[every.ALL]["repeats"] == (case != "gain")
    every.check(lambda name, number: of_case(study(), name, number), tuple(CASES), tmp_path)
    with pytest.raises(InputError, match="another study"):
        every.check(lambda name, number: of_case(study(), name, number + 1), tuple(CASES), tmp_path)
