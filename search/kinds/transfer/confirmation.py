"""Confirmation: plans fixed beforehand, on seeds and examples that no search has seen, in looks fixed beforehand."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from graft.search.engine.pruners import behind
from graft.search.kinds.transfer.sources import SourceNetwork
from graft.search.kinds.transfer.standins import NETWORKS, PLACEBOS, possible
from graft.search.kinds.transfer.study import Study
from graft.search.kinds.transfer.verdict import CONTROLS, Candidate, verdict
from graft.search.proof.claims import Compare, by_network, paired
from graft.search.proof.confirmation import Arms, Course, replayed
from graft.search.proof.confirmation import decide as looked
from graft.search.proof.looks import Look, Looks
from graft.search.proof.statistics import PAIRED, seeds_needed
from graft.search.run.certificate import Behind, Comparison
from graft.search.run.results import Confirmation, Fixed
from graft.search.run.scale import Scale
from graft.search.run.trials import Trial, finite
from graft.search.tasks.base import Phase, Request
from graft.spaces.plan import Plan

REFITS = 60
"""Refits in holdout mode, at least, in whole repeats: of as many, one in twenty that fails hardly goes unseen."""
GLANCE = 4
"""Repeats of the folds after which candidates that are refuted are given up."""
POWER_AT = 0.10
"""The gain that the number of seeds is chosen to detect: the protocol asks for power from 10 % up."""


def protocol(trials: Sequence[Trial], study: Study, sources: Mapping[str, SourceNetwork]) -> Confirmation:
    """What is fixed before confirmation starts: candidates, looks, levels, margin.

    The first candidate is the best plan of the search. The second, where one copies the head, is the best that leaves
    it fresh (as the paper's 21 spans do), and otherwise the best that takes something else. Neither is confirmed if
    the search has shown it to be clearly behind direct learning on the same seeds, nor the second if it is clearly
    behind the first: it could not win there.

    Args:
        trials: Of the plan search; number 0 is the direct baseline on the same seeds.
        study: The study.
        sources: The source networks: a plan has a placebo if all of its own were taught here.
    """
    complete = sorted((t for t in trials if t.state == "complete"), key=lambda t: (t.value, t.number))
    copying = [Tried(t, t.plan) for t in complete if isinstance(t.plan, Plan) and t.transfers]
    chosen = copying[:1]
    if chosen and study.proof.candidates > 1:
        best = chosen[0].plan
        others = [one for one in copying if _what(one.plan) != _what(best)]
        without_head = [one for one in others if study.blocks not in one.plan.copied]
        chosen += (without_head if study.blocks in best.copied else [])[:1] or others[:1]
    scale = study.learned.scale
    chosen, dropped = _promising(chosen, complete, scale)
    deviation = _deviation(trials[0], chosen, scale) if trials else 0.0
    known = bool(trials) and len(trials[0].errors) > 1
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
    return Confirmation(
        looks=looks.seeds,
        more=looks.more,
        levels=tuple(looks.levels.values()),
        margin=study.proof.margin,
        alpha=study.proof.alpha,
        deviation_in_search=deviation,
        networks=networks,
        folds=folds,
        glances=(GLANCE * folds,) if 0 < GLANCE * folds < once else (),
        candidates=tuple(_fixed(one, study, sources) for one in chosen),
        not_confirmed=tuple(dropped),
    )


class Tried(NamedTuple):
    """A trial that moved something, and what."""

    trial: Trial
    plan: Plan


def _fixed(one: Tried, study: Study, sources: Mapping[str, SourceNetwork]) -> Fixed:
    """A candidate, with how many placebos take turns: none if a source came trained, as many as its networks have."""
    placebos = study.proof.placebos
    if placebos and study.source_networks > 1:
        placebos = study.source_networks
    return Fixed(trial=one.trial.number, plan=one.plan, placebos=placebos if possible(one.plan, sources) else 0)


def _promising(chosen: Sequence[Tried], complete: Sequence[Trial], scale: Scale) -> tuple[list[Tried], list[Behind]]:
    """Those of the chosen trials that are not clearly behind, and what the record keeps of the others."""
    errors = {trial.number: finite(trial.errors) for trial in complete}
    kept, dropped = list[Tried](), list[Behind]()
    for trial, plan in chosen:
        mine = errors[trial.number]
        before = {"direct learning": 0} | ({"the other candidate": kept[0].trial.number} if kept else {})
        for what, number in before.items():
            if number in errors and behind(mine, [*errors.values()], [*errors].index(number), scale):
                worse = scale.change(mine, errors[number][: len(mine)])
                dropped.append(Behind(trial=trial.number, plan=plan, behind=what, by=worse))
                break
        else:
            kept.append(Tried(trial, plan))
    return kept, dropped


def _what(plan: Plan) -> tuple[object, ...]:
    """What a plan takes from sources, whatever its rates and weights."""
    blocks = [(i, plan.blocks[i - 1].source) for i in plan.copied]
    return *blocks, *((term.name, term.source, term.block) for term in plan.terms)


def course(fixed: Confirmation, study: Study, compare: Compare) -> Course[int, Comparison]:
    """The confirmation of what was fixed: as soon as one candidate is proved, or none can be any more, it ends.

    Args:
        fixed: From `protocol`.
        study: The study.
        compare: How an arm is compared with a candidate.
    """
    compare = by_network(compare, fixed.networks)

    def wanted(seeds: int, before: object, controlled: Collection[int]) -> Mapping[str, int]:
        return dict.fromkeys(_names(fixed, controlled), seeds)

    def found(arms: Arms, look: Look, before: object) -> Comparison:
        return verdict(arms["direct"], candidates(fixed, arms), study.proof, study.target, compare, look)

    def proved(found: Comparison) -> list[int]:
        held = [one.decision == "transfer" for one in found.candidates]
        return [i for i, one in enumerate(fixed.candidates) if held[i] and one.placebos]

    looks = Looks(fixed.looks, fixed.more, fixed.alpha, fixed.glances)
    return Course(looks, wanted, found, proved, lambda found: found.decision == "undecided")


def decide(
    fixed: Confirmation,
    study: Study,
    measured: Callable[[int, Collection[int]], Arms],
    compare: Compare = paired,
    more: bool = False,
) -> tuple[Comparison, Arms]:
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
        controlled = {i for i in range(len(fixed.candidates)) if f"{i}/placebo" in wanted}
        return measured(wanted["direct"], controlled)

    return looked(course(fixed, study, compare), first, more)


def followed(fixed: Confirmation, recorded: Arms, study: Study, compare: Compare) -> Comparison:
    """What follows from recorded errors.

    Raises:
        ValueError: If the protocol asks for other seeds or arms than were recorded.
    """
    if not fixed.looks:  # protocol 2 and before
        return verdict(recorded["direct"], candidates(fixed, recorded), study.proof, study.target, compare)
    return replayed(course(fixed, study, compare), recorded)


def trainings(fixed: Confirmation, baseline: Plan, seeds: int) -> dict[str, Request]:
    """Every training of the first seeds by key ``arm/seed``; arms as in the certificate, candidates by number."""
    arms: dict[str, tuple[Plan, bool]] = {"direct": (baseline, False)}
    networks = fixed.networks
    for i, candidate in enumerate(fixed.candidates):
        plan = candidate.plan
        arms[f"{i}/direct_same_recipe"] = (plan.without_source(), False)
        arms[f"{i}/shuffled"] = (plan, True)
        arms[f"{i}/candidate"] = (plan, False)
    return {
        f"{arm}/{seed}": Request(NETWORKS.of(plan, seed, networks) if networks > 1 else plan, seed, shuffled)
        for seed in range(seeds)
        for arm, (plan, shuffled) in arms.items()
    }


def placebo_trainings(fixed: Confirmation, controlled: Collection[int], seeds: int) -> dict[str, Request]:
    """Every training of these candidates' placebos, by key."""
    return {
        f"{i}/placebo/{seed}": Request(PLACEBOS.of(one.plan, seed, one.placebos), seed)
        for seed in range(seeds)
        for i, one in enumerate(fixed.candidates)
        if i in controlled
    }


def _names(fixed: Confirmation, controlled: Collection[int]) -> list[str]:
    """Every arm."""
    names = ["direct"]
    for i in range(len(fixed.candidates)):
        names += [f"{i}/{name}" for name in (*CONTROLS, *(["placebo"] if i in controlled else []), "candidate")]
    return names


def arms(fixed: Confirmation, errors: Mapping[str, float | None], seeds: int, controlled: Collection[int] = ()) -> Arms:
    """Errors by arm, seed by seed, from errors by key."""
    return {name: [errors[f"{name}/{seed}"] for seed in range(seeds)] for name in _names(fixed, controlled)}


def candidates(fixed: Confirmation, measured: Arms) -> list[Candidate]:
    """The candidates with what was measured of them; where networks take turns, placebos are tested as all arms are."""
    alone = fixed.networks <= 1
    return [
        Candidate(
            entry.trial,
            entry.plan,
            {
                name: measured[f"{i}/{name}"]
                for name in (*CONTROLS, "placebo", "candidate")
                if f"{i}/{name}" in measured
            },
            entry.placebos if alone else 0,
        )
        for i, entry in enumerate(fixed.candidates)
    ]


def curve_phase(phase: Phase, rows: int) -> Phase:
    """The phase with only its first examples: ``rows`` to train on, and those that each seed sets aside."""
    return replace(phase, pool=phase.pool.first(rows + phase.validation))


def _deviation(reference: Trial, chosen: Sequence[Tried], scale: Scale) -> float:
    """Deviation of one seed as the search saw it: larger than on the test set, so on the safe side."""
    deviations, alone = [], finite(reference.errors)
    for one in chosen:
        pairs = list(zip(alone, finite(one.trial.errors), strict=False))
        if len(pairs) > 1:
            deviations.append(PAIRED[scale.name].of(*(list(errors) for errors in zip(*pairs, strict=True))).deviation)
    return max(deviations, default=0.0)
