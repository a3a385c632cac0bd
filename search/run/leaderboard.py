"""What the trials of a run say: the order of the plans, and the best of each span."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from graft.search.run.record import Values
from graft.search.run.results import Result
from graft.search.run.trials import finite, geometric_mean
from graft.spaces.dcl import Watch
from graft.spaces.plan import Plan, Recipe

Known = Sequence[float | None]


@dataclass(frozen=True)
class Row:
    """A plan of the leaderboard.

    Attributes:
        rank: From 1.
        trial: Its number.
        span: What it copies, where that is one span.
        blocks: As of `Plan.marks`.
        terms: Loss terms that it adds.
        error: Geometric mean over seeds.
        change: Against direct learning; negative is better.
        seeds: How many it was trained with.
        state: Of its trial.
        source: The first from which it takes anything.
        copied_rate: Of its first copied block, as are ``scale`` and ``pull``.
        recipe: Settings of its recipe.
    """

    rank: int
    trial: int
    span: tuple[int, int] | None
    blocks: str
    terms: str
    error: float
    change: float | None
    seeds: int
    state: str
    source: str | None
    copied_rate: float | None
    scale: float | None
    pull: float | None
    recipe: Values

    def flat(self) -> dict[str, object]:
        """All of it as one row of a table."""
        values = asdict(self)
        return values | values.pop("recipe")


def change(errors: Known, reference: Known) -> float | None:
    """Relative change of ``errors`` against ``reference`` over the seeds that both have (negative is better)."""
    pairs = [(e, r) for e, r in zip(errors, reference, strict=False) if e and r and math.isfinite(e / r)]
    return math.expm1(sum(math.log(e / r) for e, r in pairs) / len(pairs)) if pairs else None


def direct_errors(result: Result) -> Known:
    """Validation errors of tuned direct learning: on the plans' own seeds where that was recorded."""
    inside = [one for one in result.plans.by_number if one.state == "complete" and not one.transfers]
    chosen = min(inside, key=lambda one: one.value or math.inf) if inside else result.baseline.winner
    return chosen.errors if chosen else ()


def leaderboard(result: Result) -> list[Row]:
    """All plans of the plan search that have an error, best first; pruned ones follow the complete ones."""
    reference = direct_errors(result)
    rows = []
    for trial in result.plans.by_number:
        error = geometric_mean(trial.errors)
        if error is None or trial.state == "failed":
            continue
        plan = trial.plan if isinstance(trial.plan, Plan) else Plan(Recipe())
        span = plan.transferred
        block = plan.blocks[plan.copied[0] - 1] if plan.copied else None
        rows.append(
            Row(
                rank=0,
                trial=trial.number,
                span=(span.first, span.last) if span else None,
                blocks=plan.marks,
                terms=", ".join(map(str, plan.terms)),
                error=error,
                change=change(trial.errors, reference),
                seeds=len(finite(trial.errors)),
                state=trial.state,
                source=next(iter(plan.sources), None),
                copied_rate=block.rate if block else None,
                scale=block.scale if block else None,
                pull=block.pull if block else None,
                recipe={} if trial.plan is None or isinstance(trial.plan, Watch) else trial.plan.recipe.to_dict(),
            )
        )
    rows.sort(key=lambda row: (row.state != "complete", row.error, row.trial))
    return [replace(row, rank=rank) for rank, row in enumerate(rows, 1)]


def best_by_span(result: Result, source: str | None = None) -> dict[tuple[int, int], tuple[Row, int]]:
    """Best row of `leaderboard` for each span tried by itself, with the number of trials that tried it.

    Args:
        result: Of the run.
        source: Count only spans of this source network.
    """
    found: dict[tuple[int, int], tuple[Row, int]] = {}
    for row in leaderboard(result):
        if row.span and not row.terms and source in (None, row.source):
            best, trials = found.get(row.span, (row, 0))
            found[row.span] = best, trials + 1
    return found
