"""How far from random states should a student be taught? ``python tests/benchmarks/reach.py DIR...``, of finished runs.

Students of each run's final sequence models but the paper's, taught for ``budget.student`` epochs with states that
reach to one temperature or another (in units of J, of Ising models), in place of the one that the teacher's noise
decides. RMSE over all energy levels in J, symmetrised as the study allows.
"""

import argparse
import math
from pathlib import Path

import numpy as np

from models.sequence.shape import SequenceShape
from models.settle import settled
from models.shaped import unpack
from models.train import prepare_process
from search.dcl import teaching
from search.dcl.data import judge
from search.dcl.spread import BETAS, coupling_unit, random_states
from search.dcl.watcher import Energies, tensor
from search.records.record import Run
from search.seeds import Draws, Role
from simulators.registry import lattice
from spaces.dcl import Watch

SHARES = (0.3, 0.36, 0.42, 0.5, 0.6, 1.0)


def noise(energies: Energies, shape: tuple[int, ...], q: int, student: Watch, states: int, uniform: bool) -> float:
    """What no sum over tiles says of a teacher's energies, in `coupling_unit`."""
    sites, one = math.prod(shape), student.student
    index = random_states(states, sites, q, np.random.default_rng(0))
    told, built = energies(index), teaching.student_shape(one, shape, q, uniform)
    nothing = built.build()
    for weight in nothing.parameters():
        weight.data.zero_()
    return settled(nothing, built, tensor(index).view(-1, *shape), told).missed / coupling_unit(told, sites)


def main() -> None:
    """One line for each sequence model of each run."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folders", type=Path, nargs="+")
    prepare_process()
    temperatures = [f"T = {1 / (share * BETAS.max()):.1f}" for share in SHARES]
    print(f"| run | teacher | noise | itself | {' | '.join(temperatures)} |\n|{'---|' * (4 + len(SHARES))}", flush=True)
    for folder in options.parse_args().folders:
        run = Run(folder.resolve())
        study = run.study
        model, judged = lattice(study.system), judge(study, Role.TEST)
        for path in sorted(run.path("finals").glob("*.json")):
            told = run.read(f"finals/{path.name}")
            plan = Watch.from_dict(told["plan"])
            if not plan.student.rounds:
                continue
            network, _ = unpack(path.with_suffix(".safetensors"), SequenceShape)
            energies = Energies(network, study.temperature)  # type: ignore[arg-type]
            found = []
            for share in SHARES:
                teaching.REACH = (share, share)
                taught = teaching.teach(
                    plan.student, energies, model.shape, model.q, study.states.student, study.budget.student,
                    Draws.of(study.seed, Role.TRUTH, 0), model.uniform,
                )  # fmt: skip
                found.append(f"{judged.error(taught.symmetrised(study.symmetries)):.3f}")
            quiet = noise(energies, model.shape, model.q, plan, study.states.student, model.uniform)
            cells = [folder.name, told["words"], f"{quiet:.2f}", f"{judged.error(energies):.3f}", *found]
            print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
