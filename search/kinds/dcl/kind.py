"""A DCL study from beginning to end, in one folder."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from graft.search.engine.cost import cost
from graft.search.engine.trials import best_trial, importance
from graft.search.estimate import AROUND
from graft.search.kinds.base import Kind, Written
from graft.search.kinds.dcl.champion import UPDATE, predict
from graft.search.kinds.dcl.conclusion import certificate, rankings
from graft.search.kinds.dcl.pipeline import DclPipeline
from graft.search.kinds.dcl.verdict import comparisons
from graft.search.kinds.dcl.verification import checks
from graft.search.prediction import Asked, networks_only
from graft.search.report.sections import DCL
from graft.search.run.certificate import Certificate
from graft.search.run.folder import Run, write_bytes
from graft.search.run.record import Record
from graft.search.run.results import DclResult, Equal, Final, Prediction
from graft.search.run.trials import Searched
from graft.search.tasks.distilled.prediction import updates
from graft.search.tasks.distilled.study import DclStudy
from graft.simulators.registry import lattice
from graft.spaces.errors import InputError

TEACHING = 2e-5
"""Seconds for each state and epoch of a student."""
JUDGING = 5.0
"""Seconds for the errors of one pipeline, symmetrised and not."""
MEGABYTES = 50.0
"""Of a run besides its states: networks, figures, MLflow."""


class Dcl(Kind[DclStudy, DclPipeline, Record]):
    """How well can energies be learned by watching at one temperature, and does the pipeline beat the paper's?"""

    page = DCL
    work = DclPipeline
    budget = "budget.trials"
    devices = ("cpu",)  # sequence models step slower on a GPU
    stored = False
    has_map = False

    def measured(self, line: DclPipeline) -> Written:
        """Search pipelines, train the best of each kind longer, confirm the best, predict with it."""
        line.plans()
        finals = line.finals()
        best = line.best(finals)
        fixed = line.confirm(best)
        return partial(_write, line, finals, fixed, line.predict(best))

    def checks(self, run: Run) -> Mapping[str, Callable[[], str]]:
        """As of `Kind`."""
        return checks(run, self.study)

    def further(self, run: Run) -> Mapping[str, object] | None:
        """The second stage, if there is one that was not asked for already."""
        fixed = run.record(Equal, "confirmation.json")
        return {"looks": fixed.more} if fixed.more and not run.has("more.json") else None

    def seconds(self, workers: int) -> tuple[float, float]:
        """Rough wall times: compute is what the study counts, teaching comes on top."""
        study, budget = self.study, self.study.budget
        epoch = TEACHING * study.states.student * (1 + max(study.choices.rounds))
        whole = budget.seconds + JUDGING + epoch * budget.student
        # Half of those that reach a rung go on, and each begins anew.
        searched = whole / 2 ** (len(budget.rungs) - 1)
        searched += sum(budget.seconds * share / 2**rung for rung, share in enumerate(budget.rungs[:-1]))
        finals = math.ceil((len(study.choices.kinds) + 1) / workers) * (budget.kind + JUDGING + epoch * budget.taught)
        confirmed = 2 * study.proof.seeds * whole / workers
        largest = max(updates(study, name) for name in (study.system, study.larger) if name)
        return budget.trials * searched / workers, AROUND + finals + confirmed + UPDATE * largest

    def megabytes(self) -> float:
        """Disk that a run will take."""
        model = lattice(self.study.system)
        return MEGABYTES + self.study.states.watched * (model.sites / (8 if model.q == 2 else 1) + 16) / 1e6

    def predict(self, folder: Path, asked: Asked) -> str:
        """Energies of states, or what the learned energy predicts of a lattice."""
        if asked.task:
            raise InputError(f"--task is {asked.task!r}; allowed: nothing, for {folder} learned one energy")
        networks_only(folder, asked)
        return predict(folder, asked.what, asked.temperatures, asked.sweeps, asked.quiet)


def _write(
    line: DclPipeline, finals: Mapping[str, Final], fixed: Equal, predicted: Sequence[Prediction]
) -> Certificate:
    """Everything the folder says of a finished run; the certificate last, for it vouches for the rest."""
    run, study, records = line.run, line.study, line.search.records()
    best = best_trial(records)
    plans = Searched.read({"trials": records, "best": best.number if best else None})
    values = {
        "format": 1,
        "protocol": 3,
        "study": study.to_dict(),
        "data": {"watched": line.card},
        "test_states": len(line.test.index),
        "plans": plans,
        "rankings": rankings(plans.trials),
        "finals": finals,
        "couplings": lattice(study.system).bonds.strength.tolist(),
        "confirmation": fixed,
        "predictions": predicted,
        "importance": {"plans": importance(line.search.study)},
    }
    result = DclResult.read(values)
    run.write("result.json", result)
    spent = cost(run, {"plans": line.search}, line.spent, line.resources.workers)
    run.write("cost.json", spent)
    certified = certificate(study, result, comparisons(fixed), spent)
    best_name, kept = next((name, told) for name, told in finals.items() if told.plan == fixed.plan)
    for part in ("", "-student"):
        network = run.path("finals", f"{best_name}{part}.safetensors").read_bytes()
        write_bytes(run.path("model", f"network{part}.safetensors"), network)
    card = {key: getattr(kept, key) for key in ("plan", "words", "student_words", "sha256", "student_sha256")}
    run.write("model/card.json", {"study": study.name, "sentence": certified.sentence, **card})
    run.write("certificate.json", certified)
    return certified
