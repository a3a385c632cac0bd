"""A DCL study from beginning to end, in one folder."""

from collections.abc import Callable
from functools import partial
from typing import Any

from search.dcl.conclusion import certificate, rankings
from search.dcl.pipeline import DclPipeline
from search.dcl.verdict import comparisons
from search.dcl.verification import checks
from search.means import Means
from search.records.record import Run, write_bytes
from search.runs import complete
from search.tuning.cost import cost
from search.tuning.ledger import best_trial
from search.tuning.progress import Progress
from simulators.registry import lattice


def carry_out(run: Run, means: Means, progress: Progress, tracker: Any) -> dict[str, Any]:
    """Run a DCL study, or what is left of it, and return its certificate; as `search.runs.complete`."""
    return complete(run, means, progress, tracker, DclPipeline, _phases, checks)


def _phases(line: DclPipeline) -> Callable[[], dict[str, Any]]:
    """All that is measured; returns what writes the folder."""
    line.plans()
    finals = line.finals()
    best = line.best(finals)
    fixed = line.confirm(best)
    return partial(_write, line, finals, fixed, line.predict(best))


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
