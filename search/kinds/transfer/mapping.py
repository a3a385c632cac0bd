"""The map: every span of every source and none, several seeds each. What people did by hand, beside the verdict."""

from collections.abc import Sequence

from graft.search.kinds.transfer.pipeline import Pipeline
from graft.search.kinds.transfer.study import Study
from graft.search.proof.statistics import PAIRED
from graft.search.run.certificate import TransferCertificate
from graft.search.run.folder import Run
from graft.search.run.results import SpanMap, TransferResult
from graft.search.run.seeds import Role
from graft.search.tasks.base import Request
from graft.spaces.plan import Plan, Recipe, Span

ALPHA = 0.05


def recipes(run: Run, study: Study) -> tuple[Recipe, Recipe]:
    """The recipes of direct learning and of transfer: those a finished run found, else the study's own for both.

    Transfer wants smaller steps than direct learning, so comparing all spans with one recipe would be unfair to one
    side; where a run exists, its first candidate's recipe serves every span. Rates and scales of single blocks do not:
    they belong to the span they were found with. Copied weights have the scale that theory expects of their source.
    """
    if not run.has("result.json"):
        return study.start, study.start
    result = run.record(TransferResult, "result.json")
    best, confirmed = result.baseline.winner, result.confirmation
    assert best is not None and isinstance(best.plan, Plan)
    direct = best.plan.recipe
    return direct, confirmed.candidates[0].plan.recipe if confirmed and confirmed.candidates else direct


def chosen(run: Run) -> Plan | None:
    """The plan that a finished run certified, None if it certified none."""
    if not run.has("certificate.json"):
        return None
    plan = run.record(TransferCertificate, "certificate.json").comparisons[0].plan
    return plan if isinstance(plan, Plan) else None


def drawn(line: Pipeline) -> SpanMap:
    """The map of a run whose data are there: all spans of a study, on fresh examples and regret seeds."""
    own, theirs = recipes(line.run, line.study)
    return measured(line, own, theirs, chosen(line.run))


def measured(line: Pipeline, own: Recipe, theirs: Recipe, best: Plan | None = None) -> SpanMap:
    """The map of a run whose data are there.

    Args:
        line: The run.
        own: Recipe of direct learning.
        theirs: Recipe of every span.
        best: What a run certified, with rates, scales and recipe of its own; measured beside the map.
    """
    study = line.study
    sources = line.source_networks(theirs)
    plans = {"direct": Plan(own), "direct_same_recipe": Plan(theirs)}
    cells = {f"{name}/{span.first}-{span.last}": (name, span) for name in sources for span in Span.every(study.blocks)}
    plans |= {
        key: Plan.span(theirs, study.blocks, name, span, scale=study.source_space.scale(name))
        for key, (name, span) in cells.items()
    }
    plans |= {} if best is None else {"chosen": best}
    with line.phase("map", len(plans) * study.budget.map):
        # A map is no proof: in holdout mode it must leave the locked rows alone.
        test = line.test() if study.mode == "fresh" else None
        task = line.shared(Role.REGRET, sources, test)
        seeds = range(study.budget.map)
        asked = {f"{name}/{i}": (task, Request(plan, i)) for i in seeds for name, plan in plans.items()}
        errors = line.measure("map", asked)
    by_plan = {name: [errors[f"{name}/{i}"] for i in seeds] for name in plans}
    return SpanMap.read(
        {
            "study": study.to_dict(),
            "seeds": study.budget.map,
            "trainings": len(asked) - (study.budget.map if best is not None else 0),
            "blocks": study.blocks,
            "direct": by_plan["direct"],
            "direct_same_recipe": by_plan["direct_same_recipe"],
            "direct_recipe": own,
            "recipe": theirs,
            "chosen": None if best is None else {"plan": best, "errors": by_plan["chosen"]},
            "cells": [_cell(name, span, by_plan["direct"], by_plan[key], study) for key, (name, span) in cells.items()],
        }
    )


def _cell(
    source: str, span: Span, direct: list[float | None], errors: list[float | None], study: Study
) -> dict[str, object]:
    """One span against direct learning: relative change of the error, 95 % interval, verdict of that interval."""
    cell: dict[str, object] = {"source": source, "n1": span.first, "n2": span.last, "paper": span.last < study.blocks}
    cell["errors"] = errors
    told = changed(direct, errors, study)
    if told is None:
        return cell | {"change": None, "interval": None, "verdict": "undecided"}
    change, (low, high) = told
    verdict = "helps" if high < 0 else "harms" if low > 0 else "undecided"
    return cell | {"change": change, "interval": [low, high], "verdict": verdict}


def changed(
    direct: Sequence[float | None], errors: Sequence[float | None], study: Study
) -> tuple[float, tuple[float, float]] | None:
    """Relative change of the error beside direct learning, with its 95 % interval; None if a training diverged."""
    pairs = [(a, b) for a, b in zip(direct, errors, strict=True) if a is not None and b is not None]
    if len(pairs) < len(errors):
        return None
    kind = PAIRED[study.learned.metric.scale]
    found = kind.of([a for a, _ in pairs], [b for _, b in pairs]).reduction(ALPHA)
    low, high = found.interval
    return -found.value, (-high, -low)
