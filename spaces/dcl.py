"""Distribution-consistent learning: the vocabulary (which model watches, which network learns from it) and the space.

Sprague et al. 2021: a sequence model, the *watcher*, learns the probabilities of states that were
watched at one temperature, hence their energies; an extensive network (EDNN), the *student*, learns those.
"""

from collections.abc import Sequence
from dataclasses import field
from typing import Annotated, Literal, get_args

from pydantic import Field

from graft.spaces.errors import InputError, number, whole
from graft.spaces.plan import Recipe
from graft.spaces.ranges import Trial
from graft.spaces.settings import Count, Dropout, Ends, NotNegative, Positive, Settings, Truth, Whole, settings

Kind = Literal["linear", "made", "gru", "transformer"]
Order = Literal["raster", "snake", "spiral", "hilbert"]
Loss = Literal["likelihood", "mse"]
KINDS, ORDERS, LOSSES = get_args(Kind), get_args(Order), get_args(Loss)
NAMES = {"linear": "linear-logistic model", "made": "MADE", "gru": "GRU", "transformer": "transformer"}
TILES = 2**24
"""Different tiles of a student, at most: each has its energy in a table (128 MiB)."""
WIDEST, MOST_ROUNDS = 4096, 20
WARM = 0.3
"""Share of the compute that goes to the linear-logistic model from which a network starts."""


SOME = Field(min_length=1)
Width = Annotated[Whole, Field(ge=1, le=WIDEST)]
Rounds = Annotated[Whole, Field(ge=0, le=MOST_ROUNDS)]


@settings("student")
class Student(Settings):
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

    focus: Annotated[Whole, Field(ge=1, le=8)] = 2
    context: Annotated[Whole, Field(ge=0, le=4)] = 1
    widths: Annotated[tuple[Width, ...], SOME] = (32, 64)
    rounds: Rounds = 3
    rate: Positive = 1e-2
    batch: Count = 256

    def describe(self) -> str:
        """Name the network: "f = 2, c = 1, 32-64, 3 active rounds"."""
        widths = "-".join(map(str, self.widths))
        return f"f = {self.focus}, c = {self.context}, {widths}, {self.rounds} active rounds"


@settings("watch")
class Watch(Settings):
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

    kind: Kind = "linear"
    order: Order = "snake"
    depth: Annotated[Whole, Field(ge=1, le=64)] = 1
    width: Annotated[Whole, Field(ge=1, le=65_536)] = 128
    dropout: Dropout = 0.0
    linear_term: Truth = True
    warm: Truth = False
    loss: Loss = "likelihood"
    augmented: Truth = True
    rate: Positive = 3e-3
    decay: NotNegative = 0.0
    batch: Count = 250
    student: Student = field(default_factory=Student)

    def __post_init__(self) -> None:
        if self.loss == "mse" and self.kind != "gru":
            raise InputError(f"watch.loss is 'mse' with kind {self.kind!r}; allowed: 'likelihood', or kind 'gru'")
        whole("watch.depth", self.depth, 1, 4 if self.kind == "gru" else 64)
        if self.warm and (self.kind == "linear" or not self.linear_term):
            raise InputError(
                "watch.warm is true without a linear term to start from; allowed: false, or linear_term = true"
            )

    def describe(self) -> str:
        """Name the sequence model: "GRU (1 x 48, snake, with linear term), augmented"."""
        size = [] if self.kind == "linear" else [f"{self.depth} x {self.width}"]
        words = "from a linear-logistic start" if self.warm else "with linear term"
        term = [words] if self.linear_term and self.kind != "linear" else []
        mse = ["squared error"] if self.loss == "mse" else []
        return f"{NAMES[self.kind]} ({', '.join([*size, self.order, *term, *mse])})" + ", augmented" * self.augmented

    @property
    def label(self) -> str:
        """The sequence model, for a title."""
        return self.describe()

    def recipe(self, epochs: int) -> Recipe:
        """How the sequence model is trained, as the one training loop takes it."""
        return Recipe(rate=self.rate, decay=self.decay, batch=self.batch, epochs=epochs)


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


@settings("choices")
class Choices(Settings):
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

    kinds: Annotated[tuple[Kind, ...], SOME] = KINDS
    orders: Annotated[tuple[Order, ...], SOME] = ORDERS
    rate: Ends = (1e-3, 2e-2)
    batch: Annotated[tuple[Count, ...], SOME] = (125, 250, 500)
    dropout: Dropout = 0.1
    depth: Annotated[Whole, Field(ge=1, le=4)] = 2
    made: Annotated[tuple[Count, ...], SOME] = (128, 256, 512)
    gru: Annotated[tuple[Count, ...], SOME] = (24, 48, 96)
    transformer: Annotated[tuple[Annotated[Whole, Field(ge=1, multiple_of=16)], ...], SOME] = (16, 32, 64)
    augmented: Annotated[tuple[Truth, ...], SOME] = (True, False)
    focus: Annotated[tuple[Count, ...], SOME] = (1, 2)
    context: Annotated[tuple[Annotated[Whole, Field(ge=0)], ...], SOME] = (1,)
    layers: Annotated[tuple[str, ...], SOME] = ("32-64", "64-64")
    rounds: Annotated[tuple[Rounds, ...], SOME] = (2, 3)

    def __post_init__(self) -> None:
        for width in (width for text in self.layers for width in hidden(text)):
            whole("choices.layers", width, 1, WIDEST)
        number("choices.rate[0]", self.rate[0], 0, above=True)
        number("choices.rate[1]", self.rate[1], self.rate[0])


def hidden(text: str) -> tuple[int, ...]:
    """Widths of hidden layers written as "32-64".

    Raises:
        InputError: If it is anything else.
    """
    parts = text.split("-") if isinstance(text, str) else [""]
    if not all(part.isdigit() and int(part) > 0 for part in parts):
        raise InputError(f"choices.layers has {text!r}; allowed: widths such as '32-64'")
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
