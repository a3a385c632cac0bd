"""Files that other projects' users reported as read wrongly: read right, or refused by name."""

from pathlib import Path

import numpy as np
import pytest

from graft.models.scaling import Scaling
from graft.simulators.data.table import read
from graft.spaces.errors import InputError


def written(folder: Path, text: str, name: str = "a.csv", encoding: str = "utf-8") -> Path:
    (folder / name).write_bytes(text.encode(encoding))
    return folder / name


def test_a_header_without_rows_behind_a_mark_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, '\ufeff"Head1"\t"Head2"\t"Head3"', "a.tsv")
    with pytest.raises(InputError, match="a.tsv has no rows"):
        read(path, ["Head3"])


def test_a_cell_that_is_a_formula_is_named(tmp_path: Path) -> None:
    text = '"name";"cod";"value 1";"value 2"\n"Example 1";=("8445162064354");39,20;29,51\n'
    with pytest.raises(InputError, match=r"a.csv, line 2, column 'cod' is '=\(.8445162064354.\)'"):
        read(written(tmp_path, text + text.splitlines()[1] + "\n"), ["value*"], "name")


def test_text_behind_semicolons_with_decimal_commas_is_two_numbers(tmp_path: Path) -> None:
    text = '"name";"value 1";"value 2"\n"Example 1";39,20;29,51\n"Example 2";61,20;60,82\n'
    table, inputs, outputs, labels = read(written(tmp_path, text), ["value 2"], "name")
    assert inputs.tolist() == [[39.2], [61.2]] and outputs.tolist() == [[29.51], [60.82]]
    assert labels == ("Example 1", "Example 2") and "decimal commas" in table.told


def test_a_comment_above_the_header_is_no_header(tmp_path: Path) -> None:
    table, inputs, *_ = read(
        written(tmp_path, "# This comment should be ignored\nfield_name_0 field_name_1\n0 1\n2 3\n"), ["field_name_1"]
    )
    assert (table.inputs, table.outputs, inputs.tolist()) == (("field_name_0",), ("field_name_1",), [[0], [2]])


def test_a_comment_behind_the_header_is_refused_by_line(tmp_path: Path) -> None:
    text = "ColumnA ColumnB ColumnC # the column names precede this comment\n1 2 3\n4 5 6\n"
    with pytest.raises(InputError, match="a.txt, line [12]"):
        read(written(tmp_path, text, "a.txt"), ["ColumnC"])


def test_a_sign_within_a_header_is_part_of_a_name(tmp_path: Path) -> None:
    text = '"Label"; "Type"; "Dim"; "#N"; "N1"; "N2"\n1; TET10; 3; 10; 955; 8100\n2; TET10; 3; 10; 959; 8150\n'
    table, inputs, outputs, _ = read(written(tmp_path, text), ["N2"], "Type")
    assert table.inputs == ("Label", "Dim", "#N", "N1") and table.outputs == ("N2",)
    assert inputs[0].tolist() == [1, 3, 10, 955] and outputs[:, 0].tolist() == [8100, 8150]


@pytest.mark.parametrize("sign", ["# ", "#", "% "])
def test_what_numpy_writes_is_read(sign: str, tmp_path: Path) -> None:
    rows = np.array([[1.0, 2, 3, 4, 5], [5, 4, 3, 2, 1]])
    np.savetxt(tmp_path / "test.txt", rows, "%.1f", ",", header="wdf,a,f,b,c", comments=sign)
    table, inputs, outputs, _ = read(tmp_path / "test.txt", ["c"])
    assert table.inputs == ("wdf", "a", "f", "b") and table.outputs == ("c",)
    np.testing.assert_array_equal(np.hstack([inputs, outputs]), rows)


def test_a_quoted_name_behind_a_mark_is_the_name(tmp_path: Path) -> None:
    path = written(tmp_path, '"Country Name","x"\n1,2\n3,5\n', encoding="utf-8-sig")
    assert read(path, ["x"]).table.inputs == ("Country Name",)


def test_a_mat_of_version_7_3_is_told_how_to_be_read(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    for name in ("a.mat", "a.h5"):
        with h5py.File(tmp_path / name, "w", userblock_size=512) as file:
            file["inputs"], file["outputs"] = [[1.0], [2.0]], [[3.0], [4.0]]
        with (tmp_path / name).open("r+b") as raw:  # as Matlab begins such a file
            raw.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
    with pytest.raises(InputError, match=r"a.mat: .*7.3 as .h5"):
        read(tmp_path / "a.mat")
    assert read(tmp_path / "a.h5").outputs.tolist() == [[3], [4]]


def test_large_values_are_standardised_without_overflow() -> None:
    import torch

    rows = torch.from_numpy(np.random.default_rng(0).normal(0, 1e20, (50, 3)))
    found = Scaling.of(rows)(rows)
    assert torch.isfinite(found).all() and float(found.std()) == pytest.approx(1, rel=0.05)
