"""The states of a DCL run: those that are watched, those of known energy. All come again from the study's seed."""

import hashlib
from pathlib import Path

import numpy as np

from graft.models.energies import gauged
from graft.search.run.results import DataCard
from graft.search.run.seeds import Role, entropy, stream
from graft.search.tasks.distilled.objective import ExactStates
from graft.search.tasks.distilled.own import kept
from graft.search.tasks.distilled.spread import random_states
from graft.search.tasks.distilled.study import DclStudy
from graft.search.tasks.distilled.watcher import Index
from graft.simulators.data.shards import Progress
from graft.simulators.registry import lattice
from graft.simulators.spins.exact import uniform_in_energy
from graft.simulators.spins.lattice import SpinModel
from graft.simulators.spins.watched import read_states, watch


def observe(study: DclStudy, folder: Path, actors: int = 1, progress: Progress | None = None) -> tuple[Index, DataCard]:
    """Watch the system at its one temperature, or read who did, and say how much that is worth.

    Args:
        study: Of which system.
        folder: Where the states lie afterwards: shards, or a copy of the study's own file.
        actors: Ray actors; none are needed for what is there already.
        progress: Called with states done and states wanted.

    Returns:
        Index of every state, (states, sites), and a card: rows, temperature, autocorrelation time in sweeps, effective
        sample size, sha256.

    Raises:
        InputError: If the states are worth fewer than 1,000 independent ones.
    """
    model, n = lattice(study.system), study.states.watched
    if study.observations:
        seen = read_states(kept(study.observations, folder), model, study.temperature)
    else:
        seed = entropy(study.seed, Role.POOL)
        seen = watch(model, study.temperature, n, seed, folder, actors=actors, progress=progress)
    seen.require()
    index = model.index(seen.states).reshape(-1, model.sites)
    return index, DataCard(
        simulator=study.observations.name or study.system,
        rows=len(index),
        temperature=study.temperature,
        autocorrelation_sweeps=float(seen.autocorrelation_sweeps),
        effective=float(seen.effective),
        digest=digest(index),
    )


def exact_states(study: DclStudy, role: Role) -> ExactStates:
    """States of every energy level, the same number of each, with random ones for the gauge.

    Energies, learned ones and exact ones alike, are counted from their mean over the same random states: so the gauge
    brings no error of its own.
    """
    return exact_states_of(lattice(study.system), study.states.level, study.states.reference, stream(study.seed, role))


def exact_states_of(model: SpinModel, level: int, random: int, rng: np.random.Generator) -> ExactStates:
    """As `exact_states`: ``level`` states of each level, and ``random`` ones for the gauge."""
    states, exact = uniform_in_energy(model, level, rng)
    reference = random_states(random, model.sites, model.q, rng)
    zero = model.energy(model.states(reference.reshape(-1, *model.shape)))
    return ExactStates(model.index(states).reshape(-1, model.sites), gauged(exact, zero), reference)


def digest(index: Index) -> str:
    """Sha256 of states, bit by bit."""
    return hashlib.sha256(np.ascontiguousarray(index).tobytes()).hexdigest()
