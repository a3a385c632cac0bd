"""Confirmation: plans fixed beforehand, on seeds and examples that no search has seen, in looks fixed beforehand."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from graft.search.engine.pruners import behind
from graft.search.kinds.transfer.bases import Base
from graft.search.kinds.transfer.standins import NETWORKS, PLACEBOS, possible
from graft.search.kinds.transfer.study import Study
from graft.search.kinds.transfer.verdict import CONTROLS, Candidate, verdict
from graft.search.proof.claims import Compare, by_network, paired
from graft.search.proof.confirmation import Arms, Course, replayed
from graft.search.proof.confirmation import decide as looked
from graft.search.proof.looks import Look, Looks
from graft.search.proof.statistics import PAIRED, seeds_needed
from graft.search.run.scale import Scale
from graft.search.tasks.base import Phase, Request
from graft.spaces.plan import Plan

REFITS = 60
"""Refits in holdout mode, at least, in whole repeats: of as many, one in twenty that fails hardly goes unseen."""
GLANCE = 4
"""Repeats of the folds after which candidates that are refuted are given up."""
Fixed = Mapping[str, Any]
"""What was fixed beforehand, as ``confirmation.json`` holds it."""
POWER_AT = 0.10
"""The gain that the number of seeds is chosen to detect: the protocol asks for power from 10 % up."""


def protocol(plans: Sequence[dict[str, Any]], study: Study, bases: Mapping[str, Base]) -> dict[str, Any]:
    """What is fixed before confirmation starts: candidates, looks, levels, margin.

    The first candidate is the best plan of the search. The second, where one copies the head, is the best that leaves
    it fresh (as the paper's 21 spans do), and otherwise the best that takes something else. Neither is confirmed if
    the search has shown it to be clearly behind direct learning on the same seeds, nor the second if it is clearly
    behind the first: it could not win there.

    Args:
        plans: Records of the plan search; number 0 is the direct baseline on the same seeds.
        study: The study.
        bases: The source networks: a plan has a placebo if all of its own were taught here.
    """
    complete = sorted((t for t in plans if t["state"] == "complete"), key=lambda t: (t["value"], t["number"]))
    copying = [trial for trial in complete if not Plan.from_dict(trial["plan"]).direct]
    chosen = copying[:1]
    if chosen and study.proof.candidates > 1:
        best = Plan.from_dict(chosen[0]["plan"])
        others = [t for t in copying if _what(Plan.from_dict(t["plan"])) != _what(best)]
        without_head = [t for t in others if study.blocks not in Plan.from_dict(t["plan"]).copied]
        chosen += (without_head if study.blocks in best.copied else [])[:1] or others[:1]
    scale = study.learned.scale
    chosen, dropped = _promising(chosen, complete, scale)
    deviation = _deviation(plans[0], chosen, scale) if plans else 0.0
    known = bool(plans) and len(plans[0]["errors"]) > 1
    effect = PAIRED[scale.name].effect(POWER_AT, study.proof.margin)
    seeds = seeds_needed(
        deviation, effect, study.proof.alpha / max(1, len(chosen)), study.proof.seeds, study.proof.most_seeds
    )
    folds = study.folds if study.mode == "holdout" else 0
    once = folds * math.ceil(REFITS / folds) if folds else seeds if known or not chosen else study.proof.most_seeds
    several = study.proof.looks if study.mode == "fresh" else ()
    looks = Looks(several or (once,), study.proof.more if several else (), study.proof.alpha)
    if (networks := study.source_networks) > 1:  # every network equally often, and one look, when all have been tried
        looks = Looks((networks * math.ceil(looks.seeds[-1] / networks),), (), study.proof.alpha)
    return {
        "looks": list(looks.seeds),
        "more": list(looks.more),
        "levels": [*looks.levels.values()],
        "margin": study.proof.margin,
        "alpha": study.proof.alpha,
        "deviation_in_search": deviation,
        "networks": networks,
        "folds": folds,
        "glances": [GLANCE * folds] if 0 < GLANCE * folds < once else [],
        "candidates": [_fixed(trial, study, bases) for trial in chosen],
        "not_confirmed": dropped,
    }


def _fixed(trial: dict[str, Any], study: Study, bases: Mapping[str, Base]) -> dict[str, Any]:
    """A candidate, with how many placebos take turns: none if a source came trained, as many as its networks have."""
    placebos = study.proof.placebos
    if placebos and study.source_networks > 1:
        placebos = study.source_networks
    fair = placebos if possible(Plan.from_dict(trial["plan"]), bases) else 0
    return {"trial": trial["number"], "plan": trial["plan"], "placebos": fair}


def _promising(
    chosen: Sequence[dict[str, Any]], complete: Sequence[dict[str, Any]], scale: Scale
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Those of the chosen trials that are not clearly behind, and what the record keeps of the others."""
    errors = [trial["errors"] for trial in complete]
    numbers = [trial["number"] for trial in complete]
    kept: list[dict[str, Any]] = []
    dropped = []
    for trial in chosen:
        before = {"direct learning": 0} | ({"the other candidate": kept[0]["number"]} if kept else {})
        for what, number in before.items():
            if number in numbers and behind(trial["errors"], errors, numbers.index(number), scale):
                other = errors[numbers.index(number)]
                worse = scale.change(trial["errors"], other[: len(trial["errors"])])
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


def course(fixed: Fixed, study: Study, compare: Compare) -> Course[int, dict[str, Any]]:
    """The confirmation of what was fixed: as soon as one candidate is proved, or none can be any more, it ends.

    Args:
        fixed: From `protocol`.
        study: The study.
        compare: How an arm is compared with a candidate.
    """
    compare = by_network(compare, fixed.get("networks", 0))

    def wanted(seeds: int, before: object, controlled: Collection[int]) -> Mapping[str, int]:
        return dict.fromkeys(_names(fixed, controlled), seeds)

    def found(arms: Arms, look: Look, before: object) -> dict[str, Any]:
        return verdict(arms["direct"], candidates(fixed, arms), study.proof, study.target, compare, look)

    def proved(found: Mapping[str, Any]) -> list[int]:
        held = [one["decision"] == "transfer" for one in found["candidates"]]
        return [i for i, one in enumerate(fixed["candidates"]) if held[i] and one["placebos"]]

    return Course(Looks.of(fixed), wanted, found, proved, lambda found: bool(found["decision"] == "undecided"))


def decide(
    fixed: Fixed,
    study: Study,
    measured: Callable[[int, Collection[int]], Arms],
    compare: Compare = paired,
    more: bool = False,
) -> tuple[dict[str, Any], Arms]:
    """Look at a confirmation as was fixed beforehand, until something is decided.

    Args:
        fixed: From `protocol`.
        study: The study.
        measured: Errors of the first seeds, so many, and placebos of the candidates of these numbers.
        compare: How an arm is compared with a candidate.
        more: Whether the second stage has been asked for.

    Returns:
        The verdict, as of `verdict`, and all errors that it took.
    """

    def first(wanted: Mapping[str, int]) -> Arms:
        controlled = {i for i in range(len(fixed["candidates"])) if f"{i}/placebo" in wanted}
        return measured(wanted["direct"], controlled)

    return looked(course(fixed, study, compare), first, more)


def followed(fixed: Fixed, recorded: Arms, study: Study, compare: Compare) -> dict[str, Any]:
    """What follows from recorded errors.

    Raises:
        ValueError: If the protocol asks for other seeds or arms than were recorded.
    """
    if "looks" not in fixed:  # protocol 2 and before
        return verdict(recorded["direct"], candidates(fixed, recorded), study.proof, study.target, compare)
    return replayed(course(fixed, study, compare), recorded)


def trainings(fixed: Fixed, baseline: Plan, seeds: int) -> dict[str, Request]:
    """Every training of the first seeds by key ``arm/seed``; arms as in the certificate, candidates by number."""
    arms: dict[str, tuple[Plan, bool]] = {"direct": (baseline, False)}
    networks = fixed.get("networks", 0)
    for i, candidate in enumerate(fixed["candidates"]):
        plan = Plan.from_dict(candidate["plan"])
        arms[f"{i}/direct_same_recipe"] = (plan.without_source(), False)
        arms[f"{i}/shuffled"] = (plan, True)
        arms[f"{i}/candidate"] = (plan, False)
    return {
        f"{arm}/{seed}": Request(NETWORKS.of(plan, seed, networks) if networks > 1 else plan, seed, shuffled)
        for seed in range(seeds)
        for arm, (plan, shuffled) in arms.items()
    }


def placebo_trainings(fixed: Fixed, controlled: Collection[int], seeds: int) -> dict[str, Request]:
    """Every training of these candidates' placebos, by key."""
    return {
        f"{i}/placebo/{seed}": Request(PLACEBOS.of(Plan.from_dict(one["plan"]), seed, one["placebos"]), seed)
        for seed in range(seeds)
        for i, one in enumerate(fixed["candidates"])
        if i in controlled
    }


def _names(fixed: Fixed, controlled: Collection[int]) -> list[str]:
    """Every arm."""
    names = ["direct"]
    for i in range(len(fixed["candidates"])):
        names += [f"{i}/{name}" for name in (*CONTROLS, *(["placebo"] if i in controlled else []), "candidate")]
    return names


def arms(fixed: Fixed, errors: Mapping[str, float | None], seeds: int, controlled: Collection[int] = ()) -> Arms:
    """Errors by arm, seed by seed, from errors by key."""
    return {name: [errors[f"{name}/{seed}"] for seed in range(seeds)] for name in _names(fixed, controlled)}


def candidates(fixed: Fixed, measured: Arms) -> list[Candidate]:
    """The candidates with what was measured of them; where networks take turns, placebos are tested as all arms are."""
    alone = fixed.get("networks", 0) <= 1
    return [
        Candidate(
            entry["trial"],
            Plan.from_dict(entry["plan"]),
            {
                name: measured[f"{i}/{name}"]
                for name in (*CONTROLS, "placebo", "candidate")
                if f"{i}/{name}" in measured
            },
            entry.get("placebos", 0) if alone else 0,
        )
        for i, entry in enumerate(fixed["candidates"])
    ]


def curve_phase(phase: Phase, rows: int) -> Phase:
    """The phase with only its first examples: ``rows`` to train on, and those that each seed sets aside."""
    return replace(phase, pool=phase.pool.first(rows + phase.validation))


def _deviation(reference: dict[str, Any], chosen: Sequence[dict[str, Any]], scale: Scale) -> float:
    """Deviation of one seed as the search saw it: larger than on the test set, so on the safe side."""
    deviations = []
    for trial in chosen:
        told = min(len(reference["errors"]), len(trial["errors"]))
        if told > 1:
            deviations.append(PAIRED[scale.name].of(reference["errors"][:told], trial["errors"][:told]).deviation)
    return max(deviations, default=0.0)
