"""Claims that are known to be false: an EDNN against its relabelled copy, a pipeline against itself."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graft.models.train import prepare_process
from graft.search.kinds import calibration as every
from graft.search.kinds.dcl.calibration import CASES, Relabelled, of_case, repeat
from graft.search.run.seeds import Role
from graft.search.study import resolve
from graft.search.tasks.distilled.data import exact_states
from graft.search.tasks.distilled.study import DclStudy

TINY = {
    "states.watched": 4000, "states.held": 500, "states.wide": 100, "states.level": 4, "states.reference": 200,
    "states.student": 300, "budget.seconds": 0.1, "budget.trials": 2, "budget.student": 1, "budget.copies": 3,
    "choices.kinds": ["linear"], "proof.looks": [4], "proof.more": [],
}  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> None:
    prepare_process()


def study() -> DclStudy:
    found = resolve("calibration-dcl", "demo", TINY)
    assert isinstance(found, DclStudy)
    return found


def test_a_relabelled_copy_has_the_same_exact_energies() -> None:
    from graft.simulators.registry import lattice

    known, model = exact_states(study(), Role.TEST), lattice(study().system)
    nothing: Any = known.index[:0]
    task = Relabelled(study(), Role.CONFIRMATION, nothing, nothing, known, True)
    other = task.relabelled(known.index)
    assert not np.array_equal(other, known.index) and other.dtype == known.index.dtype
    energies = [model.energy(model.states(index.reshape(-1, *model.shape))) for index in (known.index, other)]
    np.testing.assert_allclose(*energies, atol=1e-9)


@pytest.mark.parametrize("case", CASES)
def test_a_repeat_counts_the_claim_that_is_false(case: str, tmp_path: Path) -> None:
    found = repeat(of_case(study(), case, 1), case, tmp_path / case / "001")
    assert found["task"] == CASES[case].claim and found["false"] == (found["decision"] == "transfer")
    errors = [found[arm]["per_seed"] for arm in ("direct", "candidate")]
    assert len(errors[0]) == len(errors[1]) == 4 and errors[0] != errors[1]
    # Neither knows more than the other, so they differ by less than what one training differs from another.
    assert abs(np.log(np.mean(errors[0]) / np.mean(errors[1]))) < 0.7
    (row,) = (row for row in every.table(CASES, tmp_path) if row["case"] == case)
    assert row["repeats"] == 1 and not row["helps"] and row["false"] == found["false"]
