"""Sources whose knowledge is known: what a calibration teaches them, and whether that can help the target.

Every case is a study as any user could have it: its sources are tasks, each of which teaches one network, and what has
beaten all else meets placebos. Ten of them know nothing that is worth moving, or nothing at all; two do.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from graft.search.kinds.transfer.study import Study
from graft.search.tasks.base import Examples

SCARCE, VALIDATING = 20, 5
"""Unlocked rows of the target where there is a gain to be had, and how many of them each seed sets aside."""
CENTRE, SPREAD = 0.5, 0.05
"""Mean and standard deviation of labels that tell nothing."""
WIDE = 16
"""Hidden neurons of the unrelated teacher."""
STILL = 1e-9
"""Rate of a training that leaves weights where they were drawn."""
FURTHER = ("film-6", "film-7")
"""Two tasks that sources can be named after."""

Labels = Callable[[Examples, Examples, np.random.Generator], Examples]
"""From a source's examples, the target's unlocked ones and random numbers to what the source learns."""


def as_they_are(examples: Examples, pool: Examples, rng: np.random.Generator) -> Examples:
    """The source's own examples."""
    return examples


def entries_permuted(examples: Examples, pool: Examples, rng: np.random.Generator) -> Examples:
    """The examples with every entry of their labels put elsewhere."""
    labels = examples.outputs
    return Examples(examples.inputs, rng.permuted(labels.reshape(-1)).reshape(labels.shape))


def rows_permuted(examples: Examples, pool: Examples, rng: np.random.Generator) -> Examples:
    """The examples with whole rows of labels put elsewhere."""
    return Examples(examples.inputs, examples.outputs[rng.permutation(len(examples))])


def columns_permuted(examples: Examples, pool: Examples, rng: np.random.Generator) -> Examples:
    """The examples with their inputs in another order, the same for all: another task of the same kind."""
    return Examples(examples.inputs[:, rng.permutation(examples.inputs.shape[1])], examples.outputs)


def signs(examples: Examples, pool: Examples, rng: np.random.Generator) -> Examples:
    """The examples with labels that lie by chance one deviation above their mean or below it."""
    mean, deviation = examples.outputs.mean(), examples.outputs.std()
    labels = mean + deviation * rng.choice([-1.0, 1.0], examples.outputs.shape)
    return Examples(examples.inputs, labels.astype(np.float32))


def constant(examples: Examples, pool: Examples, rng: np.random.Generator) -> Examples:
    """The examples with labels that do not depend on them: one constant and noise."""
    labels = rng.normal(CENTRE, SPREAD, examples.outputs.shape)
    return Examples(examples.inputs, labels.astype(np.float32))


def unrelated(examples: Examples, pool: Examples, rng: np.random.Generator) -> Examples:
    """The examples with labels by a random network of one hidden layer."""
    x = (examples.inputs - examples.inputs.mean(0)) / examples.inputs.std(0)
    hidden = np.tanh(x @ rng.normal(0, 1, (x.shape[1], WIDE)) + rng.normal(0, 1, WIDE))
    made = hidden @ rng.normal(0, WIDE**-0.5, (WIDE, examples.outputs.shape[1]))
    return Examples(examples.inputs, (CENTRE + 0.2 * np.tanh(made)).astype(np.float32))


def mixtures(examples: Examples, pool: Examples, rng: np.random.Generator) -> Examples:
    """The examples with labels that are random linear mixtures of the inputs."""
    x = (examples.inputs - examples.inputs.mean(0)) / examples.inputs.std(0)
    made = x @ rng.normal(0, x.shape[1] ** -0.5, (x.shape[1], examples.outputs.shape[1]))
    return Examples(examples.inputs, (CENTRE + SPREAD * made).astype(np.float32))


def copies_permuted(examples: Examples, pool: Examples, rng: np.random.Generator) -> Examples:
    """As many copies of the target's own unlocked inputs, with rows of its labels put elsewhere."""
    rows = np.arange(len(examples)) % len(pool)
    return Examples(pool.inputs[rows], pool.outputs[rng.permutation(len(pool))][rows])


@dataclass(frozen=True)
class Case:
    """A study of which the truth is known.

    Attributes:
        words: What its source has learned.
        labels: What each source is taught, by the name of the task after which it is named; "" is the target's own.
        helps: Whether there is knowledge in it that is worth moving.
        trained: Whether its networks are trained at all.
    """

    words: str
    labels: Mapping[str, Labels]
    helps: bool = False
    trained: bool = True

    def of(self, study: Study) -> Study:
        """The calibration's study with this case's sources; scarce rows where there is a gain to be had."""
        sources = tuple(name or study.target for name in self.labels)
        taught = study.source_training if self.trained else replace(study.source_training, rate=STILL, epochs=1)
        rows = study.rows
        if self.helps and study.mode == "fresh":  # of few rows holdout mode can show nothing
            rows = replace(rows, pool=rows.locked + SCARCE, validation=VALIDATING)
        return replace(study, sources=sources, source_training=taught, rows=rows)

    def taught(self, sources: Mapping[str, Examples], pool: Examples, rng: np.random.Generator) -> dict[str, Examples]:
        """What every source learns, by its name."""
        labels = self.labels.values()
        return {name: made(sources[name], pool, rng) for name, made in zip(sources, labels, strict=True)}


ONE, OTHER = FURTHER
CASES: dict[str, Case] = {
    "untrained": Case("nothing: its network is untrained", {ONE: as_they_are}, trained=False),
    "constant": Case("one constant and noise", {ONE: constant}),
    "entries": Case("labels permuted by entry", {ONE: entries_permuted}),
    "rows": Case("labels permuted by row", {ONE: rows_permuted}),
    "copies": Case("the target's own rows, labels permuted", {"": copies_permuted}),
    "signs": Case("random signs", {ONE: signs}),
    "columns": Case("inputs with columns permuted", {ONE: columns_permuted}),
    "mixtures": Case("linear mixtures of the inputs", {ONE: mixtures}),
    "teacher": Case("an unrelated teacher", {ONE: unrelated}),
    "poisoned": Case("two sources, both poisoned", {ONE: entries_permuted, OTHER: unrelated}),
    "gain": Case("the target's own physics", {"": as_they_are}, helps=True),
    "among": Case(
        "the same among two poisoned", {ONE: entries_permuted, OTHER: unrelated, "": as_they_are}, helps=True
    ),
}
"""The calibration's, by name."""
