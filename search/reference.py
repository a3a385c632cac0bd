"""The reference of settings, written from the settings themselves: `make settings` writes it anew."""

import inspect
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, NamedTuple, Union, get_args, get_type_hints

from pydantic import TypeAdapter

from graft.search.study import STUDIES
from graft.spaces.settings import Settings, in_words

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "reference"
ENTRY = re.compile(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)
"""One attribute of a docstring: its name, and what it says on this line and on those indented below."""
HEAD = """# Settings

Every key of a study, in TOML and after `--set`: `--set rows.pool=100`. Written by `make settings` from the settings
themselves; `settings.schema.json` beside it says the same to programs, as a JSON schema of a run's `study.json`.
"""


def pages() -> dict[str, str]:
    """The text of each file of the reference, by name."""
    studies: Any = Union[*dict.fromkeys(STUDIES.values())]
    schema = TypeAdapter(studies).json_schema()
    return {"settings.md": _page(), "settings.schema.json": json.dumps(schema, indent=1) + "\n"}


def _page() -> str:
    parts, told = [HEAD], set[type]()
    for (question, task), study in STUDIES.items():
        parts += [f'## kind = "{question}", task = "{task}"\n', *_section(study)]
        inside = [kind for kind in _within(study) if kind not in told]
        for kind in dict.fromkeys(inside):
            parts += [f'### <a id="{_anchor(kind)}"></a>{kind.__name__}\n', *_section(kind)]
        told |= set(inside)
    return "\n".join(parts)


def _section(kind: type) -> Iterator[str]:
    """What a table of settings is, and its keys."""
    said, schema = attributes(kind), TypeAdapter(kind).json_schema()
    yield f"{_plain(inspect.getdoc(kind) or '').splitlines()[0]}\n"
    yield "| key | allowed | default | what it is |\n|---|---|---|---|"
    links = {one.__name__: f"[{one.__name__}](#{_anchor(one)})" for one in _within(kind)}
    for key, node in schema["properties"].items():
        default = _default(node, schema) if key not in schema.get("required", ()) else "must be told"
        cells = (f"`{key}`", _allowed(node, links), default, said.get(key, ""))
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    yield ""


class Key(NamedTuple):
    """A key of a study: its dotted name, its value and default as TOML would say them, what it is."""

    name: str
    value: str
    default: str
    meaning: str

    @property
    def is_default(self) -> bool:
        """Whether nothing was changed."""
        return self.value == self.default


def keys(study: Settings, above: str = "") -> Iterator[Key]:
    """Every key of a study, tables followed by their own; arguments as of `Key`."""
    said, schema = attributes(type(study)), TypeAdapter(type(study)).json_schema()
    told = study.to_dict()
    for name, node in schema["properties"].items():
        inner = getattr(study, name)
        value = told.get(name, inner)  # what old folders do not know is left out where it is the default
        if isinstance(inner, Settings):
            yield from keys(inner, f"{above}{name}.")
            continue
        default = "must be told" if name in schema.get("required", ()) else json.dumps(node.get("default", {}))
        yield Key(above + name, json.dumps(value), default, said.get(name, ""))


def attributes(kind: type) -> dict[str, str]:
    """What the docstrings of a class and of those it extends say of each attribute."""
    found: dict[str, str] = {}
    for one in reversed(kind.__mro__):
        _, _, listed = inspect.cleandoc(one.__doc__ or "").partition("Attributes:\n")
        found |= {name: " ".join(_plain(text).split()) for name, text in ENTRY.findall(listed)}
    return found


def _plain(text: str) -> str:
    """Markdown in place of reStructuredText."""
    return text.replace("``", "`")


def _within(kind: type) -> Iterator[type]:
    """The tables that a table of settings holds, and those that they hold."""
    waiting: list[Any] = list(get_type_hints(kind).values())
    while waiting:
        hint = waiting.pop(0)
        waiting += get_args(hint)
        if isinstance(hint, type) and is_dataclass(hint):
            yield hint
            yield from _within(hint)


def _anchor(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}".lower()


def _allowed(node: Mapping[str, Any], links: Mapping[str, str]) -> str:
    if "$ref" in node:
        return f"a table: {links[node['$ref'].rpartition('/')[2].rpartition('__')[2]]}"
    if "anyOf" in node:
        return ", or ".join(_allowed(one, links) for one in node["anyOf"])
    if "$ref" in node.get("items", {}):
        return f"a list, each {_allowed(node['items'], links)}"
    return in_words(node)


def _default(node: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """The default of a key; of a table, what differs from the table's own."""
    if "default" not in node:
        return "the table's own"
    default = node["default"]
    if isinstance(default, dict):
        own = schema["$defs"][node["$ref"].rpartition("/")[2]]["properties"]
        changed = (f"{key} = {json.dumps(value)}" for key, value in default.items() if own[key].get("default") != value)
        return f"`{', '.join(changed)}`, else the table's own"
    return f"`{json.dumps(default)}`"


def main() -> None:
    """Write the reference."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
