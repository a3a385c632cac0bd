"""The champion: what it takes, what it refuses, and which first line of a table is a header."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from pyarrow import feather, parquet

from graft.models.initialise import draw_weights
from graft.models.networks.network import Network, Shape
from graft.models.scaling import Scaling
from graft.models.weights import pack
from graft.search.champion import Champion, load
from graft.search.prediction import Asked, predict_csv
from graft.spaces.errors import InputError

SHAPE = Shape(3, 4, Network(1, 5))
LENGTHS = [{"name": "thickness", "role": "input", "unit": "nm"}]
ROW = "40,50,60"
CARD: dict[str, Any] = {"inputs": [{"name": "t", "unit": "s"}], "grid": None}


def build(folder: Path, inputs: list[dict[str, Any]] = LENGTHS, grid: dict[str, Any] | None = None) -> Path:
    """The folder of a finished run, as far as a champion needs it."""
    network = SHAPE.build()
    draw_weights(network, 1.0, torch.Generator().manual_seed(3))
    data = pack(network, SHAPE, Scaling(torch.full((3,), 50.0), torch.full((3,), 10.0)))
    card = {"inputs": inputs, "grid": grid, "sentence": "It helps.", "sha256": hashlib.sha256(data).hexdigest()}
    (folder / "model").mkdir(parents=True)
    (folder / "model" / "network.safetensors").write_bytes(data)
    (folder / "model" / "card.json").write_text(json.dumps(card))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def champion(folder: Path) -> Champion:
    return load(folder)


def test_it_predicts_what_its_network_computes(champion: Champion) -> None:
    rows = np.array([[40.0, 50.0, 60.0], [30.0, 31.0, 32.0]])
    literal = champion.network(torch.tensor((rows - 50) / 10, dtype=torch.float32)).detach().numpy()
    np.testing.assert_allclose(champion(rows), literal, rtol=1e-6)
    np.testing.assert_array_equal(champion(rows[0]), champion(rows[:1]))


@pytest.mark.parametrize("bad", [0.0, -40.0, float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("place", [0, 2])
def test_a_thickness_must_be_a_positive_number(champion: Champion, bad: float, place: int) -> None:
    row = [40.0, 50.0, 60.0]
    row[place] = bad
    with pytest.raises(InputError, match="^inputs hold a value that is no positive finite number; allowed: only such$"):
        champion([[40.0, 50.0, 60.0], row])


@pytest.mark.parametrize("units", [["1"], ["nm", "1"], [None]])
def test_other_inputs_may_be_zero_or_negative(tmp_path: Path, units: list[str | None]) -> None:
    columns = [{"name": f"x{i}"} | ({"unit": unit} if unit else {}) for i, unit in enumerate(units)]
    champion = load(build(tmp_path, columns))
    assert np.isfinite(champion([[0.0, -3.0, 1.0]])).all()
    with pytest.raises(InputError, match="^inputs hold a value that is no finite number; allowed: only such$"):
        champion([[0.0, -3.0, np.nan]])


@pytest.mark.parametrize(
    ("rows", "shape"), [([[1.0, 2.0]], "(1, 2)"), ([1.0], "(1, 1)"), (np.ones((1, 1, 3)), "(1, 1, 3)")]
)
def test_inputs_of_another_width_are_refused(champion: Champion, rows: Any, shape: str) -> None:
    with pytest.raises(InputError) as refused:
        champion(rows)
    assert str(refused.value) == f"inputs have shape {shape}; allowed: (examples, 3)"


def asked(folder: Path, file: Path, **more: Any) -> str:
    """What a folder's champion says of a file."""
    return predict_csv(folder, Asked(str(file), **more))


def table(folder: Path, text: str, tmp_path: Path) -> list[list[float]]:
    (tmp_path / "inputs.csv").write_text(text)
    return [[float(cell) for cell in line.split(",")] for line in asked(folder, tmp_path / "inputs.csv").splitlines()]


@pytest.mark.parametrize("header", ["", "a,b,c\n", "d_1,d_2,d_3\n", "only one word\n", "\n\nfirst,,third\n"])
def test_a_first_line_without_a_number_is_a_header(
    folder: Path, champion: Champion, header: str, tmp_path: Path
) -> None:
    names, *values = table(folder, f"{header}{ROW}\n\n30,31,32\n", tmp_path)
    assert names == [1, 2, 3, 4] and len(values) == 2
    np.testing.assert_allclose(values, champion([[40, 50, 60], [30, 31, 32]]), rtol=1e-5)


@pytest.mark.parametrize("first", ["40,5O,60", "40,,60", "x,50,60", "40,50,60nm", "1,b,c", "nan,b,c"])
def test_a_first_line_with_a_number_in_it_is_an_example_mistyped(folder: Path, first: str, tmp_path: Path) -> None:
    # It used to be taken for a header: one example fewer, and nobody was told.
    (tmp_path / "inputs.csv").write_text(f"{first}\n{ROW}\n")
    with pytest.raises(InputError, match=r"cell \d of the first line is '.*'; allowed: a number, or names alone"):
        asked(folder, tmp_path / "inputs.csv")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("a,b,c\n", "has no rows"),
        ("a,b,c\nd,e,f\n", "line 2, cell 1 is 'd'"),
        (f"{ROW}\n1,2\n", "line 2 has 2 cells; allowed: 3, as its first line has"),
        (f"{ROW}\n4_0,50,60\n", "line 2, cell 1 is '4_0'"),
        (f"{ROW}\n40,0,60\n", "no positive finite number"),
        (f"{ROW}\n40,nan,60\n", "no positive finite number"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(folder: Path, text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "inputs.csv").write_text(text)
    with pytest.raises(InputError, match=said):
        asked(folder, tmp_path / "inputs.csv")
    with pytest.raises(InputError, match="nowhere.csv: No such file"):
        asked(folder, tmp_path / "nowhere.csv")


def test_the_grid_is_the_header_of_what_is_predicted(tmp_path: Path) -> None:
    grid = {"name": "wavelength", "unit": "nm", "values": [400.0, 402.5, 405.0, 407.5]}
    assert table(build(tmp_path / "run", grid=grid), f"{ROW}\n", tmp_path)[0] == grid["values"]


def test_a_network_that_is_not_the_certified_one_is_refused(tmp_path: Path) -> None:
    network = build(tmp_path) / "model" / "network.safetensors"
    data = network.read_bytes()
    network.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(
        InputError, match=r"is not the network that was certified \(sha256 differs from that in card.json\)$"
    ):
        load(tmp_path)
    network.unlink()
    with pytest.raises(InputError, match="holds no champion"):
        load(tmp_path)


TABLE = {"inputs": ["d1 [nm]", "d2 [nm]", "angle"], "outputs": ["T400", "T402", "R400", "R402"]}


def named(folder: Path) -> Path:
    build(folder, [{"name": "inputs", "unit": "mixed"}])
    card = json.loads((folder / "model" / "card.json").read_text())
    (folder / "model" / "card.json").write_text(json.dumps(card | {"columns": TABLE, "task": "dear.csv"}))
    return folder


@pytest.mark.parametrize("header", ["angle,d2 [nm],d1 [nm]", "angle, d2,d1"])
def test_named_columns_may_come_in_any_order(header: str, tmp_path: Path) -> None:
    folder = named(tmp_path)
    texts = {"plain": "d1,d2,angle\n40,50,60\n", "turned": f"{header}\n60,50,40\n", "bare": "40,50,60\n"}
    for name, text in texts.items():
        (tmp_path / f"{name}.csv").write_text(text)
    found = [asked(folder, tmp_path / f"{name}.csv") for name in texts]
    assert len(set(found)) == 1 and found[0].startswith("T400,T402,R400,R402\n")


def test_a_column_in_another_unit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("d1 [um],d2 [nm],angle\n0.04,50,60\n")
    with pytest.raises(InputError, match=r"other.csv has d1 in um; allowed: in nm, as it was learned$"):
        asked(named(tmp_path), tmp_path / "other.csv")


@pytest.mark.parametrize("kind", ["npy", "npz", "feather", "parquet", "tsv", "semicolons", "more"])
def test_other_files_of_inputs_say_the_same(kind: str, tmp_path: Path) -> None:
    folder, rows = named(tmp_path), np.array([[40.0, 50.5, 60.0], [41.0, 51.5, 61.0]])
    (tmp_path / "plain.csv").write_text("40,50.5,60\n41,51.5,61\n")
    columns = pa.table({name: rows[:, i] for name, i in (("angle", 2), ("d1", 0), ("d2", 1))})
    path = tmp_path / f"inputs.{kind}"
    if kind == "npy":
        np.save(path, rows)
    elif kind == "npz":
        np.savez(path, inputs=rows)
    elif kind == "feather":
        feather.write_feather(columns, path)
    elif kind == "parquet":
        parquet.write_table(columns, path)
    elif kind == "tsv":
        path.write_text("# written by hand\nd1\td2\tangle\n40\t50.5\t60\n41\t51.5\t61\n")
    elif kind == "semicolons":
        path.write_text("d1;d2;angle\n40;50,5;60\n41;51,5;61\n")
    else:  # a table with its outputs in it
        path.write_text("T400,d1,d2,angle\n0.1,40,50.5,60\n0.2,41,51.5,61\n")
    assert asked(folder, path) == asked(folder, tmp_path / "plain.csv")


def test_what_lies_outside_what_was_learned_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = named(tmp_path)
    card = json.loads((folder / "model" / "card.json").read_text())
    card |= {"range": {"low": [30.0] * 3, "high": [70.0] * 3}, "inputs": [{"name": n} for n in ("d1", "d2", "angle")]}
    (folder / "model" / "card.json").write_text(json.dumps(card))
    (tmp_path / "inside.csv").write_text("30,50,70\n")
    (tmp_path / "outside.csv").write_text("40,50,60\n40,0.05,60\n40,0.06,75\n")
    asked(folder, tmp_path / "inside.csv", strict=True)
    assert capsys.readouterr().err == ""
    asked(folder, tmp_path / "outside.csv")
    said = capsys.readouterr().err
    assert "2 of 3 rows lie outside what was learned (d2: 0.05 to 50, learned were 30 to 70)" in said
    (tmp_path / "outside.csv").write_text("40,0.04,60\n40,0.05,60\n")
    with pytest.raises(InputError, match=r"2 of 2 rows .*; times 1000 they would fit: another unit\?\); allowed with"):
        asked(folder, tmp_path / "outside.csv", strict=True)


def test_a_large_offset_costs_no_digits(tmp_path: Path) -> None:
    # In single precision 1.7e9 + 40 and 1.7e9 + 50 are one number.
    network = SHAPE.build()
    draw_weights(network, 1.0, torch.Generator().manual_seed(3))
    ten = torch.full((3,), 10, dtype=torch.float64)
    plain, late = (
        Champion(network, Scaling(torch.full((3,), mean, dtype=torch.float64), ten), CARD) for mean in (50, 1.7e9 + 50)
    )
    rows = np.array([[40.0, 50.0, 60.0], [30.0, 31.0, 32.0]])
    np.testing.assert_array_equal(late(rows + 1.7e9), plain(rows))


def test_columns_that_the_network_does_not_know_are_refused(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("d1,d3,angle\n40,50,60\n")
    with pytest.raises(InputError, match="has columns d1, d3, angle; allowed: d1 .nm., d2 .nm., angle, in any order"):
        asked(named(tmp_path), tmp_path / "other.csv")


def test_a_task_that_the_run_did_not_learn_is_refused(tmp_path: Path) -> None:
    assert load(named(tmp_path), "dear.csv").card["columns"] == TABLE
    with pytest.raises(InputError, match="unknown task 'film-8'; allowed: dear.csv"):
        load(tmp_path, "film-8")


def test_a_card_says_whether_inputs_must_be_positive(tmp_path: Path) -> None:
    folder = build(tmp_path)
    card = json.loads((folder / "model" / "card.json").read_text())
    (folder / "model" / "card.json").write_text(json.dumps(card | {"positive": False}))
    assert np.isfinite(load(folder)([[0.0, -3.0, 1.0]])).all()


@pytest.mark.parametrize("text", ["\ufeffangle,d2,d1\n60,50,40\n", '"angle","d2 [nm]","d1 [nm]"\n60,50,40\n'])
def test_a_header_is_read_as_files_of_examples_are(text: str, tmp_path: Path) -> None:
    folder = named(tmp_path)
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    (tmp_path / "b.csv").write_text("40,50,60\n")
    assert asked(folder, tmp_path / "a.csv") == asked(folder, tmp_path / "b.csv")


def test_columns_that_only_units_tell_apart_are_told_apart_by_them(tmp_path: Path) -> None:
    folder = named(tmp_path)
    card = json.loads((folder / "model" / "card.json").read_text())
    card["columns"]["inputs"] = ["T [K]", "T [s]", "d"]
    (folder / "model" / "card.json").write_text(json.dumps(card))
    (tmp_path / "a.csv").write_text("T [s],d,T [K]\n50,60,40\n")
    (tmp_path / "b.csv").write_text("40,50,60\n")
    assert asked(folder, tmp_path / "a.csv") == asked(folder, tmp_path / "b.csv")
    (tmp_path / "a.csv").write_text("T,d,T\n50,60,40\n")
    with pytest.raises(InputError, match="in any order"):
        asked(folder, tmp_path / "a.csv")


def test_one_of_several_tasks_may_be_named_otherwise_than_its_folder(tmp_path: Path) -> None:
    """A simulator of one's own is called module:Class, its folder by its own name."""
    inner = build(tmp_path / "built")
    (tmp_path / "run" / "model").mkdir(parents=True)
    (inner / "model").rename(tmp_path / "run" / "model" / "slab")
    card = tmp_path / "run" / "model" / "slab" / "card.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | {"task": "slab:Slab"}))
    assert load(tmp_path / "run", "slab").card["task"] == "slab:Slab"
