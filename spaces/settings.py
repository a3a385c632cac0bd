"""Settings: frozen dataclasses whose every field is checked as it is set, and refused in one line."""

from collections.abc import Callable, Mapping
from dataclasses import field
from functools import cache, wraps
from typing import Annotated, Any, Self, TypeVar, dataclass_transform

from pydantic import ConfigDict, Field, Strict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from graft.spaces.errors import InputError, unknown

# Strict, for what is true is no number and "5" is none either; a whole number is a number.
Whole = Annotated[int, Strict()]
Number = Annotated[float, Strict()]
Truth = Annotated[bool, Strict()]
Count = Annotated[Whole, Field(ge=1)]
Positive = Annotated[Number, Field(gt=0)]
NotNegative = Annotated[Number, Field(ge=0)]
Dropout = Annotated[Number, Field(ge=0, le=0.99)]
Ends = Annotated[tuple[Number, Number], Field(description="[lowest, highest]")]
WholeEnds = Annotated[tuple[Whole, Whole], Field(description="[lowest, highest], whole numbers")]

Kind = TypeVar("Kind", bound=type)
_adapter: Callable[[Any], TypeAdapter[Any]] = cache(TypeAdapter)


class Settings:
    """Values that a file or a folder holds, and back."""

    def to_dict(self) -> dict[str, object]:
        """Plain values, for JSON."""
        values: dict[str, object] = _adapter(type(self)).dump_python(self, mode="json")
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> Self:
        """Inverse of `to_dict`; a missing key keeps its default.

        Raises:
            InputError: Naming the key that is unknown, missing or has a value that cannot be used.
        """
        try:
            found: Self = _adapter(cls).validate_python(values)
        except ValidationError as problem:
            raise _refusal(problem, cls) from None
        return found

    @classmethod
    def reopened(cls, values: Mapping[str, object]) -> Self:
        """As `from_dict`, of values that an earlier release may have written down."""
        return cls.from_dict(values)


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def settings(name: str, *, order: bool = False) -> Callable[[Kind], Kind]:
    """Make a class a frozen dataclass that refuses what its fields' types do not allow.

    Args:
        name: What its fields are called by in a refusal: ``recipe.rate is 0; allowed: ...``. Those of a ``study``
            stand at the top of a file, so by their own names.
        order: Whether its values can be sorted.
    """

    def made(cls: Kind) -> Kind:
        kind: Any = dataclass(frozen=True, order=order, config=ConfigDict(extra="forbid", allow_inf_nan=False))(cls)
        check = kind.__init__

        @wraps(check)
        def __init__(self: Any, *args: Any, **fields: Any) -> None:
            try:
                check(self, *args, **fields)
            except ValidationError as problem:
                raise _refusal(problem, kind) from None

        kind.__init__, kind.settings_name = __init__, name
        return kind  # type: ignore[no-any-return]

    return made


BOUNDS = {"exclusiveMinimum": "above", "minimum": "at least", "maximum": "at most", "multipleOf": "a multiple of"}
"""How a JSON schema calls the bounds of numbers, and how people do."""


@cache
def schema(kind: type) -> dict[str, Any]:
    """The JSON schema of settings."""
    return _adapter(kind).json_schema()


def in_words(node: Mapping[str, Any]) -> str:
    """What a value may be, from its JSON schema: ``a whole number of at least 1``."""
    kind = node.get("type")
    if kind == "object" and "properties" in node:
        return "a table of " + ", ".join(node["properties"])
    if "description" in node:
        return str(node["description"])
    if "enum" in node:
        return "one of " + ", ".join(sorted(node["enum"]))
    if "anyOf" in node:
        return " or ".join(in_words(one) for one in node["anyOf"])
    if kind == "array":
        words = "a list" + (f" of at least {node['minItems']}" if "minItems" in node else "")
        each = node.get("items", {})
        return words + (f", each {in_words(each)}" if "type" in each else "")
    if kind not in ("integer", "number"):
        return {"string": "text", "boolean": "true or false", "null": "nothing"}.get(kind or "", "a table")
    style, words = ("d", "a whole number") if kind == "integer" else ("g", "a number")
    bounds = [f"{bound} {node[key]:{style}}" for key, bound in BOUNDS.items() if key in node]
    words += " of" if kind == "integer" and "minimum" in node else ""
    return " ".join([words, " and ".join(bounds)]).rstrip()


def node_at(kind: type, place: tuple[str | int, ...] = ()) -> dict[str, Any]:
    """The part of the JSON schema that describes the value at a place, such as ``("rows", "pool")``."""
    node = whole = schema(kind)
    for part in (None, *place):
        if isinstance(part, int):
            node = node["prefixItems"][part] if "prefixItems" in node else node["items"]
        elif part is not None:
            node = node.get("properties", {}).get(part, node)  # else a branch of a union
        if "$ref" in node:
            node = whole["$defs"][node["$ref"].rpartition("/")[2]]
    return node


RANK = {"unexpected_keyword_argument": 0, "missing": 1}
"""Which of several problems is told first: a key that is mistyped is also a key that is missing."""


def _refusal(problem: ValidationError, kind: Any) -> Exception:
    """The first thing that is wrong, in one line."""
    found = sorted(problem.errors(include_url=False), key=lambda one: RANK.get(one["type"], 2))
    first = found[0]
    error = first.get("ctx", {}).get("error")
    if isinstance(error, Exception):  # what a rule between fields said, in its own words
        return error
    names, place = list(kind.__dataclass_fields__), first["loc"]
    if place and isinstance(place[0], int):  # an argument by position
        place = (names[place[0]], *place[1:])
    table, key = place[:-1], place[-1] if place else ""
    if first["type"] == "unexpected_keyword_argument":
        return unknown(f"key in {_called(kind, table)}", str(key), node_at(kind, table)["properties"])
    if first["type"] == "missing" and isinstance(key, str):
        missing = [str(one["loc"][-1]) for one in found if one["type"] == "missing" and one["loc"][:-1] == table]
        return InputError(f"{_called(kind, table)} lacks {', '.join(missing)}")
    if first["type"] == "missing":  # one end of a range
        place = table
    node, value = node_at(kind, place), first["input"]
    if "enum" in node:
        return unknown(_called(kind, place), str(value), node["enum"])
    shown = "empty" if isinstance(value, list | tuple) and not value else repr(value)
    return InputError(f"{_called(kind, place)} is {shown}; allowed: {in_words(node)}")


def _called(kind: Any, place: tuple[str | int, ...]) -> str:
    """A place as people write it: ``rows.pool``, ``choices.layers[0]``."""
    inside = kind.settings_name == "study" and place
    parts = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return parts.removeprefix(".") if inside else kind.settings_name + parts
