"""What the settings of studies of every kind have: a name, a scale, a seed, and what counts as proof."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, ClassVar, Literal, Self, get_args

from pydantic import BeforeValidator, Field

from graft.spaces.errors import name, whole
from graft.spaces.settings import Number, Settings, Whole, settings
from graft.spaces.words import SCALES

Scale = Literal["demo", "paper"]
assert get_args(Scale) == SCALES
Name = Annotated[str, BeforeValidator(partial(name, "study.name"))]
Seed = Annotated[Whole, Field(ge=0, le=2**32 - 1)]


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
