"""Reference regressors of a run: on the rows of its networks, recorded once, told where they are better."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from phases import phase

from graft.models import regressors as kinds
from graft.models.networks.network import Network
from graft.models.regressors import REGRESSORS, Tuned
from graft.search.engine.executor import LocalExecutor
from graft.search.engine.outcome import measure
from graft.search.engine.progress import Progress
from graft.search.kinds.transfer import regressors
from graft.search.kinds.transfer.pipeline import Pipeline
from graft.search.kinds.transfer.regressors import better, departed
from graft.search.run.certificate import Reference
from graft.search.run.folder import Run
from graft.search.run.resources import Resources
from graft.search.run.seeds import Role
from graft.search.study import resolve
from graft.search.tasks.base import Examples, Request, fit
from graft.search.tasks.regressors import Fit, Regressed, tune
from graft.spaces.plan import Plan, Recipe

X = np.random.default_rng(1).random((70, 3)).astype(np.float32)
Y = (2 + X[:, :1] + 2 * X[:, 1:2]).astype(np.float32)
RIDGE = Tuned("ridge regression", {"strength": 1e-9}, 0.0)
TOML = """
source = "cheap.csv"
target = "dear.csv"
outputs = ["y"]
network = { depth = 1, width = 4 }
start = { batch = 10, warmup = 1 }
"""


@pytest.fixture(autouse=True)
def few_trees(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(kinds, "TREES", 5)
    yield


def line(folder: Path, header: str = "a,b,c,y") -> Pipeline:
    """A run of two tables whose data are there, and nothing else."""
    for name, rows, head in (("cheap", slice(24, 70), header), ("dear", slice(24), "a,b,c,y")):
        np.savetxt(folder / f"{name}.csv", np.hstack([X, Y])[rows], delimiter=",", header=head, comments="")
    (folder / "mine.toml").write_text(TOML)
    study = resolve(str(folder / "mine.toml"))
    run = Run(folder / "out")
    run.begin(study)
    found = Pipeline(study, run, Resources(1), Progress(quiet=True), executor=LocalExecutor())
    found.prepare()
    return found


@pytest.mark.parametrize("judged", ["by validation rows", "by test rows"])
def test_a_seed_gives_regressors_the_rows_that_it_gives_networks(judged: str, monkeypatch: pytest.MonkeyPatch) -> None:
    test = Examples(X[40:], Y[40:]) if judged == "by test rows" else None
    shared = phase(3, Role.CONFIRMATION, Examples(X[:40], Y[:40]), 8, Network(1, 3), test=test)
    seen: list[tuple[bytes, bytes, int]] = []
    task = type(shared.task)
    plain, judge = task.to_train, task.errors

    def noticed(self: Any, plan: Plan, examples: Examples, *rest: Any) -> Any:
        seen.append((examples.inputs.tobytes(), examples.outputs.tobytes(), 0))
        return plain(self, plan, examples, *rest)

    def counted(self: Any, fitted: Any, examples: Examples, device: str = "cpu") -> Any:
        seen[-1] = (*seen[-1][:2], len(examples))
        return judge(self, fitted, examples, device)

    monkeypatch.setattr(task, "to_train", noticed)
    monkeypatch.setattr(task, "errors", counted)
    taught = list[tuple[bytes, bytes, int]]()
    monkeypatch.setattr(
        "graft.search.tasks.regressors.fitted",
        lambda tuned, rows: (
            taught.append((rows.inputs.tobytes(), rows.outputs.tobytes(), 0))
            or (lambda asked: np.full((len(asked), 1), np.float64(len(asked))))
        ),
    )
    for i in range(3):
        fit(shared, Request(Plan(Recipe(epochs=1)), i))
        Regressed(shared).errors(Fit(RIDGE, i))
    assert [one[:2] for one in taught] == [one[:2] for one in seen] and len(set(taught)) == 3
    assert {one[2] for one in seen} == ({30} if test else {8})


def test_the_metric_is_that_of_the_networks() -> None:
    shared = phase(3, Role.CONFIRMATION, Examples(X[:40], Y[:40]), 8, Network(1, 3), test=Examples(X[40:], Y[40:] + 1))
    error, beside = Regressed(shared).errors(Fit(RIDGE, 0))
    exact = Y[40:] + 1
    assert error == pytest.approx(float(np.mean(1 / exact)), rel=1e-3) and beside == {}  # it is off by 1 everywhere


def test_rows_that_belong_together_are_tuned_together(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []
    monkeypatch.setattr("graft.search.tasks.regressors.tuned", lambda *told: given.append(told[-1]))
    groups = np.arange(40) // 2
    tune(phase(3, Role.POOL, Examples(X[:40], Y[:40]), 8, Network(1, 3)).task, "x", Examples(X[:40], Y[:40], groups))
    assert np.array_equal(given[0], groups)


def test_errors_depend_on_everything_that_names_them() -> None:
    shared = phase(3, Role.CONFIRMATION, Examples(X[:40], Y[:40]), 8, Network(1, 3), test=Examples(X[40:], Y[40:]))
    other = phase(4, Role.CONFIRMATION, Examples(X[:40], Y[:40]), 8, Network(1, 3), test=Examples(X[40:], Y[40:]))
    asked = [
        Regressed(shared).digest(Fit(RIDGE, 0)),
        Regressed(shared).digest(Fit(RIDGE, 1)),
        Regressed(shared).digest(Fit(Tuned(RIDGE.name, {"strength": 1e-3}, 0.0), 0)),
        Regressed(shared, Examples(X[40:50], Y[40:50])).digest(Fit(RIDGE, 0)),
        Regressed(other).digest(Fit(RIDGE, 0)),
    ]
    assert len(set(asked)) == len(asked)
    assert measure(Regressed(shared), Fit(RIDGE, 0)).by_example == ()


def test_a_run_measures_all_that_suit_and_the_best_with_both_tables(tmp_path: Path) -> None:
    begun = line(tmp_path)
    found = regressors.measured(begun, 3)
    assert [one.name for one in found[:-1]] == list(REGRESSORS) and found[-1].pooled == ("cheap.csv",)
    rows = begun.study.rows
    assert {one.rows for one in found} == {rows.pool - rows.locked - rows.validation}
    assert all(len(one.per_seed) == 3 and one.mean == pytest.approx(np.mean(one.per_seed)) for one in found)
    held = json.loads(begun.run.path("regressors.json").read_text())
    best = min(held["pooled"], key=lambda one: one["error"])
    assert (found[-1].name, found[-1].cross_validated) == (best["name"], best["error"])
    assert departed(begun.run, found) == ""
    forged = [found[0].model_copy(update={"per_seed": (0.0, 0.0, 0.0)}), *found[1:]]
    assert "ridge regression" in departed(begun.run, forged)


def test_what_is_on_record_is_not_measured_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = line(tmp_path)
    found = regressors.measured(begun, 2)
    monkeypatch.setattr("graft.search.kinds.transfer.regressors.tune", lambda *_: pytest.fail("tuned again"))
    monkeypatch.setattr("graft.search.tasks.regressors.fitted", lambda *_: pytest.fail("fitted again"))
    assert regressors.measured(begun, 2) == found


def test_tables_with_other_columns_are_not_taken_together(tmp_path: Path) -> None:
    begun = line(tmp_path, "a,b,d,y")
    assert [one.pooled for one in regressors.measured(begun, 1)] == [()] * len(REGRESSORS)


def reference(mean: float | None, name: str = "ridge regression") -> Reference:
    return Reference(name=name, chosen={}, cross_validated=0.1, rows=30, mean=mean, per_seed=(mean,))


def test_better_is_what_errs_less_than_every_network_by_more_than_the_margin() -> None:
    few = [reference(0.039), reference(0.05, "gradient boosting"), reference(None, "partial least squares")]
    assert better(few, [0.07, 0.06], 0.02) == few[0]
    assert better(few, [0.07, 0.0390], 0.02) is None
    assert better(few, [0.07, 0.0397], 0.02) is None and better(few, [0.07, 0.0399], 0.02) == few[0]
    assert better([], [0.07], 0.02) is None and better(few, [], 0.02) is None
