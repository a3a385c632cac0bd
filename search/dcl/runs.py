"""A DCL study from beginning to end, in one folder."""

from dataclasses import replace
from typing import Any

from cluster.connect import connection
from search import report
from search.dcl.conclusion import certificate, rankings
from search.dcl.pipeline import DclPipeline
from search.dcl.verdict import comparisons
from search.dcl.verification import checks
from search.means import Means
from search.records.record import Run, write_bytes
from search.tuning.cost import cost
from search.tuning.ledger import best_trial
from search.tuning.progress import Progress
from simulators.registry import lattice


def carry_out(run: Run, means: Means, progress: Progress, tracker: Any) -> dict[str, Any]:
    """Run a DCL study, or what is left of it, and return its certificate; as `search.transfer.runs.carry_out`."""
    if run.has("certificate.json") and not any(problem for _, problem in checks(run)):
        if not run.has("report/index.html"):
            report.write(run.folder)
        tracker.start()
        tracker.finish()
        return run.read("certificate.json")
    with connection(means.workers, run.folder, means.devices) as available:
        line = DclPipeline(run, replace(means, workers=min(means.workers, available)), progress, tracker)
        with run.possible("wide.npy"):
            line.prepare()
        tracker.start()
        line.plans()
        best = line.best()
        finals = line.finals()
        fixed = line.confirm(best)
        predicted = line.predict(best)
    with line.phase("report"):
        certified = _write(line, finals, fixed, predicted)
        report.write(run.folder)
    tracker.finish()
    progress.close()
    return certified


def _write(line: DclPipeline, finals: Any, fixed: Any, predicted: Any) -> dict[str, Any]:
    """Everything the folder says of a finished run; the certificate last, for it vouches for the rest."""
    run, study, records = line.run, line.study, line.ledger.records()
    best = best_trial(records)
    result = {
        "format": 1,
        "study": study.to_dict(),
        "data": {"watched": line.card},
        "test_states": len(line.judge.index),
        "plans": {"trials": records, "best": best["number"] if best else None},
        "rankings": rankings(records),
        "finals": finals,
        "couplings": lattice(study.system).bonds.strength.tolist(),
        "confirmation": fixed,
        "predictions": predicted,
        "importance": {"plans": line.ledger.importance()},
    }
    run.write("result.json", result)
    spent = cost(run, {"plans": line.ledger}, line.spent, line.means.workers)
    run.write("cost.json", spent)
    certified = certificate(result, comparisons(fixed["arms"], study.proof), spent)
    best_name = next(name for name, told in finals.items() if told["plan"] == fixed["plan"])
    for part in ("", "-student"):
        network = run.path("finals", f"{best_name}{part}.safetensors").read_bytes()
        write_bytes(run.path("model", f"network{part}.safetensors"), network)
    card = {key: finals[best_name][key] for key in ("plan", "words", "student_words", "sha256", "student_sha256")}
    run.write("model/card.json", {"study": study.name, "sentence": certified["sentence"], **card})
    run.write("certificate.json", certified)
    return certified
