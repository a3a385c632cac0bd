"""The phases of a run: what is on record is used, and only for what it was recorded of."""

import json
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from graft.search.transfer.objective import Examples, Task, Training
from graft.search.transfer.priors import favourites
from optuna.trial import TrialState

from graft.models.network import Network, OwnNetwork, Shape
from graft.models.scaling import Scaling
from graft.models.weights import pack
from graft.search.engine.outcome import Outcome
from graft.search.engine.progress import Progress
from graft.search.kinds.transfer.phases import direct_rules
from graft.search.kinds.transfer.pipeline import Pipeline, digest
from graft.search.run.folder import Run
from graft.search.run.means import Means
from graft.search.run.seeds import Role
from graft.search.study import resolve
from graft.spaces.plan import Plan, Recipe, Span

DIRECT = Plan(Recipe(rate=0.01))
MOVED = Plan.span(Recipe(rate=0.01), 3, "film-10", Span(1, 2))


def examples(rows: int, first: float = 0.0) -> Examples:
    return Examples(np.full((rows, 3), first, np.float32), np.ones((rows, 4), np.float32))


TASK = Task(7, Role.CONFIRMATION, examples(30), 6, network=Network(2, 5), bases={"film-10": b"weights"})
TRAINING = Training(MOVED, 0)
OTHERS: dict[str, tuple[Task, Training]] = {
    "plan": (TASK, replace(TRAINING, plan=DIRECT)),
    "recipe": (TASK, replace(TRAINING, plan=replace(MOVED, recipe=replace(MOVED.recipe, rate=0.011)))),
    "scale": (TASK, replace(TRAINING, plan=Plan.span(MOVED.recipe, 3, "film-10", Span(1, 2), scale=2.0))),
    "index": (TASK, replace(TRAINING, index=1)),
    "shuffled": (TASK, replace(TRAINING, shuffled=True)),
    "role": (replace(TASK, role=Role.REGRET), TRAINING),
    "seed of the study": (replace(TASK, seed=8), TRAINING),
    "base": (replace(TASK, bases={"film-10": b"Weights"}), TRAINING),
    "name of the base": (replace(TASK, bases={"film-12": b"weights"}), TRAINING),
    "no base": (replace(TASK, bases={}), TRAINING),
    "examples": (replace(TASK, pool=examples(31)), TRAINING),
    "validation": (replace(TASK, validation=5), TRAINING),
    "depth": (replace(TASK, network=Network(3, 5)), TRAINING),
    "width": (replace(TASK, network=Network(2, 6)), TRAINING),
    "module": (replace(TASK, network=OwnNetwork("a:B", (("depth", 2), ("width", 5)))), TRAINING),
    "scaling": (replace(TASK, scalings={"film-10": Scaling(torch.zeros(3), torch.ones(3))}), TRAINING),
}  # fmt: skip


@pytest.mark.parametrize("differs", OTHERS)
def test_whatever_changes_an_error_changes_its_digest(differs: str) -> None:
    assert digest(*OTHERS[differs]) != digest(TASK, TRAINING)


def test_no_two_trainings_share_a_digest_and_equal_ones_do() -> None:
    found = [digest(*other) for other in OTHERS.values()]
    assert len(set(found)) == len(found)
    again = replace(TASK, pool=examples(30), bases=dict(TASK.bases))
    assert digest(again, Training(Plan.from_dict(json.loads(json.dumps(MOVED.to_dict()))), 0)) == digest(TASK, TRAINING)
    # Base networks are named in whatever order they were trained.
    bases = {"a": b"1", "b": b"2"}
    backward = dict(reversed(bases.items()))
    assert digest(replace(TASK, bases=bases), TRAINING) == digest(replace(TASK, bases=backward), TRAINING)


class Counted:
    """Carries trainings out by arithmetic, and remembers which."""

    def __init__(self, error: Callable[[Training], float] = lambda training: 0.01 * (1 + training.index)) -> None:
        self.error, self.trained, self.searched = error, [], []  # type: ignore[var-annotated]

    def outcomes(
        self, trainings: Iterable[tuple[str, Task, Training]], workers: int, gpus: float
    ) -> Iterator[tuple[str, Outcome]]:
        for key, _, training in trainings:
            self.trained.append(key)
            error = self.error(training)
            yield key, Outcome(error, 0.5, "" if math.isfinite(error) else "the loss is nan")

    def search(self, ledger: Any, *_: Any) -> None:
        self.searched.append(ledger.rules.phase)
        while (asked := ledger.ask()) is not None:
            for index in range(ledger.rules.seeds):
                if ledger.tell(asked[0], index, Outcome(0.01 + 0.001 * index, 0.5)):
                    break
            ledger.close(asked[0])


def line(folder: Path, trainer: Any, means: Means | None = None) -> Pipeline:
    run = Run(folder)
    run.begin(resolve("film10-film8", "demo", {"budget.trainings": 9}))
    return Pipeline(run, means or Means(1), Progress(quiet=True), trainer=trainer)


def asked(task: Task = TASK, plan: Plan = MOVED) -> dict[str, tuple[Task, Training]]:
    arms = {"direct": DIRECT, "candidate": plan}
    return {f"{arm}/{i}": (task, Training(arms[arm], i)) for i in range(2) for arm in arms}


def test_what_is_on_record_is_not_trained_again(tmp_path: Path) -> None:
    first, second = Counted(), Counted()
    found = line(tmp_path, first).measure("confirmation", asked())
    assert found == {"direct/0": 0.01, "candidate/0": 0.01, "direct/1": 0.02, "candidate/1": 0.02}
    assert line(tmp_path, second).measure("confirmation", asked()) == found and second.trained == []
    entries = [json.loads(text) for text in (tmp_path / "evidence" / "confirmation.jsonl").read_text().splitlines()]
    assert {entry["key"]: entry["what"] for entry in entries} == {key: digest(*what) for key, what in asked().items()}


@pytest.mark.parametrize(
    ("now", "again"),
    [
        (asked(plan=Plan.span(Recipe(), 3, "film-10", Span(2, 2))), ["candidate/0", "candidate/1"]),
        (asked(replace(TASK, role=Role.REGRET)), list(asked())),
        (asked(replace(TASK, bases={"film-10": b"others"})), list(asked())),
    ],
    ids=["plan", "role", "base"],
)
def test_what_was_recorded_of_another_training_is_trained_again(
    tmp_path: Path, now: dict[str, tuple[Task, Training]], again: list[str]
) -> None:
    line(tmp_path, Counted()).measure("confirmation", asked())
    trainer = Counted(lambda training: 0.5)
    found = line(tmp_path, trainer).measure("confirmation", now)
    assert trainer.trained == again
    assert [key for key in found if found[key] == 0.5] == again
    line(tmp_path, last := Counted()).measure("confirmation", now)
    assert last.trained == []


def test_a_record_that_does_not_say_of_what_is_not_used(tmp_path: Path) -> None:
    line(tmp_path, Counted()).measure("confirmation", asked())
    path = tmp_path / "evidence" / "confirmation.jsonl"
    entries = [json.loads(text) for text in path.read_text().splitlines()]
    path.write_text("".join(json.dumps({k: v for k, v in entry.items() if k != "what"}) + "\n" for entry in entries))
    line(tmp_path, trainer := Counted()).measure("confirmation", asked())
    assert trainer.trained == list(asked())


def test_a_training_that_diverged_is_none_and_not_tried_again(tmp_path: Path) -> None:
    found = line(tmp_path, Counted(lambda training: math.nan if training.index else 0.01)).measure("map", asked())
    assert found == {"direct/0": 0.01, "candidate/0": 0.01, "direct/1": None, "candidate/1": None}
    assert line(tmp_path, trainer := Counted()).measure("map", asked()) == found and trainer.trained == []


def searching(folder: Path, trainer: Counted, means: Means | None = None) -> Pipeline:
    """A run whose data and base network are made up, as far as the end of its searches."""
    pipeline = line(folder, trainer, means)
    pipeline.pool = examples(450)
    baseline = pipeline.baseline()
    pipeline.plans(baseline, {"film-10": None})  # type: ignore[dict-item]
    return pipeline


@pytest.fixture
def no_bases(monkeypatch: pytest.MonkeyPatch) -> None:
    shape = Shape(3, 4, Network(2, 5), "gelu")
    data = pack(shape.build(), shape, Scaling(torch.zeros(3), torch.ones(3)))
    task = replace(TASK, bases={"film-10": data})
    monkeypatch.setattr(Pipeline, "task", lambda self, role, bases, judge=None: task)


def test_a_search_that_ended_stays_ended(tmp_path: Path, no_bases: None) -> None:
    first = searching(tmp_path, trainer := Counted())
    assert trainer.searched == ["baseline", "plans"]
    assert first.baseline_ledger.spent == first.plans_ledger.spent == 9
    again = searching(tmp_path, trainer := Counted())
    assert trainer.searched == []
    assert again.plans_ledger.records() == first.plans_ledger.records()
    # A search that was cut short by the clock is not gone on with where the clock is set again.
    short = searching(tmp_path / "short", Counted(), Means(1, search_seconds=0.0))
    later = searching(tmp_path / "short", trainer := Counted())
    assert trainer.searched == [] and later.plans_ledger.records() == short.plans_ledger.records()


def test_direct_learning_is_gone_on_with_until_it_has_had_what_the_run_spent(tmp_path: Path, no_bases: None) -> None:
    first = searching(tmp_path, Counted())
    before = (tmp_path / "direct.json").read_bytes()
    rival = first.rival(first.baseline())
    assert rival.spent in (17, 18) and first.baseline_ledger.spent == rival.spent
    assert rival.spent >= json.loads(before)["spent"] + first.plans_ledger.spent - 1
    # What plans started from stays what it was, also for a run that comes back.
    again = searching(tmp_path, trainer := Counted())
    assert again.rival(again.baseline()) == rival and trainer.searched == []
    assert (tmp_path / "direct.json").read_bytes() == before
    four = resolve("film10-film8", "demo", {"budget.rival": 4})
    assert direct_rules("baseline", 0, four.budget, math.inf, four.budget.rival).trainings == 4 * four.budget.trainings


def test_where_time_cut_the_searches_short_direct_learning_still_catches_up(tmp_path: Path, no_bases: None) -> None:
    clock = searching(tmp_path, Counted(), Means(1, search_seconds=0.0))
    direct = clock.baseline()
    assert direct.spent == 3 and clock.rival(direct).spent == 6


def test_the_plan_search_tries_what_the_priors_favour(tmp_path: Path, no_bases: None) -> None:
    first = searching(tmp_path, Counted())
    favoured = favourites(json.loads((tmp_path / "priors.json").read_text()))
    tried = {Plan.from_dict(trial["plan"]).transferred for trial in first.plans_ledger.records()}
    waiting = first.plans_ledger.study.get_trials(states=[TrialState.WAITING])
    cuts = [trial.system_attrs["fixed_params"] for trial in waiting]
    tried |= {Span(c["cut_a"] + 1, c["cut_b"]) for c in cuts}
    assert favoured and {span for _, span in favoured} <= tried
    # Said once, and not again: other weights would say something else.
    (tmp_path / "priors.json").write_text('{"linear probe": {"film-10": {"1-1": 0.0}}}')
    searching(tmp_path, Counted())
    assert json.loads((tmp_path / "priors.json").read_text()) == {"linear probe": {"film-10": {"1-1": 0.0}}}


def test_plans_get_no_more_trainings_than_direct_learning_had(tmp_path: Path, no_bases: None) -> None:
    clock = searching(tmp_path, Counted(), Means(1, search_seconds=0.0))
    assert clock.baseline_ledger.spent == 3  # one trial, which nothing prevents
    assert clock.plans_ledger.rules.trainings == clock.plans_ledger.spent == 3
    whole = searching(tmp_path / "whole", Counted())
    assert whole.plans_ledger.rules.trainings == 9
    assert (clock.baseline_ledger.rules.role, clock.plans_ledger.rules.role) == (
        Role.BASELINE_SAMPLER,
        Role.PLANS_SAMPLER,
    )


def test_time_for_searching_is_shared_by_both_searches(tmp_path: Path, no_bases: None) -> None:
    found = searching(tmp_path, Counted(), Means(1, search_seconds=600.0))
    untils = [ledger.rules.until - found.began for ledger in (found.baseline_ledger, found.plans_ledger)]
    assert untils == pytest.approx([200.0, 400.0])
    assert Means(1).search_seconds == math.inf
    assert searching(tmp_path / "free", Counted()).plans_ledger.rules.until == math.inf
