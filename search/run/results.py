"""What a run's folder has recorded so far, by kind of study; what does not exist yet is empty."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pydantic import model_validator

from graft.search.run.certificate import (
    Behind,
    BehindAlone,
    Beside,
    Certificate,
    Comparison,
    Curve,
    Interval,
    Kept,
    Reference,
    SharingCertificate,
    Source,
    TransferCertificate,
)
from graft.search.run.record import Command, Errors, Record, Values
from graft.search.run.shown import Classes, Restored, Spectra, Way
from graft.search.run.trials import Searched, Stage
from graft.spaces.dcl import Watch
from graft.spaces.errors import InputError
from graft.spaces.plan import Plan, Recipe
from graft.spaces.sharing import Sharing

FILES = ("study", "result", "cost", "certificate", "map", "command")
Numbers = tuple[float, ...]


class Choices(Record):
    """Among which kinds of models a search could choose."""

    kinds: tuple[str, ...] = ()


class Asked(Record):
    """What a study of any kind says of itself, as far as a page shows it."""

    name: str = ""
    title: str = ""
    scale: str = ""
    seed: int | None = None
    target: str = ""
    metric: str = ""
    tasks: tuple[str, ...] = ()
    system: str = ""
    temperature: float = 0.0
    temperatures: Numbers = ()
    score: str = ""
    rows: Mapping[str, int] = {}
    ranges: Values = {}
    network: Values = {}
    choices: Choices = Choices()


class Piece(Record):
    """A trial that ran, in seconds since the first began."""

    phase: str
    number: int
    start: float
    end: float
    train_seconds: float | None = None


class Cost(Record):
    """What a run cost: seconds of each phase, trainings and trials (by state) of each search, what ran when.

    ``core_seconds`` are those of all workers, by what they went to; older runs do not tell.
    """

    phases: Mapping[str, float] = {}
    trainings: Mapping[str, int] = {}
    trials: Mapping[str, Mapping[str, int]] = {}
    wall_seconds: float | None = None
    train_seconds: float | None = None
    core_seconds: Mapping[str, float] = {}
    timeline: tuple[Piece, ...] = ()
    versions: Mapping[str, str] = {}
    machine: str = ""
    date: str = ""

    def summary(self) -> dict[str, object]:
        """What a certificate tells of it."""
        told = {"trials": sum(sum(states.values()) for states in self.trials.values())}
        told |= {"trainings": sum(self.trainings.values())}
        seconds = {"train_seconds": self.train_seconds, "wall_seconds": self.wall_seconds}
        return {"cost": told | seconds, "versions": self.versions}


class DataCard(Record):
    """A data set: what drew it, how many rows, its digest; of watched states also what they are worth."""

    digest: str
    simulator: str = ""
    rows: int | None = None
    temperature: float | None = None
    autocorrelation_sweeps: float | None = None
    effective: float | None = None


class Result(Record):
    """What the searches of any kind of study came to; those that are not declared stand beside these two."""

    format: int = 0
    protocol: int | None = None
    study: Values = {}
    data: Mapping[str, DataCard] = {}
    bases: tuple[Source, ...] = ()
    baseline: Searched = Searched()
    plans: Searched = Searched()
    importance: Mapping[str, Mapping[str, float]] = {}

    @model_validator(mode="before")
    @classmethod
    def _opened(cls, values: Values) -> Values:
        searches = {name: held for name, held in values.items() if isinstance(held, Mapping) and "trials" in held}
        return {**values, **{name: Searched.read(held) for name, held in searches.items()}}

    @property
    def searches(self) -> dict[str, Searched]:
        """The searches by their phase, that of plans the last."""
        found = {name: held for name, held in self if isinstance(held, Searched) and name in self.model_fields_set}
        return {name: found[name] for name in sorted(found, key="plans".__eq__)}


class Fixed(Record):
    """A candidate that was fixed before the confirmation, and how many placebos take turns."""

    trial: int
    plan: Plan
    placebos: int = 0


BEFOREHAND = (
    "looks", "more", "levels", "margin", "alpha", "deviation_in_search", "networks", "folds", "glances", "candidates",
    "not_confirmed",
)  # fmt: skip
"""What ``confirmation.json`` of a study of transfer holds, in that order."""


class Confirmation(Record):
    """What was fixed before plans of transfer were confirmed, and then the errors by arm (``0/candidate``).

    ``networks`` of each source take turns over the seeds, and rows in ``folds`` in judging; 0 where none do.
    """

    candidates: tuple[Fixed, ...]
    seeds: int | None = None
    margin: float = 0.0
    looks: tuple[int, ...] = ()
    more: tuple[int, ...] = ()
    levels: Numbers = ()
    networks: int = 0
    folds: int = 0
    not_confirmed: tuple[Behind, ...] = ()
    arms: Mapping[str, Errors] = {}
    alpha: float = 0.0
    deviation_in_search: float = 0.0
    glances: tuple[int, ...] = ()

    @property
    def fixed(self) -> dict[str, object]:
        """Plain values, without errors and how many seeds there were in the end."""
        held = {key: value for key, value in self.to_dict().items() if key not in ("arms", "seeds")}
        return {key: held.pop(key) for key in BEFOREHAND if key in held} | held


class Levels(Record):
    """Learned energies level by level."""

    exact: Numbers
    mean: Numbers
    deviation: Numbers
    rmse: Numbers


class Account(Record):
    """How far learned energies are from exact ones."""

    rmse: float
    rmse_low: float
    levels: Levels
    couplings: Numbers = ()
    error: float = 0.0


class TransferResult(Result):
    """Of transfer; what cheap priors said of spans (``1-3``) is kept by prior and source."""

    direct_by_budget: tuple[Stage, ...] = ()
    confirmation: Confirmation | None = None
    handed_over: Kept | None = None
    examples: Curve | None = None
    regressors: tuple[Reference, ...] = ()
    beside: Mapping[str, Beside] = {}
    priors: Mapping[str, Mapping[str, Mapping[str, float]]] = {}
    spectra: Spectra | None = None
    energies: Mapping[str, Account] = {}
    classes: Classes | None = None
    restoration: Restored | None = None
    ways: Mapping[str, Way] = {}
    placebos: tuple[Source, ...] = ()
    networks: tuple[Source, ...] = ()

    @property
    def spoken_of(self) -> tuple[Source, ...]:
        """The source networks that were confirmed: those that took turns, or the one of each source."""
        return self.networks or self.bases


class Looked(Record):
    """What is fixed before a confirmation in looks, and then how many seeds it took and what it measured.

    Those of protocol 2 and before fix their number of seeds; later ones fix looks.
    """

    margin: float
    alpha: float
    seeds: int | None = None
    looks: tuple[int, ...] = ()
    more: tuple[int, ...] = ()
    levels: Numbers = ()

    @property
    def fixed(self) -> Values:
        """Plain values, without what was measured."""
        later = ("arms", "seeds") if self.looks else ("arms",)
        return {key: value for key, value in self.to_dict().items() if key not in later}


class Round(Looked):
    """A round of a sharing plan's confirmation: its tasks, how many shuffles take turns, errors by arm and task."""

    round: int
    tasks: tuple[str, ...]
    trial: int
    plan: Sharing
    first_seed: int
    placebos: int = 0
    scale: str = "ratio"
    deviation_in_search: float = 0.0
    arms: Mapping[str, Mapping[str, Errors]] = {}

    @property
    def longest(self) -> int:
        """Seeds that any task has had."""
        return max((len(errors) for held in self.arms.values() for errors in held.values()), default=0)


class SharingResult(Result):
    """Of several tasks."""

    recipes: Mapping[str, Recipe] = {}
    direct_by_budget: Mapping[str, tuple[Stage, ...]] = {}
    handed_over: Mapping[str, Kept] | None = None
    reference: Mapping[str, Errors] = {}
    rounds: tuple[Round, ...] = ()
    not_confirmed: BehindAlone | None = None


class Final(Record):
    """A pipeline that was trained longest, and how far it is from exact energies."""

    plan: Watch
    words: str
    student_words: str
    sha256: str
    student_sha256: str
    likelihood: float
    agreement: float
    copies: int
    teacher: Account
    student: Account
    teaching: str = ""
    symmetry: float = 0.0
    teacher_symmetrised: Account | None = None
    student_symmetrised: Account | None = None

    @property
    def accounts(self) -> dict[str, Account]:
        """Of each network, as trained and symmetrised."""
        parts = ("teacher", "teacher_symmetrised", "student", "student_symmetrised")
        return {part: held for part in parts if (held := getattr(self, part)) is not None}


class Ranking(Record):
    """How well a score without labels ranks trials; a pair is score, exact RMSE, kind of model, reports."""

    trials: int
    spearman: float | None
    pairs: tuple[tuple[float, float, str, int], ...]


class Equal(Looked):
    """A pipeline that is held against the paper's at equal compute, and the RMSE by arm."""

    plan: Watch
    paper: Watch
    symmetrised: bool
    seconds: float
    arms: Mapping[str, Errors] = {}

    @property
    def longest(self) -> int:
        """Seeds that any arm has had."""
        return max(map(len, self.arms.values()), default=0)


class Thermodynamics(Record):
    """Exact curves on a fine grid, as far as they are known."""

    temperatures: Numbers
    energy: Numbers = ()
    heat: Numbers = ()


class Prediction(Record):
    """What a learned energy predicts on a lattice by temperature, each number per site with its standard error."""

    lattice: str
    energy_of: str
    sweeps: int
    temperatures: Numbers
    energy: Numbers
    energy_error: Numbers
    heat: Numbers
    heat_error: Numbers
    order: Numbers
    order_error: Numbers
    effective: Numbers
    drift: Numbers
    exchanged: Numbers
    exact: Numbers | None
    curve: Thermodynamics
    asked: Numbers | None = None


class DclResult(Result):
    """Of distribution-consistent learning."""

    test_states: int = 0
    rankings: Mapping[str, Ranking] = {}
    finals: Mapping[str, Final] = {}
    couplings: Numbers = ()
    confirmation: Equal | None = None
    predictions: tuple[Prediction, ...] = ()


class Cell(Record):
    """A span of a map: its errors, its change against direct learning, what that says."""

    source: str
    n1: int
    n2: int
    errors: Errors
    change: float | None
    verdict: str = ""


class Chosen(Record):
    """The certified plan, measured beside a map."""

    plan: Plan
    errors: Errors


class SpanMap(Record):
    """Every span of every source, and direct learning, on the same seeds."""

    seeds: int
    blocks: int
    direct: Errors
    direct_recipe: Recipe
    cells: tuple[Cell, ...]
    direct_same_recipe: Errors = ()
    trainings: int = 0
    chosen: Chosen | None = None


class Change(Record):
    """Relative change of an error, with its interval."""

    value: float
    interval: Interval


class SharedCell(Record):
    """Sharing the first so many blocks: the errors of each task, and their change."""

    first: int
    one_hot: bool
    errors: Mapping[str, Errors]
    changes: Mapping[str, Change | None] = {}


class SharedMap(Record):
    """Every number of first blocks shared, and each task alone, on the same seeds."""

    seeds: int
    blocks: int
    direct: Mapping[str, Errors]
    cells: tuple[SharedCell, ...]


class Results(Record):
    """All that a run's folder has recorded."""

    study: Asked = Asked()
    result: Result = Result()
    cost: Cost = Cost()
    certificate: Certificate | None = None
    map: SpanMap | SharedMap | None = None
    command: Command = Command()

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Everything that a run's folder has recorded.

        Raises:
            InputError: If the folder holds no run, or a record that cannot be read.
        """
        files = {name: _loaded(path) for name in FILES if (path := Path(folder, f"{name}.json")).is_file()}
        if not files.keys() & {"study", "result", "certificate", "map"}:
            raise InputError(f"{folder} holds no run; allowed: a folder with study.json, result.json or map.json")
        inside = (files.get(name, {}).get("study") for name in ("study", "result", "map", "certificate"))
        told = files.get("study") or next((known for known in inside if known), {})
        files["study"] = told if isinstance(told, Mapping) else {"name": told}
        asked = [_loaded(path) for path in sorted(Path(folder).glob("predictions/*.json"))]
        return cls.read({**files, "asked": asked}, folder)

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        """Of the certificate, one for each target task."""
        return self.certificate.comparisons if self.certificate else ()

    @property
    def proved(self) -> bool:
        """Whether the certificate says ``transfer``."""
        return self.certificate is not None and self.certificate.proved


class TransferResults(Results):
    """Of a study of transfer."""

    result: TransferResult = TransferResult()
    certificate: TransferCertificate | None = None
    map: SpanMap | None = None

    @property
    def candidates(self) -> list[Plan]:
        """Plans that went to confirmation."""
        return [one.plan for one in self.result.confirmation.candidates] if self.result.confirmation else []


class SharingResults(Results):
    """Of a study of several tasks."""

    result: SharingResult = SharingResult()
    certificate: SharingCertificate | None = None
    map: SharedMap | None = None


class DclResults(Results):
    """Of a study of distribution-consistent learning; ``asked`` is what its energy was asked later."""

    result: DclResult = DclResult()
    asked: tuple[Prediction, ...] = ()

    @property
    def predictions(self) -> tuple[Prediction, ...]:
        """On lattices of the run, and on those that it was asked for later."""
        return self.result.predictions + self.asked


def _loaded(path: Path) -> Mapping[str, object]:
    """One JSON object."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path} is not JSON ({error}); allowed: what a run recorded") from None
    if not isinstance(found, dict):
        raise InputError(f"{path} is a JSON {type(found).__name__}; allowed: an object that a run recorded")
    return found
