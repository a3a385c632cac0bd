"""The searches of a transfer study: the race, how long the rival was tuned, what was found, what mattered."""

from collections.abc import Sequence
from dataclasses import dataclass

from graft.search.proof.agreement import PRIORS, agreement
from graft.search.report import races
from graft.search.report.section import Figures, Table
from graft.search.report.spans import cells
from graft.search.report.words import NOTHING, SETTINGS, SPACE, percent, plain
from graft.search.report.words import searched as written
from graft.search.run.leaderboard import leaderboard
from graft.search.run.results import TransferResults
from graft.search.run.trials import geometric_mean
from graft.spaces.plan import Plan
from graft.spaces.words import describe_source


@dataclass(frozen=True)
class Found:
    """The recipes found; ``fixed`` settings are the same in all, ``more`` were searched for transfer alone."""

    words: Sequence[tuple[str, str]]
    settings: Table
    fixed: str
    more: str
    edges: str


@dataclass(frozen=True)
class Searches:
    """Both searches; ``halving`` says that trials began with one seed, ``rival_budget`` is what a plan must beat."""

    halving: bool
    rival: Table
    rival_budget: str
    found: Found | None
    plans: Table
    priors: Table
    priors_words: Sequence[tuple[str, str]]
    mapped: bool


def searches(run: TransferResults) -> Searches | None:
    """Sum up both searches; None where none has begun."""
    result, told = run.result, run.result.direct_by_budget
    found = Searches(
        halving=bool(told),
        rival=rival(run),
        rival_budget=str(told[-1].trainings) if told else "",
        found=recipes(run),
        plans=best_plans(run),
        priors=priors(run),
        priors_words=[(name, PRIORS[name]) for name in result.priors if name in PRIORS],
        mapped=bool(run.map),
    )
    begun = result.baseline.trials or result.plans.trials
    return found if begun or found.rival or found.found or found.plans or found.priors else None


def figures(run: TransferResults) -> Figures:
    """Draw the race and what mattered."""
    found = {}
    if run.result.baseline.trials or run.result.plans.trials:
        found["race"] = races.race(run.result)
    if any(run.result.importance.values()):
        found["importance"] = races.importance(run.result.importance)
    return found


def rival(run: TransferResults) -> Table:
    """List how far direct learning had come by budget, beside the best plan of transfer."""
    told, plans = run.result.direct_by_budget, run.result.plans.by_number
    rows = [[f"direct learning, {one.trainings} trainings", percent(one.error, 2), plain(one.seeds)] for one in told]
    if told:
        rows += equal_seconds(run)
    tried = [trial for trial in plans if trial.errors and trial.transfers and trial.state != "failed"]
    if told and tried:
        mine = min(tried, key=lambda trial: (trial.state != "complete", trial.value))
        start = next(one.trainings for one in told if one.stage == "start")
        spent = sum(len(trial.errors) for trial in plans)
        name = f"best plan of transfer, {spent} trainings after {start} of direct learning"
        rows.append([name, percent(mine.value, 2), plain(len(mine.errors))])
    return Table(["best found by", "validation error", "seeds"], rows)


def equal_seconds(run: TransferResults) -> list[list[str]]:
    """How far direct learning had come when it had trained as long as source networks and plans together did."""
    called = ("source network", "base network")  # as runs call the phase, and once did
    taught = sum(seconds for phase, seconds in run.cost.phases.items() if phase.startswith(called))
    spent = {"baseline": 0.0, "plans": 0.0}
    for piece in run.cost.timeline:
        spent[piece.phase] = spent.get(piece.phase, 0.0) + (piece.train_seconds or 0.0)
    allowed, by_number, begun = taught + spent["plans"], run.result.baseline.by_number, []
    for piece in run.cost.timeline:
        if piece.phase == "baseline" and (allowed := allowed - (piece.train_seconds or 0.0)) >= 0:
            begun.append(by_number[piece.number])
    tried = [trial for trial in begun if trial.errors and trial.state != "failed"]
    if not tried or not taught:
        return []
    best = min(tried, key=lambda trial: (trial.state != "complete", trial.value))
    name = f"direct learning, as many seconds ({taught + spent['plans']:.0f}) as source networks and plans"
    return [[name, percent(best.value, 2), plain(len(best.errors))]]


def recipes(run: TransferResults) -> Found | None:
    """Compare the recipes found, their ranges, and which settings ended at an edge."""
    direct = run.result.baseline.winner
    plans = {"direct learning": direct.plan} if direct and isinstance(direct.plan, Plan) else {}
    plans |= {f"candidate {i}": plan for i, plan in enumerate(run.candidates, 1)}
    if not plans:
        return None
    edges, ranges = run.result.baseline.edges, run.study.ranges
    found = [plan.recipe.to_dict() for plan in plans.values()]
    known = dict.fromkeys(key for recipe in found for key in recipe)
    rows, fixed = [], []
    for key in known:
        values = [plain(recipe.get(key)) for recipe in found]
        if key in ranges or key in edges or len(set(values)) > 1:
            values[0] += " at the edge" if key in edges and direct else ""
            allowed = written(ranges[key]) if key in ranges else NOTHING
            rows.append([SETTINGS.get(key, key), *values, allowed])
        else:
            fixed.append(f"{SETTINGS.get(key, key)} {values[0]}")
    return Found(
        words=[(name.capitalize(), one.describe(rates=True)) for name, one in plans.items() if one.blocks or one.terms],
        settings=Table(["setting", *plans, "searched"], rows),
        fixed=", ".join(fixed),
        more=", ".join(
            f"{SETTINGS.get(key, key)} {told}"
            for key, ends in ranges.items()
            if key not in known and (told := written(ends))
        ),
        edges=", ".join(SETTINGS.get(edge, edge) for edge in edges),
    )


def best_plans(run: TransferResults) -> Table:
    """List the ten best plans."""
    board = leaderboard(run.result)[:10]
    flat = [row.flat() for row in board]
    recipe = [key for key in SETTINGS if board and key in flat[0] and len({str(row.get(key)) for row in flat}) > 1]
    several = len({row.source for row in board if row.source}) > 1
    rows = []
    for row, values in zip(board, flat, strict=True):
        copied = f"{row.blocks}{SPACE}{row.span or ''}" if row.blocks else ""
        taken = " + ".join(filter(None, [copied, row.terms])) if row.source else "direct"
        shown = [str(row.rank), str(row.trial), taken, *[describe_source(row.source or NOTHING)] * several]
        shown += [percent(row.change, sign=True), percent(row.error, 2), str(row.seeds), row.state]
        rows.append([*shown, *(plain(values.get(key)) for key in recipe)])
    head = ["rank", "trial", "copied", *["source"] * several, "against direct", "validation error", "seeds", "state"]
    return Table([*head, *(SETTINGS[key] for key in recipe)], rows)


def priors(run: TransferResults) -> Table:
    """Compare what cheap priors said before any plan was trained with what was measured afterwards."""
    rows = []
    for prior, by_source in run.result.priors.items():
        for source, scores in by_source.items():
            errors = {f"{c.n1}-{c.n2}": geometric_mean(c.errors) for c in cells(run.result, run.map, source)}
            found = agreement(scores, {span: error for span, error in errors.items() if error})
            if found is not None:
                regret = percent(found.regret, sign=True) if found.regret else "the same"
                row = [prior, describe_source(source), f"{found.tau:+.2f}".replace("-", "−"), plain(found.spans)]
                rows.append([*row, found.favourite, found.best, regret])
    head = ["prior", "source", "Kendall’s τ", "spans", "its favourite", "measured best", "favourite against best"]
    return Table(head, rows)
