"""What a run's folder has recorded so far, as its report reads it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from graft.spaces.errors import InputError

FILES = ("study", "result", "cost", "certificate", "map", "command")
Record = Mapping[str, Any]


@dataclass(frozen=True)
class Results:
    """All that a run's folder has recorded; what does not exist yet is empty."""

    study: Record
    result: Record = field(default_factory=dict)
    cost: Record = field(default_factory=dict)
    certificate: Record = field(default_factory=dict)
    map: Record = field(default_factory=dict)
    command: Record = field(default_factory=dict)
    asked: Sequence[Record] = ()

    @property
    def predictions(self) -> list[Record]:
        """What a learned energy predicts: lattices of the run, and those that it was asked for later."""
        return [*(self.result.get("predictions") or ()), *self.asked]

    @property
    def comparisons(self) -> list[Record]:
        """Comparisons of the certificate, one for each target task."""
        return list(self.certificate.get("comparisons") or [])

    @property
    def candidates(self) -> list[Record]:
        """Candidates that went to confirmation, with their verdicts where there is a certificate."""
        if self.comparisons:
            return list(self.comparisons[0].get("candidates") or [])
        return list((self.result.get("confirmation") or {}).get("candidates") or [])

    @property
    def proved(self) -> bool:
        """Whether the certificate says ``transfer``."""
        return self.certificate.get("decision") == "transfer"


def read(folder: Path) -> Results:
    """Everything that a run's folder has recorded.

    Raises:
        InputError: If the folder holds no run, or a record that cannot be read.
    """
    records: dict[str, Any] = {}
    for name in FILES:
        path = Path(folder, f"{name}.json")
        if path.is_file():
            records[name] = _record(path)
    if not records.keys() & {"study", "result", "certificate", "map"}:
        raise InputError(f"{folder} holds no run; allowed: a folder with study.json, result.json or map.json")
    inside = (records.get(name, {}).get("study") for name in ("result", "map", "certificate"))
    study: Any = records.pop("study", None) or next((known for known in inside if known), {})
    asked = tuple(_record(path) for path in sorted(folder.glob("predictions/*.json")))
    return Results(study if isinstance(study, dict) else {"name": study}, asked=asked, **records)


def _record(path: Path) -> Record:
    """One JSON object."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path} is not JSON ({error}); allowed: what a run recorded") from None
    if not isinstance(found, dict):
        raise InputError(f"{path} is a JSON {type(found).__name__}; allowed: an object that a run recorded")
    return found
