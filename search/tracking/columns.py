"""What a run and its trials look like in a table or a chart: few, short and flat names."""

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from scipy.special import stdtrit

from graft.search.run.certificate import ARMS, Comparison
from graft.search.run.record import Values
from graft.search.run.results import Cost, Results
from graft.search.run.trials import Trial
from graft.spaces.dcl import Watch
from graft.spaces.plan import Plan
from graft.spaces.sharing import Sharing


def settings(phase: str, trial: Trial) -> dict[str, str]:
    """A trial's plan as text, flat, so that each setting is a column and an axis of its own.

    Four significant digits, because a comparison shows the text as it is. MLflow's comparison opens on the first three
    names of the alphabet: ``copied_n1``, ``copied_n2`` and ``copied_rate`` are what a plan is about.
    """
    plan = trial.plan
    found: dict[str, object]
    if isinstance(plan, Watch):
        found = {"phase": phase, "kind": plan.kind, "watcher": plan.describe(), "student": plan.student.describe()}
        found |= trial.params
    else:
        recipe = plan.recipe.to_dict() if plan else trial.params
        copied = plan.copied if isinstance(plan, Plan) else ()
        found = {"phase": phase, "layers": len(copied)} | {f"recipe_{key}": value for key, value in recipe.items()}
    if isinstance(plan, Plan) and copied:
        block = plan.blocks[copied[0] - 1]
        found |= {"copied_n1": copied[0], "copied_n2": copied[-1], "copied_rate": block.rate}
        found |= {"copied_scale": block.scale, "pull": block.pull, "source": block.source}
        found |= {"prior": block.prior} if block.pull else {}
        found |= {"thaw": block.thaw} if block.thaw else {}
        fresh = [other.rate for other in plan.blocks if other.source is None]
        found |= {"frozen": block.rate == 0, "fresh_rate": fresh[0] if fresh else None}
    if isinstance(plan, Plan) and plan.terms:
        found |= {"source": plan.sources[0], "terms": ", ".join(map(str, plan.terms))}
    if isinstance(plan, Sharing):
        found |= {"shared": plan.describe(), "one_hot": plan.one_hot, "weighting": plan.weighting}
    return {
        key: f"{value:.4g}" if isinstance(value, float) else str(value)[:500]
        for key, value in found.items()
        if value is not None
    }


def title(phase: str, trial: Trial) -> str:
    """A trial's name: sorts by phase and number, and tells every legend what was moved and whether it was raced out."""
    state = "" if trial.state == "complete" else trial.state
    words = [phase, f"{trial.number:03d}", trial.plan.label if trial.plan else "", state]
    return " ".join(word for word in words if word)


def measures(trial: Trial, seconds: float | None, direct: float | None) -> dict[str, float]:
    """A trial's numbers, on validation data; ``gain`` is the part of the best direct error that the plan removes.

    In percent, because MLflow writes two decimals beside a bar: 0.0213 and 0.0191 would both read 0.02. The error comes
    first, because MLflow's comparison opens on the first metric; four decimals are what its columns have room for.
    """
    value = trial.value
    found: dict[str, float | None] = {}
    if isinstance(trial.plan, Watch):
        found = {"score": value, **(trial.by_task[-1] if trial.by_task else {})}
    elif value is not None:
        found = {"error_percent": 100 * value, "gain_percent": 100 * (1 - value / direct) if direct else None}
    found |= {"seeds": len(trial.errors), "train_seconds": seconds}
    return {key: round(number, 4) for key, number in finite(found).items()}


def table(only: str) -> dict[str, object]:
    """How MLflow's page of runs shows the trials that the filter ``only`` lets through: best first, what matters left.

    The names are those in which the page itself keeps a view that was shared.
    """
    numbers = ["error_percent", "gain_percent", "seeds", "train_seconds"]
    plan = ["copied_n1", "copied_n2", "copied_rate", "copied_scale", "recipe_rate", "recipe_batch", "recipe_activation"]
    columns = [f"metrics.`{name}`" for name in numbers] + [f"params.`{name}`" for name in plan]
    return {
        "searchFilter": only,
        "orderByKey": "metrics.`error_percent`",
        "orderByAsc": True,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": ["attributes.`Created`", *columns],
    }


def outcomes(kept: Results) -> dict[str, float]:
    """A whole run's numbers, as in its records: the verdict (on test data) and what it cost.

    The verdict comes first, because MLflow's comparison opens on the first metric.
    """
    found = dict[str, float | None]()
    for one in kept.comparisons:
        of = f".{one.task}" if len(kept.comparisons) > 1 else ""
        low, high = one.interval or (None, None)
        found |= {f"relative_reduction{of}": one.relative_reduction, f"p_value{of}": one.p_value}
        found |= {f"relative_reduction_low{of}": low, f"relative_reduction_high{of}": high}
        found |= {f"{arm}_error{of}": one.mean(arm) for arm in ARMS}
        for row in spreads(one):
            found |= {f"{row.arm}_{key}{of}": getattr(row, key) for key in ("deviation", "seeds", "low", "high")}
    return finite(found) | spent(kept.cost)


def spent(cost: Cost) -> dict[str, float]:
    """What a run took, and where the seconds of its cores went."""
    told = {
        "wall_seconds": cost.wall_seconds,
        "train_seconds": cost.train_seconds,
        "trainings": sum(cost.trainings.values()),
        "trials": sum(sum(states.values()) for states in cost.trials.values()),
        **{f"core_seconds_{what}": seconds for what, seconds in cost.core_seconds.items()},
    }
    return finite(told)


class Spread(NamedTuple):
    """An arm over its seeds: the interval holds the mean in 95 % of repetitions, by Student's t of its seeds."""

    arm: str
    mean: float
    deviation: float
    seeds: int
    low: float
    high: float


def board(comparisons: Sequence[Comparison]) -> dict[str, object]:
    """Every arm of every comparison as a table of MLflow's page."""
    rows = [[one.task, one.decision, *row] for one in comparisons for row in spreads(one)]
    return {"columns": ["task", "decision", *Spread._fields], "data": rows}


def spreads(one: Comparison) -> Iterator[Spread]:
    """Every arm of a comparison whose seeds all ended, two of them or more."""
    for arm, held in one.measured.items():
        errors = [error for error in held.per_seed if error is not None]
        if held.mean is None or len(errors) < 2:
            continue
        deviation = statistics.stdev(errors)
        half = float(stdtrit(len(errors) - 1, 0.975)) * deviation / math.sqrt(len(errors))
        yield Spread(arm, held.mean, deviation, len(errors), held.mean - half, held.mean + half)


def flat(values: Values, prefix: str = "") -> dict[str, str]:
    """Nested settings as text under ``outer.inner`` names."""
    found: dict[str, str] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = str(value)[:500]
    return found


def in_markdown(text: str) -> str:
    """Text that MLflow's pages show as it is, where they take Markdown: no tag of HTML begins in it."""
    return text.replace("<", "&lt;")


def finite(values: Mapping[str, float | None]) -> dict[str, float]:
    """What can be drawn: the values that are numbers."""
    return {key: float(value) for key, value in values.items() if value is not None and math.isfinite(value)}
