"""Reference regressors on the rows of a phase: tuned on the unlocked ones, then learned and judged as networks are.

What is tuned (a strength, a number of trees) is chosen once, by cross-validation of the unlocked rows, as the recipes
of networks are. Then each seed fits the regressor anew on the very rows from which the networks of that seed learn, and
judges it on the same rows, by the same metric.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from graft.models.regressors import Rows, Tuned, fitted, tuned
from graft.models.weights import sha256
from graft.search.run.evidence import Beside
from graft.search.tasks.base import Examples, Phase, Task


@dataclass(frozen=True)
class Fit:
    """One fit asked for: a regressor as it was tuned, and the seed whose rows it learns from."""

    tuned: Tuned
    index: int


@dataclass(frozen=True)
class Regressed:
    """What the fits of regressors on a phase's rows share; it stands where a `Phase` does.

    Attributes:
        phase: Whose seeds say which rows are learned from, and which judge.
        more: Examples of sources, which are learned from too.
    """

    phase: Phase
    more: Examples | None = None

    def errors(self, asked: Fit) -> tuple[float, Beside]:
        """What a regressor scores with a seed, and what an `Outcome` tells beside that."""
        taught, test = self.phase.rows(asked.index)
        predict = fitted(asked.tuned, learnable(taught, self.more))
        off = self.phase.task.metric.deviations(predict(test.inputs), test.outputs)
        error, told = self.phase.told(asked.index, off.reshape(len(off), -1).mean(1))
        return error, told if self.phase.crossed else Beside()

    def stacks(self, asked: Fit) -> bool:
        """No: it has no steps."""
        return False

    def digest(self, asked: Fit) -> str:
        """Names everything that this error depends on, but for the examples, which the run's folder fixes."""
        names = {
            "seed": self.phase.seed,
            "role": int(self.phase.role),
            "rows": [len(self.phase.pool), self.phase.validation, 0 if self.more is None else len(self.more)],
            "regressor": asdict(asked.tuned),
            "seed of": asked.index,
            "metric": self.phase.task.metric.name,
            **({} if self.phase.folds is None else {"folds": self.phase.folds.count}),
        }
        return sha256(json.dumps(names, sort_keys=True).encode())[:16]


def learnable(examples: Examples, more: Examples | None = None) -> Rows:
    """Examples as regressors take them."""
    return Rows(examples.inputs, examples.outputs, None if more is None else (more.inputs, more.outputs))


def tune(task: Task, name: str, pool: Examples, more: Examples | None = None) -> Tuned:
    """Tune a regressor on the unlocked rows, where trainings run."""
    return tuned(name, learnable(pool, more), task.metric.deviations, pool.groups)


def together(parts: Sequence[Examples]) -> Examples | None:
    """All examples of several sources; None for none."""
    if not parts:
        return None
    return Examples(np.concatenate([one.inputs for one in parts]), np.concatenate([one.outputs for one in parts]))
