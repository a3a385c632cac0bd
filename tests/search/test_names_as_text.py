"""Names and notes that a page, a spreadsheet or a shell would carry out stay text, or are refused."""

import csv
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from graft.search.champion import Champion
from graft.search.prediction import cell, outputs
from graft.search.study import resolve
from graft.simulators.data.table import in_words, read
from graft.spaces.errors import InputError

ATTACKS = ("<script>alert(1)</script>", "=cmd()", "../../etc/passwd", "@SUM(A1)", "{{ 7 * 7 }}", "$(id)")


def test_a_formula_is_text_in_csv() -> None:
    for name in ("=cmd()", "+1+cmd()", "-2+cmd()", "@SUM(A1)", "\tx", "\rx"):
        assert cell(name) == f"'{name}"
    for name in ("T400", "protein [%]", "400", "<script>", "-1.5", "+2e3"):  # numbers are what they are
        assert cell(name) == name


@pytest.mark.parametrize("name", ATTACKS)
def test_a_column_of_any_name_is_a_column(name: str, tmp_path: Path) -> None:
    with (tmp_path / "a.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["d1", name], [1.0, 2.0], [2.0, 5.0]])
    table, *_ = read(tmp_path / "a.csv", [name] if "*" not in name else ["{{*"])
    assert table.outputs == (name,) and name in in_words(table)
    card = {"inputs": [{"name": "d1"}], "columns": {"outputs": [name]}, "outputs": []}
    champion = Champion(SimpleNamespace(), None, card)  # type: ignore[arg-type]
    assert outputs(champion, 1) == [cell(name)]


@pytest.mark.parametrize("name", ATTACKS)
def test_a_study_of_such_a_name_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="study.name is"):
        resolve({"extends": "film10-film8", "name": name})


@pytest.mark.parametrize("name", ATTACKS)
def test_a_title_of_any_words_is_kept_as_it_is(name: str) -> None:
    study = resolve({"extends": "film10-film8", "name": "mine", "title": name})
    assert json.loads(json.dumps(study.to_dict()))["title"] == name
