"""Confirmation: plans fixed beforehand, on seeds and examples that no search has seen."""

import math
import statistics as stdlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from graft.search.engine.pruners import behind
from graft.search.kinds.transfer.study import Study
from graft.search.kinds.transfer.verdict import ARMS, Candidate
from graft.search.proof.statistics import log_ratios, seeds_needed
from graft.search.tasks.base import Phase, Request
from graft.spaces.plan import Plan

REFITS = 20
"""Refits in small mode, where each seed redraws the training rows."""
POWER_AT = 0.10
"""The gain that the number of seeds is chosen to detect: the protocol asks for power from 10 % up."""


def protocol(plans: Sequence[dict[str, Any]], study: Study) -> dict[str, Any]:
    """What is fixed before confirmation starts: candidates, number of seeds, margin, level.

    The first candidate is the best plan of the search. The second, where one copies the head, is the best that leaves
    it fresh (as the paper's 21 spans do), and otherwise the best that takes something else. Neither is confirmed if
    the search has shown it to be clearly behind direct learning on the same seeds, nor the second if it is clearly
    behind the first: it could not win there.

    Args:
        plans: Records of the plan search; number 0 is the direct baseline on the same seeds.
        study: The study.
    """
    complete = sorted((t for t in plans if t["state"] == "complete"), key=lambda t: (t["value"], t["number"]))
    copying = [trial for trial in complete if not Plan.from_dict(trial["plan"]).direct]
    chosen = copying[:1]
    if chosen and study.proof.candidates > 1:
        best = Plan.from_dict(chosen[0]["plan"])
        others = [t for t in copying if _what(Plan.from_dict(t["plan"])) != _what(best)]
        without_head = [t for t in others if study.blocks not in Plan.from_dict(t["plan"]).copied]
        chosen += (without_head if study.blocks in best.copied else [])[:1] or others[:1]
    chosen, dropped = _promising(chosen, complete)
    deviation = _deviation(plans[0], chosen) if plans else 0.0
    known = bool(plans) and len(plans[0]["errors"]) > 1
    effect = -math.log(1 - POWER_AT) - math.log(1 + study.proof.margin)
    seeds = seeds_needed(
        deviation, effect, study.proof.alpha / max(1, len(chosen)), study.proof.seeds, study.proof.most_seeds
    )
    return {
        "seeds": REFITS if study.mode == "small" else seeds if known or not chosen else study.proof.most_seeds,
        "margin": study.proof.margin,
        "alpha": study.proof.alpha,
        "deviation_in_search": deviation,
        "candidates": [{"trial": trial["number"], "plan": trial["plan"]} for trial in chosen],
        "not_confirmed": dropped,
    }


def _promising(
    chosen: Sequence[dict[str, Any]], complete: Sequence[dict[str, Any]]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Those of the chosen trials that are not clearly behind, and what the record keeps of the others."""
    errors = [trial["errors"] for trial in complete]
    numbers = [trial["number"] for trial in complete]
    kept: list[dict[str, Any]] = []
    dropped = []
    for trial in chosen:
        before = {"direct learning": 0} | ({"the other candidate": kept[0]["number"]} if kept else {})
        for what, number in before.items():
            if number in numbers and behind(trial["errors"], errors, numbers.index(number)):
                other = errors[numbers.index(number)]
                worse = math.expm1(float(log_ratios(trial["errors"], other[: len(trial["errors"])]).mean()))
                found = {"trial": trial["number"], "plan": trial["plan"], "behind": what, "by": worse}
                dropped.append(found)
                break
        else:
            kept.append(trial)
    return kept, dropped


def _what(plan: Plan) -> tuple[object, ...]:
    """What a plan takes from sources, whatever its rates and weights."""
    blocks = [(i, plan.blocks[i - 1].source) for i in plan.copied]
    return *blocks, *((term.name, term.source, term.block) for term in plan.terms)


def trainings(fixed: dict[str, Any], baseline: Plan) -> dict[str, Request]:
    """Every training of the confirmation by key ``arm/seed``; arms as in the certificate, candidates by number."""
    arms: dict[str, tuple[Plan, bool]] = {"direct": (baseline, False)}
    for i, candidate in enumerate(fixed["candidates"]):
        plan = Plan.from_dict(candidate["plan"])
        arms[f"{i}/direct_same_recipe"] = (plan.without_source(), False)
        arms[f"{i}/shuffled"] = (plan, True)
        arms[f"{i}/candidate"] = (plan, False)
    return {
        f"{arm}/{seed}": Request(plan, seed, shuffled)
        for seed in range(fixed["seeds"])
        for arm, (plan, shuffled) in arms.items()
    }


def arms(fixed: dict[str, Any], errors: dict[str, float | None]) -> dict[str, list[float | None]]:
    """Errors by arm, seed by seed, from errors by key."""
    names = ["direct"]
    for i in range(len(fixed["candidates"])):
        names += [f"{i}/{name}" for name in (*ARMS[1:], "candidate")]
    return {name: [errors[f"{name}/{seed}"] for seed in range(fixed["seeds"])] for name in names}


def candidates(fixed: dict[str, Any], measured: dict[str, list[float | None]]) -> list[Candidate]:
    """The candidates with what was measured of them."""
    return [
        Candidate(
            entry["trial"],
            Plan.from_dict(entry["plan"]),
            {name: measured[f"{i}/{name}"] for name in (*ARMS[1:], "candidate")},
        )
        for i, entry in enumerate(fixed["candidates"])
    ]


def curve_phase(phase: Phase, rows: int) -> Phase:
    """The phase with only its first examples: ``rows`` to train on, and those that each seed sets aside."""
    return replace(phase, pool=phase.pool.first(rows + phase.validation))


def _deviation(reference: dict[str, Any], chosen: Sequence[dict[str, Any]]) -> float:
    """Deviation of one seed's log-ratio as the search saw it: larger than on the test set, so on the safe side."""
    deviations = []
    for trial in chosen:
        told = min(len(reference["errors"]), len(trial["errors"]))
        if told > 1:
            deviations.append(stdlib.stdev(log_ratios(reference["errors"][:told], trial["errors"][:told]).tolist()))
    return max(deviations, default=0.0)
