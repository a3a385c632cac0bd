"""The phases of a run: what is on record is used, and only for what it was recorded of."""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from optuna.trial import TrialState
from phases import phase, regression

from graft.cluster.pool import Job
from graft.models.networks.network import Network, OwnNetwork, Shape
from graft.models.pretrained import Pretrained
from graft.models.scaling import Scaling
from graft.models.weights import pack
from graft.search.engine.outcome import Outcome
from graft.search.engine.progress import Progress
from graft.search.engine.search import Search
from graft.search.kinds.transfer.phases import direct_budget
from graft.search.kinds.transfer.pipeline import Pipeline
from graft.search.run.folder import Run
from graft.search.run.resources import Resources
from graft.search.run.seeds import Role
from graft.search.study import resolve
from graft.search.tasks.base import Examples, Phase, Request
from graft.search.tasks.transferability import favourites
from graft.spaces.plan import Plan, Recipe, Span

DIRECT = Plan(Recipe(rate=0.01))
MOVED = Plan.span(Recipe(rate=0.01), 3, "film-10", Span(1, 2))


def examples(rows: int, first: float = 0.0) -> Examples:
    return Examples(np.full((rows, 3), first, np.float32), np.ones((rows, 4), np.float32))


PHASE = phase(7, Role.CONFIRMATION, examples(30), 6, Network(2, 5), {"film-10": b"weights"})
ASKED = Request(MOVED, 0)
TOLD = Pretrained("film-10", "", (0.0,), (1.0,))
OTHERS: dict[str, tuple[Phase, Request]] = {
    "plan": (PHASE, replace(ASKED, plan=DIRECT)),
    "recipe": (PHASE, replace(ASKED, plan=replace(MOVED, recipe=replace(MOVED.recipe, rate=0.011)))),
    "scale": (PHASE, replace(ASKED, plan=Plan.span(MOVED.recipe, 3, "film-10", Span(1, 2), scale=2.0))),
    "index": (PHASE, replace(ASKED, index=1)),
    "shuffled": (PHASE, replace(ASKED, shuffled=True)),
    "role": (replace(PHASE, role=Role.REGRET), ASKED),
    "seed of the study": (replace(PHASE, seed=8), ASKED),
    "source": (replace(PHASE, packed={"film-10": b"Weights"}), ASKED),
    "name of the source": (replace(PHASE, packed={"film-12": b"weights"}), ASKED),
    "no source": (replace(PHASE, packed={}), ASKED),
    "precision": (replace(PHASE, precisions={"film-10": b"precision"}), ASKED),
    "prior": (PHASE, replace(ASKED, plan=Plan.span(MOVED.recipe, 3, "film-10", Span(1, 2), pull=0.1, prior="fisher"))),
    "flat prior": (PHASE, replace(ASKED, plan=Plan.span(MOVED.recipe, 3, "film-10", Span(1, 2), pull=0.1))),
    "examples": (replace(PHASE, pool=examples(31)), ASKED),
    "validation": (replace(PHASE, validation=5), ASKED),
    "depth": (replace(PHASE, task=regression(Network(3, 5))), ASKED),
    "width": (replace(PHASE, task=regression(Network(2, 6))), ASKED),
    "module": (replace(PHASE, task=regression(OwnNetwork("a:B", (("depth", 2), ("width", 5))))), ASKED),
    "scaling": (replace(PHASE, task=regression(Network(2, 5), weights=(TOLD,))), ASKED),
    "metric": (replace(PHASE, task=regression(Network(2, 5), "normalised-l1")), ASKED),
}  # fmt: skip


@pytest.mark.parametrize("differs", OTHERS)
def test_whatever_changes_an_error_changes_its_digest(differs: str) -> None:
    asked_of, other = OTHERS[differs]
    assert asked_of.digest(other) != PHASE.digest(ASKED)


def test_no_two_trainings_share_a_digest_and_equal_ones_do() -> None:
    found = [asked_of.digest(other) for asked_of, other in OTHERS.values()]
    assert len(set(found)) == len(found)
    again = replace(PHASE, pool=examples(30), packed=dict(PHASE.packed))
    assert again.digest(Request(Plan.from_dict(json.loads(json.dumps(MOVED.to_dict()))), 0)) == PHASE.digest(ASKED)
    # Source networks are named in whatever order they were trained.
    packed = {"a": b"1", "b": b"2"}
    backward = dict(reversed(packed.items()))
    assert replace(PHASE, packed=packed).digest(ASKED) == replace(PHASE, packed=backward).digest(ASKED)


class Counted:
    """Carries trainings out by arithmetic, and remembers which."""

    def __init__(self, error: Callable[[Request], float] = lambda training: 0.01 * (1 + training.index)) -> None:
        self.error, self.trained, self.searched = error, [], []  # type: ignore[var-annotated]

    def run(self, jobs: Mapping[Any, Job], shares: Any = ()) -> Iterator[tuple[Any, Outcome]]:
        for key, (_, (_, training)) in jobs.items():
            self.trained.append(key.split()[0])
            error = self.error(training)
            yield key, Outcome(error, 0.5, "" if math.isfinite(error) else "the loss is nan")

    def explore(self, search: Search, task: Any) -> None:
        self.searched.append(search.phase)
        while (asked := search.ask()) is not None:
            for index in range(search.budget.seeds):
                if search.tell(asked[0], index, Outcome(0.01 + 0.001 * index, 0.5)):
                    break
            search.close(asked[0])


def line(folder: Path, executor: Any, resources: Resources | None = None) -> Pipeline:
    run = Run(folder)
    study = resolve("film10-film8", "demo", {"budget.trainings": 9})
    run.begin(study)
    return Pipeline(study, run, resources or Resources(1), Progress(quiet=True), executor=executor)


def asked(shared: Phase = PHASE, plan: Plan = MOVED) -> dict[str, tuple[Phase, Request]]:
    arms = {"direct": DIRECT, "candidate": plan}
    return {f"{arm}/{i}": (shared, Request(arms[arm], i)) for i in range(2) for arm in arms}


def test_what_is_on_record_is_not_trained_again(tmp_path: Path) -> None:
    first, second = Counted(), Counted()
    found = line(tmp_path, first).measure("confirmation", asked())
    assert found == {"direct/0": 0.01, "candidate/0": 0.01, "direct/1": 0.02, "candidate/1": 0.02}
    assert line(tmp_path, second).measure("confirmation", asked()) == found and second.trained == []
    entries = [json.loads(text) for text in (tmp_path / "evidence" / "confirmation.jsonl").read_text().splitlines()]
    assert {entry["key"]: entry["what"] for entry in entries} == {
        key: shared.digest(request) for key, (shared, request) in asked().items()
    }


@pytest.mark.parametrize(
    ("now", "again"),
    [
        (asked(plan=Plan.span(Recipe(), 3, "film-10", Span(2, 2))), ["candidate/0", "candidate/1"]),
        (asked(replace(PHASE, role=Role.REGRET)), list(asked())),
        (asked(replace(PHASE, packed={"film-10": b"others"})), list(asked())),
    ],
    ids=["plan", "role", "source"],
)
def test_what_was_recorded_of_another_training_is_trained_again(
    tmp_path: Path, now: dict[str, tuple[Phase, Request]], again: list[str]
) -> None:
    line(tmp_path, Counted()).measure("confirmation", asked())
    executor = Counted(lambda training: 0.5)
    found = line(tmp_path, executor).measure("confirmation", now)
    assert executor.trained == again
    assert [key for key in found if found[key] == 0.5] == again
    line(tmp_path, last := Counted()).measure("confirmation", now)
    assert last.trained == []


class Killed(Counted):
    """Ends after its first result, as a driver that is killed does."""

    def run(self, jobs: Mapping[Any, Job], shares: Any = ()) -> Iterator[tuple[Any, Outcome]]:
        yield next(iter(super().run(jobs, shares)))
        raise KeyboardInterrupt


def test_a_share_that_was_cut_short_is_carried_out_whole_and_what_was_recorded_stays(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        line(tmp_path, Killed()).measure("confirmation", asked())
    whole = Counted(lambda training: 0.5)
    found = line(tmp_path, whole).measure("confirmation", asked())
    assert whole.trained == list(asked()) and len({found["direct/0"], 0.5, 0.01}) == 2
    assert found == {"direct/0": 0.01, "candidate/0": 0.5, "direct/1": 0.5, "candidate/1": 0.5}
    (share,) = json.loads((tmp_path / "shares" / "confirmation.json").read_text())
    assert [name.split()[0] for name in share] == list(asked())


def test_a_record_that_does_not_say_of_what_is_not_used(tmp_path: Path) -> None:
    line(tmp_path, Counted()).measure("confirmation", asked())
    path = tmp_path / "evidence" / "confirmation.jsonl"
    entries = [json.loads(text) for text in path.read_text().splitlines()]
    path.write_text("".join(json.dumps({k: v for k, v in entry.items() if k != "what"}) + "\n" for entry in entries))
    line(tmp_path, executor := Counted()).measure("confirmation", asked())
    assert executor.trained == list(asked())


def test_a_training_that_diverged_is_none_and_not_tried_again(tmp_path: Path) -> None:
    found = line(tmp_path, Counted(lambda training: math.nan if training.index else 0.01)).measure("map", asked())
    assert found == {"direct/0": 0.01, "candidate/0": 0.01, "direct/1": None, "candidate/1": None}
    assert line(tmp_path, executor := Counted()).measure("map", asked()) == found and executor.trained == []


def searching(folder: Path, executor: Counted, resources: Resources | None = None) -> Pipeline:
    """A run whose data and source network are made up, as far as the end of its searches."""
    pipeline = line(folder, executor, resources)
    pipeline.pool, pipeline.task = examples(450), PHASE.task
    baseline = pipeline.baseline()
    pipeline.plans(baseline, {"film-10": None})  # type: ignore[dict-item]
    return pipeline


@pytest.fixture
def no_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    shape = Shape(3, 4, Network(2, 5), "gelu")
    data = pack(shape.build(), shape, Scaling(torch.zeros(3), torch.ones(3)))
    shared = replace(PHASE, packed={"film-10": data})
    monkeypatch.setattr(Pipeline, "shared", lambda self, role, packed, test=None: shared)


def test_a_search_that_ended_stays_ended(tmp_path: Path, no_networks: None) -> None:
    first = searching(tmp_path, executor := Counted())
    assert executor.searched == ["baseline", "plans"]
    assert first.baseline_search.spent == first.plans_search.spent == 9
    again = searching(tmp_path, executor := Counted())
    assert executor.searched == []
    assert again.plans_search.records() == first.plans_search.records()
    # A search that was cut short by the clock is not gone on with where the clock is set again.
    short = searching(tmp_path / "short", Counted(), Resources(1, search_seconds=0.0))
    later = searching(tmp_path / "short", executor := Counted())
    assert executor.searched == [] and later.plans_search.records() == short.plans_search.records()


def test_direct_learning_is_gone_on_with_until_it_has_had_what_the_run_spent(tmp_path: Path, no_networks: None) -> None:
    first = searching(tmp_path, Counted())
    before = (tmp_path / "direct.json").read_bytes()
    rival = first.rival(first.baseline())
    assert rival.spent in (17, 18) and first.baseline_search.spent == rival.spent
    assert rival.spent >= json.loads(before)["spent"] + first.plans_search.spent - 1
    # What plans started from stays what it was, also for a run that comes back.
    again = searching(tmp_path, executor := Counted())
    assert again.rival(again.baseline()) == rival and executor.searched == []
    assert (tmp_path / "direct.json").read_bytes() == before
    four = resolve("film10-film8", "demo", {"budget.rival": 4})
    assert direct_budget(four.budget, math.inf, four.budget.rival).trainings == 4 * four.budget.trainings


def test_where_time_cut_the_searches_short_direct_learning_still_catches_up(tmp_path: Path, no_networks: None) -> None:
    clock = searching(tmp_path, Counted(), Resources(1, search_seconds=0.0))
    direct = clock.baseline()
    assert direct.spent == 3 and clock.rival(direct).spent == 6


def test_the_plan_search_tries_what_the_priors_favour(tmp_path: Path, no_networks: None) -> None:
    first = searching(tmp_path, Counted())
    favoured = favourites(json.loads((tmp_path / "priors.json").read_text()))
    tried = {trial.plan.transferred for trial in first.plans_search.records()}
    waiting = first.plans_search.study.get_trials(states=[TrialState.WAITING])
    cuts = [trial.system_attrs["fixed_params"] for trial in waiting]
    tried |= {Span(c["cut_a"] + 1, c["cut_b"]) for c in cuts}
    assert favoured and {span for _, span in favoured} <= tried
    # Said once, and not again: other weights would say something else.
    (tmp_path / "priors.json").write_text('{"linear probe": {"film-10": {"1-1": 0.0}}}')
    searching(tmp_path, Counted())
    assert json.loads((tmp_path / "priors.json").read_text()) == {"linear probe": {"film-10": {"1-1": 0.0}}}


def test_plans_get_no_more_trainings_than_direct_learning_had(tmp_path: Path, no_networks: None) -> None:
    clock = searching(tmp_path, Counted(), Resources(1, search_seconds=0.0))
    assert clock.baseline_search.spent == 3  # one trial, which nothing prevents
    assert clock.plans_search.budget.trainings == clock.plans_search.spent == 3
    whole = searching(tmp_path / "whole", Counted())
    assert whole.plans_search.budget.trainings == 9
    assert (clock.baseline_search.sampling.role, clock.plans_search.sampling.role) == (
        Role.BASELINE_SAMPLER,
        Role.PLANS_SAMPLER,
    )


def test_time_for_searching_is_shared_by_both_searches(tmp_path: Path, no_networks: None) -> None:
    found = searching(tmp_path, Counted(), Resources(1, search_seconds=600.0))
    untils = [search.budget.until - found.began for search in (found.baseline_search, found.plans_search)]
    assert untils == pytest.approx([200.0, 400.0])
    assert Resources(1).search_seconds == math.inf
    assert searching(tmp_path / "free", Counted()).plans_search.budget.until == math.inf
