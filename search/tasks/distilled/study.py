"""A study of distribution-consistent learning: what is watched, at which temperature, and what may be spent."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, ClassVar, Literal, get_args

import numpy as np
from pydantic import Field

from graft.models.orders import order
from graft.search.settings import BEFORE_LOOKS, Looked, Name, Scale, Seed, StudySettings
from graft.simulators.registry import lattice
from graft.simulators.spins.exact.multicanonical import check
from graft.simulators.spins.lattice import SpinModel
from graft.spaces.dcl import Choices, Order, Student, Watch, hidden, linear, most_focus, paper
from graft.spaces.errors import InputError
from graft.spaces.settings import Count, Number, Positive, Settings, Whole, settings

Score = Literal["label-free", "likelihood", "symmetry", "exact"]
Symmetries = Literal["all", "flip", "none"]
SCORES = get_args(Score)
RANGE = (0.01, 1000.0)
"""Temperatures at which exact formulas hold to all digits that are shown."""
Temperature = Annotated[Number, Field(ge=RANGE[0], le=RANGE[1])]
Hundred = Annotated[Whole, Field(ge=100)]
SITES = 256
"""Of the lattice that is watched, at most: every level of its exact energy is judged."""
SHORTEST = 3
"""Side of the smallest tiles that see beyond themselves: the paper's recipe always runs."""
LARGEST = 128 * 128
"""Sites of the lattice that is predicted, at most: Monte Carlo keeps and updates every spin at every temperature."""


@settings("states")
class States(Settings):
    """Numbers of states of each kind.

    Attributes:
        watched: Observations: all that is known of the system.
        held: Of these, kept from training to measure the likelihood.
        wide: States of all energies, drawn without the Hamiltonian, on which label-free errors are measured.
        level: Test states for each exact energy level (or window of energy), fresh, which no search reads.
        reference: Uniformly random states whose mean learned energy is the gauge.
        student: States that the student is taught in each round.
    """

    watched: Annotated[Whole, Field(ge=1000)] = 1_000_000
    held: Hundred = 20_000
    wide: Hundred = 2000
    level: Annotated[Whole, Field(ge=2)] = 200
    reference: Hundred = 10_000
    student: Hundred = 30_000

    def __post_init__(self) -> None:
        if self.held >= self.watched:
            raise InputError(f"states.held is {self.held}; allowed: less than states.watched = {self.watched}")


@dataclass(frozen=True)
class File:
    """A file of states that were watched elsewhere; without a name there is none.

    Attributes:
        name: Of the file.
        sha256: Of its bytes.
        path: Where it was when the study was made.
    """

    name: str = ""
    sha256: str = ""
    path: str = field(default="", compare=False)

    def __bool__(self) -> bool:
        return bool(self.name)


@settings("budget")
class Budget(Settings):
    """What may be spent.

    Seconds are those of one core of the reference machine, counted and not clocked (`graft.spaces.compute`): the same
    for every kind of model.

    Attributes:
        trials: Pipelines that the search may start.
        rungs: Shares of ``seconds`` after which a trial reports; the last is 1.
        seconds: Of one whole training of a sequence model in the search and in the proof.
        kind: Of the final training of the best model of each kind.
        student: Epochs over the states of each round of teaching.
        taught: The same for the students of the final models.
        copies: Random symmetries that energies are averaged over where a figure says "symmetrised".
        sweeps: Monte Carlo sweeps with the learned energy, at each temperature.
    """

    trials: Count = 24
    rungs: tuple[Annotated[Positive, Field(le=1)], ...] = (0.25, 1.0)
    seconds: Positive = 60.0
    kind: Positive = 300.0
    student: Count = 15
    taught: Count = 60
    copies: Annotated[Whole, Field(ge=2)] = 16
    sweeps: Hundred = 20_000

    def __post_init__(self) -> None:
        if not self.rungs or self.rungs[-1] != 1 or list(self.rungs) != sorted(set(self.rungs)):
            raise InputError(f"budget.rungs is {list(self.rungs)}; allowed: increasing shares, the last 1")


@settings("study")
class DclStudy(StudySettings):
    """Everything that determines a run, but for the machine it runs on.

    Attributes:
        name: Registered as this; also the name of its folder.
        system: The lattice that is watched, such as ``ising-8x8``.
        temperature: At which it is watched, in units of J / k_B.
        title: One line for people.
        scale: ``demo`` or ``paper``.
        seed: Fixes every random number.
        larger: A lattice of the same model on which the student's energy is used as well; none if empty.
        temperatures: At which Monte Carlo with the learned energy predicts, besides the reported ones.
        symmetries: That the watcher may use: ``all`` of a uniform torus (translations, reflections, rotations,
            colours), ``flip`` (colours only, what disordered couplings leave), ``none``.
        states: Numbers of states.
        observations: States that were watched elsewhere, in place of a simulation.
        choices: What the search may choose.
        budget: What it may spend.
        score: What it makes small: ``label-free`` (T * NLL + symmetry inconsistency + teacher-student disagreement),
            ``likelihood``, ``symmetry``, or ``exact``, which no real system would offer.
        paper_width: Hidden units of the paper's recipe, which has 378.
        paper_batch: Its batch, which is 8000.
        proof: What the certificate asks for.
    """

    kind: ClassVar[str] = "dcl"
    before: ClassVar[Mapping[str, Mapping[str, object]]] = {"proof": BEFORE_LOOKS}

    name: Name
    system: str
    temperature: Temperature = 4.0
    title: str = ""
    scale: Scale = "paper"
    seed: Seed = 0
    larger: str = ""
    temperatures: Annotated[tuple[Temperature, ...], Field(min_length=1)] = (1.0, 1.5, 2.0, 2.27, 2.5, 3.0, 4.0, 8.0)
    symmetries: Symmetries = "all"
    states: States = field(default_factory=States)
    observations: File = field(default_factory=File)
    choices: Choices = field(default_factory=Choices)
    budget: Budget = field(default_factory=Budget)
    score: Score = "label-free"
    paper_width: Count = 378
    paper_batch: Count = 8000
    proof: Looked = field(default_factory=Looked)

    def __post_init__(self) -> None:
        watched = lattice(self.system)
        self._solvable(watched)
        self._symmetric(watched)
        if self.larger:
            self._scaled(watched, lattice(self.larger))
        reach = max(self.choices.focus) + 2 * max(self.choices.context)
        if reach > min(watched.shape):
            raise InputError(
                f"choices.focus + 2 choices.context is {reach}; allowed: at most {min(watched.shape)}, "
                f"the shorter side of {self.system}"
            )
        if min(watched.shape) < SHORTEST:
            raise InputError(
                f"a side of {self.system} is {min(watched.shape)}; allowed: at least {SHORTEST}, the paper's tile"
            )
        if not self.orders:
            raise InputError(f"choices.orders is {list(self.choices.orders)}; allowed: orders of {self.system}")
        for focus in self.choices.focus:
            if any(length % focus for length in self._sides):
                told = f"{self.system} and {self.larger}" if self.larger else self.system
                raise InputError(f"choices.focus is {focus}; allowed: divisors of the sides of {told}")
        most = most_focus(watched.q, max(self.choices.context))
        if not most_focus(watched.q):
            values = max(q for q in range(2, watched.q) if most_focus(q))
            raise InputError(
                f"{self.system} has {watched.q} values, too many for a table of the paper's tiles (3 x 3 sites); "
                f"allowed: at most {values} values"
            )
        if not most:
            widest = max(c for c in range(max(self.choices.context)) if most_focus(watched.q, c))
            raise InputError(
                f"choices.context is {max(self.choices.context)} with {watched.q} values, too many tiles for a table; "
                f"allowed: at most {widest}"
            )
        if max(self.choices.focus) > most:
            raise InputError(
                f"choices.focus is {max(self.choices.focus)} with context {max(self.choices.context)} and {watched.q} "
                f"values; allowed: at most {most}, or tiles are too many for a table"
            )

    def _solvable(self, watched: SpinModel) -> None:
        if len(watched.shape) != 2 or not watched.periodic:
            raise InputError(f"system is {self.system!r}; allowed: two lengths and joined edges, which tiles can cover")
        if watched.sites > SITES:
            raise InputError(
                f"{self.system} has {watched.sites} sites, too many to be judged at all its exact energies; allowed: "
                f"at most {SITES}, and larger = {self.system!r} to use on it what was learned on a smaller one"
            )
        check(watched)

    def _symmetric(self, watched: SpinModel) -> None:
        if self.symmetries == "all" and not watched.uniform:
            raise InputError(f"symmetries is 'all', but couplings of {self.system} differ from bond to bond; "
                          "allowed: 'flip', 'none'")  # fmt: skip
        if self.symmetries == "none" and self.score == "symmetry":
            raise InputError("score is 'symmetry' with symmetries 'none'; allowed: likelihood, label-free")

    def _scaled(self, watched: SpinModel, larger: SpinModel) -> None:
        if not watched.uniform:
            raise InputError(
                f"larger is {self.larger!r}, but couplings of {self.system} differ from bond to bond and say nothing "
                "of bonds elsewhere; allowed: none"
            )
        if larger.sites > LARGEST:
            raise InputError(f"larger has {larger.sites} sites; allowed: at most {LARGEST}")
        alike = (
            type(larger) is type(watched)
            and len(larger.shape) == len(watched.shape)
            and larger.periodic
            and larger.uniform
            and np.array_equal(larger.interaction, watched.interaction)
            and np.array_equal(np.unique(larger.bonds.strength), np.unique(watched.bonds.strength))
        )
        if not alike:
            raise InputError(
                f"larger is {self.larger!r}; allowed: the model of {self.system}, couplings and joined edges included, "
                "on another lattice"
            )
        reach = max(self.choices.focus) + 2 * max(self.choices.context)
        if reach > min(larger.shape):
            raise InputError(f"the shorter side of larger is {min(larger.shape)}; allowed: at least {reach}, a tile")

    @property
    def _sides(self) -> tuple[int, ...]:
        """Of all lattices that tiles have to cover."""
        return tuple(length for name in (self.system, self.larger) if name for length in lattice(name).shape)

    @property
    def orders(self) -> tuple[Order, ...]:
        """The orders of reading that this lattice has, of those to choose from: Hilbert's needs 2^k x 2^k sites."""
        shape = lattice(self.system).shape
        return tuple(name for name in self.choices.orders if _suits(name, shape))

    @property
    def usable(self) -> Choices:
        """What can be chosen on this lattice."""
        return replace(self.choices, orders=self.orders)

    @property
    def paper(self) -> Watch:
        """The paper's recipe at this study's size."""
        model = lattice(self.system)
        return paper(self.paper_width, self.paper_batch, model.q, model.shape)

    @property
    def baseline(self) -> Watch:
        """The linear-logistic baseline, with a student that this study may teach."""
        one = self.choices
        return linear(Student(one.focus[0], one.context[0], hidden(one.layers[0]), one.rounds[-1]))


def _suits(name: str, shape: tuple[int, ...]) -> bool:
    try:
        order(name, shape)
    except InputError:
        return False
    return True
