"""The nulls have to be nulls, and the table has to count."""

import json
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from phases import regression
from scipy import stats

from graft.models.networks.network import Network, Shape
from graft.models.scaling import Scaling
from graft.models.train import prepare_process
from graft.models.weights import pack
from graft.search.engine.searched import NothingFinished
from graft.search.kinds.transfer import calibration
from graft.search.kinds.transfer.calibration import Redrawn, calibrate, of_mode, permuted, repeat, table, truth, within
from graft.search.proof.statistics import clopper_pearson
from graft.search.report import calibration as drawn
from graft.search.run.folder import Run
from graft.search.run.seeds import Role
from graft.search.study import resolve
from graft.search.tasks.base import Examples
from graft.spaces.errors import InputError
from graft.spaces.plan import Recipe

TINY = {
    "rows.source": 60, "rows.pool": 40, "rows.locked": 4, "rows.validation": 8, "rows.test": 20, "network.depth": 1,
    "network.width": 6, "base.epochs": 1, "base.warmup": 1, "start.epochs": 2, "start.batch": 15, "start.warmup": 1,
    "ranges.epochs": [1, 3], "ranges.batch": [14, 28], "budget.trainings": 6, "budget.seeds": 2, "budget.steps": 20,
}  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> None:
    prepare_process()


def examples(rows: int, inputs: int = 3, outputs: int = 4) -> Examples:
    rng = np.random.default_rng(0)
    return Examples(rng.random((rows, inputs), np.float32), 1 + rng.random((rows, outputs), np.float32))


def redrawn(taught: Examples | None, role: Role = Role.CONFIRMATION) -> Redrawn:
    study = resolve("calibration", "demo", TINY)
    shape = Shape(3, 4, Network(1, 6), "gelu")
    data = pack(shape.build(), shape, Scaling.of(examples(9).tensors()[0]))
    recipe = Recipe(epochs=2, batch=8, warmup=1, activation="gelu")
    task = regression(Network(1, 6))
    return Redrawn(task, study.seed, role, examples(20), 4, {"film-6": data}, taught=taught, recipe=recipe)


def weights(phase: Redrawn, index: int) -> bytes:
    (network,) = phase.sources_for(index).values()
    return b"".join(value.detach().numpy().tobytes() for value in network.parameters())


@pytest.mark.parametrize("taught", [None, examples(30)], ids=["unshared", "permuted"])
def test_a_null_has_another_source_for_each_seed_and_phase_and_the_same_again(taught: Examples | None) -> None:
    phase = redrawn(taught)
    found = [weights(phase, i) for i in range(4)] + [weights(redrawn(taught, Role.PLANS), i) for i in range(4)]
    assert len(set(found)) == 8
    assert [weights(redrawn(taught), i) for i in range(4)] == found[:4]


def test_the_permuted_null_is_trained() -> None:
    assert weights(redrawn(examples(30)), 0) != weights(redrawn(None), 0)


def test_permuted_labels_keep_their_values_and_lose_their_places() -> None:
    given = examples(200)
    found = permuted(given, np.random.default_rng(1))
    assert np.array_equal(found.inputs, given.inputs)
    assert np.array_equal(np.sort(found.outputs, axis=None), np.sort(given.outputs, axis=None))
    # Not even the mean of each output is left, which whole spectra put elsewhere would keep.
    assert np.mean(found.outputs == given.outputs) < 0.05
    assert not np.allclose(found.outputs.mean(0), given.outputs.mean(0), atol=1e-4)


@pytest.mark.parametrize("kind", calibration.KINDS)
def test_a_repeat_fixes_its_candidates_before_it_confirms_and_ends_the_same_again(kind: str, tmp_path: Path) -> None:
    study = resolve("calibration", "demo", TINY)
    found = repeat(study, kind, tmp_path / "once")
    fixed, evidence = tmp_path / "once" / "confirmation.json", tmp_path / "once" / "evidence" / "confirmation.jsonl"
    assert fixed.stat().st_mtime_ns <= evidence.stat().st_mtime_ns
    assert len(json.loads(fixed.read_text())["candidates"]) >= 1
    assert found["decision"] in ("transfer", "direct")
    assert len(found["truth"]) == (calibration.TRUTH if kind == "gain" else 0)
    # Cut off before the verdict: what was measured is found again, and the verdict is the same.
    before = evidence.read_bytes()
    (tmp_path / "once" / "verdict.json").unlink()
    assert repeat(study, kind, tmp_path / "once") == found
    assert evidence.read_bytes() == before


def test_calibrate_does_only_what_is_missing(tmp_path: Path) -> None:
    study = resolve("calibration", "demo", TINY)
    for kind in ("unshared", "permuted", "constant", "teacher"):
        Run(tmp_path / kind / "000").begin(study)
        (tmp_path / kind / "000" / "verdict.json").write_text('{"kept": true}')
    assert list(calibrate(study, tmp_path, 1, 1)) == [("gain", 0)]
    assert json.loads((tmp_path / "gain" / "000" / "verdict.json").read_text())["decision"] in ("transfer", "direct")
    assert (tmp_path / "permuted" / "000" / "verdict.json").read_text() == '{"kept": true}'


def test_repeats_of_another_study_are_not_counted(tmp_path: Path) -> None:
    Run(tmp_path / "gain" / "000").begin(resolve("calibration", "demo", TINY | {"network.width": 7}))
    (tmp_path / "gain" / "000" / "verdict.json").write_text("{}")
    with pytest.raises(InputError, match="holds the run of another study"):
        next(calibrate(resolve("calibration", "demo", TINY), tmp_path, 1, 1))
    assert not (tmp_path / "unshared").exists()


def test_a_repeat_in_which_nothing_could_be_learned_says_so_and_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverges(*_: Any) -> NoReturn:
        raise NothingFinished("no trial finished")

    monkeypatch.setattr(calibration.Repeat, "baseline", diverges)
    found = repeat(resolve("calibration", "demo", TINY), "gain", tmp_path / "gain" / "000")
    assert found == json.loads((tmp_path / "gain" / "000" / "verdict.json").read_text())
    assert found["decision"] == "failed" and found["reason"] == "no trial finished"
    row = next(row for row in table(tmp_path) if row["kind"] == "gain")
    assert (row["repeats"], row["transfer"], row["failed"]) == (1, 0, 1)


CASES = (("unshared", "ddddd"), ("permuted", "dtdd"), ("constant", "dd"), ("teacher", "dt"), ("gain", "ttt"))


def test_table_counts_and_bounds(tmp_path: Path) -> None:
    for kind, decisions in CASES:
        for i, letter in enumerate(decisions):
            folder = tmp_path / kind / f"{i:03}"
            folder.mkdir(parents=True)
            decision = {"d": "direct", "t": "transfer"}[letter]
            entry = {"decision": decision, "relative_reduction": 0.1 * i, "truth": [0.1, 0.3] if kind == "gain" else []}
            (folder / "verdict.json").write_text(json.dumps(entry))
            (folder / "spent.json").write_text(json.dumps({"search": 2.0, "confirmation": float(i)}))
    rows = {row["kind"]: row for row in table(tmp_path)}
    assert [(rows[kind]["repeats"], rows[kind]["transfer"]) for kind in calibration.KINDS] == [
        (5, 0),
        (4, 1),
        (2, 0),
        (2, 1),
        (3, 3),
    ]
    # Clopper-Pearson: the bound is where the tail of the binomial reaches 5 %.
    assert rows["unshared"]["upper"] == pytest.approx(1 - 0.05 ** (1 / 5))
    assert stats.binom.cdf(1, 4, rows["permuted"]["upper"]) == pytest.approx(0.05)
    assert rows["gain"]["lower"] == pytest.approx(0.05 ** (1 / 3))
    assert rows["permuted"]["said"] == [False, True, False, False]
    assert [rows[kind]["seconds"] for kind in calibration.KINDS] == [4.0, 3.5, 2.5, 2.5, 3.0]
    known = truth(tmp_path)
    assert known["seeds"] == 6
    assert known["gain"] == pytest.approx(1 - np.exp(-0.2))


def test_small_mode_locks_a_fifth_of_the_same_pool_and_counts_its_rows_as_a_sample(tmp_path: Path) -> None:
    tiny = {key: value for key, value in TINY.items() if key != "rows.locked"} | {"rows.locked": 4}
    study = of_mode(resolve("calibration", "demo", tiny), "holdout")
    assert (study.mode, study.rows.pool, study.rows.locked) == ("holdout", 40, 8)
    place = within(tmp_path, "holdout")
    assert place != tmp_path and within(tmp_path, "fresh") == tmp_path
    found = repeat(study, "gain", place / "gain" / "000")
    held = [json.loads(x) for x in (place / "gain/000/evidence/confirmation.jsonl").read_text().splitlines()]
    assert {len(entry["by_example"]) for entry in held} == {8}
    assert len(found["direct"]["per_seed"]) == 20 and len(found["truth"]) == calibration.TRUTH
    truths = (place / "gain/000/evidence/truth-on-fresh-examples.jsonl").read_text()
    assert "by_example" not in truths
    # A null of holdout mode redraws its sources too.
    line = calibration.Repeat(
        study, calibration.Run(place / "gain" / "000"), calibration.Resources(1), calibration.Progress(quiet=True)
    )
    line.kind = "unshared"
    line.prepare()
    phase = line.shared(Role.CONFIRMATION, line.bases(study.start), line.test())
    assert isinstance(phase, Redrawn) and phase.crossed and weights(phase, 0) != weights(phase, 1)


def rows_of(**said: list[bool]) -> list[dict[str, Any]]:
    rows = []
    for kind in calibration.KINDS:
        told = said.get(kind, [])
        lower, upper = clopper_pearson(sum(told), len(told), 0.95)
        row = {"kind": kind, "repeats": len(told), "transfer": sum(told), "rate": sum(told) / max(1, len(told))}
        row |= {"failed": 0, "seconds": 9.0, "confirmed": 48}
        rows.append(row | {"lower": lower, "upper": upper, "median_reduction": 0.1 if told else None, "said": told})
    return rows


def test_the_figure_shows_rates_and_the_bounds_that_are_claimed() -> None:
    fresh = rows_of(unshared=[False] * 9 + [True], permuted=[False] * 10, gain=[True] * 8)
    figure = drawn.calibration({"fresh": fresh, "holdout": rows_of(unshared=[False])}, 0.95)
    assert [panel.get_title() for panel in figure.axes] == [
        f"{mode} mode, {what}" for mode in ("Fresh", "Holdout") for what in ("nothing to transfer", "a true gain")
    ]
    nulls, gain = figure.axes[:2]
    heights = [line.get_ydata() for line in nulls.lines]
    assert heights[0][-1] == pytest.approx(10) and heights[2][-1] == 0
    assert heights[1][-1] == pytest.approx(100 * fresh[0]["upper"])
    assert gain.lines[1].get_ydata()[-1] == pytest.approx(100 * fresh[-1]["lower"])
    labels = [text.get_text() for text in nulls.get_legend().get_texts()]
    assert labels == [
        "source untrained: 1 of 10, at most 39.4 %",
        "source taught permuted labels: 0 of 10, at most 25.9 %",
    ]
    assert [text.get_text() for text in nulls.texts] == ["5 %\nlevel", "10 %\nallowed"]


def test_a_mode_that_has_not_begun_is_neither_drawn_nor_listed() -> None:
    modes = {"fresh": rows_of(unshared=[False]), "holdout": rows_of()}
    assert drawn.picture(modes, 0.95).startswith(b"\x89PNG") and len(drawn.lines(modes)) == 3
    assert (
        drawn.lines(modes)[2] == "| fresh | unshared | 1 | 0 | 0.0% | <= 95.0% | 10.0% | 9 s, 48 trainings to confirm |"
    )
