"""Which source networks there are to copy from: every source, trained on more or fewer examples, longer or shorter."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple, TypeVar

from graft.spaces.errors import InputError, whole
from graft.spaces.ranges import Trial
from graft.spaces.words import LINK

Choice = TypeVar("Choice")


class Lesson(NamedTuple):
    """How one source network was taught: by which simulator, on how many examples, for how many epochs.

    The network of a chain was taught in the same way by other sources before, one after the other.
    """

    source: str
    rows: int
    epochs: int
    before: tuple[str, ...] = ()

    @property
    def links(self) -> tuple[str, ...]:
        """All sources that taught it, in order."""
        return (*self.before, self.source)


@dataclass(frozen=True)
class Sources:
    """Every combination of source, number of examples and epochs is one source network, trained once.

    Attributes:
        names: Of sources.
        rows: Numbers of examples, largest first.
        epochs: Lengths of training, longest first.
        trained: Those of the sources that come as one trained network: no choice of examples and epochs.
        scales: Factor on the weights of each source that theory expects; 1 where it is silent.
        chains: Sources that teach one network one after the other.
    """

    names: tuple[str, ...]
    rows: tuple[int, ...]
    epochs: tuple[int, ...]
    trained: tuple[str, ...] = ()
    scales: tuple[float, ...] = ()
    chains: tuple[tuple[str, ...], ...] = ()

    def __post_init__(self) -> None:
        if not self.names or len(set(self.names)) < len(self.names):
            raise InputError(f"sources is {list(self.names)}; allowed: one source or more, each once")
        if alone := [chain for chain in self.chains if len(chain) < 2]:
            raise InputError(f"chains has {list(alone[0])}; allowed: lists of two sources or more")
        if len(self.choices) < len(self.names) + len(self.chains):
            raise InputError(f"chains is {[*map(list, self.chains)]}; allowed: each once, none called as a source")
        for name in ("rows", "epochs"):
            object.__setattr__(self, name, tuple(sorted(set(getattr(self, name)), reverse=True)))
            for value in getattr(self, name):
                whole(f"ranges.source_{name}", value, 1)

    @property
    def choices(self) -> dict[str, tuple[str, ...]]:
        """The sources that teach a network, one after the other, by what a search calls them."""
        return {name: (name,) for name in self.names} | {LINK.join(chain): chain for chain in self.chains}

    def lessons(self) -> dict[str, Lesson]:
        """Every source network by the name that plans call it."""
        found: dict[str, Lesson] = {}
        for links, rows, epochs in product(self.choices.values(), self.rows, self.epochs):
            lesson = Lesson(links[-1], rows, epochs, links[:-1])
            found.setdefault(self.name(lesson), lesson)
        return found

    def name(self, lesson: Lesson) -> str:
        """The source's name, with examples and epochs where there is a choice of them."""
        called = LINK.join(lesson.links)
        if len(self.rows) == len(self.epochs) == 1 or called in self.trained:
            return called
        return f"{called}@{lesson.rows}x{lesson.epochs}"

    def suggest(self, trial: Trial) -> str:
        """Draw one source network."""
        links = self.choices[_one(trial, "source", tuple(self.choices))]
        rows, epochs = _one(trial, "source_rows", self.rows), _one(trial, "source_epochs", self.epochs)
        return self.name(Lesson(links[-1], rows, epochs, links[:-1]))

    def scale(self, network: str) -> float:
        """The factor that theory expects on the weights of the network called ``network``."""
        told = dict(zip(self.names, self.scales, strict=False))
        return told.get(self.lessons()[network].source, 1.0)

    @property
    def first(self) -> list[str]:
        """The best taught network of each source and chain."""
        return [
            self.name(Lesson(links[-1], self.rows[0], self.epochs[0], links[:-1])) for links in self.choices.values()
        ]

    def guess(self, network: str) -> dict[str, object]:
        """The parameters that `suggest` would draw to arrive at the network called ``network``."""
        lesson = self.lessons()[network]
        wanted: dict[str, tuple[Sequence[object], object]] = {
            "source": (tuple(self.choices), LINK.join(lesson.links)),
            "source_rows": (self.rows, lesson.rows),
            "source_epochs": (self.epochs, lesson.epochs),
        }
        return {key: value for key, (choices, value) in wanted.items() if len(choices) > 1}


def _one(trial: Trial, name: str, choices: Sequence[Choice]) -> Choice:
    return choices[0] if len(choices) == 1 else trial.suggest_categorical(name, tuple(choices))
