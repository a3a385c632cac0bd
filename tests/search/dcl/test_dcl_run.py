"""A whole DCL run, tiny and in this process: what the folder holds, and that it can be taken up again."""

import json
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from this_process import connected, nothing_drawn, written

from graft.search import report
from graft.search.engine.executor import LocalExecutor
from graft.search.engine.progress import Progress
from graft.search.kinds.dcl.champion import load
from graft.search.kinds.dcl.confirmation import as_long, protocol, trainings
from graft.search.kinds.dcl.kind import Dcl
from graft.search.kinds.dcl.pipeline import DclPipeline
from graft.search.kinds.registry import kind_of
from graft.search.report import drawing, energies
from graft.search.report.page import render
from graft.search.report.sections import DCL
from graft.search.run.certificate import Certificate
from graft.search.run.folder import Run
from graft.search.run.resources import Resources
from graft.search.run.results import DclResults, Thermodynamics
from graft.search.run.seeds import Role, entropy
from graft.search.study import reopened, resolve
from graft.search.tasks.distilled.final import final
from graft.simulators.registry import lattice
from graft.simulators.spins.exact import iid
from graft.simulators.spins.sampling import Observations
from graft.simulators.spins.watched import SHARD_ROWS, Watched
from graft.spaces.dcl import Student, Watch
from graft.spaces.errors import InputError

pytestmark = pytest.mark.usefixtures("coarse_figures")

TINY = {
    "system": "ising-4x4", "larger": "ising-8x8", "temperatures": [2.0, 4.0], "paper_width": 4,
    "choices.kinds": ["linear", "made"], "choices.made": [8], "choices.focus": [1], "choices.layers": ["8"],
    "choices.rounds": [1], "choices.rate": [0.02, 0.03],
    "states.watched": 4000, "states.held": 500, "states.wide": 100, "states.level": 4, "states.reference": 200,
    "states.student": 300,
    "budget.trials": 3, "budget.seconds": 0.2, "budget.rungs": [0.5, 1.0], "budget.kind": 0.2, "budget.student": 1,
    "budget.taught": 1, "budget.copies": 3, "budget.sweeps": 200,
}  # fmt: skip


def drawn(study: Any, folder: Path) -> None:
    """What Ray's actors would write."""
    watched, seed = Watched(lattice(study.system), study.temperature), entropy(study.seed, Role.POOL)
    written(watched, seed, study.states.watched, folder, SHARD_ROWS)


def carried_out(folder: Path, patch: pytest.MonkeyPatch, settings: dict[str, Any] = TINY) -> tuple[Certificate, Mock]:
    """A run from beginning to end, or what is left of it, in this process; with the tracker it was shown to."""
    patch.setattr("graft.search.kinds.base.connection", connected)
    patch.setattr(Dcl, "work", partial(DclPipeline, executor=LocalExecutor()))
    run, tracker, study = Run(folder), Mock(), resolve("dcl-ising", "demo", settings)
    with run.held():
        run.begin(study)
        if not study.observations and not run.path("data").exists():
            drawn(study, run.path("data", "watched"))
        return kind_of(study).run(run, Resources(1), Progress(quiet=True), tracker), tracker


def checks(folder: Path) -> list[tuple[str, str]]:
    """What is verified of a finished run, and what is wrong with it."""
    run = Run(folder)
    return list(kind_of(reopened(run.read("study.json"))).verify(run))


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("dcl") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(drawing.STYLE, "figure.constrained_layout.use", True)  # this page is drawn as a user's is
        carried_out(folder, patch)
    yield folder


def shown(folder: Path) -> str:
    """The page that the run wrote at its end."""
    return (folder / "report" / "index.html").read_text()


def text(folder: Path) -> str:
    """What the page would say now, without its figures."""
    return render(DclResults.open(folder), {}, DCL)


@pytest.fixture
def copy(done: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(done, tmp_path / "copy"))


def test_the_folder_vouches_for_itself(done: Path) -> None:
    assert [problem for _, problem in checks(done)] == [""] * 5
    result, certificate = (json.loads((done / f"{name}.json").read_text()) for name in ("result", "certificate"))
    assert set(result["finals"]) == {"linear", "made", "paper"}
    assert len(certificate["comparisons"]) == 3 and certificate["seeds"] in certificate["looks"] == [4, 6, 8, 12]
    assert all(len(errors) in certificate["looks"] for errors in result["confirmation"]["arms"].values())
    assert all(one["decision"] in ("transfer", "undecided", "direct") for one in certificate["comparisons"])
    assert certificate["test_examples"] == 15 * 4  # levels of the 4x4 Ising model
    assert result["data"]["watched"]["rows"] == 4000 and result["data"]["watched"]["effective"] > 1000


def test_the_best_of_those_trained_longest_is_confirmed_and_predicts(done: Path) -> None:
    """Written out: T sqrt(2 (NLL - best NLL)) + symmetry inconsistency + teacher-student disagreement."""
    result = json.loads((done / "result.json").read_text())
    finals = {name: told for name, told in result["finals"].items() if name != "paper"}
    highest = min(told["likelihood"] for told in finals.values())
    scores = {
        name: 4 * (2 * (told["likelihood"] - highest)) ** 0.5 + told["symmetry"] + told["agreement"]
        for name, told in finals.items()
    }
    assert result["confirmation"]["plan"] == finals[min(scores, key=lambda name: scores[name])]["plan"]


def test_a_kind_of_which_nothing_finished_is_reported_with_the_reason(copy: Path) -> None:
    assert "No pipeline of kind" not in shown(copy)
    study, result = (json.loads((copy / f"{name}.json").read_text()) for name in ("study", "result"))
    study["choices"]["kinds"].append("gru")
    (copy / "study.json").write_text(json.dumps(study))
    assert "No pipeline of kind gru finished (0 tried): none was tried." in text(copy)
    last = max(result["plans"]["trials"], key=lambda trial: trial["number"])
    failed = {
        "number": last["number"] + 1,
        "state": "failed",
        "reason": "loss is nan",
        "plan": last["plan"] | {"kind": "gru"},
    }
    result["plans"]["trials"].append(last | failed)
    (copy / "result.json").write_text(json.dumps(result))
    assert "No pipeline of kind gru finished (1 tried): loss is nan." in text(copy)


def test_deviations_have_the_sign_of_the_figure_and_are_shares_of_the_size(copy: Path) -> None:
    told = DclResults.open(copy).predictions[0]
    place = told.temperatures.index(2.0)
    assert told.exact is not None
    off = 100 * (told.energy[place] - told.exact[place]) / abs(told.exact[place])
    page = shown(copy)
    assert f"{off:+.2f}".replace("-", "−") + "\u00a0%" in page
    unknown = Thermodynamics(temperatures=told.curve.temperatures)
    three = energies.curves(told.model_copy(update={"exact": None, "curve": unknown}), 4.0)
    assert len(three.axes) == 3 and len(energies.curves(told, 4.0).axes) == 4


def test_the_papers_recipe_is_taught_as_much() -> None:
    paper, searched = Watch("gru", student=Student(rounds=0)), Watch("linear", student=Student(rounds=3))
    assert as_long(8, paper, searched) == 32 and as_long(8, searched, searched) == 8
    study = resolve("dcl-ising", "demo", TINY)
    fixed = protocol(searched, study)
    asked = trainings(fixed, {"student": 8, "paper": 4}, study)
    assert len(asked) == 8 + 4
    assert asked["paper/0"].epochs == 4 * study.budget.student and asked["searched/7"].epochs == study.budget.student


def test_scores_and_exact_errors_are_recorded_and_the_score_is_label_free(done: Path) -> None:
    result = json.loads((done / "result.json").read_text())
    for trial in result["plans"]["trials"]:
        for score, parts in zip(trial["errors"], trial["by_task"], strict=True):
            wanted = 4 * parts["likelihood"] + parts["symmetry"] + parts.get("agreement", 0.0)
            assert score == pytest.approx(wanted) and parts["exact"] > 0
        assert Watch.from_dict(trial["plan"]).kind in ("linear", "made")
    complete = [trial for trial in result["plans"]["trials"] if trial["state"] == "complete"]
    assert result["rankings"]["score"]["trials"] == len(complete)
    assert result["rankings"]["likelihood"]["trials"] == len(result["plans"]["trials"])


def test_what_is_learned_is_the_ising_model(done: Path) -> None:
    """Far from converged, but energies of 32 J must be known to a few J, and the plain mean must not be."""
    linear = json.loads((done / "result.json").read_text())["finals"]["linear"]
    exact = np.array(linear["teacher"]["levels"]["exact"])
    assert linear["teacher"]["rmse"] < 0.3 * np.sqrt(np.mean(exact**2))
    assert np.mean(linear["teacher"]["couplings"]) == pytest.approx(1, abs=0.3)


def test_a_finished_run_is_not_done_again(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (copy / "result.json").read_bytes()
    monkeypatch.setattr(DclPipeline, "prepare", None)
    certified, tracker = carried_out(copy, monkeypatch)
    assert (copy / "result.json").read_bytes() == before and certified.to_dict() == json.loads(
        (copy / "certificate.json").read_text()
    )
    assert tracker.start.called and tracker.finish.called


def test_a_run_taken_up_again_gives_the_same_bits(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (copy / "result.json").read_bytes()
    for name in ("certificate.json", "result.json", "confirmation.json", "finals/made.json", "wide.npy"):
        (copy / name).unlink()
    lines = (copy / "evidence" / "confirmation.jsonl").read_text().splitlines()
    (copy / "evidence" / "confirmation.jsonl").write_text("\n".join(lines[:3]) + "\n" + lines[3][:20])
    monkeypatch.setattr(report, "write", nothing_drawn)
    carried_out(copy, monkeypatch)
    assert (copy / "result.json").read_bytes() == before


def test_final_models_are_kept_one_by_one(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("certificate.json", "finals/linear.json", "finals/made.json", "finals/paper.json"):
        (copy / name).unlink()
    trained: list[str] = []

    def interrupted(task: Any, name: str, *rest: Any) -> Any:
        if len(trained) == 2:
            raise KeyboardInterrupt
        trained.append(name)
        return final(task, name, *rest)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("graft.search.kinds.dcl.pipeline.final", interrupted)
        carried_out(copy, patch)
    assert trained == ["paper", "made"]  # the longest begin
    assert all((copy / "finals" / f"{name}.json").exists() for name in trained)
    assert not (copy / "finals" / "linear.json").exists()


@pytest.mark.parametrize(
    ("file", "broken"),
    [("finals/made-student.safetensors", "networks"), ("model/network-student.safetensors", "networks"),
     ("evidence/confirmation.jsonl", "evidence"), ("confirmation.json", "evidence"),
     ("certificate.json", "certificate")],
)  # fmt: skip
def test_what_was_changed_is_found(copy: Path, file: str, broken: str) -> None:
    path = copy / file
    text = path.read_bytes()
    number = b'"margin": 0.02' if file.endswith(".json") else b'"student": '
    path.write_bytes(text.replace(number, number[:-1] + b"9") if number in text else text[:-1] + b"!")
    assert broken in [name for name, problem in checks(copy) if problem]


def test_the_page_shows_everything(done: Path, copy: Path) -> None:
    page = shown(done)
    assert "second half less first" in page and "<p>Equilibrated: halves of the run differ by at most" in page
    told = json.loads((done / "result.json").read_text())
    told["predictions"][0]["drift"][0] = -4.5
    (copy / "result.json").write_text(json.dumps(told))
    assert "<b>Not equilibrated</b>: halves of the run differ by at most 4.5" in text(copy)
    assert {"arms", "by-level", "couplings", "kinds", "levels", "scores"} <= set(report.figures(done))
    for words in ("claims proved", "Every kind of model", "Scores without labels", "linear-logistic", "paper's recipe"):
        assert words in page.replace("’", "'").replace("&#x27;", "'"), words
    assert DclResults.open(done).study.system == "ising-4x4"


def test_too_few_watched_states_are_refused_and_leave_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    near = {"system": "ising-8x8", "larger": "", "temperature": 2.27, "states.watched": 2000}
    monkeypatch.setattr("graft.search.tasks.distilled.data.watch", partial(worth, effective=300))
    with pytest.raises(InputError, match="are worth 300 independent ones; allowed: at least 1000, that is about 6667"):
        carried_out(tmp_path / "run", monkeypatch, TINY | near)
    assert not list(tmp_path.iterdir())


def worth(model: Any, temperature: float, n: int, *_: Any, effective: int, **__: Any) -> Observations:
    states = model.states(np.zeros((n, *model.shape), np.uint8))
    return Observations(states, model.name, temperature, "by hand", 0, 1, n / effective, effective)


def test_states_of_ones_own_are_learned_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = lattice("ising-4x4")
    np.save(tmp_path / "mine.npy", iid(model, 4.0, 3000, np.random.default_rng(0)))
    (tmp_path / "mine.toml").write_text('extends = "dcl-ising"\nobservations = "mine.npy"\n')
    told = {key: value for key, value in TINY.items() if key not in ("states.watched", "states.held")}
    study = resolve(str(tmp_path / "mine.toml"), "demo", told)
    monkeypatch.setattr("test_dcl_run.resolve", lambda *_: study)
    monkeypatch.setattr(report, "write", nothing_drawn)
    certified, _ = carried_out(tmp_path / "run", monkeypatch)
    (tmp_path / "mine.npy").unlink()
    card = json.loads((tmp_path / "run" / "result.json").read_text())["data"]["watched"]
    assert (card["simulator"], card["rows"]) == ("mine.npy", 3000) and 2000 < card["effective"] <= 3000
    assert [problem for _, problem in checks(tmp_path / "run")] == [""] * 5 and certified.comparisons
    (tmp_path / "run" / "data" / "watched" / "observations.npy").write_bytes(b"other")
    assert "data" in [name for name, problem in checks(tmp_path / "run") if problem]


def test_a_glass_is_learned_place_by_place_from_beginning_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Couplings differ from bond to bond: so do the student's weights, and nothing is said of other lattices."""
    glass = TINY | {"system": "glass-4x4-3", "larger": "", "symmetries": "flip", "choices.kinds": ["linear"]}
    carried_out(tmp_path / "run", monkeypatch, glass)
    assert [problem for _, problem in checks(tmp_path / "run")] == [""] * 5
    found = DclResults.open(tmp_path / "run")
    (told,) = found.predictions
    assert told.lattice == "glass-4x4-3" and told.exact is not None and len(told.exact) == len(told.temperatures)
    taught = load(tmp_path / "run")
    states = lattice("glass-4x4-3").states(np.random.default_rng(0).integers(2, size=(50, 4, 4), dtype=np.uint8))
    learned, exact = taught(states), lattice("glass-4x4-3").energy(states)
    assert np.corrcoef(learned, exact)[0, 1] > 0.7  # after 0.2 s of training
    with pytest.raises(InputError, match="couplings"):
        taught(np.ones((1, 8, 8)), "glass-8x8-3")
    assert len(found.result.couplings) == 32 and {"couplings", "curves-1"} <= set(report.figures(tmp_path / "run"))
