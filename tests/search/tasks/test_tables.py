"""Files of data that would give a false certificate: refused, or what would do so kept together or left out."""

import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch

from graft.models.scaling import Scaling
from graft.search.kinds.registry import kind_of
from graft.search.study import resolve
from graft.search.tasks.tables import with_tables
from graft.simulators.data.table import Measured, in_words, keep
from graft.spaces.errors import InputError

RNG = np.random.default_rng(7)
X = RNG.uniform(30, 70, (80, 3))


def answers(x: np.ndarray) -> np.ndarray:
    return 1 + 0.3 * np.stack([np.sin(x[:, 0] / 10), np.cos(x[:, 1] / 9), np.sin(x[:, 2] / 8) ** 2], 1)


def csv(path: Path, rows: slice, header: str, order: list[int] | None = None, form: str = "%.17g") -> None:
    values = np.hstack([X[rows], answers(X[rows])])
    np.savetxt(path, values[:, order or range(6)], form, ",", header=header, comments="")


def study(folder: Path, outputs: str = '["T*", "R*"]', extra: str = "") -> Path:
    lines = ['source = "cheap.csv"', 'target = "dear.csv"', f"outputs = {outputs}", extra]
    (folder / "mine.toml").write_text("\n".join(lines))
    return folder / "mine.toml"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    csv(tmp_path / "cheap.csv", slice(40, 80), "d1 [nm],d2 [nm],d3 [nm],T400,T402,R400")
    csv(tmp_path / "dear.csv", slice(0, 40), "d1 [nm],d2 [nm],d3 [nm],T400,T402,R400")
    return tmp_path


def test_what_is_well_is_taken_and_described(folder: Path) -> None:
    found = resolve(str(study(folder)))
    assert [table.inputs for table in found.tables] == [("d1 [nm]", "d2 [nm]", "d3 [nm]")] * 2
    assert found.scenario("dear.csv").outputs == 3


@pytest.mark.parametrize(
    ("extra", "linear"),
    [
        ("", (False, True)),
        ("ranges = { linear = [true] }", (True,)),
        ("start = { linear = true }", ()),
        ("ranges = { batch = [10, 20] }", (False, True)),
        ('network = { module = "torch.nn:Module" }\nranges = { activation = ["own"] }', ()),
    ],
)
def test_the_search_of_tables_may_choose_a_linear_part_unless_the_study_says(
    folder: Path, extra: str, linear: tuple[bool, ...]
) -> None:
    plain = with_tables(
        {"sources": ["cheap.csv"], "target": "dear.csv", "outputs": ["T*", "R*"]} | tomllib.loads(extra), folder
    )
    assert tuple(plain.get("ranges", {}).get("linear", ())) == linear


@pytest.mark.parametrize(("pattern", "near"), [("Refl*", ""), ("R40", "R400"), ("T4O0", "")])
def test_a_pattern_of_no_column_would_leave_an_answer_among_the_inputs(folder: Path, pattern: str, near: str) -> None:
    with pytest.raises(InputError, match=rf"outputs: '{pattern.replace('*', '.')}' is no column of .*{near}"):
        resolve(str(study(folder, f'["T*", "{pattern}"]')))


@pytest.mark.parametrize(
    ("header", "order", "said"),
    [
        ("d3 [nm],d2 [nm],d1 [nm],T400,T402,R400", [2, 1, 0, 3, 4, 5], "'d1' is number 3 of the inputs of cheap.csv"),
        (
            "d1 [nm],d2 [nm],d3 [nm],T402,T400,R400",
            [0, 1, 2, 4, 3, 5],
            "'T400' is number 2 of the outputs of cheap.csv",
        ),
    ],
)
def test_columns_in_another_place_are_refused(folder: Path, header: str, order: list[int], said: str) -> None:
    csv(folder / "cheap.csv", slice(40, 80), header, order)
    with pytest.raises(InputError) as refused:
        resolve(str(study(folder)))
    assert str(refused.value).startswith(said)


def test_the_same_columns_of_other_names_are_no_matter(folder: Path) -> None:
    csv(folder / "cheap.csv", slice(40, 80), "x,y,z,T_a,T_b,R_a")
    assert len(resolve(str(study(folder))).tables) == 2


@pytest.mark.parametrize("form", ["%.17g", "%.6g"])
def test_a_row_of_both_files_is_left_out_of_the_source_whatever_its_digits(folder: Path, form: str) -> None:
    csv(folder / "cheap.csv", slice(33, 80), "d1 [nm],d2 [nm],d3 [nm],T400,T402,R400", form=form)
    table = resolve(str(study(folder))).table("cheap.csv")
    assert table.rows == 40 and table.left_out == tuple(range(7))
    assert "7 more are left out, for they are the target's too, inputs and outputs" in in_words(table)
    kept = Measured(table).sample(40, RNG)
    assert np.allclose(kept["inputs"], X[40:], rtol=1e-5) and np.allclose(kept["outputs"], answers(X[40:]), rtol=1e-5)


def test_a_repeat_of_a_target_row_with_the_same_answer_is_left_out_of_the_source(folder: Path) -> None:
    noise = 1e-4 * RNG.normal(size=X.shape)
    values = np.hstack([X + noise, answers(X)])[20:]
    values[:5, 3:] *= 1.01
    np.savetxt(folder / "cheap.csv", values, "%.17g", ",", header="d1 [nm],d2 [nm],d3 [nm],T400,T402,R400", comments="")
    assert resolve(str(study(folder))).table("cheap.csv").left_out == tuple(range(5, 20))


def test_repeated_measurements_are_found_told_and_kept_together(folder: Path) -> None:
    values = np.hstack([X[:40], answers(X[:40])])
    values[[7, 30]] = values[3]
    values[30, :3] += 0.002  # of a spread of 11
    values[30, 3:] += 0.01
    np.savetxt(folder / "dear.csv", values, "%.17g", ",", header="d1 [nm],d2 [nm],d3 [nm],T400,T402,R400", comments="")
    table = resolve(str(study(folder))).table("dear.csv")
    assert table.groups == ((3, 7, 30),) and table.rows == 40
    assert "3 rows belong together in 1 groups, which have (nearly) equal inputs, as rows 3 and 7" in in_words(table)


def test_the_same_inputs_with_other_answers_are_what_a_cheap_model_gives(folder: Path) -> None:
    values = np.hstack([X[:40], 1.001 * answers(X[:40])])
    header = "d1 [nm],d2 [nm],d3 [nm],T400,T402,R400"
    np.savetxt(folder / "cheap.csv", values, "%.6g", ",", header=header, comments="")
    assert len(resolve(str(study(folder))).tables) == 2


def test_a_recipe_that_is_no_table_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="source_training"):
        resolve(str(study(folder, extra='metric = "normalised-l1"\nsource_training = 3')))


def test_units_that_contradict_are_refused(folder: Path) -> None:
    csv(folder / "cheap.csv", slice(40, 80), "d1 [um],d2 [nm],d3 [nm],T400,T402,R400")
    with pytest.raises(InputError, match=r"'d1' is in um in cheap.csv and in nm in dear.csv; allowed: the same unit"):
        resolve(str(study(folder)))
    csv(folder / "cheap.csv", slice(40, 80), "d1,d2 [nm],d3 [nm],T400,T402,R400")
    resolve(str(study(folder)))  # a file that tells none contradicts nothing


def test_outputs_in_other_units_are_asked_about_before_the_search(folder: Path) -> None:
    assert kind_of(resolve(str(study(folder)))).check() == []
    values = np.hstack([X[:40], 40 * answers(X[:40])])
    np.savetxt(folder / "dear.csv", values, "%.17g", ",", header="d1,d2,d3,T400,T402,R400", comments="")
    (said,) = kind_of(resolve(str(study(folder)))).check()
    assert "outputs of cheap.csv are 1." in said and "those of dear.csv 4" in said and "is that one unit?" in said


def test_a_file_of_another_kind_is_named(folder: Path) -> None:
    (folder / "dear.csv").rename(folder / "dear.xlsx")
    (folder / "mine.toml").write_text('source = "cheap.csv"\ntarget = "dear.xlsx"\noutputs = ["T*", "R*"]\n')
    with pytest.raises(InputError, match=r"dear.xlsx is no file of examples; allowed: one that ends in .csv"):
        resolve(str(folder / "mine.toml"))


def test_rows_that_lack_a_value_may_be_left_out(folder: Path) -> None:
    lines = (folder / "dear.csv").read_text().splitlines()
    lines[3] = "," + lines[3].partition(",")[2]
    (folder / "dear.csv").write_text("\n".join(lines))
    with pytest.raises(InputError, match="dear.csv, line 4, column 'd1 .nm.' has no value"):
        resolve(str(study(folder)))
    found = resolve(str(study(folder, extra='missing = "drop"')))
    assert found.rows.pool == 39 and len(Measured(found.tables[1]).sample(39, RNG)["inputs"]) == 39
    with pytest.raises(InputError, match="unknown missing 'dorp'"):
        resolve(str(study(folder, extra='missing = "dorp"')))


def test_a_large_offset_costs_no_digits_of_what_is_learned(folder: Path, tmp_path: Path) -> None:
    """Seconds since 1970 vary in digits that single precision does not have."""
    for name, rows in (("cheap.csv", slice(40, 80)), ("dear.csv", slice(0, 40))):
        values = np.hstack([X[rows] + 1.7e9, answers(X[rows])])
        np.savetxt(folder / name, values, "%.17g", ",", header="d1,d2,d3,T400,T402,R400", comments="")
    late = resolve(str(study(folder)))
    data = keep(late.scenario("dear.csv"), 40, tmp_path / "kept")
    seen = Scaling.of(torch.tensor(data.inputs()))(torch.tensor(data.inputs()))
    exact = torch.tensor(X[:40])
    assert seen.dtype == torch.float32
    torch.testing.assert_close(seen, Scaling.of(exact)(exact), rtol=1e-5, atol=1e-6)
