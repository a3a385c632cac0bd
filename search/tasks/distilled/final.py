"""What is trained once more at the end, longer than the search could, and everything that is told of it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from graft.models.networks.sequence.fit import log_probabilities
from graft.models.shaped import pack
from graft.models.weights import sha256
from graft.search.run.seeds import stream
from graft.search.tasks.distilled import scores
from graft.search.tasks.distilled.objective import IMAGES, ExactStates, Watching, WatchTask, learn
from graft.search.tasks.distilled.spread import Energy, Index, spread
from graft.search.tasks.distilled.teaching import METHOD
from graft.search.tasks.distilled.watcher import Energies, sequence_shape, tensor
from graft.simulators.registry import lattice
from graft.simulators.spins.lattice import SpinModel
from graft.spaces.dcl import Watch, linear


def spread_out(task: WatchTask) -> Index:
    """States of all energies, by Monte Carlo with the energies of a short training of the linear-logistic baseline."""
    study = task.study
    energies = learn(task, Watching(linear(), 0, study.budget.rungs[0] * study.budget.seconds, False)).energies
    rng = stream(study.seed, task.role, 1)
    return spread(energies, study.states.wide, int(np.prod(task.shape)), task.q, rng)


def final(task: WatchTask, name: str, plan: Watch, epochs: int) -> dict[str, Any]:
    """Train a pipeline with the final budget, and tell all that the report shows of it.

    Args:
        task: What it watches, and what judges it.
        name: Of its kind, or ``paper``.
        plan: The pipeline.
        epochs: Over the states of each round of teaching.

    Returns:
        Plain values, and ``data`` and ``student_data``: both networks as safetensors bytes.
    """
    study, model = task.study, lattice(task.study.system)
    learned = learn(task, Watching(plan, 0, study.budget.kind, True, epochs))
    assert learned.taught is not None and learned.taught.network is not None and learned.taught.built is not None
    data = pack(learned.model, sequence_shape(plan, task.shape, task.q))
    taught = pack(learned.taught.network, learned.taught.built)
    found: dict[str, Any] = {
        "name": name,
        "plan": plan.to_dict(),
        "words": plan.describe(),
        "student_words": plan.student.describe(),
        "data": data,
        "student_data": taught,
        "sha256": sha256(data),
        "student_sha256": sha256(taught),
        "likelihood": scores.likelihood(log_probabilities(learned.model, tensor(learned.held))),
        "agreement": scores.agreement(learned.energies(task.wide), learned.taught(task.wide)),
        "teaching": METHOD,
        "copies": 0,
        "teacher": account(task.test, learned.energies, model),
        "student": account(task.test, learned.taught, model),
    }
    if task.symmetries is not None:
        averaged = Energies(learned.model, study.temperature, task.symmetries, study.budget.copies)
        found["copies"] = averaged.copies
        found["symmetry"] = scores.inconsistency(averaged.images(task.wide, IMAGES))
        found["teacher_symmetrised"] = account(task.test, averaged, model)
        found["student_symmetrised"] = account(task.test, learned.taught.symmetrised(study.symmetries), model)
    return found


def account(test: ExactStates, energy: Energy, model: SpinModel) -> dict[str, Any]:
    """How far learned energies are from exact ones: RMSE over all levels and over those below zero, level by level."""
    learned = test.learned(energy)
    low = test.exact <= 0
    return {
        "rmse": scores.over_levels(learned, test.exact),
        "rmse_low": scores.over_levels(learned[low], test.exact[low]),
        "levels": scores.by_level(learned, test.exact),
        "couplings": couplings(model, energy, test.reference).tolist(),
    }


def couplings(model: SpinModel, energy: Energy, reference: Index) -> NDArray[np.float64]:
    """The coupling of every bond that learned energies imply, by least squares over random states.

    That bonds are between neighbours, and what a bond contributes to the energy, is told here: this judges, it is
    no part of learning.
    """
    bonds, states = model.bonds, reference
    features = -model.interaction[states[:, bonds.left], states[:, bonds.right]]
    design = np.column_stack([features, np.ones(len(states))])
    found, *_ = np.linalg.lstsq(design, energy(states), rcond=None)
    return np.asarray(found[:-1], np.float64)
