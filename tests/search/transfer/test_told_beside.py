"""What trainings of a confirmation tell beside their errors: recorded, taken together, found out where changed."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from phases import phase

from graft.models.networks.network import Network
from graft.models.standard import Standard
from graft.search.engine.outcome import measure
from graft.search.kinds.transfer.prospects import prospects, told
from graft.search.run.certificate import Comparison
from graft.search.run.folder import Run
from graft.search.run.results import TransferResult
from graft.search.run.seeds import Draws, Role
from graft.search.tasks.base import Errors, Examples, Request, Task, fit
from graft.spaces.plan import Plan, Recipe

X = np.random.default_rng(1).random((60, 3)).astype(np.float32)
Y = (2 + X[:, :2]).astype(np.float32)
PLAN = Plan(Recipe(epochs=2, batch=20, warmup=0))


def test_a_confirmation_tells_the_error_of_its_validation_rows_and_a_search_does_not() -> None:
    pool, test = Examples(X[:40], Y[:40]), Examples(X[40:], Y[40:])
    searched = phase(3, Role.CONFIRMATION, pool, 8, Network(1, 4))
    confirmed = phase(3, Role.CONFIRMATION, pool, 8, Network(1, 4), test=test)
    alone, beside = (measure(one, Request(PLAN, 1)) for one in (searched, confirmed))
    assert alone.validation is None and alone.in_units == ()
    assert beside.validation == alone.error  # the same network, judged where the search judges it
    assert beside.error != alone.error
    assert measure(phase(3, Role.CONFIRMATION, pool, 0, Network(1, 4), test=test), Request(PLAN, 1)).validation is None


@pytest.mark.parametrize("standardised", [False, True])
def test_outputs_are_told_in_their_own_unit(standardised: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    scale = np.array([10.0, 0.1])
    task = phase(3, Role.CONFIRMATION, Examples(X, Y), 8, Network(1, 4)).task
    monkeypatch.setattr(type(task), "shapes", ((3,), (2,)))
    exact = (Y * scale).astype(np.float32)
    standard = Standard.of(exact, "here")
    if standardised:
        monkeypatch.setattr(task, "standard", standard)
    seen = standard(exact) if standardised else exact
    wrong = seen + (1 / standard.deviation if standardised else 1)
    found = task.in_units(wrong, seen)
    assert found is not None and np.allclose(found, 1.0, rtol=1e-3)


def test_spectra_are_not_told_number_by_number() -> None:
    task = phase(3, Role.CONFIRMATION, Examples(X, Y), 8, Network(1, 4)).task  # of a film: 200 outputs
    assert task.units == () and task.in_units(np.ones((2, 200)), np.ones((2, 200))) is None


def folder(path: Path, entries: dict[str, dict[str, Any]]) -> Run:
    lines = [json.dumps({"key": key} | entry) for key, entry in entries.items()]
    (path / "evidence").mkdir(parents=True)
    (path / "evidence" / "confirmation.jsonl").write_text("\n".join(lines) + "\n")
    return Run(path)


def recorded(told_too: bool = True) -> dict[str, dict[str, Any]]:
    found = {}
    for arm, level in (("direct", 0.2), ("0/candidate", 0.1), ("0/shuffled", 0.3)):
        for i in range(4):
            entry: dict[str, Any] = {"what": "x", "error": level + 0.01 * i, "seconds": 1.0, "reason": ""}
            beside = {"validation": level + 0.01 * (3 - i), "in_units": [level * 10]}
            found[f"{arm}/{i}"] = entry | (beside if told_too else {})
    return found


def result(run: Run) -> TransferResult:
    arms = {arm: [0.01 * i + level for i in range(4)] for arm, level in (("direct", 0.2), ("0/candidate", 0.1))}
    confirmed = {"candidates": [], "seeds": 4, "arms": arms}
    return TransferResult.read({"confirmation": confirmed, "beside": told(run, {**arms, "0/shuffled": arms["direct"]})})


def test_direct_learning_and_candidates_are_taken_and_controls_are_not(tmp_path: Path) -> None:
    found = result(folder(tmp_path, recorded()))
    assert sorted(found.beside) == ["0/candidate", "direct"]
    ahead = prospects(Comparison(task="t", decision="direct", plan=None), found, [("fat", "%")])
    assert ahead is not None and (ahead.trainings, ahead.outperforms) == (4, 1.0)
    assert [one.networks for one in ahead.best_of] == [1, 2]
    assert ahead.best_of[-1].candidate == pytest.approx(
        (3 * 0.13 + 2 * 0.12 + 0.11) / 6
    )  # validation prefers the worst
    (fat,) = ahead.in_units
    assert (fat.output, fat.unit, fat.gain) == ("fat", "%", pytest.approx(1.0))


def test_what_was_not_told_is_left_out(tmp_path: Path) -> None:
    found = result(folder(tmp_path, recorded(told_too=False)))
    ahead = prospects(Comparison(task="t", decision="direct", plan=None), found, [("fat", "%")])
    assert ahead is not None and ahead.best_of == () and ahead.in_units == () and ahead.outperforms == 1.0
    none = found.model_copy(update={"beside": {"direct": found.beside["direct"]}})
    assert prospects(Comparison(task="t", decision="direct", plan=None), none, ()) is None


def test_a_whole_repeat_is_one_training_where_rows_are_cross_fitted(tmp_path: Path) -> None:
    found = result(folder(tmp_path, recorded()))
    assert found.confirmation is not None
    nothing = Comparison(task="t", decision="direct", plan=None)
    for folds, trainings in ((2, 2), (3, 1)):  # of four fits
        confirmed = found.confirmation.model_copy(update={"folds": folds})
        ahead = prospects(nothing, found.model_copy(update={"confirmation": confirmed}), ())
        assert ahead is not None and ahead.trainings == trainings
        assert ahead.best_of[0].candidate == pytest.approx(0.1 + 0.01 * np.mean(range(folds * trainings)))
    confirmed = found.confirmation.model_copy(update={"folds": 5})
    assert prospects(nothing, found.model_copy(update={"confirmation": confirmed}), ()) is None


def test_a_validation_row_is_judged_by_the_network_that_did_not_learn_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    pool, test = Examples(X[:40], Y[:40]), Examples(X[40:], Y[40:])
    confirmed = phase(3, Role.CONFIRMATION, pool, 8, Network(1, 4), test=test)
    learned, held = Draws.of(3, Role.CONFIRMATION, 1).rows(40, 8)
    judged: list[np.ndarray] = []
    errors = Task.errors

    def noticed(self: Task, fitted: Any, examples: Examples, device: str = "cpu") -> Errors:
        judged.append(examples.inputs)
        return errors(self, fitted, examples, device)

    monkeypatch.setattr(type(confirmed.task), "errors", noticed)
    measure(confirmed, Request(PLAN, 1))
    assert np.array_equal(judged[0], test.inputs) and np.array_equal(judged[1], X[:40][held])
    assert not set(learned) & set(held) and fit(confirmed, Request(PLAN, 1))[1].value > 0
