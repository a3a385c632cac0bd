"""What a run writes down: frozen values that JSON holds, and back."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from graft.spaces.errors import InputError
from graft.spaces.settings import Settings

Values = Mapping[str, object]
"""What a JSON object holds, where nobody asks for a single entry."""
Errors = tuple[float | None, ...]
"""One for each seed; None where a training diverged."""


class Record(BaseModel):
    """One object of a run's JSON files. Entries that it does not declare are kept, and written again."""

    model_config = ConfigDict(frozen=True, extra="allow")

    @classmethod
    def read(cls, values: Values, where: str | Path = "record") -> Self:
        """The record that plain values hold.

        Args:
            values: From JSON.
            where: The file, for a refusal.

        Raises:
            InputError: Naming the entry that cannot be used.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as problem:
            first = problem.errors(include_url=False)[0]
            place = ".".join(map(str, first["loc"]))
            raise InputError(f"{where}: {place}: {first['msg']}; allowed: what a run recorded") from None

    def to_dict(self) -> dict[str, object]:
        """Plain values; what was never said is left out."""
        return {name: strict(value) for name, value in self if name in self.model_fields_set}


class Command(Record):
    """What was typed."""

    words: tuple[str, ...] = ()


def strict(value: object) -> object:
    """The value as JSON can hold it; a number that is not finite becomes None, as there is no other way to say it."""
    if isinstance(value, Record | Settings):
        return value.to_dict()
    if isinstance(value, Mapping):
        return {str(key): strict(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [strict(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
