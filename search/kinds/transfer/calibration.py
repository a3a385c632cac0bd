"""Can the certificate be trusted? Whole runs, many times over, where the truth is known.

In either mode four nulls and one true gain, each with its own data, base network and seeds in every repeat, through the
same phases as any run (all searches, confirmation fixed in the folder beforehand, verdict). Holdout mode is calibrated
on simulators too, for of them the truth is known:

- ``unshared``: the source is an untrained network, so copying it differs from direct learning in the seed of initial
  weights only;
- ``permuted``: the source is trained on labels permuted entry by entry, so there is nothing about the task in it;
- ``constant``: it is trained on one constant with noise: all that it can bring is where outputs begin;
- ``teacher``: it is trained on what a random network makes of the inputs, a task that has nothing to do with films;
- ``gain``: it is trained on plenty of the target's own physics, of which the target has 20 rows to learn from.

The nulls draw their source anew for each seed. One such network kept for all seeds is no null: a lucky draw of
initial weights truly beats the average draw, on any further seeds (7 and 12 % were measured).
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from graft.models.initialise import draw_weights
from graft.models.scaling import Scaling
from graft.models.weights import no_gradient
from graft.search.engine.executor import LocalExecutor
from graft.search.engine.processes import carried_out
from graft.search.engine.progress import Progress
from graft.search.engine.searched import NothingFinished
from graft.search.kinds.transfer.bases import Base, train_base
from graft.search.kinds.transfer.kind import Decided, decided
from graft.search.kinds.transfer.pipeline import Pipeline
from graft.search.kinds.transfer.standins import StandIns, wanted
from graft.search.kinds.transfer.study import MODES, Mode, Study
from graft.search.proof.claims import RivalDiverged
from graft.search.proof.statistics import clopper_pearson
from graft.search.run.folder import Evidence, Run, strict
from graft.search.run.resources import Resources
from graft.search.run.seeds import Draws, Role, stream
from graft.search.tasks.base import Examples, Fitted, Phase, Request
from graft.search.tasks.tables import LOCKED
from graft.spaces.plan import Plan, Recipe

KINDS = ("unshared", "permuted", "constant", "teacher", "gain")
SCARCE, VALIDATING = 20, 5
"""Unlocked rows of the target where there is a gain to be had, and how many of them each seed sets aside."""
CENTRE, SPREAD = 0.5, 0.05
"""Mean and standard deviation of labels that tell nothing."""
WIDE = 16
"""Hidden neurons of the unrelated teacher."""
PLACEBOS = 500
"""Places of a seed's source networks after which those of its placebos begin."""
LEVEL = 0.95
TRUTH = 4
"""Seeds of each repeat that measure the true gain: 200 repeats make 800."""


@dataclass(frozen=True)
class Redrawn(Phase):
    """A phase whose source networks know nothing, drawn anew for each seed.

    Attributes:
        taught: What each is trained on, its labels made anew. None leaves it untrained.
        recipe: How.
        kind: Which labels, as of `LABELS`.
        apart: Keeps the networks of one arm apart from another's: placebos differ from sources.
    """

    taught: Examples | None = None
    kind: str = "permuted"
    recipe: Recipe = field(default_factory=Recipe)
    apart: int = 0

    @cached_property
    def drawn(self) -> dict[int, dict[str, nn.Module]]:
        """Sources of the seeds that have asked so far."""
        return {}

    def sources_for(self, index: int) -> dict[str, nn.Module]:
        """Another source for each seed and role."""
        if index not in self.drawn:
            number = 1000 * int(self.role) + self.apart + index + 1
            self.drawn[index] = {name: self.draw(name, number) for name in self.bases}
        return self.drawn[index]

    def draw(self, name: str, number: int) -> nn.Module:
        """One source network."""
        if self.taught is None:
            network = self.task.unpack(self.bases[name]).network
            draw_weights(network, 1.0, Draws.of(self.seed, Role.BASE, number).weights)
            return network
        labels = LABELS[self.kind](self.taught, stream(self.seed, Role.BASE, number))
        base = train_base(name, name, self.task, labels, self.recipe, self.seed, index=number)
        return no_gradient(self.task.unpack(base.data).network)


def permuted(examples: Examples, rng: np.random.Generator) -> Examples:
    """The examples with every entry of their labels put elsewhere."""
    labels = examples.outputs
    return Examples(examples.inputs, rng.permuted(labels.reshape(-1)).reshape(labels.shape))


def constant(examples: Examples, rng: np.random.Generator) -> Examples:
    """The examples with labels that do not depend on them: one constant and noise."""
    labels = rng.normal(CENTRE, SPREAD, examples.outputs.shape)
    return Examples(examples.inputs, labels.astype(np.float32))


def unrelated(examples: Examples, rng: np.random.Generator) -> Examples:
    """The examples with labels by a random network of one hidden layer."""
    x = (examples.inputs - examples.inputs.mean(0)) / examples.inputs.std(0)
    hidden = np.tanh(x @ rng.normal(0, 1, (x.shape[1], WIDE)) + rng.normal(0, 1, WIDE))
    made = hidden @ rng.normal(0, WIDE**-0.5, (WIDE, examples.outputs.shape[1]))
    labels = CENTRE + 0.2 * np.tanh(made)
    return Examples(examples.inputs, labels.astype(np.float32))


LABELS: dict[str, Callable[[Examples, np.random.Generator], Examples]] = {
    "permuted": permuted,
    "constant": constant,
    "teacher": unrelated,
}
"""Labels of a source that knows nothing of the target."""


class Repeat(Pipeline):
    """One run of a small study in this process, its source replaced by what the kind says."""

    kind = "gain"

    def examples(self, name: str, role: Role, rows: int) -> Examples:
        """Rows drawn on the spot: too few to be worth shards."""
        return self.task.sample(name, rows, stream(self.study.seed, role))

    def shared(self, role: Role, bases: Mapping[str, Base], test: Examples | None = None) -> Phase:
        """What trainings share; the nulls draw their sources anew."""
        phase = super().shared(role, bases, test)
        if self.kind == "gain" or not bases:
            return phase
        recipe = next(iter(bases.values())).recipe or self.study.base
        taught = None if self.kind == "unshared" else self.sources[self.study.sources[0]]
        apart = PLACEBOS if bases.keys() - self.study.bases.lessons().keys() else 0
        return Redrawn(**vars(phase), taught=taught, recipe=recipe, kind=self.kind, apart=apart)

    def stand_ins(
        self, sort: StandIns, plans: Sequence[Plan], number: int, bases: Mapping[str, Base]
    ) -> dict[str, Base]:
        """Networks that stand in for the source's own.

        Of the nulls only their names are used: what knows nothing is a placebo, another draw of it.
        """
        if self.kind == "gain":
            return super().stand_ins(sort, plans, number, bases)
        named = {sort.named(source, k): source for source, k in wanted(plans, number)}
        return {name: replace(bases[source], name=name) for name, source in named.items()}

    def bases(self, recipe: Recipe) -> dict[str, Base]:
        """The source network; of the nulls only its name, shape and recipe are used."""
        (source,) = self.study.sources
        wanted, examples = replace(self.study.base, activation=recipe.activation), self.sources[source]
        if self.kind == "gain":
            return {source: train_base(source, source, self.task, examples, wanted, self.study.seed)}
        shapes = examples.inputs.shape[1:], examples.outputs.shape[1:]
        unused = self.task.network(wanted, *shapes)
        draw_weights(unused, 1.0, Draws.of(self.study.seed, Role.BASE, 0).weights)
        scaling = Scaling.of(examples.tensors()[0])
        return {source: Base(source, self.task.pack(Fitted(unused, wanted, *shapes, scaling)), float("nan"), wanted)}

    def true_ratios(self, found: Decided) -> list[float]:
        """Log-ratios of direct learning to the first candidate, on seeds of their own; only where there is a gain."""
        if self.kind != "gain" or not found.confirmed.fixed["candidates"]:
            return []
        first = found.confirmed.fixed["candidates"][0]
        test = self.examples(self.study.target, Role.TRUTH, self.study.rows.test)
        # In holdout mode too the truth is what newly simulated examples say: so much is known of a simulator.
        task = replace(self.shared(Role.REGRET, found.bases, test), crossed=False)
        plans = {
            "direct": found.rival.plan,
            "candidate": Plan.from_dict(first["plan"]),
        }
        asked = {f"{name}/{i}": (task, Request(plan, i)) for i in range(TRUTH) for name, plan in plans.items()}
        errors = self.measure("truth-on-fresh-examples", asked)
        pairs = [(errors[f"direct/{i}"], errors[f"candidate/{i}"]) for i in range(TRUTH)]
        return [float(np.log(a / b)) for a, b in pairs if a is not None and b is not None]


def repeat(study: Study, kind: str, folder: Path) -> dict[str, Any]:
    """One whole run; its folder keeps the journal, what was fixed before confirmation, and the verdict.

    A run without one, for every trial or a baseline diverged, has certified nothing and says why.
    """
    run = Run(folder)
    with run.held():
        run.begin(study)
        line = Repeat(study, run, Resources(1), Progress(quiet=True), executor=LocalExecutor())
        line.kind = kind
        try:
            line.prepare()
            ended = decided(line)
            found = ended.confirmed.comparison.to_dict() | {"truth": line.true_ratios(ended)}
        except (NothingFinished, RivalDiverged) as problem:
            found = {"decision": "failed", "reason": str(problem), "relative_reduction": None, "truth": []}
        run.write("verdict.json", strict(found))
    return found


def calibrate(
    study: Study, folder: Path, repeats: int, workers: int, kinds: Sequence[str] = KINDS
) -> Iterator[tuple[str, int]]:
    """Carry out what is missing of ``repeats`` of each of these kinds; repeat i has study seed i.

    Yields:
        (kind, repeat) as each ends. Interrupted, it goes on where it stopped.

    Raises:
        InputError: If a folder holds a repeat of another study, before anything is carried out.
    """
    check(study, folder)
    asked = {}
    for i in range(repeats):
        for kind in kinds:
            place = folder / kind / f"{i:03}"
            if not (place / "verdict.json").exists():
                asked[kind, i] = (replace(of_kind(study, kind), seed=i), kind, place)
    for done, _ in carried_out(repeat, asked, workers):
        yield done


def check(study: Study, folder: Path) -> None:
    """Refuse a folder with repeats of another study: they would be counted as this one's.

    Raises:
        InputError: Naming the first such repeat.
    """
    for kind in KINDS:
        for place in sorted((folder / kind).glob("[0-9]*")):
            Run(place).fits(replace(of_kind(study, kind), seed=int(place.name)))


def of_kind(study: Study, kind: str) -> Study:
    """The study that a kind repeats: where there is a gain, the target's own physics with few rows of it."""
    if kind != "gain":
        return study
    rows = replace(study.rows, pool=study.rows.locked + SCARCE, validation=VALIDATING)
    return replace(study, sources=(study.target,), rows=rows)


def of_mode(study: Study, mode: Mode) -> Study:
    """The calibration's study in a mode: holdout mode locks a fifth of the same pool."""
    if mode == "fresh":
        return study
    return replace(study, mode=mode, rows=replace(study.rows, locked=math.ceil(LOCKED * study.rows.pool)))


def within(folder: Path, mode: str) -> Path:
    """Where the repeats of a mode lie."""
    return folder if mode == "fresh" else folder / mode


def by_mode(study: Study, folder: Path) -> dict[str, tuple[Study, Path]]:
    """The calibration's study in each mode, and where its repeats lie.

    Raises:
        InputError: If repeats of another study lie there.
    """
    found = {mode: (of_mode(study, mode), within(folder, mode)) for mode in MODES}
    for one, place in found.values():
        check(one, place)
    return found


def table(folder: Path, level: float = LEVEL) -> list[dict[str, Any]]:
    """Rates of ``transfer`` by kind with one-sided Clopper-Pearson bounds, from the folders that are done.

    Cost is the median over repeats: trainings that confirmed, and seconds in all on one core.
    """
    rows = []
    for kind in KINDS:
        paths = sorted((folder / kind).glob("*/verdict.json"))
        found = [json.loads(path.read_text()) for path in paths]
        seconds = [sum(Run(path.parent).read("spent.json").values()) for path in paths]
        confirmed = [len(Evidence(path.parent / "evidence" / "confirmation.jsonl").done) for path in paths]
        said = [entry["decision"] == "transfer" for entry in found]
        n = len(found)
        lower, upper = clopper_pearson(sum(said), n, level)
        gains = [entry["relative_reduction"] for entry in found if entry["relative_reduction"] is not None]
        rows.append(
            {"kind": kind, "repeats": n, "transfer": sum(said), "rate": sum(said) / max(1, n)}
            | {"lower": lower, "upper": upper, "median_reduction": float(np.median(gains)) if gains else None}
            | {"failed": sum(entry["decision"] == "failed" for entry in found), "said": said}
            | {"seconds": float(np.median(seconds)) if n else None}
            | {"confirmed": int(np.median(confirmed)) if n else None}
        )
    return rows


def truth(folder: Path) -> dict[str, float]:
    """True gain of what the repeats of ``gain`` found over what they found for direct learning.

    Measured in every repeat with seeds that neither search nor confirmation saw, and averaged over all of them.
    """
    found = [json.loads(path.read_text()) for path in sorted((folder / "gain").glob("*/verdict.json"))]
    ratios = [ratio for entry in found for ratio in entry["truth"]]
    if len(ratios) < 2:
        return {"seeds": len(ratios), "gain": float("nan"), "standard_error": float("nan")}
    mean, error = float(np.mean(ratios)), float(np.std(ratios, ddof=1) / np.sqrt(len(ratios)))
    return {"seeds": len(ratios), "gain": 1 - float(np.exp(-mean)), "standard_error": error}
