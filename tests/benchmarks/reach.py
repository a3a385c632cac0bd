"""How far from random states should a student be taught? ``python tests/benchmarks/reach.py DIR...``, of finished runs.

Students of each run's final sequence models but the paper's, taught for ``budget.student`` epochs with states that
reach to one temperature or another (in units of J, of Ising models), in place of the one that the teacher's noise
decides. RMSE over all energy levels in J, symmetrised as the study allows.
"""

import argparse
from pathlib import Path

from graft.models.networks.sequence.shape import SequenceShape
from graft.models.shaped import unpack
from graft.models.train import prepare_process
from graft.search.run.folder import Run
from graft.search.run.seeds import Draws, Role
from graft.search.study import reopened
from graft.search.tasks.distilled import teaching
from graft.search.tasks.distilled.data import exact_states
from graft.search.tasks.distilled.spread import BETAS
from graft.search.tasks.distilled.watcher import Energies
from graft.simulators.registry import lattice
from graft.spaces.dcl import Watch

SHARES = (0.3, 0.36, 0.42, 0.5, 0.6, 1.0)


def main() -> None:
    """One line for each sequence model of each run."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folders", type=Path, nargs="+")
    prepare_process()
    temperatures = [f"T = {1 / (share * BETAS.max()):.1f}" for share in SHARES]
    print(f"| run | teacher | noise | itself | {' | '.join(temperatures)} |\n|{'---|' * (4 + len(SHARES))}", flush=True)
    for folder in options.parse_args().folders:
        run = Run(folder.resolve())
        study = reopened(run.read("study.json"))
        model, test = lattice(study.system), exact_states(study, Role.TEST)
        for path in sorted(run.path("finals").glob("*.json")):
            told = run.read(f"finals/{path.name}")
            plan = Watch.from_dict(told["plan"])
            if not plan.student.rounds:
                continue
            network, _ = unpack(path.with_suffix(".safetensors"), SequenceShape)
            energies = Energies(network, study.temperature)  # type: ignore[arg-type]
            found, measured = list[str](), list[float]()
            for share in SHARES:

                def fixed(noise: float, share: float = share, measured: list[float] = measured) -> float:
                    measured.append(noise)
                    return share

                teaching.reach = fixed
                taught = teaching.teach(
                    plan.student, energies, model.shape, model.q, study.states.student, study.budget.student,
                    Draws.of(study.seed, Role.TRUTH, 0), model.uniform,
                )  # fmt: skip
                found.append(f"{test.error(taught.symmetrised(study.symmetries)):.3f}")
            cells = [folder.name, told["words"], f"{measured[0]:.2f}", f"{test.error(energies):.3f}", *found]
            print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
