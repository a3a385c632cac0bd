"""What studies of every kind have: scales, what counts as proof, and the way from plain values and back."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from models.network import Network, OwnNetwork
from spaces.plan import checked_fields
from spaces.refusal import Refusal, number, whole

SCALES = ("demo", "paper")


@dataclass(frozen=True)
class Proof:
    """What counts as proof: level, margin, candidates and seeds of the confirmation."""

    alpha: float = 0.05
    margin: float = 0.02
    candidates: int = 2
    seeds: int = 8
    most_seeds: int = 12

    def __post_init__(self) -> None:
        number("proof.alpha", self.alpha, 0, 0.5, above=True)
        number("proof.margin", self.margin, 0, 1)
        whole("proof.candidates", self.candidates, 1, 2)
        whole("proof.seeds", self.seeds, 8)
        whole("proof.most_seeds", self.most_seeds, self.seeds)


def build(kind: Any, values: Any, where: str) -> Any:
    """A dataclass from nested plain values, types checked field by field.

    Raises:
        Refusal: Naming the key that is unknown, missing or has a value that cannot be used.
    """
    if not isinstance(values, Mapping):
        raise Refusal(f"{where} is {values!r}; allowed: a table of {', '.join(f.name for f in fields(kind))}")
    hints = get_type_hints(kind)
    checked = checked_fields(kind, values, where)
    needed = [f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING]
    missing = [field for field in needed if field not in checked]
    if missing:
        raise Refusal(f"{where} lacks {', '.join(missing)}")
    prefix = "" if where == "study" else f"{where}."
    return kind(**{key: _value(hints[key], value, f"{prefix}{key}") for key, value in checked.items()})


def _value(hint: Any, value: Any, where: str) -> Any:
    if isinstance(hint, UnionType):  # of networks: those of a user's own take whatever keys their class does
        own = isinstance(value, Mapping) and "module" in value
        return OwnNetwork.from_dict(value) if own else build(Network, value, where)
    if is_dataclass(hint):
        return build(hint, value, where)
    if get_origin(hint) is tuple:
        if not isinstance(value, list | tuple):
            raise Refusal(f"{where} is {value!r}; allowed: a list")
        return tuple(_value(get_args(hint)[0], entry, f"{where}[{i}]") for i, entry in enumerate(value))
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not hint:
        words = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
        raise Refusal(f"{where} is {value!r}; allowed: {words[hint]}")
    return value


def plain(value: Any) -> Any:
    """Nested values with lists in place of tuples, as JSON has them."""
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    return [plain(entry) for entry in value] if isinstance(value, tuple | list) else value
