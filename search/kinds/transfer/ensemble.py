"""What is handed over beside the one network: several of its plan, their mean, and how far they are off unseen rows.

In fresh mode all learn from all unlocked rows, as the one does, and the locked rows say how far their mean is off. In
holdout mode no row is left over: they are those of one round of the folds, and each is judged where it did not learn.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from graft.models.ensemble import ALL, Averaged, Held
from graft.models.losses import NonFiniteLoss
from graft.models.weights import sha256
from graft.search.kinds.transfer.pipeline import Pipeline
from graft.search.run.certificate import Several
from graft.search.run.folder import Run, write_bytes
from graft.search.tasks.base import Examples, Fitted, Phase, Request, Task, fit
from graft.spaces.plan import Plan

NETWORKS, HELD = "model/members/{}.safetensors", "model/held.safetensors"
"""Where they lie in a run's folder."""


class Ensemble(NamedTuple):
    """Networks as safetensors bytes, what they were off where they had not learned (or None), and what is told."""

    networks: Sequence[bytes]
    held: Held | None
    told: Several

    def write(self, run: Run) -> None:
        """Keep them in a run's folder."""
        for k, data in enumerate(self.networks):
            write_bytes(run.path(NETWORKS.format(k)), data)
        if self.held is not None:
            write_bytes(run.path(HELD), self.held.pack())


def trained(phase: Phase, plan: Plan, index: int) -> bytes | None:
    """Train a plan with one seed of a phase; the network as safetensors bytes, None where it diverged."""
    try:
        fitted, _ = fit(phase, Request(plan, index))
    except NonFiniteLoss:
        return None
    return phase.task.pack(fitted)


def ensemble(line: Pipeline, phase: Phase, handed: Sequence[tuple[Plan, bytes]]) -> Ensemble | None:
    """Train the members of what is handed over, and measure their mean; None where the study asks for no more than one.

    Args:
        line: Of the run.
        phase: As the one network learned: from all unlocked rows, or with rows that take turns.
        handed: What is handed over, and in fresh mode direct learning where that is something else: the plan, and its
            one network, which has learned with the phase's first seed unless rows take turns.
    """
    task, budget = phase.task, line.study.budget.members
    if budget < 2 or not task.ensembles:
        return None
    count = budget if phase.folds is None else phase.folds.count
    first = 1 if phase.folds is None else 0  # with folds the one network is of all rows, and none of these
    with line.phase("ensemble"):
        asked = [(phase, plan, k) for plan, _ in handed for k in range(first, count)]
        found = iter(line.calls(trained, asked, all(phase.stacks(Request(plan, 0)) for plan, _ in handed)))
    more = [[next(found) for _ in range(first, count)] for _ in handed]
    by_plan = [[*[one] * first, *filter(None, others)] for (_, one), others in zip(handed, more, strict=True)]
    if phase.folds is not None:
        held = _crossed(phase, by_plan[0]) if len(by_plan[0]) == count and task.intervals else None
        errors: list[float | None] = [None]
    else:
        assert phase.test is not None
        means = [mean_of(task, found) if found else None for found in by_plan]
        errors = [None if mean is None else task.errors(mean, phase.test).value for mean in means]
        locked, held = line.locked(), None
        if means[0] is not None and task.intervals and len(locked):
            held = Held(off(task, means[0], locked), np.full(len(locked), ALL))
    told = Several(
        sha256=tuple(map(sha256, by_plan[0])),
        error=errors[0],
        direct=errors[1] if len(errors) > 1 else None,
        held=0 if held is None else len(held.members),
        held_sha256="" if held is None else sha256(held.pack()),
    )
    return Ensemble(by_plan[0], held, told)


def mean_of(task: Task, networks: Sequence[bytes]) -> Fitted:
    """The mean of several networks, as one."""
    members = [task.unpack(data) for data in networks]
    return replace(members[0], network=Averaged([(one.network, one.scaling) for one in members]), scaling=None)


def off(task: Task, fitted: Fitted, examples: Examples) -> NDArray[np.float64]:
    """|exact - predicted| (examples, outputs)."""
    predicted = task.predict(fitted, examples.tensors()[0]).astype(np.float64)
    return np.abs(predicted - examples.outputs).reshape(len(examples), -1)


def _crossed(phase: Phase, networks: Sequence[bytes]) -> Held:
    """What each member is off on the rows that it did not learn from."""
    judged = [phase.rows(k)[1] for k in range(len(networks))]
    residuals = [off(phase.task, phase.task.unpack(one), rows) for one, rows in zip(networks, judged, strict=True)]
    return Held(np.concatenate(residuals), np.repeat(np.arange(len(judged)), [len(rows) for rows in judged]))


def changed(run: Run, told: Several) -> str:
    """Which file of an ensemble is not that of the result, in words; '' if none."""
    wanted = {NETWORKS.format(k): one for k, one in enumerate(told.sha256)}
    wanted |= {HELD: told.held_sha256} if told.held else {}
    for name, digest in wanted.items():
        if sha256(run.path(name).read_bytes()) != digest:
            return f"{name} is not that of the result"
    return ""
