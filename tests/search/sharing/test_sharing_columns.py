"""A run on several tasks in MLflow's tables, in a search, and on the command line."""

from pathlib import Path
from typing import Any

import pytest

from graft.search.cli import execute
from graft.search.engine.budget import SearchBudget
from graft.search.engine.journal import storage
from graft.search.engine.outcome import Outcome
from graft.search.engine.sampler import Sampling
from graft.search.engine.search import Search, Space
from graft.search.run.results import Results, SharingResult
from graft.search.run.seeds import Role
from graft.search.run.trials import Trial
from graft.search.tracking.columns import outcomes, settings, title
from graft.spaces.errors import InputError
from graft.spaces.plan import Recipe
from graft.spaces.ranges import Ranges
from graft.spaces.sharing import Sharing

PLAN = Sharing.ends(Recipe(rate=4e-3), ("film-8", "film-14"), 7, 2, one_hot=True)


def test_a_trial_says_what_is_shared() -> None:
    trial = Trial(number=3, state="complete", plan=PLAN, errors=(), value=None)
    shown = settings("plans", trial)
    assert shown["shared"].startswith("share layers 1 to 2 of 7 among all") and shown["one_hot"] == "True"
    assert shown["recipe_rate"] == "0.004" and "copied_n1" not in shown
    assert title("plans", trial).startswith("plans 003 share layers 1 to 2 of 7 among all")


def test_numbers_of_several_tasks_do_not_overwrite_each_other() -> None:
    one: dict[str, Any] = {
        "decision": "transfer",
        "plan": None,
        "relative_reduction": 0.1,
        "interval": [0.05, 0.15],
        "p_value": 1e-3,
        "direct": {"mean": 0.02},
    }
    both = [one | {"task": "film-8"}, one | {"task": "film-14", "relative_reduction": 0.3}]

    def kept(comparisons: list[dict[str, Any]]) -> Results:
        return Results.read({"certificate": {"decision": "transfer", "sentence": "", "comparisons": comparisons}})

    found = outcomes(kept(both))
    assert (found["relative_reduction.film-8"], found["relative_reduction.film-14"]) == (0.1, 0.3)
    assert found["direct_error.film-8"] == 0.02 and "relative_reduction" not in found
    assert outcomes(kept(both[:1]))["relative_reduction"] == 0.1


def test_a_search_keeps_each_tasks_error(tmp_path: Path) -> None:
    search = Search(
        storage(tmp_path / "optuna.journal"),
        "plans",
        Space(Sharing, lambda trial, ranges: PLAN, Ranges()),
        SearchBudget(4, 2),
        Sampling(0, Role.PLANS_SAMPLER),
    )
    number, plan = search.ask() or (None, None)
    assert number == 0 and plan == PLAN
    told = [{"film-8": 0.02, "film-14": 0.2}, {"film-8": 0.03, "film-14": 0.1}]
    for index, by_task in enumerate(told):
        search.tell(0, index, Outcome(0.05, 1.0, "", by_task))
        search.tell(0, index, Outcome(0.05, 1.0, "", by_task))  # again, as after a kill
    search.close(0)
    assert search.records()[0].by_task == tuple(told) and search.records()[0].errors == (0.05, 0.05)
    held = SharingResult.read({"plans": {"trials": []}, "reference": {"film-8": [0.1]}, "rounds": []})
    assert list(held.searches) == ["plans"]


def test_a_single_task_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="tasks is "):
        execute(["run", "films-8-10-12-14", "--set", 'tasks=["film-8"]', "--out", str(tmp_path / "none")])
    assert not (tmp_path / "none").exists()


def test_a_broken_simulator_among_the_tasks_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "slabs.py").write_text(
        "from graft.simulators.optics.film import Film\nclass Slab(Film):\n    def __init__(self):\n"
        "        super().__init__(3)\n"
        "        self.name = 'slab'\n\n    def sample(self, n, rng):\n        raise OSError('no licence')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    asked = ["run", "films-8-10-12-14", "--set", 'tasks=["film-8", "slabs:Slab"]', "--out", str(tmp_path / "x")]
    with pytest.raises(InputError, match="'slabs:Slab' fails on its first two rows: OSError: no licence"):
        execute(asked)
    assert not (tmp_path / "x").exists()
