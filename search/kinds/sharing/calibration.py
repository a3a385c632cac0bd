"""Can the certificate of several tasks be trusted? Whole runs, many times over, where the truth is known.

Two tasks are learned: one as it is, and beside it one that knows nothing of it. Every repeat has its own data and seeds
and goes through the same phases as any run. Another task may help a little although it knows nothing (it is more rows,
and noise on the gradients), so every task that is certified is trained again on seeds and examples of its own, and the
verdict is false if the true gain of one of them lies below the margin by more than two standard errors.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from graft.search.kinds import calibration
from graft.search.kinds.calibration import Told, carry_out, refuted
from graft.search.kinds.sharing.confirmation import Asked
from graft.search.kinds.sharing.pipeline import SharingPipeline
from graft.search.kinds.sharing.study import SharingStudy
from graft.search.kinds.sharing.verdict import comparisons
from graft.search.proof.confirmation import overall
from graft.search.run.certificate import Comparison
from graft.search.run.seeds import Role, stream
from graft.search.tasks.base import Examples, Request, Task
from graft.search.tasks.joint import SharedTraining
from graft.spaces.plan import Plan
from graft.spaces.sharing import Sharing

TRUTH = 16
"""Further seeds that measure the true gain of what was certified."""
CENTRE, SPREAD, WIDE = 0.5, 0.2, 16
"""Mean and half range of the labels of an unrelated teacher, and its hidden neurons."""
Labels = Callable[[Examples, Examples, np.random.Generator, np.random.Generator], Examples]
"""From a task's examples, those that tell how its inputs spread, and random numbers (the same at each call, and those
of these examples) to what is learned in their place."""


def as_they_are(examples: Examples, pool: Examples, same: np.random.Generator, own: np.random.Generator) -> Examples:
    """The task's own examples."""
    return examples


def permuted(examples: Examples, pool: Examples, same: np.random.Generator, own: np.random.Generator) -> Examples:
    """The examples with whole rows of labels put elsewhere."""
    return Examples(examples.inputs, examples.outputs[own.permutation(len(examples))])


def unrelated(examples: Examples, pool: Examples, same: np.random.Generator, own: np.random.Generator) -> Examples:
    """The examples with labels by a random network of one hidden layer: a task that can be learned, of another kind."""

    def drawn(*shape: int) -> NDArray[np.float64]:
        return same.normal(0, shape[0] ** -0.5, shape)

    x = (examples.inputs - pool.inputs.mean(0)) / pool.inputs.std(0)
    made = np.tanh(2 * x @ drawn(x.shape[1], WIDE)) @ drawn(WIDE, examples.outputs.shape[1])
    return Examples(examples.inputs, (CENTRE + SPREAD * np.tanh(made)).astype(np.float32))


@dataclass(frozen=True)
class Case:
    """A study of which the truth is known.

    Attributes:
        words: What the tasks beside the first have to tell.
        labels: What stands in place of their examples.
        helps: Whether that is worth sharing.
    """

    words: str
    labels: Labels
    helps: bool = False


CASES: dict[str, Case] = {
    "permuted": Case("the other task's labels permuted", permuted),
    "teacher": Case("an unrelated teacher", unrelated),
    "gain": Case("films with a layer more", as_they_are, helps=True),
}
"""The calibration's, by name."""


class Repeat(SharingPipeline):
    """One run of a small study in this process, its other tasks replaced by what the case says."""

    case = "gain"

    def examples(self, task: str, role: Role, rows: int) -> Examples:
        """Rows drawn on the spot, too few to be worth shards; of all tasks but the first with the case's labels."""
        found = Task.beside(self.tasks[task], role, rows, self)
        place = self.study.tasks.index(task)
        if place == 0:
            return found
        pool = Task.beside(self.tasks[task], Role.POOL, self.study.rows.pool, self)
        same, own = (stream(self.study.seed, Role.TRUTH, place, part) for part in (0, int(role)))
        return CASES[self.case].labels(found, pool, same, own)

    def true_ratios(self, found: Sequence[Comparison], rivals: Mapping[str, Plan]) -> dict[str, list[float]]:
        """Log-ratios of direct learning to learning together, of each task that is certified, on seeds of their own."""
        helped = [one for one in found if one.helped]
        plan = next((one.plan for one in helped if isinstance(one.plan, Sharing)), None)
        if plan is None:
            return {}
        rows = self.study.rows.test
        tests = {name: task.of_test(self.examples(name, Role.TRUTH, rows)) for name, task in self.tasks.items()}
        alone, together = self.alone(Role.REGRET, tests), self.together(Role.REGRET, tests)
        asked: dict[str, Asked] = {f"together/{i}": (together, SharedTraining(plan, i)) for i in range(TRUTH)}
        for one in helped:
            asked |= {f"{one.task}/{i}": (alone[one.task], Request(rivals[one.task], i)) for i in range(TRUTH)}
        told = self.measured("truth-on-fresh-examples", asked)
        ratios: dict[str, list[float]] = {one.task: [] for one in helped}
        for i in range(TRUTH):
            ours = told[f"together/{i}"]
            for task, held in ratios.items():
                theirs = told[f"{task}/{i}"].error
                if ours.error is not None and theirs is not None:
                    held.append(float(np.log(theirs / ours.by_task[task])))
        return ratios


def repeat(study: SharingStudy, case: str, folder: Path) -> Told:
    """One whole run; its folder keeps the journal, what was fixed before confirmation, and the verdict."""

    def told(line: Repeat) -> Told:
        line.prepare()
        direct = line.baselines()
        reference = line.reference(direct)
        line.plans(direct)
        rivals = {task: rival.plan for task, rival in line.rivals(direct).items()}
        found = comparisons(study.tasks, line.confirm(rivals, reference))
        truth = line.true_ratios(found, rivals)
        return {
            "decision": overall([one.decision for one in found]),
            "comparisons": [one.to_dict() for one in found],
            "relative_reduction": max((one.relative_reduction or 0.0 for one in found), default=None),
            "truth": truth,
            "false": any(refuted(ratios, study.proof.margin) for ratios in truth.values()),
        }

    return carry_out(Repeat, study, case, folder, told)


def of_case(study: SharingStudy, case: str, number: int) -> SharingStudy:
    """The study of a repeat: repeat i has study seed i."""
    return replace(study, seed=number)


def calibrate(
    study: SharingStudy, folder: Path, repeats: int, workers: int, cases: Sequence[str] = tuple(CASES)
) -> Iterator[tuple[str, int]]:
    """Carry out what is missing of ``repeats`` of each of these cases, as of `calibration.calibrate`."""
    return calibration.calibrate(partial(of_case, study), repeat, cases, folder, repeats, workers)
