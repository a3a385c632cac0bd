"""Can the certificate of a DCL run be trusted? Whole runs, many times over, where a claim is known to be false.

- ``relabelled``: an EDNN against a relabelled copy of itself. The copy says of every state what the EDNN says of the
  state with all spins turned by one value and the lattice mirrored; the exact energy of both is the same, so neither
  knows more than the other. It stands in the teacher's place.
- ``itself``: the searched pipeline against itself under other seeds, in the place of the paper's recipe.

Each repeat watches, searches, fixes its pipeline and looks at the claims as any run does; what is counted is the claim
that is known to be false.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from graft.search.engine.searched import best_plan
from graft.search.kinds import calibration
from graft.search.kinds.calibration import Told, carry_out
from graft.search.kinds.dcl.pipeline import Asked, DclPipeline
from graft.search.kinds.dcl.verdict import comparisons
from graft.search.run.results import Equal
from graft.search.run.seeds import Role, entropy
from graft.search.tasks.distilled.objective import Learned, Watching, WatchTask
from graft.search.tasks.distilled.study import DclStudy
from graft.search.tasks.distilled.watcher import Index
from graft.simulators.data.manifest import Manifest
from graft.simulators.data.shards import write_shard
from graft.simulators.registry import lattice
from graft.simulators.spins.watched import SHARD_ROWS, Watched

APART = 1000
"""Places of a pipeline's seeds after which those begin under which it stands against itself."""


@dataclass(frozen=True)
class Case:
    """A claim that is known to be false.

    Attributes:
        words: What stands against what.
        claim: Which of the certificate's it is.
    """

    words: str
    claim: str
    helps: bool = False


CASES: dict[str, Case] = {
    "relabelled": Case("an EDNN against a relabelled copy of itself", "student-teacher"),
    "itself": Case("a pipeline against itself under other seeds", "pipeline-paper"),
}
"""The calibration's, by name."""


@dataclass(frozen=True)
class Relabelled(WatchTask):
    """As `WatchTask`, with a relabelled copy of the student in the teacher's place."""

    def proved(self, training: Watching, learned: Learned) -> dict[str, float]:
        """RMSE of the proof; both claims of student and teacher are then of an EDNN and its copy."""
        found, taught = super().proved(training, learned), learned.taught
        assert taught is not None
        found["teacher"] = self.test.error(lambda index: taught(self.relabelled(index)))
        if "teacher_symmetrised" in found:
            symmetrised = taught.symmetrised(self.study.symmetries)
            found["teacher_symmetrised"] = self.test.error(lambda index: symmetrised(self.relabelled(index)))
        return found

    def relabelled(self, index: Index) -> Index:
        """The same states with every value turned by one, and the lattice mirrored."""
        turned = (index.astype(np.int64) + 1) % self.q
        mirrored = turned.reshape(len(turned), *self.shape)[:, ::-1]
        return np.ascontiguousarray(mirrored.reshape(len(turned), -1), dtype=index.dtype)


class Repeat(DclPipeline):
    """One run of a small study in this process, with what the case says in the place of a rival."""

    case = "itself"

    def prepare(self) -> None:
        """As of `DclPipeline`; the states are written by this process, for they are too few to be worth Ray."""
        folder = self.run.path("data", "watched")
        if not folder.is_dir():
            watched = Watched(lattice(self.study.system), self.study.temperature)
            seed, rows = entropy(self.study.seed, Role.POOL), self.study.states.watched
            folder.mkdir(parents=True)
            shard = write_shard(watched, seed, 0, rows, folder)
            Manifest.of(watched, seed, SHARD_ROWS).including(shard).write(folder)
        super().prepare()

    def asked(self, fixed: Equal, wanted: Mapping[str, int]) -> Asked:
        """Every training, that of a rival replaced."""
        found = super().asked(fixed, wanted)
        if self.case == "itself":
            return {
                key: (task, replace(one, plan=fixed.plan, index=one.index + APART, epochs=self.study.budget.student))
                if key.startswith("paper/")
                else (task, one)
                for key, (task, one) in found.items()
            }
        return {key: (Relabelled(**vars(task)), one) for key, (task, one) in found.items()}


def repeat(study: DclStudy, case: str, folder: Path) -> Told:
    """One whole run but for the longer trainings and predictions, on which no claim rests."""

    def told(line: Repeat) -> Told:
        line.prepare()
        line.plans()
        line.best_of_kinds()  # refuses a search of which nothing finished
        found = {one.task: one for one in comparisons(line.confirm(best_plan(line.search)))}
        mine = found[CASES[case].claim]
        # The gain is none by construction, so whatever is certified is false.
        return mine.to_dict() | {"truth": [], "false": mine.helped, "every": [o.decision for o in found.values()]}

    return carry_out(Repeat, study, case, folder, told)


def of_case(study: DclStudy, case: str, number: int) -> DclStudy:
    """The study of a repeat: repeat i has study seed i."""
    return replace(study, seed=number)


def calibrate(
    study: DclStudy, folder: Path, repeats: int, workers: int, cases: Sequence[str] = tuple(CASES)
) -> Iterator[tuple[str, int]]:
    """Carry out what is missing of ``repeats`` of each of these cases, as of `calibration.calibrate`."""
    return calibration.calibrate(partial(of_case, study), repeat, cases, folder, repeats, workers)
