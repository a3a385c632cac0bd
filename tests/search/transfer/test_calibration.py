"""The nulls have to be nulls, and the table has to count."""

import json
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from scipy import stats

from graft.models.train import prepare_process
from graft.search.engine.searched import NothingFinished
from graft.search.kinds.calibration import ALL, refuted
from graft.search.kinds.transfer import calibration, confirmation, strangers
from graft.search.kinds.transfer.calibration import calibrate, of_mode, repeat, table, truth, within
from graft.search.kinds.transfer.strangers import CASES
from graft.search.proof.statistics import clopper_pearson
from graft.search.report import calibration as drawn
from graft.search.run.folder import Run
from graft.search.study import resolve
from graft.search.tasks.base import Examples
from graft.spaces.errors import InputError

TINY = {
    "rows.source": 60, "rows.pool": 40, "rows.locked": 4, "rows.validation": 8, "rows.test": 20, "network.depth": 1,
    "network.width": 6, "source_training.epochs": 1, "source_training.warmup": 1,
    "start.epochs": 2, "start.batch": 15, "start.warmup": 1,
    "ranges.epochs": [1, 3], "ranges.batch": [14, 28], "budget.trainings": 6, "budget.seeds": 2, "budget.steps": 20,
}  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> None:
    prepare_process()


def examples(rows: int, inputs: int = 3, outputs: int = 4) -> Examples:
    rng = np.random.default_rng(0)
    return Examples(rng.random((rows, inputs), np.float32), 1 + rng.random((rows, outputs), np.float32))


def test_permuted_labels_keep_their_values_and_lose_their_places() -> None:
    given, rng = examples(200), np.random.default_rng(1)
    found = strangers.entries_permuted(given, given, rng)
    assert np.array_equal(found.inputs, given.inputs)
    assert np.array_equal(np.sort(found.outputs, axis=None), np.sort(given.outputs, axis=None))
    # Not even the mean of each output is left, which whole spectra put elsewhere keep.
    assert np.mean(found.outputs == given.outputs) < 0.05
    assert not np.allclose(found.outputs.mean(0), given.outputs.mean(0), atol=1e-4)
    rows = strangers.rows_permuted(given, given, rng).outputs
    np.testing.assert_allclose(rows.mean(0), given.outputs.mean(0), rtol=1e-5)
    assert np.mean(rows == given.outputs) < 0.05


def test_copies_are_of_the_target_s_own_inputs() -> None:
    given, pool = examples(50), examples(20, outputs=2)
    found = strangers.copies_permuted(given, pool, np.random.default_rng(2))
    assert len(found) == 50 and np.array_equal(found.inputs[20:40], pool.inputs)
    assert np.array_equal(found.outputs[:20], found.outputs[20:40])
    assert np.array_equal(np.sort(found.outputs[:20], axis=0), np.sort(pool.outputs, axis=0))
    assert not np.array_equal(found.outputs[:20], pool.outputs)


@pytest.mark.parametrize("name", CASES)
def test_each_case_is_a_study_and_draws_the_same_labels_again(name: str) -> None:
    case, pool = CASES[name], examples(20)
    study = case.of(resolve("calibration"))
    sources = {source: examples(40) for source in study.sources}
    first, again, other = (case.taught(sources, pool, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.keys() == sources.keys()
    for source, taught in first.items():
        assert len(taught) == 40 and np.isfinite(taught.outputs).all()
        assert np.array_equal(taught.outputs, again[source].outputs)
    still = all(taught is sources[source] for source, taught in first.items())
    assert still == (name in ("untrained", "gain"))
    redrawn = any(not np.array_equal(first[s].inputs, other[s].inputs) for s in first)
    redrawn |= any(not np.array_equal(first[s].outputs, other[s].outputs) for s in first)
    assert redrawn != still


def test_the_truth_refutes_only_what_lies_clearly_below_the_margin() -> None:
    rng = np.random.default_rng(3)
    assert refuted(list(rng.normal(0.0, 0.01, 24)), 0.02) and refuted(list(rng.normal(-0.1, 0.05, 24)), 0.02)
    assert not refuted(list(rng.normal(0.03, 0.01, 24)), 0.02) and not refuted(list(rng.normal(0.0, 0.2, 24)), 0.02)


@pytest.mark.parametrize("kind", CASES)
def test_a_repeat_fixes_its_candidates_before_it_confirms_and_ends_the_same_again(kind: str, tmp_path: Path) -> None:
    study = CASES[kind].of(resolve("calibration", "demo", TINY))
    found = repeat(study, kind, tmp_path / "once")
    fixed, evidence = tmp_path / "once" / "confirmation.json", tmp_path / "once" / "evidence" / "confirmation.jsonl"
    assert fixed.stat().st_mtime_ns <= evidence.stat().st_mtime_ns
    assert found["decision"] in ("transfer", "direct", "undecided")
    wanted = calibration.TRUTH["gain"] if CASES[kind].helps and found["candidates"] else 0
    wanted = calibration.TRUTH["certified"] if found["decision"] == "transfer" else wanted
    assert len(found["truth"]) == wanted
    # Cut off before the verdict: what was measured is found again, and the verdict is the same.
    before = evidence.read_bytes()
    (tmp_path / "once" / "verdict.json").unlink()
    assert repeat(study, kind, tmp_path / "once") == found
    assert evidence.read_bytes() == before


def test_calibrate_does_only_what_is_missing(tmp_path: Path) -> None:
    study = resolve("calibration", "demo", TINY)
    for kind, case in CASES.items():
        if kind != "gain":
            Run(tmp_path / kind / "000").begin(case.of(study))
            (tmp_path / kind / "000" / "verdict.json").write_text('{"kept": true}')
    assert list(calibrate(study, tmp_path, 1, 1)) == [("gain", 0)]
    assert "decision" in json.loads((tmp_path / "gain" / "000" / "verdict.json").read_text())
    assert (tmp_path / "rows" / "000" / "verdict.json").read_text() == '{"kept": true}'


def test_repeats_of_another_study_are_not_counted(tmp_path: Path) -> None:
    Run(tmp_path / "gain" / "000").begin(resolve("calibration", "demo", TINY | {"network.width": 7}))
    (tmp_path / "gain" / "000" / "verdict.json").write_text("{}")
    with pytest.raises(InputError, match="holds the run of another study"):
        next(calibrate(resolve("calibration", "demo", TINY), tmp_path, 1, 1))
    assert not (tmp_path / "untrained").exists()


def test_a_repeat_in_which_nothing_could_be_learned_says_so_and_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverges(*_: Any) -> NoReturn:
        raise NothingFinished("no trial finished")

    monkeypatch.setattr(calibration.Repeat, "baseline", diverges)
    found = repeat(CASES["gain"].of(resolve("calibration", "demo", TINY)), "gain", tmp_path / "gain" / "000")
    assert found == json.loads((tmp_path / "gain" / "000" / "verdict.json").read_text())
    assert found["decision"] == "failed" and found["reason"] == "no trial finished"
    row = next(row for row in table(tmp_path) if row["case"] == "gain")
    assert (row["repeats"], row["transfer"], row["failed"]) == (1, 0, 1)


def test_table_counts_and_bounds(tmp_path: Path) -> None:
    told = {"untrained": "ddddd", "entries": "dtfd", "constant": "du", "teacher": "df", "gain": "ttt", "among": "td"}
    for case, decisions in told.items():
        for i, letter in enumerate(decisions):
            folder = tmp_path / case / f"{i:03}"
            folder.mkdir(parents=True)
            decision = {"d": "direct", "t": "transfer", "f": "transfer", "u": "undecided"}[letter]
            entry = {"decision": decision, "relative_reduction": 0.1 * i, "false": letter == "f"}
            entry["truth"] = [0.1, 0.3] if case == "gain" else []
            (folder / "verdict.json").write_text(json.dumps(entry))
            (folder / "spent.json").write_text(json.dumps({"search": 2.0, "confirmation": float(i)}))
    rows = {row["case"]: row for row in table(tmp_path)}
    counts = {case: tuple(rows[case][key] for key in ("repeats", "transfer", "false", "undecided")) for case in told}
    assert counts["untrained"] == (5, 0, 0, 0) and counts["entries"] == (4, 2, 1, 0)
    assert counts["constant"] == (2, 0, 0, 1) and counts["gain"] == (3, 3, 0, 0)
    nulls = rows[ALL]
    assert (nulls["repeats"], nulls["transfer"], nulls["false"], nulls["undecided"]) == (13, 3, 2, 1)
    # Clopper-Pearson: the bound is where the tail of the binomial reaches 5 %.
    assert rows["untrained"]["upper"] == pytest.approx(1 - 0.05 ** (1 / 5))
    assert stats.binom.cdf(1, 4, rows["entries"]["upper"]) == pytest.approx(0.05)
    assert stats.binom.cdf(2, 13, nulls["upper"]) == pytest.approx(0.05)
    assert rows["gain"]["lower"] == pytest.approx(0.05 ** (1 / 3))
    assert [rows[case]["seconds"] for case in ("untrained", "entries", "gain")] == [4.0, 3.5, 3.0]
    known = truth(tmp_path)
    assert known["seeds"] == 6
    assert known["gain"] == pytest.approx(1 - np.exp(-0.2))


def test_holdout_mode_locks_half_of_the_same_pool_and_counts_its_rows_as_a_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confirmation, "REFITS", 10)
    tiny = {key: value for key, value in TINY.items() if key != "rows.locked"} | {"rows.locked": 4}
    study = of_mode(resolve("calibration", "demo", tiny), "holdout")
    assert (study.mode, study.rows.pool, study.rows.locked) == ("holdout", 40, 20)
    place = within(tmp_path, "holdout")
    assert place != tmp_path and within(tmp_path, "fresh") == tmp_path
    found = repeat(CASES["gain"].of(study), "gain", place / "gain" / "000")
    held = [json.loads(x) for x in (place / "gain/000/evidence/confirmation.jsonl").read_text().splitlines()]
    assert {len(entry["by_example"]) for entry in held} == {8}  # of each half four
    assert len(found["direct"]["per_seed"]) == 10 and found["truth"]
    truths = (place / "gain/000/evidence/truth-on-fresh-examples.jsonl").read_text()
    assert "by_example" not in truths


def rows_of(**said: list[bool]) -> list[dict[str, Any]]:
    rows = []
    for name, case in CASES.items():
        told = said.get(name, [])
        lower, upper = clopper_pearson(sum(told), len(told), 0.95)
        row = {"case": name, "words": case.words, "helps": case.helps, "repeats": len(told), "transfer": sum(told)}
        row |= {"false": 0 if case.helps else sum(told), "rate": sum(told) / max(1, len(told)), "undecided": 0}
        row |= {"failed": 0, "seconds": 9.0, "confirmed": 48}
        rows.append(row | {"lower": lower, "upper": upper, "median_reduction": 0.1 if told else None})
    return rows


def test_the_figure_shows_rates_and_the_bounds_that_are_claimed() -> None:
    fresh = rows_of(untrained=[False] * 9 + [True], entries=[False] * 10, gain=[True] * 8)
    figure = drawn.calibration({"fresh": fresh, "holdout": rows_of(untrained=[False])}, 0.95)
    assert [panel.get_title() for panel in figure.axes] == [
        f"{mode} mode, {what}" for mode in ("Fresh", "Holdout") for what in ("nothing worth moving", "a true gain")
    ]
    nulls, gain = figure.axes[:2]
    assert nulls.lines[0].get_xdata() == pytest.approx([10, 100 * fresh[0]["upper"]])
    assert gain.lines[0].get_xdata() == pytest.approx([100, 100 * 0.05 ** (1 / 8)])
    assert [text.get_text() for text in nulls.get_yticklabels()] == [
        "nothing: its network is untrained\n1 of 10",
        "labels permuted by entry\n0 of 10",
    ]
    assert [text.get_text() for text in nulls.texts] == ["5 % level", "8 % allowed"]


def test_a_mode_that_has_not_begun_is_neither_drawn_nor_listed() -> None:
    modes = {"fresh": rows_of(untrained=[False]), "holdout": rows_of()}
    assert drawn.picture(modes, 0.95).startswith(b"\x89PNG") and len(drawn.lines(modes)) == 3
    assert drawn.lines(modes)[2] == (
        "| fresh | nothing: its network is untrained | 1 | 0 | 0 | 0 | false <= 95.0% | 10.0% | "
        "9 s, 48 trainings to confirm |"
    )
