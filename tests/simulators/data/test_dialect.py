"""Text as instruments, spreadsheets and people write it: read alike, and what was found is told."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import scipy.io
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from graft.simulators.data import dialect
from graft.simulators.data.table import in_words, read
from graft.spaces.errors import InputError

ROWS = [[55.4785, 40.7915, 1.8574], [31.6389, 30.6611, 1.1757], [44.1, 35.0, 1.5]]
PLAIN = "d1,d2,T1\n55.4785,40.7915,1.8574\n31.6389,30.6611,1.1757\n44.1,35,1.5\n"
SAME = {
    "plain": (PLAIN, ""),
    "semicolons": (
        "d1;d2;T1\n55,4785;40,7915;1,8574\n31,6389;30,6611;1,1757\n44,1;35;1,5\n",
        "semicolons; decimal commas",
    ),
    "points behind semicolons": (PLAIN.replace(",", ";"), "columns separated by semicolons"),
    "tabs": (PLAIN.replace(",", "\t"), "columns separated by tabs"),
    "spaces": (PLAIN.replace(",", "   "), "columns separated by spaces"),
    "header behind a sign": ("# " + PLAIN, "the header stands behind a comment sign"),
    "comments": ("# measured on Monday\n% by hand\n" + PLAIN + "# the end\n", ""),
    "title": ("Film thicknesses and transmittance\n" + PLAIN, "line 1 as a title"),
    "quoted": (PLAIN.replace("d1,d2,T1", '"d1" , "d2", "T1"'), ""),
    "index": (
        "".join(f"{i},{line}\n" for i, line in zip(["", 0, 1, 2], PLAIN.split("\n"), strict=False)),
        "counts the rows",
    ),
    "last separator": ("".join(f"{line},\n" for line in PLAIN.split()), ""),
    "blank lines": ("\n" + PLAIN.replace("\n", "\n\n") + "\n\n", ""),
    "carriage returns": (PLAIN.replace("\n", "\r\n"), ""),
}


@pytest.mark.parametrize("what", SAME)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_one_table_however_it_is_written(what: str, encoding: str, tmp_path: Path) -> None:
    text, told = SAME[what]
    (tmp_path / "a.csv").write_bytes(text.encode(encoding))
    table, inputs, outputs, _ = read(tmp_path / "a.csv", ["T*"])
    assert table.inputs == ("d1", "d2") and table.outputs == ("T1",)
    np.testing.assert_array_equal(np.hstack([inputs, outputs]), ROWS)
    assert told in in_words(table) and ("encoding utf-16" in in_words(table)) == (encoding == "utf-16")


def test_a_line_of_units_belongs_to_the_header(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("d1,d2,T1\nnm,[nm],\n55,40,1.8\n31,30,1.1\n")
    table, *_ = read(tmp_path / "a.csv", ["T*"])
    assert table.inputs == ("d1 [nm]", "d2 [nm]") and table.rows == 2 and "line 2 as units" in in_words(table)


def test_coordinates_as_names_are_outputs_and_fill_the_grid(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("d1,d2,400,402 [nm],404\n55,40,1.8,1.0,1.7\n31,30,1.1,1.8,1.5\n")
    for outputs in ([], ["4*"]):
        table, *_ = read(tmp_path / "a.csv", outputs)
        assert table.inputs == ("d1", "d2") and table.grid == (400.0, 402.0, 404.0)


@pytest.mark.parametrize("first", ["40,5O,60", "40,50nm,60", "40,,60", "40,50,60"])
def test_numbers_in_the_first_line_are_no_header(first: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"{first}\n41,51,61\n42,52,62\n")
    with pytest.raises(InputError, match="begins with numbers|has no name"):
        read(tmp_path / "a.csv", ["60"])


@pytest.mark.parametrize("cell", ["55_0", "1_000", "0x10", "1.5.2", "1e", "--5"])
def test_what_is_no_number_is_none(cell: str, tmp_path: Path) -> None:
    # Python reads 55_0 as 550: an identifier or a date would become a number.
    (tmp_path / "a.csv").write_text(f"d1,d2,T1\n40,41,1.5\n{cell},42,1.6\n")
    with pytest.raises(InputError, match=f"a.csv, line 3, column 'd1' is '{cell}'"):
        read(tmp_path / "a.csv", ["T*"])


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_that_python_writes_is_read_to_the_last_bit(value: float) -> None:
    for form in ("{!r}", "{:.17g}", "{:e}", "+{!r}"):
        text = form.format(value).replace("+-", "-")
        assert dialect.number(text) == float(text)


@pytest.mark.parametrize("cell", ["", "NA", "NaN", "n/a", "null", "-"])
def test_rows_without_a_value_are_named_or_left_out(cell: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"d1,d2,T1,s\n40,41,1.5,a\n{cell},42,1.6,b\n43,44,1.7,c\n45,{cell},1.8,d\n")
    with pytest.raises(InputError, match='line 3, column .d1. has no value; .*missing = "drop" leaves out the 2 rows'):
        read(tmp_path / "a.csv", ["T*"], "s")
    table, inputs, _, labels = read(tmp_path / "a.csv", ["T*"], "s", "drop")
    assert inputs.tolist() == [[40, 41], [43, 44]] and labels == ("a", "c")
    assert "2 rows without a value left out (line 3, line 5)" in in_words(table)


def test_other_files_hold_the_same(tmp_path: Path) -> None:
    columns = pa.table({name: [row[i] for row in ROWS] for i, name in enumerate(("d1", "d2", "T1"))})
    parquet.write_table(columns, tmp_path / "a.parquet")
    with pa.OSFile(str(tmp_path / "a.arrow"), "wb") as file, pa.ipc.new_stream(file, columns.schema) as stream:
        stream.write_table(columns)
    exact = np.array(ROWS)
    scipy.io.savemat(tmp_path / "a.mat", {"inputs": exact[:, :2], "outputs": exact[:, 2:]})
    for name in ("a.parquet", "a.arrow", "a.mat"):
        _, inputs, outputs, _ = read(tmp_path / name, ["T*"])
        np.testing.assert_array_equal(np.hstack([inputs, outputs]), ROWS)


def test_hdf5_is_read_where_it_can_be(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["inputs"], file["outputs"] = np.array(ROWS)[:, :2], np.array(ROWS)[:, 2:]
    _, inputs, *_ = read(tmp_path / "a.h5")
    np.testing.assert_array_equal(inputs, np.array(ROWS)[:, :2])


def test_a_damaged_file_is_refused_by_name_whatever_byte_is_hit(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", inputs=np.array(ROWS)[:, :2], outputs=np.array(ROWS)[:, 2:])
    columns = pa.table({name: [row[i] for row in ROWS] for i, name in enumerate(("d1", "d2", "T1"))})
    parquet.write_table(columns, tmp_path / "a.parquet")
    rng = np.random.default_rng(0)
    for name in ("a.npz", "a.parquet"):
        whole = (tmp_path / name).read_bytes()
        for place in rng.integers(0, len(whole), 300):
            hit = bytearray(whole)
            hit[place] ^= 1 << int(rng.integers(8))
            (tmp_path / f"hit-{name}").write_bytes(bytes(hit))
            try:
                _, inputs, outputs, _ = read(tmp_path / f"hit-{name}", ["T*"])
            except InputError as refused:
                assert f"hit-{name}" in str(refused) and "\n" not in str(refused)
            else:
                assert np.isfinite(inputs).all() and np.isfinite(outputs).all()
