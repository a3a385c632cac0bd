"""Roughly how long a run will take, from a few steps measured on this machine."""

import math
import time
from typing import Any

import torch

from models.sequence.fit import ascend
from models.train import train
from search.dcl.study import DclStudy
from search.dcl.watcher import group
from search.sharing.study import SharingStudy
from search.transfer.confirmation import REFITS
from search.transfer.study import Study
from search.watchers.study import WatcherStudy
from simulators.base import Simulator
from simulators.registry import find
from spaces.plan import Recipe

STEPS = 40
TEACHING = 2e-5
"""Seconds for each state and epoch of a student of distribution-consistent learning."""
JUDGING = 5.0
"""Seconds for the errors of one of its pipelines, symmetrised and not."""
UPDATE = 1e-7
"""Seconds of one spin update of Monte Carlo with a student's energy."""
AROUND = 20.0
"""Seconds for all that is no training: starting Ray, simulating, figures, MLflow."""


def seconds_per_step(study: Any, recipe: Recipe, target: Simulator) -> float:
    """Time of one optimiser step of this study's network for one task on one thread of this machine."""
    generator, rows = torch.Generator().manual_seed(0), recipe.batch * STEPS
    more: dict[str, Any] = {}
    if isinstance(study, WatcherStudy):
        network: torch.nn.Module = study.shape.build()
        sites = math.prod(study.shape.shape)
        inputs = torch.randint(study.shape.q, (rows, sites), generator=generator, dtype=torch.uint8)
        outputs, more = None, {"backward": ascend, "augment": group(study.symmetries, study.shape.shape, study.shape.q)}
    else:
        network = study.network.build(target.inputs, target.outputs, recipe.activation)
        inputs = torch.rand((rows, target.inputs), generator=generator)
        outputs = torch.rand((rows, target.outputs), generator=generator) + 0.1
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        took = []
        for epochs in (1, 1):
            began = time.perf_counter()
            train(network, inputs, outputs, Recipe(batch=recipe.batch, epochs=epochs, rate=1e-6), generator, **more)
            took.append(time.perf_counter() - began)
    finally:
        torch.set_num_threads(threads)
    return took[-1] / STEPS


def seconds(study: Study, workers: int) -> tuple[float, float]:
    """Rough wall times of a run: of its searches, and of everything else."""
    recipe, base = study.start, study.base
    steps = recipe.epochs * math.ceil(study.rows.training / recipe.batch)
    confirmed = (REFITS if study.mode == "small" else study.proof.seeds) * (1 + 3 * study.proof.candidates) + 2
    curve = study.budget.curve * (2 + 4) if study.mode == "fresh" else 0
    lessons = [lesson for lesson in study.bases.lessons().values() if lesson.source in study.taught]
    based = sum(lesson.epochs * math.ceil(0.8 * lesson.rows / base.batch) for lesson in lessons)
    step = seconds_per_step(study, recipe, study.scenario(study.target))
    slower = max(1.0, base.batch / recipe.batch) ** 0.7
    rest = AROUND + step * ((confirmed + curve) * steps / workers + based * slower)
    return (1 + study.budget.rival) * study.budget.trainings * steps * step / workers, rest


def shared_seconds(study: SharingStudy, workers: int) -> tuple[float, float]:
    """As `seconds`, for several tasks: a training of all of them takes about as long as one of each alone."""
    recipe, tasks = study.start, len(study.tasks)
    step = seconds_per_step(study, recipe, find(study.tasks[-1]))
    training = step * recipe.epochs * math.ceil(study.rows.training / recipe.batch) / workers
    confirmed = study.proof.seeds * (3 * tasks + tasks * tasks) + tasks * (study.budget.seeds + 2)
    return (1 + study.budget.rival) * study.budget.trainings * tasks * training, AROUND + confirmed * training


def watching_seconds(study: DclStudy, workers: int) -> tuple[float, float]:
    """As `seconds`, for learning from watched states: compute is what the study counts, teaching comes on top."""
    from search.dcl.prediction import updates

    budget = study.budget
    epoch = TEACHING * study.states.student * (1 + max(study.choices.rounds))
    whole = budget.seconds + JUDGING + epoch * budget.student
    # Of those that reach a rung half go on, and each begins anew.
    searched = whole / 2 ** (len(budget.rungs) - 1)
    searched += sum(budget.seconds * share / 2**rung for rung, share in enumerate(budget.rungs[:-1]))
    finals = math.ceil((len(study.choices.kinds) + 1) / workers) * (budget.kind + JUDGING + epoch * budget.taught)
    confirmed = 2 * study.proof.seeds * whole / workers
    largest = max(updates(study, name) for name in (study.system, study.larger) if name)
    return budget.trials * searched / workers, AROUND + finals + confirmed + UPDATE * largest


def estimate(study: Any, workers: int) -> tuple[float, float]:
    """Rough wall times of a run of any kind of study: of its searches, and of everything else."""
    if isinstance(study, DclStudy):
        return watching_seconds(study, workers)
    return (shared_seconds if isinstance(study, SharingStudy) else seconds)(study, workers)


def in_words(duration: float) -> str:
    """A duration as people say it."""
    if duration < 90:
        return f"{duration:.0f} s"
    return f"{duration / 60:.0f} minutes" if duration < 5400 else f"{duration / 3600:.1f} hours"
