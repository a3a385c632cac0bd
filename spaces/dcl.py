"""Distribution-consistent learning: the vocabulary (which model watches, which network learns from it) and the space.

Sprague et al. 2021: a sequence model, the *watcher*, learns the probabilities of states that were
watched at one temperature, hence their energies; an extensive network (EDNN), the *student*, learns those.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from spaces.plan import Recipe, checked_fields
from spaces.ranges import Trial
from spaces.refusal import Refusal, choice, number, whole

KINDS = ("linear", "made", "gru", "transformer")
ORDERS = ("raster", "snake", "spiral", "hilbert")
LOSSES = ("likelihood", "mse")
TILES = 2**24
"""Different tiles of a student, at most: each has its energy in a table (128 MiB)."""
WIDEST, MOST_ROUNDS = 4096, 20
WARM = 0.3
"""Share of the compute that goes to the linear-logistic model from which a network starts."""


@dataclass(frozen=True)
class Student:
    """The extensive network (EDNN) and what it is taught.

    Attributes:
        focus: Side f of the squares that tile the lattice.
        context: Sites c that each tile sees beyond its square, on every side.
        widths: Hidden layers of the network that all tiles share.
        rounds: How often, after a first training on random states, states are drawn by Monte Carlo with the student's
            own energy and labelled by the watcher; then what is left is solved exactly. 0 is the paper: neither.
        rate: Peak learning rate.
        batch: States in each step.
    """

    focus: int = 2
    context: int = 1
    widths: tuple[int, ...] = (32, 64)
    rounds: int = 3
    rate: float = 1e-2
    batch: int = 256

    def __post_init__(self) -> None:
        whole("student.focus", self.focus, 1, 8)
        whole("student.context", self.context, 0, 4)
        if not self.widths:
            raise Refusal("student.widths is empty; allowed: at least one hidden layer")
        for width in self.widths:
            whole("student.widths", width, 1, WIDEST)
        whole("student.rounds", self.rounds, 0, MOST_ROUNDS)
        number("student.rate", self.rate, 0, above=True)
        whole("student.batch", self.batch, 1)


@dataclass(frozen=True)
class Watch:
    """One pipeline, complete but for data and seed.

    Attributes:
        kind: Of sequence model: ``linear`` (masked logistic regression), ``made``, ``gru``, ``transformer``.
        order: In which sites are read.
        depth: Hidden layers.
        width: Units in each.
        dropout: Probability that a hidden unit is dropped.
        linear_term: Whether logits get a masked linear term as well.
        warm: Whether it starts from a linear-logistic model, which takes a share of its compute (`WARM`), and has
            only to learn what that one cannot.
        loss: ``likelihood``, or the paper's ``mse`` between spin and linear output.
        augmented: Whether each batch is shown under random symmetries of the lattice.
        rate: Peak learning rate.
        decay: Decoupled weight decay.
        batch: States in each step.
        student: What learns from it.
    """

    kind: str = "linear"
    order: str = "snake"
    depth: int = 1
    width: int = 128
    dropout: float = 0.0
    linear_term: bool = True
    warm: bool = False
    loss: str = "likelihood"
    augmented: bool = True
    rate: float = 3e-3
    decay: float = 0.0
    batch: int = 250
    student: Student = field(default_factory=Student)

    def __post_init__(self) -> None:
        choice("watch.kind", self.kind, KINDS)
        choice("watch.order", self.order, ORDERS)
        choice("watch.loss", self.loss, LOSSES)
        if self.loss == "mse" and self.kind != "gru":
            raise Refusal(f"watch.loss is 'mse' with kind {self.kind!r}; allowed: 'likelihood', or kind 'gru'")
        whole("watch.depth", self.depth, 1, 4 if self.kind == "gru" else 64)
        whole("watch.width", self.width, 1, 65_536)
        number("watch.dropout", self.dropout, 0, 0.99)
        for name in ("linear_term", "warm", "augmented"):
            if not isinstance(getattr(self, name), bool):
                raise Refusal(f"watch.{name} is {getattr(self, name)!r}; allowed: true or false")
        if self.warm and (self.kind == "linear" or not self.linear_term):
            raise Refusal(
                "watch.warm is true without a linear term to start from; allowed: false, or linear_term = true"
            )
        number("watch.rate", self.rate, 0, above=True)
        number("watch.decay", self.decay, 0)
        whole("watch.batch", self.batch, 1)

    def recipe(self, epochs: int) -> Recipe:
        """How the sequence model is trained, as the one training loop takes it."""
        return Recipe(rate=self.rate, decay=self.decay, batch=self.batch, epochs=epochs)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self) | {"student": asdict(self.student) | {"widths": list(self.student.widths)}}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`; a missing key keeps its default."""
        held = checked_fields(cls, values, "watch")
        if "student" in held:
            told = checked_fields(Student, held["student"], "watch.student")
            held["student"] = Student(**told | ({"widths": tuple(told["widths"])} if "widths" in told else {}))
        return cls(**held)


def most_focus(q: int, context: int = 1) -> int:
    """The largest focus with which tiles of q values fill a table; 0 if none does."""
    return max((f for f in range(1, 9) if q ** ((f + 2 * context) ** 2) <= TILES), default=0)


def paper(width: int = 378, batch: int = 8000, q: int = 2, sides: Sequence[int] = (8,)) -> Watch:
    """The recipe of Sprague et al. 2021 as their code has it: one plain GRU, spiral, squared error, random states only.

    Their dropout of 0.9 is a probability to keep. 378 units and batches of 8000 are theirs; a budget far below theirs
    needs smaller ones of both, or it ends before the network has learned anything. For three values their tiles of
    focus 2 would be too many for a table; focus 1 it is then, as for lattices with a side that is odd or below 4.
    """
    covered = all(side % 2 == 0 and side >= 4 for side in sides)
    return Watch(
        "gru",
        "spiral",
        1,
        width,
        0.1,
        False,
        False,
        "mse",
        False,
        5e-4,
        0.0,
        batch,
        Student(min(2 if covered else 1, most_focus(q)), 1, (32, 64), 0, 1e-3, batch),
    )


def linear(student: Student | None = None) -> Watch:
    """The baseline that every network has to beat: one logistic regression a site on the sites before it."""
    return Watch("linear", student=student or Student())


@dataclass(frozen=True)
class Choices:
    """What the search may choose.

    Attributes:
        kinds: Of sequence model.
        orders: Of reading.
        rate: Lowest and highest learning rate, drawn on a log scale.
        batch: Batch sizes.
        dropout: Highest.
        depth: Highest, of networks that have hidden layers (a GRU at most 4).
        made: Widths of a masked autoregressive network.
        gru: Widths of a recurrent network.
        transformer: Widths of a transformer, multiples of 16.
        augmented: Whether batches may be shown under random symmetries.
        focus: Sides of the student's tiles.
        context: What tiles may see beyond.
        layers: Hidden layers of the student, as in "32-64".
        rounds: Numbers of active rounds.
    """

    kinds: tuple[str, ...] = KINDS
    orders: tuple[str, ...] = ORDERS
    rate: tuple[float, float] = (1e-3, 2e-2)
    batch: tuple[int, ...] = (125, 250, 500)
    dropout: float = 0.1
    depth: int = 2
    made: tuple[int, ...] = (128, 256, 512)
    gru: tuple[int, ...] = (24, 48, 96)
    transformer: tuple[int, ...] = (16, 32, 64)
    augmented: tuple[bool, ...] = (True, False)
    focus: tuple[int, ...] = (1, 2)
    context: tuple[int, ...] = (1,)
    layers: tuple[str, ...] = ("32-64", "64-64")
    rounds: tuple[int, ...] = (2, 3)

    def __post_init__(self) -> None:
        for name, allowed in (("kinds", KINDS), ("orders", ORDERS)):
            for value in self._some(name):
                choice(f"choices.{name}", value, allowed)
        for name in ("batch", "made", "gru", "transformer", "focus", "context"):
            for value in self._some(name):
                whole(f"choices.{name}", value, 0 if name == "context" else 1)
        if any(value % 16 for value in self.transformer):
            raise Refusal(f"choices.transformer is {list(self.transformer)}; allowed: multiples of 16")
        for width in (width for text in self._some("layers") for width in hidden(text)):
            whole("choices.layers", width, 1, WIDEST)
        for value in self._some("rounds"):
            whole("choices.rounds", value, 0, MOST_ROUNDS)
        if not all(isinstance(value, bool) for value in self._some("augmented")):
            raise Refusal(f"choices.augmented is {list(self.augmented)}; allowed: true, false")
        if len(self.rate) != 2:
            raise Refusal(f"choices.rate is {list(self.rate)}; allowed: [lowest, highest]")
        number("choices.rate[0]", self.rate[0], 0, above=True)
        number("choices.rate[1]", self.rate[1], self.rate[0])
        number("choices.dropout", self.dropout, 0, 0.99)
        whole("choices.depth", self.depth, 1, 4)

    def _some(self, name: str) -> tuple[Any, ...]:
        values: tuple[Any, ...] = getattr(self, name)
        if not values:
            raise Refusal(f"choices.{name} is empty; allowed: at least one")
        return values


def hidden(text: str) -> tuple[int, ...]:
    """Widths of hidden layers written as "32-64".

    Raises:
        Refusal: If it is anything else.
    """
    parts = text.split("-") if isinstance(text, str) else [""]
    if not all(part.isdigit() and int(part) > 0 for part in parts):
        raise Refusal(f"choices.layers has {text!r}; allowed: widths such as '32-64'")
    return tuple(map(int, parts))


def suggest(trial: Trial, choices: Choices) -> Watch:
    """Draw a pipeline. What only some kinds have is drawn under the kind's own name, so that ranges stay fixed."""
    kind = trial.suggest_categorical("kind", choices.kinds)
    deep = kind != "linear"
    term = trial.suggest_categorical(f"{kind}_linear_term", ("warm", "fresh", "none")) if deep else "fresh"
    student = Student(
        trial.suggest_categorical("focus", choices.focus),
        trial.suggest_categorical("context", choices.context),
        hidden(trial.suggest_categorical("layers", choices.layers)),
        trial.suggest_categorical("rounds", choices.rounds),
    )
    return Watch(
        kind,
        trial.suggest_categorical("order", choices.orders),
        trial.suggest_int(f"{kind}_depth", 1, choices.depth) if deep else 1,
        trial.suggest_categorical(f"{kind}_width", getattr(choices, kind)) if deep else 1,
        trial.suggest_float(f"{kind}_dropout", 0.0, choices.dropout) if deep and choices.dropout else 0.0,
        term != "none",
        term == "warm",
        "likelihood",
        trial.suggest_categorical("augmented", choices.augmented),
        trial.suggest_float(f"{kind}_rate", *choices.rate, log=True),
        0.0,
        trial.suggest_categorical("batch", choices.batch),
        student,
    )


def first_guesses(choices: Choices) -> list[dict[str, object]]:
    """Parameters of the first trials: each kind once, from a linear start, in snake order, with symmetric batches.

    Plain recurrent networks read the bonds that close the torus, 56 to 63 steps apart, as absent; the linear term
    sees them at once.
    """
    common: dict[str, object] = {
        "order": "snake" if "snake" in choices.orders else choices.orders[0],
        "augmented": True in choices.augmented,
        "batch": sorted(choices.batch)[len(choices.batch) // 2],
        "focus": choices.focus[0],
        "context": choices.context[0],
        "layers": choices.layers[0],
        "rounds": choices.rounds[-1],
    }
    low, high = choices.rate
    found = []
    for kind in choices.kinds:
        guess = {"kind": kind, **common, f"{kind}_rate": min(max(5e-3, low), high)}
        if kind != "linear":
            widths = sorted(getattr(choices, kind))
            guess |= {f"{kind}_depth": 1, f"{kind}_width": widths[len(widths) // 2], f"{kind}_linear_term": "warm"}
            guess |= {f"{kind}_dropout": 0.0} if choices.dropout else {}
        found.append(guess)
    return found


def family(plan: Watch) -> str:
    """Sequence models race against their own kind: kinds learn at different speeds, and each is to be reported."""
    return plan.kind
