"""What the settings of studies of every kind have: a name, a scale, a seed, and what counts as proof."""

from functools import partial
from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Field

from spaces.refusal import name, whole
from spaces.settings import Number, Settings, Whole, settings

Scale = Literal["demo", "paper"]
SCALES = get_args(Scale)
Name = Annotated[str, BeforeValidator(partial(name, "study.name"))]
Seed = Annotated[Whole, Field(ge=0, le=2**32 - 1)]


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
