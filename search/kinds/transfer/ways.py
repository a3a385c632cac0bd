"""In which ways a source helps: its weights as a beginning, its feature maps in the loss, both, or neither.

Asked only where a study has loss terms. The best plan that the search has of each way is trained on seeds of its own,
as many as the confirmation's first look, and judged on the test examples. The verdict asks nothing of this; it is told
beside it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from graft.search.kinds.transfer.mapping import changed
from graft.search.kinds.transfer.pipeline import Pipeline
from graft.search.kinds.transfer.sources import SourceNetwork
from graft.search.run.seeds import Role
from graft.search.run.shown import Way
from graft.search.run.trials import Trial, finite
from graft.search.tasks.base import Request
from graft.spaces.plan import Plan

NEITHER, BEGINNING, LOSS, BOTH = "neither", "initialisation alone", "loss alone", "both"


def best_of_each(trials: Sequence[Trial], rival: Plan) -> dict[str, Plan]:
    """The plan of each way: what the search has found, else what is put together from the others.

    A way that was not tried is the plan of both without the other half, and both are the two halves together. Empty if
    so few were tried that nothing can be put together.

    Args:
        trials: Of the search of plans.
        rival: Direct learning, which has neither.
    """
    found: dict[str, Plan] = {NEITHER: rival}
    told = (one for one in trials if one.value is not None and isinstance(one.plan, Plan) and one.state != "failed")
    for trial in sorted(told, key=lambda one: (one.state != "complete", one.value, one.number)):
        plan = trial.plan
        assert isinstance(plan, Plan)
        found.setdefault(way(plan), plan)
    if BOTH in found:
        both = found[BOTH]
        found.setdefault(BEGINNING, replace(both, terms=()))
        found.setdefault(LOSS, replace(both, blocks=both.without_source().blocks))
    elif BEGINNING in found and LOSS in found:
        found[BOTH] = replace(found[BEGINNING], terms=found[LOSS].terms)
    return {name: found[name] for name in (NEITHER, BEGINNING, LOSS, BOTH)} if len(found) == 4 else {}


def way(plan: Plan) -> str:
    """Which way a plan goes."""
    if plan.copied:
        return BOTH if plan.terms else BEGINNING
    return LOSS if plan.terms else NEITHER


def measured(line: Pipeline, rival: Plan, sources: Mapping[str, SourceNetwork]) -> dict[str, Way]:
    """Errors of each way; empty where a study has no terms, its search tried too little, or no fresh rows judge."""
    asked_for = line.study.terms and line.study.mode == "fresh"
    plans = best_of_each(line.plans_search.records(), rival) if asked_for else {}
    if not plans:
        return {}
    tried = {trial.plan for trial in line.plans_search.records()}
    proof = line.study.proof
    seeds = range(proof.looks[0] if proof.looks else proof.seeds)
    with line.phase("ways", len(plans) * len(seeds)):
        phase = line.shared(Role.WAYS, sources, line.test())
        asked = {f"{name}/{i}": (phase, Request(plan, i)) for i in seeds for name, plan in plans.items()}
        errors = line.measure("ways", asked)
    by_way = {name: tuple(errors[f"{name}/{i}"] for i in seeds) for name in plans}
    found = {}
    for name, plan in plans.items():
        told = changed(by_way[NEITHER], by_way[name], line.study) if name != NEITHER else None
        change, interval = told or (None, None)
        told_of = finite(by_way[name])
        mean = line.task.scale.mean(told_of) if told_of else None
        together = name != NEITHER and plan not in tried
        found[name] = Way(
            plan=plan, errors=by_way[name], mean=mean, change=change, interval=interval, put_together=together
        )
    return found
