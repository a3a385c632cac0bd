"""A study of several tasks from beginning to end, in one folder."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from torch import nn

from graft.models.scaling import Scaling
from graft.models.weights import sha256
from graft.search.engine.cost import cost
from graft.search.engine.searched import Direct, by_budget, searched
from graft.search.engine.trials import importance
from graft.search.estimate import AROUND, seconds_per_training
from graft.search.kinds.base import Kind, Written
from graft.search.kinds.sharing import mapping
from graft.search.kinds.sharing.conclusion import best_measured, certificate
from graft.search.kinds.sharing.pipeline import SharingPipeline
from graft.search.kinds.sharing.study import SharingStudy
from graft.search.kinds.sharing.verdict import comparisons, undecided
from graft.search.kinds.sharing.verification import checks
from graft.search.prediction import Asked, networks_only, outputs_only, predict_csv
from graft.search.report.sections import SHARING
from graft.search.run.certificate import Comparison, Kept, SharingCertificate
from graft.search.run.folder import Run, write_bytes
from graft.search.run.results import Round, SharedMap, SharingResult
from graft.search.run.seeds import Role
from graft.search.tasks.base import Phase, Request, fit
from graft.search.tasks.joint import SharedTask, SharedTraining, learn
from graft.spaces.plan import Plan
from graft.spaces.sharing import Sharing as Plans

BYTES = 4
"""Of a number in a data set, float32."""


class Sharing(Kind[SharingStudy, SharingPipeline, SharedMap]):
    """Which blocks are worth sharing among tasks, none of which has plenty of data? As of `Kind`."""

    page = SHARING
    work = SharingPipeline

    def measured(self, line: SharingPipeline) -> Written:
        """Search each task alone and all together, confirm round by round, train what is handed over."""
        direct = line.baselines()
        reference = line.reference(direct)
        line.plans(direct)
        rivals = line.rivals(direct)
        plans = {task: rival.plan for task, rival in rivals.items()}
        rounds = line.confirm(plans, reference)
        found = comparisons(line.study.tasks, rounds)
        with line.phase("champions"):
            networks = champions(line, plans, found)
        return partial(_write, line, direct, rivals, reference, rounds, found, networks)

    def checks(self, run: Run) -> Mapping[str, Callable[[], str]]:
        """As of `Kind`."""
        return checks(run, self.study)

    def further(self, run: Run) -> Mapping[str, object] | None:
        """The second stage of the last round, if that round is open and was not asked for it already."""
        last = run.record(SharingResult, "result.json").rounds[-1]
        asked = list(run.read("more.json")["rounds"]) if run.has("more.json") else []
        if not last.more or last.round in asked or not undecided(last):
            return None
        return {"looks": last.more, "rounds": [*asked, last.round]}

    def check(self) -> list[str]:
        """Refuse simulators of a user's own that fail."""
        for task in self.study.tasks:
            self.study.alone(task).check()
        return []

    def seconds(self, workers: int) -> tuple[float, float]:
        """Rough wall times; a training of all tasks takes about as long as one of each alone."""
        study, tasks = self.study, len(self.study.tasks)
        alone = study.alone(study.tasks[-1])
        training = seconds_per_training(alone, study.start, study.rows.training) / workers
        confirmed = study.proof.seeds * (3 * tasks + tasks * tasks) + tasks * (study.budget.seeds + 2)
        return self.trainings() * training, AROUND + confirmed * training

    def trainings(self) -> int:
        """Of each task alone, and of plans."""
        return (1 + self.study.budget.rival) * self.study.budget.trainings * len(self.study.tasks)

    def megabytes(self) -> float:
        """Disk that a run will take."""
        rows, shapes = self.study.rows, self.study.learned.shapes
        each = BYTES * sum(math.prod(shape) for shape in shapes)
        return 50 + (rows.pool + rows.test) * len(self.study.tasks) * each / 1e6

    def mapped(self, line: SharingPipeline) -> SharedMap:
        """Every number of first blocks shared, with and without telling the task."""
        return mapping.drawn(line)

    def map_lines(self, drawn: SharedMap) -> Iterator[str]:
        """The best of each task."""
        for task in drawn.direct:
            known = [(change.value, cell) for cell in drawn.cells if (change := cell.changes[task])]
            if known:
                value, best = min(known, key=lambda one: one[0])
                told = f"{'' if best.one_hot else 'not '}told its task: {value:+.0%} error"
                yield f"{task}: best with the first {best.first} blocks shared, {told}"

    def opened(self, data: bytes) -> tuple[nn.Module, Scaling | None]:
        """As its task opens it."""
        return self.study.learned.opened(data)

    def predict(self, folder: Path, asked: Asked) -> str:
        """Outputs of one task's network for a file of inputs."""
        task = self.study.learned
        task.predicts(folder)
        outputs_only(folder, asked)
        networks_only(folder, asked)
        return predict_csv(folder, asked, self.opened)


@dataclass(frozen=True)
class Trained:
    """A task's network as safetensors bytes, with its error, plan and the arm of the proof that it is."""

    arm: str
    plan: Plan | Plans
    error: float
    data: bytes


def champions(line: SharingPipeline, rivals: Mapping[str, Plan], found: Sequence[Comparison]) -> dict[str, Trained]:
    """One network for each task, trained with confirmation seed 0 on all unlocked rows.

    It is the task's path through the shared one, or of those that learned it alone the one that erred least.
    """
    tests = line.tests()
    together = [one.task for one in found if one.helped]
    plan = next((one.plan for one in found if one.plan), None)
    own = {task: replace(one, validation=0) for task, one in line.alone(Role.CONFIRMATION, tests).items()}
    chosen = {one.task: best_measured(one, rivals[one.task]) for one in found}
    alone = [(task, own[task], *chosen[task]) for task in line.study.tasks if task not in together]
    networks: dict[str, Trained] = {}
    if plan is not None:
        shared = replace(line.together(Role.CONFIRMATION, tests), validation=0)
        (networks,) = line.calls(shared_networks, [(shared, plan)])
    if alone:
        networks |= zip((name for name, *_ in alone), line.calls(own_network, alone), strict=True)
    return networks


def own_network(name: str, phase: Phase, arm: str, plan: Plan) -> Trained:
    """A task's network learned alone."""
    fitted, off = fit(phase, Request(plan, 0))
    return Trained(arm, plan, off.value, phase.task.pack(fitted))


def shared_networks(shared: SharedTask, plan: Plans) -> dict[str, Trained]:
    """The path of each task through one shared network, as a network of its own."""
    learned = learn(shared, SharedTraining(plan, 0))
    return {
        name: Trained("candidate", plan, learned.errors[name], shared.tasks[name].pack(fitted))
        for name, fitted in learned.fitted.items()
    }


def _write(
    line: SharingPipeline,
    direct: Mapping[str, Direct],
    rivals: Mapping[str, Direct],
    reference: Mapping[str, Sequence[float | None]],
    rounds: Sequence[Round],
    found: Sequence[Comparison],
    networks: Mapping[str, Trained],
) -> SharingCertificate:
    """Everything the folder says of a finished run; the certificate last, for it vouches for the rest."""
    run, study = line.run, line.study
    searches = {phase: searched(search, study.budget.steps) for phase, search in line.searches.items()}
    values = {
        "format": 1,
        "protocol": 3,
        "study": study.to_dict(),
        "data": study.learned.data_cards(run.path("data")),
        **searches,
        "recipes": {task: rival.plan.recipe for task, rival in rivals.items()},
        "direct_by_budget": {
            task: by_budget(searches[study.phase_of(task)].trials, direct[task], rival)
            for task, rival in rivals.items()
        },
        "handed_over": {
            task: Kept(arm=one.arm, plan=one.plan, rows=len(line.pools[task]), error=one.error)
            for task, one in networks.items()
        },
        "reference": reference,
        "rounds": rounds,
        "not_confirmed": line.not_confirmed,
        "importance": {phase: importance(search.study) for phase, search in line.searches.items()},
    }
    result = SharingResult.read(values)
    run.write("result.json", result)
    spent = cost(run, line.searches, line.spent, line.resources.workers)
    run.write("cost.json", spent)
    certified = certificate(study, result, found, spent)
    for one in certified.comparisons:
        task, network = one.task, networks[one.task]
        folder = run.path("model", line.tasks[task].called)
        write_bytes(folder / "network.safetensors", network.data)
        card = {"study": study.name, "task": task, "decision": one.decision, "sentence": certified.sentence,
                "plan": network.plan, "error": network.error, "sha256": sha256(network.data),
                "range": line.pools[task].range, **line.tasks[task].interface()}  # fmt: skip
        run.write(f"model/{line.tasks[task].called}/card.json", card)
    run.write("certificate.json", certified)
    return certified
