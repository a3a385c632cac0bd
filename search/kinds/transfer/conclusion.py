"""From measured errors to what a run leaves behind: result, certificate, champion."""

from graft.models.weights import sha256
from graft.search.kinds.transfer.prospects import prospects
from graft.search.kinds.transfer.sentence import sentence
from graft.search.kinds.transfer.study import Study
from graft.search.kinds.transfer.verdict import ARMS
from graft.search.proof.statistics import equivalent_rows, seeds_needed, trainings_needed
from graft.search.run.certificate import Candidate, Comparison, Curve, TransferCertificate
from graft.search.run.results import Confirmation, Cost, TransferResult
from graft.search.run.scale import RATIO, Scale
from graft.search.run.trials import finite
from graft.search.tasks.base import Examples, Exhibit, Task
from graft.spaces.plan import Plan

MANY, POWER = 400, 0.8
"""Seeds beyond which it is not said how many would decide, and the power with which they would."""


def examples_gained(curve: Curve | None, scale: Scale = RATIO) -> Curve | None:
    """The learning curve with the number of examples at which direct learning does as well."""
    if curve is None:
        return None
    told = [(rows, errors) for rows, errors in zip(curve.rows, curve.errors, strict=True) if errors]
    means = [scale.mean(finite(errors)) for _, errors in told]
    reached = equivalent_rows([rows for rows, _ in told], means, curve.candidate_error)
    return Curve.read(curve.to_dict() | {"equivalent_rows": reached, "beyond": reached is None})


def best_measured(comparison: Comparison, rival: Plan) -> tuple[str, Plan]:
    """What is handed over: the certified plan, or else the direct learning that erred least when all was confirmed.

    That may be the recipe of a candidate without its source, which is as much measured as the tuned baseline.

    Returns:
        The arm (``candidate``, ``direct`` or ``direct_same_recipe``), and its plan.
    """
    if isinstance(comparison.plan, Plan):
        return "candidate", comparison.plan
    found = [(comparison.mean("direct") or 0.0, "direct", rival)]
    for candidate in comparison.candidates:
        mean = candidate.arms["direct_same_recipe"].mean
        if mean is not None and isinstance(candidate.plan, Plan):
            found.append((mean, "direct_same_recipe", candidate.plan.without_source()))
    _, arm, plan = min(found, key=lambda one: one[0])
    return arm, plan


def error_of(comparison: Comparison, arm: str) -> float | None:
    """Mean error of the arm that `best_measured` names."""
    if arm != "direct_same_recipe":
        return comparison.mean(arm)
    means = (candidate.arms[arm].mean for candidate in comparison.candidates)
    return min((mean for mean in means if mean is not None), default=None)


def certificate(study: Study, result: TransferResult, comparison: Comparison, spent: Cost) -> TransferCertificate:
    """The certificate; of protocol 1 where the result is."""
    fixed, metric = result.confirmation, study.learned.metric
    assert fixed is not None
    tried = sum(bool(trial.errors) and trial.transfers for trial in result.plans.trials)
    beside: dict[str, object] = {}
    more: dict[str, object] = {}
    if result.handed_over is not None:
        beside = {"rival_budget": result.direct_by_budget[-1].trainings, "not_confirmed": fixed.not_confirmed}
        more = {"protocol": result.protocol, "handed_over": result.handed_over}
    if fixed.looks:
        beside |= _looked(comparison, fixed, study.learned.scale)
        if fixed.networks:
            beside["times_trainings"] = times_trainings(comparison, result)
        more |= {"looks": fixed.looks, "more": fixed.more, "levels": fixed.levels}
    if result.beside:
        beside["prospects"] = prospects(comparison, result, study.learned.units)
    if result.regressors:
        more["regressors"] = result.regressors
    comparison = Comparison.read(comparison.to_dict() | beside)
    return TransferCertificate.read(
        {
            "study": study.name,
            "decision": comparison.decision,
            "sentence": sentence(
                comparison, result.examples, study, tried, result.handed_over, fixed.networks, result.regressors
            ),
            "metric": metric.phrase,
            "mode": study.mode,
            "alpha": study.proof.alpha,
            "margin": study.proof.margin,
            "seeds": fixed.seeds,
            "test_examples": study.rows.pool - study.unlocked if study.mode == "holdout" else study.rows.test,
            "sources": [{"name": one.name, "sha256": one.sha256} for one in result.spoken_of],
            "comparisons": (comparison,),
            "examples": result.examples,
            **more,
            **spent.summary(),
        }
    )


def times_trainings(comparison: Comparison, result: TransferResult) -> float | None:
    """How many times its trainings direct learning would need to do as well, as its search went; None if unknown."""
    told = {one.trainings: one.error for one in result.direct_by_budget if one.error is not None}
    direct, ours = comparison.mean("direct"), comparison.mean("candidate")
    if not (comparison.helped and direct and ours is not None and len(told) > 1):
        return None
    return trainings_needed(list(told), list(told.values()), ours / direct)


def _looked(comparison: Comparison, fixed: Confirmation, scale: Scale) -> dict[str, object]:
    """What looks and placebo add: the share of the gain that needs knowledge, and how many seeds would decide."""
    found: dict[str, object] = {"needs_knowledge": None, "would_decide": None}
    direct, placebo, ours = (comparison.mean(arm) for arm in ("direct", "placebo", "candidate"))
    if comparison.helped and direct is not None and placebo is not None and ours is not None:
        found["needs_knowledge"] = min(1.0, (placebo - ours) / (direct - ours))
    if comparison.decision == "undecided" and len(fixed.looks) > 1:
        open_ones = [one for one in comparison.candidates if one.decision == "undecided"]
        seeds = (_would_decide(one, comparison, fixed, scale) for one in open_ones)
        found["would_decide"] = min(filter(None, seeds), default=None)
    return found


def _would_decide(candidate: Candidate, comparison: Comparison, fixed: Confirmation, scale: Scale) -> int | None:
    """Seeds after which the arm that is hardest to beat would be beaten, or would not be; None: more than `MANY`."""
    arm = max(candidate.p_values, key=lambda name: candidate.p_values[name])
    errors = comparison.measured["direct"] if arm == "direct" else candidate.arms[arm]
    ours, margin = finite(candidate.arms["candidate"].per_seed), fixed.margin if arm in ARMS[:2] else 0.0
    over = scale.of(finite(errors.per_seed)) - scale.of([(1 + margin) * error for error in ours])
    effect, deviation = abs(float(over.mean())), float(over.std(ddof=1))
    needed = seeds_needed(deviation, effect, fixed.levels[-1], len(over) + 1, MANY, POWER)
    return None if needed == MANY else needed


def champion_card(
    study: Study, task: Task, certified: TransferCertificate, network: Exhibit, plan: Plan, learned: Examples
) -> dict[str, object]:
    """What a user of the champion needs to know; it has learned from inputs such as ``learned``."""
    kept = certified.handed_over
    return {
        "study": study.name,
        "task": study.target,
        "decision": certified.decision,
        "sentence": certified.sentence,
        "plan": plan.to_dict(),
        "error": network["error"],
        "sha256": sha256(network["data"]),
        "ensemble": None if kept is None or kept.ensemble is None else kept.ensemble.to_dict(),
        "range": learned.range,
        **task.interface(),
    }
