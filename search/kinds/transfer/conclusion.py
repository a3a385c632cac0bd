"""From measured errors to what a run leaves behind: result, certificate, champion."""

from collections.abc import Mapping
from typing import Any

from graft.models.losses import METRICS
from graft.models.weights import sha256
from graft.search.kinds.transfer.sentence import sentence
from graft.search.kinds.transfer.study import Study
from graft.search.kinds.transfer.verdict import ARMS
from graft.search.proof.statistics import equivalent_rows, seeds_needed
from graft.search.run.folder import strict
from graft.search.run.results import Cost
from graft.search.run.scale import SCALES, Scale, geometric_mean
from graft.search.run.trials import Trial
from graft.search.tasks.base import Task
from graft.spaces.plan import Plan

MANY, POWER = 400, 0.8
"""Seeds beyond which it is not said how many would decide, and the power with which they would."""


def examples_gained(curve: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The learning curve with the number of examples at which direct learning does as well."""
    if curve is None:
        return None
    told = [(rows, errors) for rows, errors in zip(curve["rows"], curve["errors"], strict=True) if errors]
    means = [geometric_mean(errors) for _, errors in told]
    reached = equivalent_rows([rows for rows, _ in told], means, curve["candidate_error"])
    return dict(curve) | {"equivalent_rows": reached, "beyond": reached is None}


def best_measured(comparison: Mapping[str, Any], rival: Plan) -> tuple[str, Plan]:
    """What is handed over: the certified plan, or else the direct learning that erred least when all was confirmed.

    That may be the recipe of a candidate without its source, which is as much measured as the tuned baseline.

    Returns:
        The arm (``candidate``, ``direct`` or ``direct_same_recipe``), and its plan.
    """
    if comparison["plan"] is not None:
        return "candidate", Plan.from_dict(comparison["plan"])
    found = [(comparison["direct"]["mean"], "direct", rival)]
    for candidate in comparison["candidates"]:
        mean = candidate["arms"]["direct_same_recipe"]["mean"]
        if mean is not None:
            found.append((mean, "direct_same_recipe", Plan.from_dict(candidate["plan"]).without_source()))
    _, arm, plan = min(found, key=lambda one: one[0])
    return arm, plan


def certificate(result: Mapping[str, Any], comparison: Mapping[str, Any], spent: Cost) -> dict:
    """The certificate's document; of protocol 1 where the result is."""
    study = result["study"]
    tried = sum(bool(trial["errors"]) and Trial.read(trial).transfers for trial in result["plans"]["trials"])
    comparison, more = dict(comparison), {}
    if "handed_over" in result:
        budget = result["direct_by_budget"][-1]["trainings"]
        comparison |= {"rival_budget": budget, "not_confirmed": result["confirmation"]["not_confirmed"]}
        more = {"protocol": result["protocol"], "handed_over": result["handed_over"]}
    if "looks" in result["confirmation"]:
        comparison |= _looked(comparison, result["confirmation"], SCALES[METRICS[study["metric"]].scale])
        more |= {name: result["confirmation"][name] for name in ("looks", "more", "levels")}
    document = strict(
        {
            "study": study["name"],
            "decision": comparison["decision"],
            "sentence": sentence(comparison, result["examples"], study, tried, result.get("handed_over")),
            "metric": METRICS[study["metric"]].phrase,
            "mode": study["mode"],
            "alpha": study["proof"]["alpha"],
            "margin": study["proof"]["margin"],
            "seeds": result["confirmation"]["seeds"],
            "test_examples": study["rows"]["locked" if study["mode"] == "small" else "test"],
            "sources": [{"name": base["name"], "sha256": base["sha256"]} for base in result["bases"]],
            "comparisons": [comparison],
            "examples": result["examples"],
            **more,
            **spent.summary(),
        }
    )
    assert isinstance(document, dict)
    return document


def _looked(comparison: Mapping[str, Any], fixed: Mapping[str, Any], scale: Scale) -> dict[str, Any]:
    """What looks and placebo add: the share of the gain that needs knowledge, and how many seeds would decide."""
    found: dict[str, Any] = {"needs_knowledge": None, "would_decide": None}
    if comparison["placebo"] is not None and comparison["decision"] == "transfer":
        direct, placebo, ours = (comparison[arm]["mean"] for arm in ("direct", "placebo", "candidate"))
        found["needs_knowledge"] = min(1.0, (placebo - ours) / (direct - ours))
    if comparison["decision"] == "undecided" and len(fixed["looks"]) > 1:
        open_ones = [one for one in comparison["candidates"] if one["decision"] == "undecided"]
        seeds = (_would_decide(one, comparison, fixed, scale) for one in open_ones)
        found["would_decide"] = min(filter(None, seeds), default=None)
    return found


def _would_decide(
    candidate: Mapping[str, Any], comparison: Mapping[str, Any], fixed: Mapping[str, Any], scale: Scale
) -> int | None:
    """Seeds after which the arm that is hardest to beat would be beaten, or would not be; None: more than `MANY`."""
    arm = max(candidate["p_values"], key=lambda name: candidate["p_values"][name])
    errors = comparison["direct"] if arm == "direct" else candidate["arms"][arm]
    ours, margin = candidate["arms"]["candidate"]["per_seed"], fixed["margin"] if arm in ARMS[:2] else 0.0
    over = scale.of(errors["per_seed"]) - scale.of([(1 + margin) * error for error in ours])
    effect, deviation = abs(float(over.mean())), float(over.std(ddof=1))
    needed = seeds_needed(deviation, effect, fixed["levels"][-1], len(over) + 1, MANY, POWER)
    return None if needed == MANY else needed


def champion_card(
    study: Study, task: Task, certified: Mapping[str, Any], network: Mapping[str, Any], plan: Plan
) -> dict[str, Any]:
    """What a user of the champion needs to know."""
    return {
        "study": study.name,
        "task": study.target,
        "decision": certified["decision"],
        "sentence": certified["sentence"],
        "plan": plan.to_dict(),
        "error": network["error"],
        "sha256": sha256(network["data"]),
        **task.interface(),
    }
