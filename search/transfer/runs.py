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
from search.tuning.searched import Direct, by_budget, searched
from spaces.plan import Plan

Tracker = Any


def carry_out(run: Run, means: Means, progress: Progress, tracker: Tracker) -> dict[str, Any]:
    """Run a study of transfer, or what is left of it, and return its certificate; as `search.runs.complete`."""
    return complete(run, means, progress, tracker, Pipeline, _phases, checks)


class Decided(NamedTuple):
    """A run up to its verdict.

    ``direct`` is what plans started from, ``rival`` what candidates had to beat.
    """

    direct: Direct
    rival: Direct
    bases: Mapping[str, Base]
    fixed: dict[str, Any]
    measured: dict[str, list[Any]]
    comparison: dict[str, Any]


def decided(line: Pipeline) -> Decided:
    """All searches, what is confirmed, its errors, and what follows from them."""
    direct = line.baseline()
    bases = line.bases(direct.plan.recipe)
    line.plans(direct, bases)
    rival = line.rival(direct)
    fixed, measured = line.confirm(rival.plan, bases)
    candidates = confirmation.candidates(fixed, measured)
    compare = small.compare(line.run)
    comparison = verdict(measured["direct"], candidates, line.study.proof, line.study.target, compare)
    return Decided(direct, rival, bases, fixed, measured, comparison)


def _phases(line: Pipeline) -> Callable[[], dict[str, Any]]:
    """All that is measured; returns what writes the folder."""
    found = decided(line)
    rival, comparison, curve = found.rival.plan, found.comparison, None
    if comparison["decision"] == "transfer" and line.study.mode == "fresh":
        curve = line.curve(rival, comparison["direct"]["mean"], comparison["candidate"]["mean"])
    arm, plan = conclusion.best_measured(comparison, rival)
    plans = {"direct": rival, "transfer": plan} if arm == "candidate" else {"direct": plan}
    networks = line.champions(plans, found.bases)
    return partial(_write, line, found, curve, networks, arm, plan)


def _write(
    line: Pipeline, found: Decided, curve: Any, networks: Mapping[str, Any], arm: str, plan: Plan
) -> dict[str, Any]:
    """Everything the folder says of a finished run; the certificate last, for it vouches for the rest."""
    best = networks["transfer" if arm == "candidate" else "direct"]
    run, ledgers = line.run, {"baseline": line.baseline_ledger, "plans": line.plans_ledger}
    result = {
        "format": 1,
        "protocol": 2,
        "study": line.study.to_dict(),
        "data": line.task.data_cards(run.path("data")),
        "bases": [base.card() for base in found.bases.values()],
        "baseline": searched(line.baseline_ledger, line.study),
        "direct_by_budget": by_budget(line.baseline_ledger.records(), found.direct, found.rival),
        "plans": searched(line.plans_ledger, line.study),
        "confirmation": found.fixed | {"arms": found.measured},
        "handed_over": {"arm": arm, "plan": plan.to_dict(), "rows": len(line.pool), "error": best["error"]},
        "examples": conclusion.examples_gained(curve),
        "priors": run.read("priors.json"),
        "importance": {name: ledger.importance() for name, ledger in ledgers.items()},
        **line.shown(networks),
    }
    run.write("result.json", result)
    spent = cost(run, ledgers, line.spent, line.means.workers)
    run.write("cost.json", spent)
    certified = conclusion.certificate(result, found.comparison, spent)
    write_bytes(run.path("model", "network.safetensors"), best["data"])
    card = conclusion.champion_card(line.study, line.task, certified, best, plan)
    run.write("model/card.json", card)
    run.write("certificate.json", certified)
    return certified
