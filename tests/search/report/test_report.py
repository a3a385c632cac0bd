"""The report on made-up runs: finished, unfinished, gone wrong, and not a run at all."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from report_example import STUDY, build, results

from graft.search import report
from graft.search.report import drawing, races, verdict
from graft.search.report.page import render
from graft.search.report.section import Page
from graft.search.report.sections import CLOSING, DCL, SHARING, TRANSFER
from graft.search.report.words import signed
from graft.search.run.leaderboard import leaderboard
from graft.search.run.results import Result, TransferResults
from graft.spaces.errors import InputError

FIGURES = {"arms", "examples", "importance", "layers-1", "map-1", "race", "spectra", "timeline"}
PNG = b"\x89PNG\r\n\x1a\n"

Files = dict[str, dict[str, Any]]


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> Files:
    """A finished run; its figures are drawn small, to be quick."""
    monkeypatch.setitem(drawing.STYLE, "savefig.dpi", 40)
    return results()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = build(tmp_path_factory.mktemp("runs") / "finished")
    report.write(folder, TRANSFER)
    return folder


def written(folder: Path, files: Files) -> str:
    page = report.write(build(folder, files), TRANSFER)
    assert page == folder / "report" / "index.html"
    return page.read_text(encoding="utf-8")


def text(folder: Path, files: Files) -> str:
    """The page without its figures, which take nearly all of its time."""
    return render(TransferResults.open(build(folder, files)), {}, TRANSFER)


def test_page_of_a_finished_run_says_what_was_proved(finished: Path) -> None:
    page = (finished / "report" / "index.html").read_text(encoding="utf-8")
    assert "Copy blocks 1 to 7 of film-10: the error on 8-layer films falls by 36\u00a0% (33 to 39\u00a0%)" in page
    assert '<span class="badge">transfer</span>' in page
    assert "direct learning would need about 1300 examples instead of 450 to do as well" in page
    assert "8.0\u00a0×\u00a010⁻⁷" in page
    assert "No span errs less than the certified plan." in page
    assert "graft run film10-film8 --scale demo" in page
    assert "took" in page and "of the map’s trainings" in page
    assert "at the edge" in page


def test_regressors_stand_beside_the_networks_in_table_and_figure(files: Files, tmp_path: Path) -> None:
    found = [
        {"name": "ridge regression", "chosen": {"strength": 1e-4}, "cross_validated": 0.0371, "rows": 400,
         "mean": 0.0333, "per_seed": [0.0333]},
        {"name": "a Gaussian process", "chosen": {"kernel": "Matern 5/2", "lengths": [1.5, 2.5]},
         "cross_validated": 0.05, "rows": 400, "pooled": ["cheap.csv"], "mean": None, "per_seed": [None]},
    ]  # fmt: skip
    files["certificate"]["regressors"] = files["result"]["regressors"] = found
    page = text(tmp_path, files)
    assert "What needs no network" in page and "a Gaussian process + cheap.csv" in page
    row = re.search(r"ridge regression</th>(.*?)</tr>", page, re.DOTALL)
    assert row and "3.33\u00a0%" in row[1] and "3.71\u00a0%" in row[1] and "strength 0.0001" in row[1]
    assert "kernel Matern 5/2, lengths 1.5, ... (2)" in page
    run = TransferResults.open(tmp_path)
    (panel, *_) = verdict.figures(run)["arms"].axes
    lines = [line for line in panel.get_lines() if "ridge" in str(line.get_label())]
    assert [line.get_ydata()[0] for line in lines] == [pytest.approx(3.33)]
    assert not any("Gaussian" in str(line.get_label()) for line in panel.get_lines())  # it has no mean


def test_what_errs_far_more_than_every_arm_is_told_and_leaves_them_apart() -> None:
    arm = drawing.Arm("direct", "red", np.array([3.0, 3.4, np.nan]))
    figure = drawing.arms({"a": [arm]}, "error (%)", beside={"near": 6.0, "far": 50.0})
    (panel,) = figure.axes
    told = {str(line.get_label()): line.get_ydata() for line in panel.get_lines()}
    assert list(told["near: 6.00 %"]) == [6.0, 6.0] and len(told["far: 50.00 % (above the axis)"]) == 0
    assert 6.0 < panel.get_ylim()[1] < 10
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["near: 6.00 %", "far: 50.00 % (above the axis)"]


def test_what_to_decide_by_is_told_in_words(files: Files, tmp_path: Path) -> None:
    best = [
        {"networks": k, "direct": 0.02, "candidate": 0.02 * (1 - gain), "relative_reduction": gain}
        for k, gain in ((1, 0.36), (2, 0.33))
    ]
    off = [{"output": "fat", "unit": "%", "direct": 1.5, "candidate": 1.25, "gain": 0.25},
           {"output": "ratio", "unit": "1", "direct": 0.5, "candidate": 0.75, "gain": -0.25}]  # fmt: skip
    ahead = {"trainings": 8, "outperforms": 0.97, "best_of": best, "in_units": off}
    files["certificate"]["comparisons"][0]["prospects"] = ahead
    page = text(tmp_path, files)
    assert "errs less than one of direct learning in 97\u00a0% of all pairs of the 8 trainings measured of each" in page
    assert "keeps the one that validates best: 36\u00a0% with 1, 33\u00a0% with 2." in page
    assert (
        "fat is off by 1.25\u00a0% on average with the candidate and by 1.5\u00a0% with direct learning, so by 0.25"
        in page
    )
    assert "so by 0.25 more" in page
    del files["certificate"]["comparisons"][0]["prospects"]
    assert "What to decide by" not in text(tmp_path, files)


def regret(change: Callable[[Files], object], tmp_path: Path) -> str:
    files = results()
    change(files)
    page = text(tmp_path, files)
    found = re.search(r"are undecided\.(.*?) The run, its", page)
    assert found
    return found[1].strip()


def chosen(factor: float) -> Callable[[Files], object]:
    """A map that measured the certified plan itself, ``factor`` times its best's errors."""

    def change(files: Files) -> None:
        best = min(files["map"]["cells"], key=lambda cell: sum(cell["errors"]))
        files["map"]["chosen"] |= {"errors": [factor * error for error in best["errors"]]}

    return change


def direct(factor: float) -> Callable[[Files], object]:
    """A verdict for direct learning, ``factor`` times the map's best in its errors."""

    def change(files: Files) -> None:
        best = min(files["map"]["cells"], key=lambda cell: sum(cell["errors"]))
        files["map"]["direct"] = [factor * error for error in best["errors"]]
        files["certificate"]["decision"] = "direct"

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (chosen(0.9), "No span errs less than the certified plan."),
        (chosen(1.25), "The certified plan errs 25.0\u00a0% more than the map’s best, (1, 7) of film-10: "),
        (direct(0.9), "No span errs less than direct learning, the verdict."),
        (direct(1.1), "Direct learning, the verdict, errs 10.0\u00a0% more than the map’s best, (1, 7) of film-10: "),
    ],
)
def test_the_page_says_how_far_the_verdict_is_from_the_maps_best(
    change: Callable[[Files], object], said: str, tmp_path: Path
) -> None:
    assert regret(change, tmp_path).startswith(said)


def earlier(files: Files) -> None:
    files["map"]["direct_recipe"] = STUDY["source_training"]


def by_hand(files: Files) -> None:
    files["map"].pop("chosen")


@pytest.mark.parametrize("change", [earlier, by_hand])
def test_of_a_map_that_does_not_know_the_verdict_no_regret_is_told(
    change: Callable[[Files], object], tmp_path: Path
) -> None:
    assert regret(change, tmp_path) == ""


def test_the_page_says_what_was_typed(tmp_path: Path) -> None:
    words = ["graft", "run", "my study.toml", "--seed", "3", "--set", "budget.seeds=4"]
    page = text(tmp_path, results() | {"command": {"words": words}})
    assert "<pre>graft run &#39;my study.toml&#39; --seed 3 --set budget.seeds=4</pre>" in page


def test_page_needs_nothing_but_itself(finished: Path) -> None:
    page = (finished / "report" / "index.html").read_text(encoding="utf-8")
    sources = re.findall(r'<img alt="[^"]+" src="([^"]{40})', page)
    assert len(sources) == page.count("<img") == len(FIGURES)
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert not re.search(r"<script|<link|<iframe|https?://|href=|url\(|@import", page)


def test_figures_are_pictures(finished: Path) -> None:
    drawn = report.figures(finished)
    assert drawn.keys() == FIGURES
    for path in drawn.values():
        content = path.read_bytes()
        assert content.startswith(PNG) and len(content) > 10_000, path
        assert b"Software" not in content and b"matplotlib" not in content
    assert not list(finished.glob(".report-*"))


def test_same_results_give_the_same_bytes(finished: Path, tmp_path: Path) -> None:
    again = report.write(build(tmp_path / "again"), TRANSFER)
    assert again.read_bytes() == (finished / "report" / "index.html").read_bytes()


def test_a_second_report_replaces_the_first(finished: Path, tmp_path: Path, files: Files) -> None:
    folder = Path(shutil.copytree(finished, tmp_path / "run"))
    (folder / "map.json").unlink()
    files["result"]["plans"]["trials"] = []
    report.write(build(folder, {"result": files["result"]}), TRANSFER)
    assert report.figures(folder).keys() == FIGURES - {"map-1", "layers-1"}


def test_without_a_map_the_search_fills_it(tmp_path: Path, files: Files) -> None:
    del files["map"]
    page = written(tmp_path, files)
    assert f"as far as {len(files['result']['plans']['trials'])} trials tell" in page
    assert {"map-1", "layers-1"} <= report.figures(tmp_path).keys()


def test_a_map_alone_is_enough(tmp_path: Path, files: Files) -> None:
    page = written(tmp_path, {"map": files["map"]})
    assert "Of 28 spans" in page and "nothing below is a proof" in page
    assert report.figures(tmp_path).keys() == {"map-1", "layers-1"}


def test_an_unfinished_run_says_so(tmp_path: Path, files: Files) -> None:
    result = {key: files["result"][key] for key in ("format", "study", "baseline")}
    page = written(tmp_path, {"study": STUDY, "result": result})
    assert "This run is not finished" in page and "34 trials of the baseline search" in page
    assert '<span class="badge">transfer</span>' not in page


def test_a_run_that_only_began(tmp_path: Path) -> None:
    assert "Nothing is recorded yet but the study" in written(tmp_path, {"study": STUDY})
    assert report.figures(tmp_path) == {}


def test_direct_learning_is_an_answer(tmp_path: Path, files: Files) -> None:
    proof = files["certificate"]
    proof |= {"decision": "direct", "sentence": "Learn directly: no plan was proved better.", "examples": None}
    proof["comparisons"][0] |= {"decision": "direct", "plan": None, "chosen": None, "p_value": 0.41}
    proof["comparisons"][0] |= {"relative_reduction": 0.01, "interval": [-0.02, 0.04]}
    files["result"] |= {"examples": None}
    page = written(tmp_path, files)
    assert '<span class="badge">direct learning</span>' in page and "Learn directly" in page
    assert "Error reduced by (not proved)" in page and "−2 to 4\u00a0%" in page and "0.410" in page
    assert "Gain in examples" not in page


def test_direct_learning_without_any_candidate(tmp_path: Path, files: Files) -> None:
    nothing = {"relative_reduction": None, "interval": None, "p_value": None, "candidates": [], "candidate": None}
    files["certificate"]["comparisons"][0] |= {"decision": "direct", "plan": None} | nothing
    files["certificate"] |= {"decision": "direct", "sentence": "No plan finished.", "examples": None}
    files["result"] |= {"confirmation": None, "examples": None, "spectra": None, "importance": {}}
    assert "No plan finished." in written(tmp_path, files)


def test_errors_that_are_not_finite(tmp_path: Path, files: Files) -> None:
    arms = files["result"]["confirmation"]["arms"]
    arms["0/candidate"][3] = None
    arms["1/candidate"] = [None] * 8
    files["map"]["cells"][5] |= {"errors": [None, None, None], "change": None, "interval": None, "verdict": "undecided"}
    files["result"]["examples"]["errors"][1][0] = None
    written(tmp_path, files)
    assert report.figures(tmp_path).keys() == FIGURES


def test_all_trials_failed(tmp_path: Path, files: Files) -> None:
    for phase in ("baseline", "plans"):
        for trial in files["result"][phase]["trials"]:
            trial |= {"state": "failed", "errors": [None], "value": None}
        files["result"][phase]["best"] = None
    del files["map"], files["certificate"]
    files["result"]["confirmation"] = None
    written(tmp_path, files)
    assert "race" in report.figures(tmp_path)


def test_words_of_others_are_escaped(tmp_path: Path, files: Files) -> None:
    attack = "<script>alert('$title')</script> $x_1$"
    files["study"] = files["study"] | {"title": attack, "name": attack}
    files["certificate"]["sentence"] = attack
    files["certificate"]["comparisons"][0]["candidates"][0]["reason"] = attack
    files["result"]["importance"]["plans"] = {"$rate_{": 0.6, attack: 0.4}
    page = written(tmp_path, files)
    assert "<script" not in page and "&lt;script&gt;" in page


def test_a_folder_that_holds_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no run"):
        report.write(tmp_path, TRANSFER)
    with pytest.raises(InputError, match="holds no run"):
        report.write(tmp_path / "nowhere", TRANSFER)
    Path(tmp_path, "study.json").write_text("{ torn")
    with pytest.raises(InputError, match="is not JSON"):
        report.write(tmp_path, TRANSFER)
    assert not (tmp_path / "report").exists()


def test_leaderboard_puts_the_best_plan_first(files: Files) -> None:
    board = leaderboard(Result.read(files["result"]))
    assert board[0].trial == files["result"]["plans"]["best"] and board[0].rank == 1
    complete = [row for row in board if row.state == "complete"]
    assert board[: len(complete)] == complete
    assert [row.error for row in complete] == sorted(row.error for row in complete)
    assert all(row.state != "failed" for row in board)
    assert board[0].change is not None and board[0].change < -0.2 and board[0].span == (1, 7)
    assert board[0].blocks in ("●" * 7, "◐" * 7) and {"rate", "epochs", "copied_rate"} <= board[0].flat().keys()


def test_drawing_needs_neither_training_nor_tuning() -> None:
    code = "import sys, graft.search.report; print(sorted({'ray', 'torch', 'optuna', 'mlflow'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_one_file_knows_matplotlib() -> None:
    room = Path(report.__file__).parent
    found = [
        path.name for path in room.glob("*.py") if re.search(r"^\s*(import|from) matplotlib", path.read_text(), re.M)
    ]
    assert found == ["drawing.py"]


def test_every_template_is_that_of_a_section() -> None:
    shown = {section.template for kind in (TRANSFER, SHARING, DCL) for section in kind.sections}
    room = Path(report.__file__).parent / "templates"
    assert {path.name for path in room.iterdir()} == shown | {"page.html.j2", "macros.html.j2"}


def test_a_page_has_the_sections_that_it_is_asked_for(tmp_path: Path, files: Files) -> None:
    page = report.write(build(tmp_path, files), Page(TransferResults, CLOSING)).read_text(encoding="utf-8")
    assert re.findall("<h2>(.*)</h2>", page) == ["Cost", "How to reproduce it"]
    assert report.figures(tmp_path).keys() == {"timeline"}


def test_the_cost_says_in_words_what_was_trained(files: Files, tmp_path: Path) -> None:
    files["cost"]["trainings"] |= {"baseline-film-2": 3, "confirmation-1": 7}
    page = text(tmp_path, files)
    for words, count in (("search: direct learning", 118), ("search: film-2 alone", 3), ("confirmation 1", 7)):
        assert re.search(rf">{words}</th><td>{count}</td>", page), words
    assert signed("-1.5 σ") == "−1.5 σ"


def test_the_cost_says_what_the_workers_time_went_to_where_the_run_tells(files: Files, tmp_path: Path) -> None:
    page = text(tmp_path / "new", files)
    assert ">trained and judged</th><td>11 min 42 s</td><td>70\u00a0%</td>" in page
    assert ">waited for the sampler</th><td>12 s</td><td>1\u00a0%</td>" in page
    del files["cost"]["core_seconds"]
    assert "what workers did" not in text(tmp_path / "old", files)


def test_a_long_cell_wraps_and_a_number_does_not(files: Files, tmp_path: Path) -> None:
    reason = "not proved to beat direct learning by more than 2%"
    files["certificate"]["comparisons"][0]["candidates"][0]["reason"] = reason
    page = text(tmp_path, files)
    assert f'<td class="words">{reason}</td>' in page and "<td>transfer</td>" in page


def test_no_bar_of_importance_is_cut_off() -> None:
    shares = {"baseline": {"rate": 0.9, "decay": 0.1}, "plans": {"rate": 0.2, "cut_a": 0.1}}
    with drawing.style():
        figure = races.importance(shares)
    for panel in figure.axes:
        assert panel.get_xlim()[1] > max(bar.get_width() for bar in panel.patches)


def test_no_seed_of_any_arm_is_cut_off() -> None:
    low, high = (drawing.Arm("one", drawing.DIRECT, drawing.percents([top, None])) for top in (0.01, 0.05))
    with drawing.style():
        figure = drawing.arms({"a": [low, low], "b": [high, high]}, "error (%)", sharey=True)
    for panel in figure.axes:
        assert panel.get_ylim()[0] == 0 and panel.get_ylim()[1] > 5.15  # half a marker more
    assert "5.00 %\n(1 not finite)" in figure.axes[1].get_xticklabels()[0].get_text()
