"""Holdout mode on files: what is locked stays locked, both kinds of sample count, and the folder stands alone."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from phases import phase

from graft.models.losses import METRICS
from graft.models.networks.network import Network
from graft.models.standard import Standard
from graft.models.train import prepare_process
from graft.search.champion import Champion
from graft.search.engine.executor import LocalExecutor
from graft.search.engine.outcome import measure
from graft.search.engine.progress import Progress
from graft.search.kinds.transfer import confirmation, holdout
from graft.search.kinds.transfer.conclusion import certificate, champion_card
from graft.search.kinds.transfer.mapping import measured
from graft.search.kinds.transfer.pipeline import Pipeline
from graft.search.kinds.transfer.sentence import sentence
from graft.search.kinds.transfer.study import Study
from graft.search.proof.claims import Claim, Comparison, Rival
from graft.search.proof.crossed import Crossed
from graft.search.run.certificate import Comparison as Certified
from graft.search.run.certificate import TransferCertificate
from graft.search.run.folder import Run
from graft.search.run.resources import Resources
from graft.search.run.results import Cost, TransferResult
from graft.search.run.seeds import Draws, Role
from graft.search.study import reopened, resolve
from graft.search.tasks.base import Examples, Phase, Request, fit
from graft.search.tasks.regression import Regression
from graft.spaces.errors import InputError
from graft.spaces.plan import Plan, Span

RNG = np.random.default_rng(4)
X = RNG.random((60, 2))
TOML = """
source = "cheap.npz"
target = "dear.csv"
outputs = ["y*"]
source_training = { epochs = 80, batch = 20, rate = 5e-3 }
start = { epochs = 3, batch = 10, warmup = 1 }
network = { depth = 1, width = 6 }
ranges = { epochs = [2, 3], batch = [8, 10] }
budget = { trainings = 4, seeds = 2, steps = 30 }
"""


def outputs(x: np.ndarray, shift: float = 0.0) -> np.ndarray:
    return 1 + shift + np.stack([np.sin(3 * x[:, 0]) * x[:, 1], x[:, 0] + x[:, 1]], 1)


def write(folder: Path, rows: int = 30, extra: str = "", y: np.ndarray | None = None) -> Path:
    """A study of two files in ``folder``."""
    np.savez(folder / "cheap.npz", inputs=X, outputs=outputs(X, 0.1))
    values = np.hstack([X[:rows], outputs(X[:rows]) if y is None else y])
    lines = [",".join(repr(float(cell)) for cell in row) for row in values]
    (folder / "dear.csv").write_text("\n".join(["a [nm],b,y1,y2", *lines, ""]))
    (folder / "mine.toml").write_text(extra + TOML)
    return folder / "mine.toml"


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> None:
    prepare_process()


def searched(study: Study, folder: Path) -> Pipeline:
    """The run up to both searches, in this process."""
    run = Run(folder)
    run.begin(study)
    line = Pipeline(study, run, Resources(1), Progress(quiet=True), executor=LocalExecutor())
    line.prepare()
    line.direct = line.baseline()  # type: ignore[attr-defined]
    line.networks = line.source_networks(line.direct.plan.recipe)  # type: ignore[attr-defined]
    line.plans(line.direct, line.networks)  # type: ignore[attr-defined]
    return line


def test_a_study_of_files_holds_half_of_its_rows_out(tmp_path: Path) -> None:
    study = resolve(str(write(tmp_path, 31)))
    assert (study.mode, study.rows.pool, study.rows.locked, study.rows.source) == ("holdout", 31, 16, 60)
    assert study.target == "dear.csv" and study.sources == ("cheap.npz",)
    assert study.scenario("dear.csv").inputs == 2 and study.scenario("cheap.npz").outputs == 2
    assert Study.from_dict(json.loads(json.dumps(study.to_dict()))) == study
    assert resolve(str(tmp_path / "mine.toml"), "demo", {"rows.pool": 25}).rows.locked == 13


def test_the_old_name_of_the_mode_is_read_and_the_new_one_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = resolve(str(write(tmp_path, extra='mode = "small"\n')))
    assert study == resolve(str(write(tmp_path))) and study.mode == "holdout"
    said = capsys.readouterr().err
    assert said == f"graft: {tmp_path / 'mine.toml'}: mode = 'small' is read, but is now called 'holdout'\n"
    run = Run(tmp_path / "out")
    run.path().mkdir()
    run.write("study.json", study.to_dict() | {"mode": "small"})
    run.fits(study)  # a folder of before
    assert reopened(run.read("study.json")) == study


def flat(pipeline: Pipeline) -> list[Any]:
    searches = (pipeline.baseline_search, pipeline.plans_search)
    return [(t.errors, t.plan) for search in searches for t in search.records()]


@pytest.mark.parametrize("extra", ["", 'metric = "normalised-l1"\n'])
def test_no_search_reads_what_is_locked_and_the_confirmation_does(tmp_path: Path, extra: str) -> None:
    lines = []
    for name in "ab":
        (tmp_path / name).mkdir()
        y = outputs(X[:30])
        if name == "b":
            locked = np.random.default_rng(np.random.SeedSequence([0, int(Role.POOL), 0])).permutation(30)[-15:]
            y[locked] += 7.0
        study = resolve(str(write(tmp_path / name, extra=extra, y=y)))
        lines.append(searched(study, tmp_path / name / "out"))
    assert len(flat(lines[0])) >= 3 and flat(lines[0]) == flat(lines[1])
    moved = lines[1].test().outputs - lines[0].test().outputs
    assert moved.shape == (15, 2) and (moved > 3).all()


def test_a_run_of_files_from_lock_to_certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confirmation, "REFITS", 20)
    line = searched(resolve(str(write(tmp_path))), tmp_path / "out")
    (tmp_path / "dear.csv").unlink()  # the folder holds its own copy by now
    fixed, arms, verdict, *_ = line.confirm(line.direct.plan, line.networks)  # type: ignore[attr-defined]
    assert (fixed.looks, fixed.folds, len(arms["direct"])) == ((20,), 5, 20)
    study = line.study
    held = {
        e["key"]: e for e in map(json.loads, line.run.path("evidence", "confirmation.jsonl").read_text().splitlines())
    }
    tables = []
    for arm in ("direct", "0/candidate"):
        tables.append(np.full((4, 15), np.nan))
        for refit in range(20):
            locked, unlocked = study.cut(5).judged(refit)
            told = held[f"{arm}/{refit}"]["by_example"]
            assert len(locked) == len(unlocked) == 3 and len(told) == 6
            assert np.mean(told[:3]) == pytest.approx(arms[arm][refit])
            tables[-1][refit // 5, locked] = told[:3]
    found = Crossed.of(*tables)
    assert verdict.candidates[0].p_values["direct"] == pytest.approx(found.p_value(0.02))
    assert verdict.candidates[0].relative_reduction == pytest.approx(found.reduction(0.05).value)
    assert line.measure("confirmation", {}) == {} and line.confirm(line.direct.plan, line.networks)[1] == arms  # type: ignore
    told = {**fixed.to_dict(), "seeds": 20}
    result = TransferResult.read({"plans": {"trials": []}, "confirmation": told, "examples": None})
    document = certificate(study, result, verdict, Cost())
    assert (document.mode, document.test_examples, document.seeds) == ("holdout", 15, 20)
    assert document.to_dict()["metric"] == METRICS["relative-l1"].phrase
    assert "15 locked examples of dear.csv" in document.sentence


def test_evidence_that_does_not_fit_its_errors_is_no_evidence(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.begin(resolve("calibration", "demo", {"mode": "holdout", **POOL}))
    path = run.path("evidence", "confirmation.jsonl")
    path.parent.mkdir()
    entries = [
        {"key": f"{arm}/{i}", "error": None, "by_example": [0.1, 0.3 + i]}
        for arm in ("direct", "0/candidate")
        for i in (0, 1)
    ]
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    compare = holdout.compare(run, resolve("calibration", "demo", {"mode": "holdout", **POOL}), 0)

    def compared(errors: list[float | None]) -> Comparison:
        rival = Rival(errors, 0.02, "not beaten", "direct", "direct")
        return compare.of(rival, Claim("t", [0.2, 0.7], {"direct": rival}, key="0/candidate"))

    assert compared([0.2, 0.7]).p_value(0.0) == 1.0
    with pytest.raises(ValueError, match="errors of direct"):
        compared([0.2, 0.6])


def test_evidence_of_folds_that_does_not_fit_its_errors_is_no_evidence(tmp_path: Path) -> None:
    study = resolve("calibration", "demo", {"mode": "holdout", **POOL})
    assert isinstance(study, Study)
    run = Run(tmp_path)
    run.begin(study)
    path = run.path("evidence", "confirmation.jsonl")
    path.parent.mkdir()
    errors = {arm: RNG.random((10, 12)) + size for arm, size in (("direct", 2.0), ("0/candidate", 0.5))}
    held = [len(study.cut(5).judged(fit)[0]) for fit in range(10)]
    count = [sum(map(len, study.cut(5).judged(fit))) for fit in range(10)]
    entries = [
        {"key": f"{arm}/{i}", "error": None, "by_example": (RNG.random(count[i]) + errors[arm][i, 0]).tolist()}
        for arm in errors for i in range(10)
    ]  # fmt: skip
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    means = {entry["key"]: float(np.mean(entry["by_example"][: held[i % 10]])) for i, entry in enumerate(entries)}
    compare = holdout.compare(run, study, 5)

    def claim(wrong: float = 0.0) -> tuple[Rival, Claim]:
        direct = [means[f"direct/{i}"] + wrong for i in range(10)]
        rival = Rival(direct, 0.02, "not beaten", "direct", "direct")
        return rival, Claim("t", [means[f"0/candidate/{i}"] for i in range(10)], {"direct": rival}, key="0/candidate")

    assert compare.of(*claim()).p_value(0.02) < 0.05 and compare.doubted is not None
    doubted = compare.doubted(*claim())
    assert doubted.p_value > compare.of(*claim()).p_value(0.02) and "60 rows" in doubted.why
    with pytest.raises(ValueError, match="errors of direct"):
        compare.of(*claim(wrong=0.1))


POOL = {"rows.pool": 60, "rows.locked": 12, "rows.validation": 12}


def test_the_sentence_calls_its_p_value_approximate() -> None:
    study = resolve("calibration", "demo", {"mode": "holdout", **POOL})
    assert isinstance(study, Study)
    comparison = {
        "task": "film-5", "decision": "transfer", "direct": {"mean": 0.04, "per_seed": [0.04] * 20},
        "candidate": {"mean": 0.02}, "relative_reduction": 0.5, "interval": [0.4, 0.6], "p_value": 0.001,
        "plan": Plan.span(resolve("calibration").start, 2, "film-6", Span(1, 1)),
    }  # fmt: skip
    text = sentence(Certified.read(comparison), None, study, 9)
    assert "On 12 locked examples of film-5" in text and "approximate p = 0.001, 20 refits" in text
    assert "fresh" not in text and "simulated" not in text


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "few rows": ({"rows": 19}, "rows.pool is 19; allowed: at least 20"),
    "fresh": ({"extra": 'mode = "fresh"\n'}, "mode is 'fresh', but dear.csv is a file"),
    "mode": ({"extra": 'mode = "hold"\n'}, "did you mean 'holdout'"),
    "metric": ({"extra": 'metric = "mse"\n'}, "allowed: normalised-l1, relative-l1"),
    "locked": ({"extra": "rows.locked = 5\n"}, "at least 6"),
    "more rows than there are": ({"extra": "rows.pool = 31\n"}, "dear.csv has 30 rows, 31 asked"),
    "zero": (
        {"y": outputs(X[:30]) * (np.arange(30) != 4)[:, None]},
        "rows 4 (counted from 0) come within 1e-06 of zero",
    ),
    "unit": ({"y": 1e5 * outputs(X[:30])}, "outputs are of size"),
    "loss": (
        {"extra": 'metric = "normalised-l1"\n', "settings": {"start.loss": "relative-l1"}},
        "start.loss is 'relative-l1'",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_certified_is_refused_in_one_line(what: str, tmp_path: Path) -> None:
    given, said = dict(REFUSED[what][0]), REFUSED[what][1]
    settings = given.pop("settings", {})
    path = write(tmp_path, **given)
    with pytest.raises(InputError) as refused:
        resolve(str(path), "demo", settings)
    assert said in str(refused.value) and "\n" not in str(refused.value)


def test_a_folder_notices_that_its_file_changed(tmp_path: Path) -> None:
    run = Run(tmp_path / "out")
    run.begin(resolve(str(write(tmp_path))))
    run.begin(resolve(str(tmp_path / "mine.toml")))
    changed = resolve(str(write(tmp_path, y=outputs(X[:30], 0.01))))
    with pytest.raises(InputError, match=r"tables.dear.csv.sha256 = .* there, .* asked"):
        run.begin(changed)


PHASE = phase(3, Role.CONFIRMATION, Examples(X.astype(np.float32), outputs(X).astype(np.float32)), 9, Network(1, 5))
PLAN = Plan(resolve("calibration").start)


def test_errors_by_example_leave_the_numbers_of_fresh_mode_alone() -> None:
    plain, crossed = measure(PHASE, Request(PLAN, 0)), measure(replace(PHASE, crossed=True), Request(PLAN, 0))
    off = fit(PHASE, Request(PLAN, 0))[1]
    assert plain.error == crossed.error == off.value and plain.by_example == ()
    assert len(crossed.by_example) == 9 and np.mean(crossed.by_example) == pytest.approx(plain.error)
    assert off.by_example.tolist() == list(crossed.by_example)


def test_standardised_outputs_come_back_in_their_own_units() -> None:
    y = RNG.normal([1e5, -3, 0], [1e3, 1, 1e-9], (50, 3))
    standard = Standard.of(y, "y")
    assert np.abs(standard(y)).mean(0) == pytest.approx([1, 1, 1], rel=1e-5)
    assert np.allclose(standard.undo(standard(y)), y, rtol=1e-5, atol=1e-14)
    with pytest.raises(InputError, match="output 2 never varies"):
        Standard.of(np.stack([y[:, 0], np.full(50, 3.3)], 1), "y")


def test_the_champion_answers_in_the_units_of_the_file(tmp_path: Path) -> None:
    study = resolve(str(write(tmp_path, extra='metric = "normalised-l1"\n', y=1e5 * outputs(X[:30]) - 1e5)))
    assert study.source_training.loss == study.start.loss == "l1"
    line = searched(study, tmp_path / "out")
    fitted, _ = fit(line.shared(Role.CONFIRMATION, {}, line.test()), Request(line.direct.plan, 0))  # type: ignore[attr-defined]
    certified, network = (
        TransferCertificate(decision="direct", sentence="", comparisons=()),
        {"data": b"", "error": 0.5},
    )
    card = champion_card(study, line.task, certified, network, Plan(study.start), line.pool)
    said = Champion(fitted.network, fitted.scaling, card)(X[:30])  # type: ignore[arg-type]
    assert isinstance(line.task, Regression) and line.task.standard is not None
    standard = line.task.standard
    assert abs(said.mean() - standard.mean.mean()) < 2 * standard.deviation.mean()
    predicted = {"direct": {"predicted": np.zeros((2, 2)).tolist()}}
    shown = line.shown(predicted)["spectra"]
    assert np.allclose(shown["films"][0]["direct"], standard.mean)
    assert np.allclose(shown["deviation"], standard.deviation)
    assert np.abs(np.array(shown["films"][0]["exact"])).max() > 1e3
    assert card["inputs"][0]["unit"] == "mixed" and "a [nm], b" in card["inputs"][0]["description"]


def test_a_study_of_files_is_the_same_after_its_json(tmp_path: Path) -> None:
    told = resolve(str(write(tmp_path))).to_dict()
    assert json.loads(json.dumps(told)) == told


def test_a_map_of_holdout_mode_leaves_the_locked_rows_alone(tmp_path: Path) -> None:
    study = resolve(str(write(tmp_path)), "demo", {"budget.map": 2, "start.epochs": 2})
    run = Run(tmp_path / "out")
    run.begin(study)
    line = Pipeline(study, run, Resources(1), Progress(quiet=True), executor=LocalExecutor())
    line.prepare()
    seen: list[Phase] = []
    line.test = lambda: pytest.fail("a map read what is locked")  # type: ignore[method-assign]
    line.executor = Watched(seen)
    drawn = measured(line, study.start, study.start)
    assert [(cell.n1, cell.n2) for cell in drawn.cells] == [(1, 1), (1, 2), (2, 2)]
    assert seen and all(one.test is None and not one.crossed and len(one.pool) == 15 for one in seen)


class Watched(LocalExecutor):
    """Carries trainings out in this process, and keeps what they were asked of."""

    def __init__(self, seen: list[Phase]) -> None:
        self.seen = seen

    def run(self, jobs: Any, shares: Any = ()) -> Any:
        self.seen += [arguments[0] for function, arguments in jobs.values() if function is measure]
        return super().run(jobs, shares)


@pytest.mark.parametrize("source", ["dear.csv", "cheap.csv"])
def test_a_source_of_the_targets_rows_alone_is_refused(source: str, tmp_path: Path) -> None:
    file = write(tmp_path)
    rows = (tmp_path / "dear.csv").read_text().splitlines()
    (tmp_path / "cheap.csv").write_text("\n".join([rows[0], rows[1].replace(rows[1].split(",")[0], "31.5"), *rows[9:]]))
    text = file.read_text()
    file.write_text(text.replace(text.split('source = "')[1].split('"')[0], source))
    shared, rest = (30, 30) if source == "dear.csv" else (22, 23)
    with pytest.raises(
        InputError, match=rf"^{shared} of the {rest} rows of {source} are rows of dear.csv.*at least 10 ot"
    ):
        resolve(str(file))


def grouped(folder: Path, rows: int = 36, each: int = 3, name: str = "meat ") -> Path:
    """A study whose rows belong together, as a column of text tells, two of them by equal inputs alone."""
    path = write(folder, rows, 'groups = "sample"\n')
    lines = (folder / "dear.csv").read_text().splitlines()
    lines[5] = ",".join(lines[30].split(",")[:2] + lines[5].split(",")[2:])
    told = ["sample", *(f"{name}{i // each}" for i in range(rows))]
    (folder / "dear.csv").write_text("\n".join(f"{label},{line}" for label, line in zip(told, lines, strict=True)))
    return path


def test_what_belongs_together_is_never_learned_from_and_judged_on(tmp_path: Path) -> None:
    study = resolve(str(grouped(tmp_path)))
    table = study.table("dear.csv")
    assert table is not None and table.inputs == ("a [nm]", "b") and table.outputs == ("y1", "y2")
    assert table.groups[1] == (3, 4, 5, 27, 28, 29) and len(table.groups) == 10  # 4 and 29 are equal, two more near
    line = searched(study, tmp_path / "out")
    locked, pool = line.test(), line.pool
    assert len(locked) == study.rows.pool - study.unlocked >= study.rows.locked and len(locked) + len(pool) == 36
    assert locked.groups is not None and pool.groups is not None and not {*locked.groups} & {*pool.groups}
    for seed in range(5):
        learned, judged = Draws.of(0, Role.PLANS, seed).rows(len(pool), study.rows.validation, pool.groups)
        assert not {*pool.groups[learned]} & {*pool.groups[judged]} and len(judged) >= study.rows.validation
        assert sorted([*learned, *judged]) == list(range(len(pool))) and len(learned)
    assert reopened(json.loads(json.dumps(study.to_dict()))) == study


GROUPED: dict[str, tuple[str, int, str]] = {
    "no column": ('groups = "smaple"\n', 3, "groups: 'smaple' is no column of dear.csv; allowed: one of its columns"),
    "an output": ('groups = "y3"\n', 3, "did you mean 'y2'"),
    "a single group": ('groups = "sample"\n', 36, "groups: 'sample' makes one group of all rows; allowed: at least 8"),
    "few groups": ('groups = "sample"\n', 6, "groups: 'sample' makes 4 groups of 36 rows"),
    "as many groups as rows": ('groups = "sample"\n', 1, "groups: 'sample' has 36 groups in 36 rows"),
    "a number": ("groups = 3\n", 3, "groups is 3; allowed: the name of a column"),
    "nothing": ('groups = ""\n', 3, "groups is ''; allowed: the name of a column"),
    "too few rows beside them": (
        'groups = "sample"\nrows = { validation = 15 }\n', 3, "6 rows of dear.csv belong together; allowed: fewer"
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", GROUPED)
def test_groups_that_cannot_be_kept_together_are_refused(what: str, tmp_path: Path) -> None:
    told, each, said = GROUPED[what]
    path = grouped(tmp_path, each=each, name="")
    path.write_text(path.read_text().replace('groups = "sample"\n', told))
    with pytest.raises(InputError) as refused:
        resolve(str(path))
    assert said in str(refused.value) and "\n" not in str(refused.value)


def test_a_column_of_text_that_groups_do_not_name_is_refused(tmp_path: Path) -> None:
    path = grouped(tmp_path)
    path.write_text(path.read_text().replace('"sample"', '"smaple"'))
    with pytest.raises(InputError, match=r"column 'sample' is 'meat 0'.*\(groups: 'smaple' is another column, or none"):
        resolve(str(path))


def test_groups_of_a_simulator_are_refused() -> None:
    with pytest.raises(InputError, match="groups is 'day', but the target is no file"):
        resolve("calibration", "demo", {"groups": "day"})
