"""The certificate: comparisons with their arms and candidates, and what they rest on."""

import math
from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator

from graft.search.run.record import Errors, Record, Values
from graft.search.run.trials import AnyPlan
from graft.spaces.plan import Plan, Recipe
from graft.spaces.sharing import Sharing

ARMS = ("direct", "direct_same_recipe", "shuffled", "placebo", "candidate")


def _ends(interval: object) -> object:
    """An interval from JSON, where an end that is not there is null."""
    if not isinstance(interval, list | tuple) or len(interval) != 2:
        return interval
    low, high = interval
    return (-math.inf if low is None else low, math.inf if high is None else high)


Interval = Annotated[tuple[float, float], BeforeValidator(_ends)]


class Measured(Record):
    """Errors of an arm: their mean (None if any seed diverged) and every seed."""

    mean: float | None
    per_seed: Errors = ()


class Candidate(Record):
    """A candidate of a comparison: its verdict, its tests, its arms."""

    plan: AnyPlan
    decision: str
    reason: str
    relative_reduction: float | None
    interval: Interval | None
    p_value: float
    p_values: Mapping[str, float]
    sign_p_value: float
    arms: Mapping[str, Measured]
    trial: int | None = None
    round: int | None = None


class BestOf(Record):
    """The expected error of who trains so many ``networks`` and keeps the one that validates best, both ways."""

    networks: int
    direct: float
    candidate: float
    relative_reduction: float | None


class InUnits(Record):
    """Mean absolute errors of an output in its own unit, and by how much the candidate's is lower."""

    output: str
    unit: str
    direct: float
    candidate: float
    gain: float


class Beside(Record):
    """What trainings of an arm told beside their errors: of validation rows, and of each output in its own unit."""

    validation: Errors = ()
    in_units: tuple[tuple[float, ...], ...] = ()


class Prospects(Record):
    """What a user has to decide by, of the candidate chosen or else the first (`graft.search.proof.prospects`).

    ``trainings`` of each arm were measured: seeds, or whole repeats where rows were cross-fitted. ``outperforms`` is
    the probability that one training of the candidate errs less than one of direct learning.
    """

    trainings: int
    outperforms: float
    best_of: tuple[BestOf, ...] = ()
    in_units: tuple[InUnits, ...] = ()


class Behind(Record):
    """A trial that was not confirmed, for the search had shown it to be behind something, by a share of its error."""

    trial: int
    plan: Plan
    behind: str
    by: float


class Comparison(Record):
    """What was decided of one target task, or of one claim."""

    task: str
    decision: str
    plan: AnyPlan | None
    chosen: int | None = None
    direct: Measured | None = None
    direct_same_recipe: Measured | None = None
    shuffled: Measured | None = None
    placebo: Measured | None = None
    candidate: Measured | None = None
    relative_reduction: float | None = None
    interval: Interval | None = None
    p_value: float | None = None
    candidates: tuple[Candidate, ...] = ()
    rival_budget: int | None = None
    not_confirmed: tuple[Behind, ...] = ()
    needs_knowledge: float | None = None
    would_decide: int | None = None
    prospects: Prospects | None = None
    times_trainings: float | None = None
    claim: str = ""
    reason: str = ""

    @property
    def helped(self) -> bool:
        """Whether it says ``transfer``."""
        return self.decision == "transfer"

    @property
    def measured(self) -> dict[str, Measured]:
        """What was measured, by arm."""
        return {name: held for name in ARMS if (held := getattr(self, name)) is not None}

    def mean(self, arm: str) -> float | None:
        """Mean error of an arm; None if it was not measured or diverged."""
        return held.mean if (held := self.measured.get(arm)) else None


class Several(Record):
    """Networks of the plan that is handed over, trained with seeds of their own, as one.

    Attributes:
        sha256: Of each.
        error: Of the mean of what they predict; None where no rows are left over that could judge it.
        direct: The same of as many networks of direct learning, where a plan of transfer is handed over.
        held: Rows from which not all of them learned, which calibrate intervals; 0: no intervals.
        held_sha256: Of what they were off there.
    """

    sha256: tuple[str, ...]
    error: float | None = None
    direct: float | None = None
    held: int = 0
    held_sha256: str = ""


class Kept(Record):
    """The network that a folder hands over: which arm it is, the rows that it learned from, its error."""

    arm: str
    plan: AnyPlan
    rows: int
    error: float
    ensemble: Several | None = None


class Curve(Record):
    """Learning curve of direct learning, and the rows at which it does as well as the candidate."""

    rows: tuple[int, ...]
    errors: tuple[Errors, ...]
    candidate_error: float
    equivalent_rows: float | None = None
    beyond: bool = False


class Reference(Record):
    """A reference regressor, on the rows from which the networks of each seed learned: no network was needed for it.

    ``chosen`` is what cross-validation of the unlocked rows chose, ``cross_validated`` its error there; ``rows`` it
    learned from with each seed, those of the sources whose rows were ``pooled`` not counted.
    """

    name: str
    chosen: Values
    cross_validated: float
    rows: int
    pooled: tuple[str, ...] = ()
    mean: float | None = None
    per_seed: Errors = ()

    @property
    def label(self) -> str:
        """What it is, in a table."""
        return " + ".join([self.name, *self.pooled])

    @property
    def words(self) -> str:
        """What it is, in a sentence."""
        return f"{self.name}, with the rows of {' and '.join(self.pooled)} too," if self.pooled else self.name


class Source(Record):
    """A source network: the claim is conditional on its weights, and on their precisions where a plan asked."""

    name: str
    sha256: str
    error: float | None = None
    recipe: Recipe | None = None
    precision: str | None = None


class Certificate(Record):
    """The document that vouches for a folder; ``looks`` are those that were fixed beforehand."""

    decision: str
    sentence: str
    comparisons: tuple[Comparison, ...]
    mode: str = "fresh"
    alpha: float = 0.05
    margin: float | None = None
    seeds: int | None = None
    test_examples: int | None = None
    sources: tuple[Source, ...] = ()
    looks: tuple[int, ...] = ()
    versions: Mapping[str, str] = {}

    @property
    def proved(self) -> bool:
        """Whether it says ``transfer``."""
        return self.decision == "transfer"


class TransferCertificate(Certificate):
    """Of transfer, with the learning curve where it helps, and what needs no network."""

    examples: Curve | None = None
    handed_over: Kept | None = None
    regressors: tuple[Reference, ...] = ()


class BehindAlone(Record):
    """A plan of sharing that was not confirmed: by how much it was behind in each task."""

    trial: int
    plan: Sharing
    behind: Mapping[str, float]


class SharingCertificate(Certificate):
    """Of sharing, task by task."""

    handed_over: Mapping[str, Kept] | None = None
    not_confirmed: BehindAlone | None = None
