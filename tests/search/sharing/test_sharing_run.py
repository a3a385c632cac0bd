"""A whole run on several tasks, tiny and in this process: what the folder holds, and that it can be taken up again."""

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import Mock
from zlib import crc32

import numpy as np
import pytest
from this_process import connected, nothing_drawn, unreachable, written

from graft.search import report
from graft.search.champion import load
from graft.search.engine.executor import LocalExecutor
from graft.search.engine.progress import Progress
from graft.search.kinds.base import Kind
from graft.search.kinds.registry import kind_of
from graft.search.kinds.sharing import conclusion, verdict
from graft.search.kinds.sharing.kind import Sharing
from graft.search.kinds.sharing.pipeline import SharingPipeline
from graft.search.prediction import Asked, predict_csv
from graft.search.report import drawing
from graft.search.report.section import Page
from graft.search.report.sections import SHARING
from graft.search.run.certificate import Certificate
from graft.search.run.evidence import Entry, Evidence
from graft.search.run.folder import Run
from graft.search.run.resources import Resources
from graft.search.run.results import Cost, Result, SharingResult, SharingResults
from graft.search.run.seeds import Role, entropy
from graft.search.study import reopened, resolve
from graft.search.tasks.base import Examples
from graft.simulators.data.dataset import Dataset
from graft.simulators.registry import find
from graft.spaces.errors import InputError

pytestmark = pytest.mark.usefixtures("coarse_figures")

TASKS = ["film-2", "film-3", "film-4"]
TINY = {
    "tasks": TASKS, "rows.pool": 40, "rows.locked": 4, "rows.validation": 8, "rows.test": 20, "network.depth": 2,
    "network.width": 6, "start.epochs": 2, "start.batch": 15, "start.warmup": 0, "ranges.epochs": [1, 3],
    "ranges.batch": [14, 28], "budget.trainings": 6, "budget.seeds": 2, "budget.steps": 20,
}  # fmt: skip


class Here(SharingPipeline):
    """A run whose shards are written by this process: two dozen rows are not worth starting Ray."""

    def examples(self, task: str, role: Role, rows: int) -> Examples:
        drawn = find(task)
        folder = self.run.path("data", f"{role.name.lower()}-{drawn.name}")
        seed = (*entropy(self.study.seed, role), crc32(drawn.name.encode()))
        data = written(drawn, seed, rows, folder)
        return Examples(data.inputs(), data.outputs())


def kind_in(folder: Path) -> Kind:
    """The question that a folder's study asks."""
    return kind_of(reopened(Run(folder).read("study.json")))


def carried_out(folder: Path, patch: pytest.MonkeyPatch) -> tuple[Certificate, Mock]:
    """A run from beginning to end, or what is left of it, in this process; with the tracker it was shown to."""
    patch.setattr("graft.search.kinds.base.connection", connected)
    patch.setattr(Sharing, "work", partial(Here, executor=LocalExecutor()))
    tracker = Mock()
    return kind_in(folder).run(Run(folder), Resources(1), Progress(quiet=True), tracker), tracker


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    Run(folder).begin(resolve("films-8-10-12-14", "demo", TINY))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(drawing.STYLE, "figure.constrained_layout.use", True)  # this page is drawn as a user's is
        carried_out(folder, patch)
    return folder


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    """The finished run, to be spoilt."""
    return Path(shutil.copytree(finished, tmp_path / "copy"))


def edit(path: Path, change: Callable[[Any], object]) -> None:
    held = json.loads(path.read_text())
    change(held)
    path.write_text(json.dumps(held))


def broken(folder: Path) -> list[str]:
    return [name for name, problem in kind_in(folder).verify(Run(folder)) if problem]


def test_a_finished_run_is_found_intact_and_has_a_comparison_for_each_task(finished: Path) -> None:
    found = list(kind_in(finished).verify(Run(finished)))
    assert found == [(n, "") for n in ("study", "data", "evidence", "certificate", "champions")]
    certificate = json.loads((finished / "certificate.json").read_text())
    assert [one["task"] for one in certificate["comparisons"]] == TASKS
    for one in certificate["comparisons"]:
        for arm in ("direct", "direct_same_recipe", "candidate"):
            assert len(one[arm]["per_seed"]) in certificate["looks"] and one[arm]["mean"] > 0
        assert one["shuffled"] is None or len(one["shuffled"]["per_seed"]) == len(one["candidate"]["per_seed"])
    helped = [one["task"] for one in certificate["comparisons"] if one["decision"] == "transfer"]
    assert certificate["together"] == helped and (certificate["decision"] == "transfer") == bool(helped)


def test_each_task_was_searched_alone_with_the_budget_of_the_plans(finished: Path) -> None:
    result = json.loads((finished / "result.json").read_text())
    phases = list(Result.read(result).searches)
    assert phases == [*(f"baseline-{task}" for task in TASKS), "plans"]
    for phase in phases:  # direct learning gets the shared search's budget besides its own
        wanted = 6 if phase == "plans" else 12
        assert wanted - 1 <= sum(len(trial["errors"]) for trial in result[phase]["trials"]) <= wanted
    for trial in result["plans"]["trials"]:
        assert len(trial["by_task"]) == len(trial["errors"]) > 0
        for error, by_task in zip(trial["errors"], trial["by_task"], strict=True):
            assert error == pytest.approx(float(np.exp(np.mean(np.log(list(by_task.values()))))))
    assert {task: len(errors) for task, errors in result["reference"].items()} == dict.fromkeys(TASKS, 2)


def test_tasks_have_data_of_their_own(finished: Path) -> None:
    names = {path.name for path in (finished / "data").iterdir()}
    assert names == {f"{role}-{task}" for role in ("pool", "test") for task in TASKS}
    first = [Dataset.open(finished / "data" / f"pool-{task}").inputs()[0, 0] for task in TASKS]
    assert len(set(first)) == 3


def test_every_task_has_its_network(finished: Path, tmp_path: Path) -> None:
    for task in TASKS:
        champion = load(finished, task)
        data = Dataset.open(finished / "data" / f"test-{task}")
        predicted = champion(np.array(data.inputs()))
        error = float(np.mean(np.abs(predicted - data.outputs()) / np.abs(data.outputs())))
        assert error == pytest.approx(champion.card["error"], rel=1e-4)
    with pytest.raises(InputError, match="unknown task ''; allowed: film-2, film-3, film-4"):
        load(finished)
    (tmp_path / "films.csv").write_text("50,50,50\n")
    asked = Asked(str(tmp_path / "films.csv"), "film-3")
    assert len(predict_csv(finished, asked).splitlines()) == 2


def test_a_finished_run_is_not_done_again(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graft.search.kinds.base.connection", unreachable)
    found = kind_in(finished).run(Run(finished), Resources(1), Progress(quiet=True), Mock())
    assert found.to_dict() == json.loads((finished / "certificate.json").read_text())


def test_what_was_left_of_a_run_ends_the_same(finished: Path, copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("certificate.json", "result.json"):
        (copy / name).unlink()
    lines = (copy / "evidence" / "confirmation-1.jsonl").read_text().splitlines(keepends=True)
    (copy / "evidence" / "confirmation-1.jsonl").write_text("".join(lines[:-5]) + '{"torn')
    monkeypatch.setattr(LocalExecutor, "explore", unreachable)
    monkeypatch.setattr(report, "write", nothing_drawn)
    carried_out(copy, monkeypatch)
    assert (copy / "result.json").read_bytes() == (finished / "result.json").read_bytes()


def test_a_run_that_starts_anew_finds_the_same(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Run(tmp_path / "anew").begin(resolve("films-8-10-12-14", "demo", TINY))
    monkeypatch.setattr(report, "write", nothing_drawn)
    _, tracker = carried_out(tmp_path / "anew", monkeypatch)
    assert (tmp_path / "anew" / "result.json").read_bytes() == (finished / "result.json").read_bytes()
    assert {call.args[0] for call in tracker.trial.call_args_list} == {*(f"baseline-{t}" for t in TASKS), "plans"}


def test_an_undecided_run_goes_on_for_the_looks_that_were_fixed(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "open"
    shutil.copytree(finished, folder)
    for name in ("certificate.json", "result.json", "confirmation-1.json"):  # a margin at which nothing is decided
        (folder / name).unlink()
    (folder / "evidence" / "confirmation-1.jsonl").unlink()
    mean = {"film-2": 1.0, "film-3": 1.01, "film-4": 0.99}

    def errors(line: SharingPipeline, name: str, asked: Any) -> dict[str, Entry]:
        """In place of trainings: a gain that stays on the brink."""
        rng, found = np.random.default_rng(3), {}
        for key in asked:
            place = int(key.split("/")[-1])
            noise = 1 + 0.1 * np.cos(place + len(key))
            by_task = {task: 0.5 * value * noise for task, value in mean.items()}
            found[key] = Entry(error=0.55 * (1 + 0.01 * rng.normal()), by_task=by_task, seconds=0.1)
        evidence = Evidence(line.run.path("evidence", f"{name}.jsonl"))
        for key, entry in found.items():
            if key not in evidence.done:
                evidence.add(key, entry)
        return {key: evidence.done[key] for key in asked}

    monkeypatch.setattr(Here, "measured", errors)
    certified, _ = carried_out(folder, monkeypatch)
    assert certified.decision == "undecided" and certified.seeds == 12 and not broken(folder)
    assert certified.sentence.startswith("Undecided: until more is known, learn film-2, film-3 and film-4 each alone")
    assert "undecided" in (folder / "report" / "index.html").read_text()
    kind = kind_in(folder)
    kind.more(Run(folder))
    assert (folder / "undecided.json").exists() and not (folder / "certificate.json").exists()
    monkeypatch.setattr(report, "write", nothing_drawn)
    further, _ = carried_out(folder, monkeypatch)
    assert further.seeds in (16, 24) and not broken(folder)
    if further.decision == "undecided":
        with pytest.raises(InputError, match="the last that was fixed beforehand"):
            kind.more(Run(folder))


def test_a_decided_run_is_asked_for_nothing_more(copy: Path) -> None:
    edit(copy / "certificate.json", lambda held: held.update(decision="direct"))
    with pytest.raises(InputError, match=r"is decided \(direct\); allowed: a run that is undecided"):
        kind_in(copy).more(Run(copy))


@pytest.mark.parametrize(
    ("file", "change", "named"),
    [
        ("result.json", lambda held: held["rounds"][0]["arms"]["direct"].update({"film-2": [0.1] * 4}), "evidence"),
        ("result.json", lambda held: held["rounds"][0].update(seeds=3), "evidence"),
        ("confirmation-1.json", lambda held: held.update(looks=[4, 5]), "evidence"),
        ("result.json", lambda held: held["rounds"][0].update(alpha=0.5), "evidence"),
        ("certificate.json", lambda held: held.update(decision="transfer", together=TASKS), "certificate"),
        ("certificate.json", lambda held: held["comparisons"][1].update(p_value=1e-9), "certificate"),
        ("model/film-3/card.json", lambda held: held.update(sentence="Share!"), "champions"),
    ],
)  # fmt: skip
def test_what_was_tampered_with_is_found(copy: Path, file: str, change: Callable[[Any], object], named: str) -> None:
    edit(copy / file, change)
    assert named in broken(copy)


def test_the_map_has_every_number_of_first_blocks_told_and_not(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graft.search.kinds.base.connection", connected)
    monkeypatch.setattr(Sharing, "work", partial(Here, executor=LocalExecutor()))
    drawn = kind_in(copy).map(Run(copy), Resources(1), Progress(quiet=True)).to_dict()
    assert [(cell["first"], cell["one_hot"]) for cell in drawn["cells"]] == [
        (n, t) for n in range(4) for t in (False, True)
    ]
    plan = json.loads((copy / "result.json").read_text())["rounds"][0]["plan"]
    assert drawn["recipe"] == plan["recipe"] and drawn["how"]["weighting"] == plan["weighting"]
    assert all(len(errors) == 2 for cell in drawn["cells"] for errors in cell["errors"].values())
    page = (copy / "report" / "index.html").read_text()
    assert "How many blocks to share" in page and {"arms", "blocks", "timeline"} <= set(report.figures(copy))
    assert all(task in page for task in TASKS) and "<h3>Table I" not in page


def test_the_page_shows_what_mattered_in_every_search(copy: Path) -> None:
    searches = Page(SharingResults, [one for one in SHARING.sections if one.name == "sharing-searches"])
    edit(copy / "result.json", lambda held: held.update(importance=dict.fromkeys(held["importance"], {})))
    assert "What mattered" not in report.write(copy, searches).read_text()  # too few trials to tell
    held = json.loads((copy / "result.json").read_text())
    assert set(held["importance"]) == {"plans", *(f"baseline-{task}" for task in TASKS)}
    shares = {"rate": 0.5, "one_hot": 0.3, "decay": 0.2}
    edit(copy / "result.json", lambda held: held.update(importance=dict.fromkeys(held["importance"], shares)))
    page = report.write(copy, searches).read_text()
    assert "What mattered" in page and "importance" in report.figures(copy)


def test_a_search_that_leaves_no_plan_ends_with_direct_learning(copy: Path) -> None:
    result, spent = json.loads((copy / "result.json").read_text()), json.loads((copy / "cost.json").read_text())
    result["rounds"] = []
    found, cost = verdict.comparisons(TASKS, []), Cost.read(spent)
    certified = conclusion.certificate(kind_in(copy).study, SharingResult.read(result), found, cost)
    assert (certified.decision, certified.to_dict()["together"], certified.seeds) == ("direct", [], 0)
    for name, held in (("result.json", result), ("certificate.json", certified.to_dict())):
        (copy / name).write_text(json.dumps(held))
    page = report.write(copy, SHARING).read_text()
    assert "no plan survived the search" in page and "arms" not in report.figures(copy)
