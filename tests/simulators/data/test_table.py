"""Files of examples: read alike in every format, refused by file, column and row, kept beside the run."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import feather

from graft.simulators.data.columns import unit
from graft.simulators.data.dataset import Dataset
from graft.simulators.data.table import Measured, Table, in_words, keep, read
from graft.spaces.errors import InputError

RNG = np.random.default_rng(0)
INPUTS, OUTPUTS = RNG.random((7, 2)), 1 + RNG.random((7, 3))


def csv(path: Path, text: str | None = None) -> Path:
    rows = (",".join(repr(float(cell)) for cell in row) for row in np.hstack([INPUTS, OUTPUTS]))
    path.write_text(text if text is not None else "\n".join(["a [nm],b [nm],T1,T2,T3", *rows, ""]))
    return path


def npz(path: Path, **arrays: Any) -> Path:
    np.savez(path, **({"inputs": INPUTS, "outputs": OUTPUTS} | arrays))
    return path


def arrow(path: Path, schema: pa.Schema | None = None) -> Path:
    """Lists of numbers, roles and units in the metadata, as our own shards have them."""
    fields = schema or pa.schema(
        [
            pa.field("x", pa.list_(pa.float64(), 2), metadata={"role": "input", "unit": "nm"}),
            pa.field("T", pa.list_(pa.float64(), 3), metadata={"role": "output"}),
        ]
    )
    table = pa.table(
        [pa.array(list(INPUTS.tolist()), fields[0].type), pa.array(OUTPUTS.tolist(), fields[1].type)], fields
    )
    feather.write_feather(table, path)
    return path


def test_every_format_holds_the_same(tmp_path: Path) -> None:
    for path, patterns in (
        (csv(tmp_path / "m.csv"), ["T*"]),
        (npz(tmp_path / "m.npz"), []),
        (arrow(tmp_path / "m.feather"), []),
    ):
        table, inputs, outputs, _ = read(path, patterns)
        assert np.array_equal(inputs, INPUTS) and np.array_equal(outputs, OUTPUTS)
        assert (table.rows, len(table.inputs), len(table.outputs)) == (7, 2, 3)
        assert Measured(table).inputs == 2 and Measured(table).outputs == 3


def test_names_units_and_grid_are_kept(tmp_path: Path) -> None:
    table, *_ = read(csv(tmp_path / "m.csv"), ["T*"])
    assert table.inputs == ("a [nm]", "b [nm]") and table.outputs == ("T1", "T2", "T3")
    inputs, outputs = Measured(table).schema
    assert (inputs.metadata[b"unit"], outputs.metadata[b"unit"]) == (b"nm", b"1")
    assert inputs.metadata[b"role"] == b"input" and b"a [nm], b [nm]" in inputs.metadata[b"description"]
    table, *_ = read(npz(tmp_path / "m.npz", grid=np.array([400.0, 500, 600]), input_names=["p", "q"]))
    assert table.inputs == ("p", "q") and table.outputs == ("y1", "y2", "y3")
    grid = Measured(table).grid
    assert grid is not None and grid.values.tolist() == [400, 500, 600]


@given(st.text(st.characters(categories=["Lu", "Ll"]), min_size=1), st.sampled_from(["nm", "m/s", "%"]))
def test_units_stand_in_brackets(name: str, given_unit: str) -> None:
    assert unit(f"{name} [{given_unit}]") == (name, given_unit)
    assert unit(name) == (name, "1")


def test_a_table_of_our_own_shards_is_a_table(tmp_path: Path) -> None:
    table, *_ = read(csv(tmp_path / "m.csv"), ["T*"])
    keep(Measured(table), table.rows, tmp_path / "data")
    again, inputs, outputs, _ = read(tmp_path / "data" / "shard-00000.arrow")
    assert np.array_equal(inputs, INPUTS) and np.array_equal(outputs, OUTPUTS)
    assert again.rows == 7


HEADER = "a,b,T1\n"
BAD_CSV = {
    "not a number": (HEADER + "1,2,3\n4,x,6\n", "line 3, column 'b' is 'x'"),
    "empty cell": (
        HEADER + "1,2,3\n4,,6\n",
        "line 3, column 'b' has no value; allowed: finite",
    ),
    "NaN": (HEADER + "1,2,nan\n4,5,6\n", "line 2, column 'T1' has no value"),
    "NaN after an empty line": (HEADER + "\n1,2,3\n\n4,5,inf\n", "line 5, column 'T1' is 'inf'"),
    "ragged": (HEADER + "1,2,3\n4,5\n", "line 3 has 2 cells; allowed: 3"),
    "no header": ("1,2,3\n4,5,6\n", "allowed: a header"),
    "no rows": (HEADER, "no rows"),
    "empty": ("", "is empty"),
    "twice": ("a,a,T1\n1,2,3\n", "column 'a' twice"),
    "constant": (HEADER + "1,2,3\n4,5,3\n", "output 'T1' never varies"),
    "no output": ("a,b,c\n1,2,3\n", "no output among its columns (a, b, c)"),
    "no input": ("T1,T2\n1,2\n", "no input"),
    "too large": (HEADER + "1,2,1e39\n4,5,6\n", "line 2, column 'T1' is 1e+39"),
}


@pytest.mark.parametrize("what", BAD_CSV)
def test_a_bad_csv_is_refused_by_line_and_column(what: str, tmp_path: Path) -> None:
    text, said = BAD_CSV[what]
    with pytest.raises(InputError) as refused:
        read(csv(tmp_path / "bad.csv", text), ["T*"])
    assert said in str(refused.value) and "bad.csv" in str(refused.value) and "\n" not in str(refused.value)


def test_text_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_bytes(b"a,T\n\xff\xfe,1\n")
    with pytest.raises(InputError, match="b.csv"):
        read(tmp_path / "b.csv", ["T*"])
    for name in ("b.npz", "b.arrow", "b.feather"):
        (tmp_path / name).write_bytes(b"nothing of the kind")
        with pytest.raises(InputError, match=name):
            read(tmp_path / name)
    with pytest.raises(InputError, match="No such file"):
        read(tmp_path / "none.csv")
    with pytest.raises(InputError, match=".xlsx"):
        read(tmp_path / "b.xlsx")


BAD_NPZ: dict[str, tuple[dict[str, Any], str]] = {
    "pickle": ({"inputs": np.array([{}, {}], object)}, "none pickled"),
    "lengths": ({"inputs": INPUTS[:5]}, "5 inputs and 7 outputs"),
    "text": ({"inputs": np.full((7, 2), "x")}, "array inputs is 2-dimensional"),
    "three dimensions": ({"inputs": np.ones((7, 2, 2))}, "3-dimensional"),
    "NaN": ({"outputs": np.where(OUTPUTS == OUTPUTS[4, 1], np.nan, OUTPUTS)}, "row 4 (counted from 0), column 'y2'"),
    "grid": ({"grid": np.arange(4.0)}, "grid has 4 values; allowed: 3"),
    "a grid with a gap": ({"grid": np.array([1.0, np.nan, 3.0])}, "grid holds a value that is not finite"),
    "names": ({"input_names": np.array(["a"])}, "allowed: 2 names"),
    "no rows": ({"inputs": INPUTS[:0], "outputs": OUTPUTS[:0]}, "has no rows"),
}


@pytest.mark.parametrize("what", BAD_NPZ)
def test_a_bad_npz_is_refused_by_array_or_row(what: str, tmp_path: Path) -> None:
    arrays, said = BAD_NPZ[what]
    with pytest.raises(InputError) as refused:
        read(npz(tmp_path / "bad.npz", **arrays))
    assert said in str(refused.value) and "bad.npz" in str(refused.value)


def test_what_is_only_called_npz_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.npz").write_bytes(b"")
    with open(tmp_path / "lone.npz", "wb") as file:
        np.save(file, INPUTS)
    for name in ("empty.npz", "lone.npz"):
        with pytest.raises(InputError, match=f"{name}.*allowed: an .npz of plain arrays"):
            read(tmp_path / name)


def test_numbers_of_rows_are_no_inputs(tmp_path: Path) -> None:
    (tmp_path / "pandas.csv").write_text(",d1,T1\n0,30,0.5\n1,31,0.6\n")
    table, inputs, *_ = read(tmp_path / "pandas.csv", ["T*"])
    assert table.inputs == ("d1",) and inputs.tolist() == [[30], [31]]
    assert "the first column, which counts the rows, is left out" in in_words(table)
    (tmp_path / "pandas.csv").write_text(",d1,T1\n7,30,0.5\n9,31,0.6\n")
    with pytest.raises(InputError, match="pandas.csv: column 1 has no name; .*index=False"):
        read(tmp_path / "pandas.csv", ["T*"])


def test_a_file_in_one_line(tmp_path: Path) -> None:
    header = ",".join(["d1 [nm]", "d2", *(f"T{i}" for i in range(9))])
    np.savetxt(tmp_path / "a.csv", np.random.default_rng(0).random((5, 11)), delimiter=",", header=header, comments="")
    table, *_ = read(tmp_path / "a.csv", ["T*"])
    assert in_words(table) == "a.csv: 5 rows; 2 inputs (d1 [nm], d2); 9 outputs (T0, T1, T2, ..., T8)"


def test_a_bad_arrow_file_is_refused_by_column_and_row(tmp_path: Path) -> None:
    for column, said in (
        (pa.array([1.0, None, 3.0]), "row 1 (counted from 0), column 'T' has no value"),
        (pa.array(["a", "b", "c"]), "column 'T' holds string"),
        (pa.array([[1.0], [1.0, 2.0], [1.0]]), "row 1 (counted from 0) has 2 values"),
        (pa.array([1.0, np.nan, 3.0]), "row 1 (counted from 0), column 'T' has no value"),
    ):
        feather.write_feather(pa.table({"x": pa.array([1.0, 2.0, 3.0]), "T": column}), tmp_path / "bad.feather")
        with pytest.raises(InputError) as refused:
            read(tmp_path / "bad.feather", ["T"])
        assert said in str(refused.value)


def test_the_rows_are_kept_once_and_stand_alone(tmp_path: Path) -> None:
    path = csv(tmp_path / "m.csv")
    table, *_ = read(path, ["T*"])
    first = keep(Measured(table), table.rows, tmp_path / "data")
    path.unlink()
    again = keep(Measured(table), table.rows, tmp_path / "data")
    assert again.digest == first.digest
    assert np.array_equal(again.inputs(), INPUTS)
    assert table.sha256[:12] in again.manifest.simulator


def test_a_file_that_changed_is_noticed_and_a_damaged_copy_is_made_again(tmp_path: Path) -> None:
    path = csv(tmp_path / "m.csv")
    table, *_ = read(path, ["T*"])
    whole = path.read_text()
    path.write_text(whole.replace("0.", "0.9", 1))
    with pytest.raises(InputError, match="not the file that this study began with"):
        keep(Measured(table), table.rows, tmp_path / "data")
    path.write_text(whole)
    shard = tmp_path / "data" / "shard-00000.arrow"
    keep(Measured(table), table.rows, tmp_path / "data")
    good = shard.read_bytes()
    shard.write_bytes(good[:-9])
    keep(Measured(table), table.rows, tmp_path / "data")
    assert shard.read_bytes() == good
    assert Dataset.open(tmp_path / "data").rows == 7


def test_where_a_file_lies_is_no_part_of_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    one, *_ = read(csv(tmp_path / "m.csv"), ["T*"])
    other, *_ = read(csv(tmp_path / "b" / "m.csv"), ["T*"])
    assert one == other and one.path != other.path


def test_a_name_that_could_leave_the_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="allowed: 1 to 64 letters"):
        read(csv(tmp_path / "$(x).csv"), ["T*"])
    with pytest.raises(InputError):
        Table("../x.csv", "0" * 64, 1, ("a",), ("b",))
