"""What the settings of studies of every kind have: a name, a scale, a seed, and what counts as proof."""

from collections.abc import Mapping
from functools import partial
from itertools import pairwise
from typing import Annotated, ClassVar, Literal, Self, get_args

from pydantic import BeforeValidator, Field

from graft.spaces.errors import InputError, name, whole
from graft.spaces.settings import Count, Number, Settings, Whole, settings
from graft.spaces.words import SCALES

Scale = Literal["demo", "paper"]
assert get_args(Scale) == SCALES
Name = Annotated[str, BeforeValidator(partial(name, "study.name"))]
Seed = Annotated[Whole, Field(ge=0, le=2**32 - 1)]
LEAST_SEEDS = 4
"""Before the first look: fewer say nothing of how seeds vary."""
BEFORE_LOOKS: Mapping[str, object] = {"looks": [], "more": []}
"""What folders of protocols 1 and 2 do not say of their proof, and meant."""


class StudySettings(Settings):
    """What can be done with the settings of a study of any kind.

    Attributes:
        name: Registered as this.
        title: One line for people.
        scale: ``demo`` or ``paper``.
        seed: Fixes every random number.
        kind: Which question it asks, as of `graft.search.kinds.registry`.
        before: What folders of protocol 1 do not say, and meant.
    """

    kind: ClassVar[str]
    before: ClassVar[Mapping[str, Mapping[str, object]]] = {"budget": {"rival": 1}}

    name: str  # fields where each kind of study declares its own
    title: str
    scale: Scale
    seed: int

    def tried(self) -> None:
        """Refuse what does not fit, as soon as the study is read.

        Raises:
            InputError: Naming what cannot be used.
        """

    @classmethod
    def reopened(cls, values: Mapping[str, object]) -> Self:
        """The study of a run's folder, from the plain values there.

        Folders of protocol 1 do not say how often direct learning is searched: once. Nor where heads start: at random,
        as a recipe without the setting means.
        """
        held = {key: value for key, value in values.items() if key != "kind"}
        tables = {key: table for key in cls.before if isinstance(table := values.get(key), Mapping)}
        return cls.from_dict(held | {key: {**cls.before[key], **table} for key, table in tables.items()})


@settings("proof")
class Proof(Settings):
    """What counts as proof.

    Attributes:
        alpha: Level of all tests of a run together.
        margin: Share of the error by which a candidate has to be better.
        candidates: Plans that may be confirmed.
        seeds: Of the confirmation, where its power is known or nothing was chosen.
        most_seeds: Of the confirmation, at most.
    """

    alpha: Annotated[Number, Field(gt=0, le=0.5)] = 0.05
    margin: Annotated[Number, Field(ge=0, le=1)] = 0.02
    candidates: Annotated[Whole, Field(ge=1, le=2)] = 2
    seeds: Annotated[Whole, Field(ge=8)] = 8
    most_seeds: Whole = 12

    def __post_init__(self) -> None:
        whole("proof.most_seeds", self.most_seeds, self.seeds)


@settings("proof")
class Looked(Proof):
    """What counts as proof where a confirmation is looked at several times.

    Attributes:
        looks: After how many seeds the confirmation may end, increasing; empty: after as many as the search says that
            its power needs, between ``seeds`` and ``most_seeds``. Holdout mode looks once.
        more: Further looks, for a run that remains undecided (``graft confirm DIR --more``). They keep a fifth of the
            level for themselves.
    """

    looks: tuple[Count, ...] = (4, 6, 8, 12)
    more: tuple[Count, ...] = (16, 24)

    def __post_init__(self) -> None:
        super().__post_init__()
        found = [*self.looks, *self.more]
        if any(later <= before for before, later in pairwise(found)) or (found and found[0] < LEAST_SEEDS):
            raise InputError(
                f"proof.looks is {list(self.looks)}, proof.more {list(self.more)}; allowed: numbers of seeds that "
                f"increase from look to look, the first of them at least {LEAST_SEEDS}"
            )
        if self.more and not self.looks:
            raise InputError(f"proof.more is {list(self.more)} without proof.looks; allowed: both, or neither")


@settings("proof")
class Confirmed(Looked):
    """What counts as proof that something is owed to what others know: looks, and placebos.

    Attributes:
        placebos: Of transfer, source networks taught on outputs that were permuted among their rows; of sharing, ways
            in which the other tasks' labels are shuffled. A fresh one for each seed until so many take turns: what has
            beaten everything else must beat them by more than they differ; 0: none.
    """

    placebos: Annotated[Whole, Field(ge=0, le=64)] = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        if 0 < self.placebos < 3:
            raise InputError(f"proof.placebos is {self.placebos}; allowed: 0, or at least 3, for two tell no spread")
