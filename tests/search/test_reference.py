"""The reference of settings: as the settings are today, and with a word on each."""

import json
from dataclasses import fields
from typing import Any

import pytest

from graft.search import usage
from graft.search.cli import COMMANDS
from graft.search.reference import FOLDER, pages
from graft.search.study import STUDIES


@pytest.mark.parametrize("name", ["settings.md", "settings.schema.json"])
def test_the_reference_is_current(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == pages()[name], "make settings"


def test_the_reference_of_commands_is_current() -> None:
    assert (FOLDER / "cli.md").read_text(encoding="utf-8") == usage.page(), "make settings"
    assert all(f"## graft {name}\n" in usage.page() for name in COMMANDS)


def test_each_key_has_its_line_and_a_word_on_it() -> None:
    page = pages()["settings.md"]
    lines = [line.split(" | ") for line in page.splitlines() if line.startswith("| `")]
    assert [line[0] for line in lines if line[-1].strip(" |") == ""] == []
    for study in STUDIES.values():
        assert all(f"| `{key}` | " in page for key in [field.name for field in fields(study)])
    assert "| `decay` | a number at least 0 | `0.0` | Decoupled weight decay" in page


def test_links_lead_to_tables() -> None:
    page = pages()["settings.md"]
    links = {part.partition(")")[0] for part in page.split("](#")[1:]}
    assert links == {part.partition('"')[0] for part in page.split('<a id="')[1:]}


def test_the_schema_refuses_keys_that_are_unknown() -> None:
    schema: dict[str, Any] = json.loads(pages()["settings.schema.json"])
    kinds = [one["$ref"].rpartition("/")[2] for one in schema["anyOf"]]
    assert len(kinds) == len(set(STUDIES.values()))
    assert all(schema["$defs"][kind]["additionalProperties"] is False for kind in kinds)
