"""A finished folder: what is checked of it, and that a run that is done is not done again."""

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from this_process import connected, nothing_drawn, unreachable, written

from graft.search import report
from graft.search.engine.executor import LocalExecutor
from graft.search.engine.progress import Progress
from graft.search.kinds.base import Kind
from graft.search.kinds.registry import kind_of
from graft.search.kinds.transfer.kind import Transfer
from graft.search.kinds.transfer.pipeline import Pipeline
from graft.search.kinds.transfer.verdict import verdict
from graft.search.proof.looks import Look, Looks
from graft.search.run.folder import Run
from graft.search.run.resources import Resources
from graft.search.run.results import Confirmation, Cost, TransferResult
from graft.search.run.seeds import Role, entropy
from graft.search.study import reopened, resolve
from graft.search.tasks.base import Examples
from graft.simulators.registry import find
from graft.spaces.errors import InputError

TINY = {
    "rows.source": 60, "rows.pool": 40, "rows.locked": 4, "rows.validation": 8, "rows.test": 20, "network.depth": 2,
    "network.width": 6, "source_training.epochs": 60, "start.epochs": 2, "start.batch": 15, "ranges.epochs": [1, 3],
    "ranges.batch": [14, 28], "budget.trainings": 6, "budget.seeds": 2, "budget.steps": 20,
}  # fmt: skip
NAMES = ["study", "data", "source networks", "evidence", "certificate", "champion"]


class Here(Pipeline):
    """A run whose shards are written by this process: two dozen rows are not worth starting Ray."""

    def examples(self, simulator: str, role: Role, rows: int) -> Examples:
        folder = self.run.path("data", role.name.lower())
        data = written(find(simulator), entropy(self.study.seed, role), rows, folder)
        return Examples(data.inputs(), data.outputs())


def kind_in(folder: Path) -> Kind:
    """The question that a folder's study asks."""
    return kind_of(reopened(Run(folder).read("study.json")))


def go_on(folder: Path, tracker: Mock) -> dict[str, Any]:
    """Carry out what is left of a run."""
    return kind_in(folder).run(Run(folder), Resources(1), Progress(quiet=True), tracker).to_dict()


def carried_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, Any], Mock]:
    """A run from beginning to end, or what is left of it, in this process; with the tracker it was shown to."""
    monkeypatch.setattr("graft.search.kinds.base.connection", connected)
    monkeypatch.setattr(report, "write", nothing_drawn)
    tracker = Mock()
    monkeypatch.setattr(Transfer, "work", partial(Here, executor=LocalExecutor()))
    return go_on(folder, tracker), tracker


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    Run(folder).begin(resolve("calibration", "demo", TINY))
    with pytest.MonkeyPatch.context() as patch:
        carried_out(folder, patch)
    return folder


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    """The finished run, to be spoilt."""
    return Path(shutil.copytree(finished, tmp_path / "copy"))


def broken(folder: Path) -> list[str]:
    return [name for name, problem in kind_in(folder).verify(Run(folder)) if problem]


def edit(path: Path, change: Callable[[Any], object]) -> None:
    held = json.loads(path.read_text())
    change(held)
    path.write_text(json.dumps(held))


def flip(path: Path) -> None:
    """Change one bit of a file."""
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_finished_run_is_found_intact(finished: Path) -> None:
    assert list(kind_in(finished).verify(Run(finished))) == [(name, "") for name in NAMES]
    certificate = json.loads((finished / "certificate.json").read_text())
    assert len(certificate["comparisons"][0]["direct"]["per_seed"]) == certificate["seeds"] == 4
    comparison = certificate["comparisons"][0]
    assert len(comparison["candidates"]) == 1 and comparison["not_confirmed"] == []
    assert comparison["rival_budget"] == 12 and certificate["protocol"] == 3


def other(value: Any) -> Any:
    """A value of the same kind that is not the same."""
    match value:
        case str():
            return value + " indeed"
        case bool() | None:
            return not value
        case int() | float():
            return value + 1
        case list():
            return value[:-1]
        case _:
            return {}


def test_whatever_the_certificate_says_but_cost_and_versions_must_follow(finished: Path, copy: Path) -> None:
    said = json.loads((finished / "certificate.json").read_text())
    free = {"cost", "versions"}
    assert free < said.keys() and len(said) > 10
    for key in said:
        (copy / "certificate.json").write_text(json.dumps(said | {key: other(said[key])}))
        assert ("certificate" in broken(copy)) == (key not in free), key
    (copy / "certificate.json").write_text(json.dumps({key: said[key] for key in said if key != "margin"}))
    assert broken(copy) == ["certificate"]


def test_a_number_deep_in_the_certificate_must_follow_too(copy: Path) -> None:
    edit(copy / "certificate.json", lambda held: held["comparisons"][0]["candidates"][0].update(p_value=0.0001))
    assert broken(copy) == ["certificate"]


def forged(folder: Path, change: Callable[[Any], object]) -> None:
    """Change the result and let certificate, sentence and card follow: what a careful forger does."""
    from graft.search.kinds.transfer import conclusion
    from graft.search.kinds.transfer.confirmation import candidates

    edit(folder / "result.json", change)
    result, study = json.loads((folder / "result.json").read_text()), reopened(Run(folder).read("study.json"))
    fixed = Confirmation.read(result["confirmation"])
    arms = fixed.arms
    look = Look(Looks(fixed.looks, fixed.more, fixed.alpha), len(arms["direct"]))
    held = candidates(fixed, arms)
    judged = verdict(arms["direct"], held, study.proof, study.target, look=look)
    spent = {"trials": {}, "trainings": {}, "train_seconds": 0.0, "wall_seconds": 0.0, "versions": {}}
    told = TransferResult.read(result)
    certified = conclusion.certificate(study, told, judged, Cost.read(spent)).to_dict()
    (folder / "certificate.json").write_text(json.dumps(certified))
    edit(folder / "model" / "card.json", lambda held: held.update(sentence=certified["sentence"]))


FORGERIES: dict[str, tuple[Callable[[Any], object], list[str]]] = {
    "a rival that was tuned longer": (lambda held: held["direct_by_budget"][-1].update(trainings=99), ["evidence"]),
    "a rival that erred more": (lambda held: held["direct_by_budget"][-1].update(error=9.0), ["evidence"]),
    "another rival": (lambda held: held["baseline"].update(best=0), ["evidence"]),
    "more rows": (lambda held: held["handed_over"].update(rows=99), ["evidence"]),
    "another arm": (lambda held: held["handed_over"].update(arm="shuffled"), ["evidence"]),
    "a better network": (lambda held: held["handed_over"].update(error=0.001), ["champion"]),
    "another network": (lambda held: held["handed_over"]["plan"]["recipe"].update(rate=0.5), ["evidence", "champion"]),
}


@pytest.mark.parametrize("what", FORGERIES)
def test_what_is_told_of_the_rival_and_of_the_network_must_follow(what: str, copy: Path) -> None:
    change, found = FORGERIES[what]
    forged(copy, change)
    assert broken(copy) == found


def test_errors_must_be_those_of_the_recorded_trainings(copy: Path) -> None:
    evidence = copy / "evidence" / "confirmation.jsonl"
    lines = evidence.read_text().splitlines()
    entry = json.loads(lines[5])
    for spoilt in ([json.dumps(entry | {"error": entry["error"] * 0.9})], []):
        evidence.write_text("\n".join([*lines[:5], *spoilt, *lines[6:]]) + "\n")
        assert broken(copy) == ["evidence"]


def test_errors_bettered_in_result_and_certificate_alike_are_found_by_the_evidence(copy: Path) -> None:
    def better(held: Any) -> None:
        arm = held["confirmation"]["arms"]["0/candidate"]
        arm[:] = [error * 0.5 for error in arm]

    forged(copy, better)
    assert broken(copy) == ["evidence", "certificate"]  # so good a candidate would have had its placebo measured


def test_what_was_fixed_beforehand_is_what_was_confirmed(copy: Path) -> None:
    edit(copy / "confirmation.json", lambda held: held["candidates"][0].update(trial=9))
    assert broken(copy) == ["evidence"]


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("data/pool/*.arrow", "data"),
        ("data/test/*.arrow", "data"),
        ("bases/*.safetensors", "source networks"),
        ("model/network.safetensors", "champion"),
        ("model/held.safetensors", "champion"),
        ("model/members/0.safetensors", "champion"),
    ],
)
def test_one_bit_of_a_shard_or_network_is_found(copy: Path, place: str, name: str) -> None:
    (file,) = copy.glob(place)
    flip(file)
    assert broken(copy) == [name]


def test_a_card_with_another_verdict_and_a_result_of_another_study_are_found(copy: Path) -> None:
    edit(copy / "model" / "card.json", lambda held: held.update(sentence="It helps."))
    edit(copy / "result.json", lambda held: held["study"].update(seed=9))
    assert broken(copy) == ["study", "champion"]


def test_only_an_undecided_run_is_asked_for_more(copy: Path) -> None:
    kind, run, certificate = kind_in(copy), Run(copy), copy / "certificate.json"
    with pytest.raises(InputError, match=r"is decided \(direct\); allowed: a run that is undecided"):
        kind.more(run)
    edit(certificate, lambda held: held.update(decision="undecided"))
    said = certificate.read_bytes()
    kind.more(run)
    assert (copy / "undecided.json").read_bytes() == said and not certificate.exists()
    assert json.loads((copy / "more.json").read_text()) == {"looks": [16, 24]}
    kind.more(run)  # asked for already, and interrupted
    certificate.write_bytes(said)  # as who is killed before it was taken away leaves it
    kind.more(run)
    assert not certificate.exists()
    certificate.write_bytes(said)
    edit(certificate, lambda held: held.update(sentence="Still open, after all looks."))
    with pytest.raises(InputError, match="the last that was fixed beforehand; allowed: a run with looks left"):
        kind.more(run)
    (copy / "more.json").unlink()
    edit(copy / "confirmation.json", lambda held: held.update(more=[]))
    with pytest.raises(InputError, match="allowed: a run with looks left"):
        kind.more(run)
    certificate.unlink()
    with pytest.raises(InputError, match="is not finished; allowed: a finished run"):
        kind.more(run)


def test_a_finished_run_gives_its_certificate_without_ray(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(finished)
    monkeypatch.setattr("graft.search.kinds.base.connection", unreachable)
    tracker = Mock()
    found = go_on(finished, tracker)
    assert found == json.loads(before["certificate.json"]) and contents(finished) == before
    assert [call[0] for call in tracker.method_calls] == ["start", "finish"]


def test_a_finished_run_that_cannot_be_trusted_is_taken_up_again(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (copy / "evidence" / "confirmation.jsonl").unlink()
    monkeypatch.setattr("graft.search.kinds.base.connection", unreachable)
    with pytest.raises(ConnectionError):
        go_on(copy, Mock())


def test_a_run_killed_before_its_certificate_ends_the_same_and_searches_no_more(
    finished: Path, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("certificate.json", "result.json", "cost.json"):
        (copy / name).unlink()
    shutil.rmtree(copy / "model")
    lines = (copy / "evidence" / "confirmation.jsonl").read_text().splitlines(keepends=True)
    (copy / "evidence" / "confirmation.jsonl").write_text("".join(lines[:-3]))
    monkeypatch.setattr(LocalExecutor, "explore", unreachable)
    found, tracker = carried_out(copy, monkeypatch)
    before, after = contents(finished), contents(copy)
    assert after["result.json"] == before["result.json"] and broken(copy) == []
    assert after["model/network.safetensors"] == before["model/network.safetensors"]
    told = json.loads(before["certificate.json"])
    assert {key: found[key] for key in found if key != "cost"} == {key: told[key] for key in told if key != "cost"}
    trials = {phase: len(json.loads(after["result.json"])[phase]["trials"]) for phase in ("baseline", "plans")}
    # Direct learning is shown with both parts of its search: what is shown already MLflow is not shown again.
    shown = 2 * trials["baseline"] + trials["plans"]
    assert [call[0] for call in tracker.method_calls] == ["start", *["trial"] * shown, "finish"]


def test_a_run_killed_before_its_report_draws_it(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(copy / "report")
    carried_out(copy, monkeypatch)
    assert (copy / "report" / "index.html").is_file()
