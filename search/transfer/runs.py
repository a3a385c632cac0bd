"""A study from beginning to end, in one folder."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from search.means import Means
from search.proof.certificate import verdict
from search.records.record import Run, write_bytes
from search.runs import complete
from search.transfer import conclusion, confirmation, small
from search.transfer.bases import Base
from search.transfer.pipeline import Pipeline
from search.transfer.verification import checks
from search.tuning.cost import cost
from search.tuning.progress import Progress
from search.tuning.searched import searched
from spaces.plan import Plan

Tracker = Any


def carry_out(
    run: Run, means: Means, progress: Progress, tracker: Tracker, kind: Callable[..., Pipeline] = Pipeline
) -> dict[str, Any]:
    """Run a study of transfer, or what is left of it, and return its certificate; as `search.runs.complete`."""
    return complete(run, means, progress, tracker, kind, _phases, checks)


class Decided(NamedTuple):
    """A run up to its verdict."""

    baseline: Plan
    bases: Mapping[str, Base]
    fixed: dict[str, Any]
    measured: dict[str, list[Any]]
    comparison: dict[str, Any]


def decided(line: Pipeline) -> Decided:
    """Both searches, what is confirmed, its errors, and what follows from them."""
    baseline = line.baseline()
    bases = line.bases(baseline.recipe)
    line.plans(baseline, bases)
    fixed, measured = line.confirm(baseline, bases)
    candidates = confirmation.candidates(fixed, measured)
    compare = small.compare(line.run)
    comparison = verdict(measured["direct"], candidates, line.study.proof, line.study.target, compare)
    return Decided(baseline, bases, fixed, measured, comparison)


def _phases(line: Pipeline) -> Callable[[], dict[str, Any]]:
    """All that is measured; returns what writes the folder."""
    baseline, bases, fixed, measured, comparison = decided(line)
    curve = None
    if comparison["decision"] == "transfer" and line.study.mode == "fresh":
        curve = line.curve(baseline, comparison["direct"]["mean"], comparison["candidate"]["mean"])
    plans = {"direct": baseline}
    if comparison["plan"] is not None:
        plans["transfer"] = Plan.from_dict(comparison["plan"])
    networks = line.champions(plans, bases)
    return partial(_write, line, fixed, measured, comparison, curve, networks, bases, plans)


def _write(
    line: Pipeline,
    fixed: Any,
    measured: Any,
    comparison: Any,
    curve: Any,
    networks: Any,
    bases: Any,
    plans: dict[str, Plan],
) -> dict[str, Any]:
    """Everything the folder says of a finished run; the certificate last, for it vouches for the rest."""
    run, ledgers = line.run, {"baseline": line.baseline_ledger, "plans": line.plans_ledger}
    result = {
        "format": 1,
        "study": line.study.to_dict(),
        "data": conclusion.data_card(run),
        "bases": [base.card() for base in bases.values()],
        "baseline": searched(line.baseline_ledger, line.study),
        "plans": searched(line.plans_ledger, line.study),
        "confirmation": fixed | {"arms": measured},
        "examples": conclusion.examples_gained(curve),
        "priors": run.read("priors.json"),
        "importance": {name: ledger.importance() for name, ledger in ledgers.items()},
        **line.shown(networks),
    }
    run.write("result.json", result)
    spent = cost(run, ledgers, line.spent, line.means.workers)
    run.write("cost.json", spent)
    certified = conclusion.certificate(result, comparison, spent)
    best = "transfer" if "transfer" in plans else "direct"
    write_bytes(run.path("model", "network.safetensors"), networks[best]["data"])
    card = conclusion.champion_card(line.study, certified, networks[best], plans[best], line.standard)
    run.write("model/card.json", card)
    run.write("certificate.json", certified)
    return certified
