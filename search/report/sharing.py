"""The page of a run on several tasks: each task's proof, Table I beside ours, error by number of blocks shared."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from graft.search.report import drawing as draw
from graft.search.report import races
from graft.search.report.section import Figures, Table
from graft.search.report.verdict import Card, card
from graft.search.report.words import NOTHING, SETTINGS, percent, plain, probability, reduction
from graft.search.run.results import SharingResults
from graft.search.run.trials import geometric_mean

# Table I of Qu et al. 2018 (arXiv:1809.00972v1): direct and multi-task error, in %.
PAPER = {"film-8": (7.7, 6.9), "film-10": (3.4, 2.8), "film-12": (7.0, 5.4), "film-14": (11.1, 9.4)}
ARMS = {
    "direct": ("alone,\ntuned", draw.DIRECT),
    "direct_same_recipe": ("alone, same\nrecipe", draw.SAME_RECIPE),
    "shuffled": ("others'\nshuffled", draw.SHUFFLED),
    "candidate": ("together", draw.CANDIDATE),
}
SAID = {"transfer": "together", "direct": "alone", "undecided": "undecided"}
TOLD = {False: (draw.SHUFFLED, "s--", "not told its task"), True: (draw.CANDIDATE, "o-", "told by a one-hot")}
RECIPE = ("rate", "decay", "batch", "epochs", "initial_scale", "activation")


@dataclass(frozen=True)
class Verdict:
    """The verdict on sharing; ``budget`` is the least that any task's rival got, empty where that is not recorded."""

    card: Card
    certified: bool
    undecided: bool
    looks: str
    margin: str
    seeds: str
    test_examples: str
    budget: str
    tests: Table
    table_one: Table


def verdict(run: SharingResults) -> Verdict:
    """Sum up the certificate, task by task."""
    told = run.certificate
    budgets = [one.rival_budget for one in run.comparisons if one.rival_budget is not None]
    return Verdict(
        card=card(run, "sharing" if run.proved else "direct learning"),
        certified=told is not None,
        undecided=told is not None and told.decision == "undecided",
        looks=", ".join(map(plain, told.looks if told else ())),
        margin=percent(told.margin if told else None),
        seeds=plain(told.seeds if told else None),
        test_examples=plain(told.test_examples if told else None),
        budget=str(min(budgets)) if budgets else "",
        tests=tests(run),
        table_one=table_one(run),
    )


def arms(run: SharingResults) -> Figures:
    """Draw the arms of each task."""
    panels = {
        f"{one.task}: {SAID[one.decision]}": [
            draw.Arm(*look, draw.percents(one.measured[arm].per_seed))
            for arm, look in ARMS.items()
            if arm in one.measured
        ]
        for one in run.comparisons
        if one.candidate
    }
    return {"arms": draw.arms(panels, "error (%)")} if panels else {}


def tests(run: SharingResults) -> Table:
    """List each task's numbers."""
    rows = []
    for one in run.comparisons:
        found = next(iter(one.candidates), None)
        p_values = found.p_values if found else {}
        row = [one.task, *(percent(one.mean(arm), 2) for arm in ARMS), reduction(one)]
        values = [p_values.get(arm) for arm in ("direct", "direct_same_recipe", "shuffled")]
        row += map(probability, [*values, one.p_value])
        rows.append([*row, one.decision, found.reason if found else ""])
    head = ["task", "alone", "same recipe", "shuffled", "together", "error reduced by"]
    head += ["p: alone", "p: same recipe", "p: shuffled", "p, all (Holm over tasks)"]
    return Table([*head, "decision", "reason"], rows)


def table_one(run: SharingResults) -> Table:
    """Put Table I of the paper beside this run; no rows where no task is in it."""
    rows = []
    for one in run.comparisons:
        theirs = [NOTHING] * 3
        if one.task in PAPER:
            alone, shared = PAPER[one.task]
            theirs = [percent(share, 1) for share in (alone / 100, shared / 100, 1 - shared / alone)]
        ours = [percent(one.mean("direct"), 2), percent(one.mean("candidate"), 2), percent(one.relative_reduction, 1)]
        rows.append([one.task, *theirs, *ours])
    head = ["task", "paper: direct", "paper: multi-task", "reduction", "here: direct", "here: together", "reduction"]
    return Table(head, rows if any(one.task in PAPER for one in run.comparisons) else ())


def seeds_of_map(run: SharingResults) -> str | None:
    """Tell on how many seeds the map was drawn."""
    return plain(run.map.seeds) if run.map else None


def blocks(run: SharingResults) -> Figures:
    """Draw each task's error by number of first blocks shared, as Fig. S2 of Qu et al. is described."""
    chart = run.map
    if not chart:
        return {}
    last = chart.blocks
    figure, axes = draw.grid(len(chart.direct), 3.6, sharex=True)
    for panel, (task, alone) in zip(axes.flat, chart.direct.items(), strict=False):
        seen = list(draw.percents(alone))
        direct = mean(alone)
        if direct:
            panel.axhline(100 * direct, color=draw.DIRECT, linestyle="--", linewidth=1.5, label="alone, tuned")
        for told, (colour, look, label) in TOLD.items():
            cells = {cell.first: cell.errors[task] for cell in chart.cells if cell.one_hot == told}
            means = [draw.percents([mean(cells[n])])[0] for n in sorted(cells)]
            panel.plot(sorted(cells), means, look, color=colour, markersize=6, label=label)
            for n, errors in cells.items():
                panel.plot(np.full(len(errors), n), draw.percents(errors), ".", color=colour, alpha=0.4)
                seen += list(draw.percents(errors))
        known = [error for error in seen if np.isfinite(error)] or [1.0]
        if min(known) > 0:
            draw.log_axis(panel.yaxis, min(known), max(known))
        panel.set_title(task)
        panel.set(xticks=range(last + 1), ylabel="error (%)")
    for panel in axes[-1]:
        panel.set_xlabel(f"first blocks shared ({last}: the head too)")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper left", ncols=3)
    return {"blocks": figure}


@dataclass(frozen=True)
class Searches:
    """What the searches found: recipes of tasks alone, how long those were tuned, the best plans of sharing."""

    recipes: Table
    tuned: Table
    plans: Table


def searches(run: SharingResults) -> Searches | None:
    """Sum up the searches; None where none has ended."""
    recipes = run.result.recipes
    rows = [[task, *(plain(getattr(recipes[task], name)) for name in RECIPE)] for task in run.study.tasks if recipes]
    found = Searches(
        Table(["task", *(SETTINGS[name] for name in RECIPE)], rows), tuned(run), best_plans(run, run.study.tasks)
    )
    return found if found.recipes or found.tuned or found.plans or importance(run) else None


def tuned(run: SharingResults) -> Table:
    """List what each task alone came to by budget."""
    rows = [
        [task, *(f"{percent(one.error, 2)} ({one.trainings})" for one in told[-3:])]
        for task, told in run.result.direct_by_budget.items()
    ]
    stages = ["half of the plans’ budget", "all of it", "all that the run spent"]
    return Table(["task", *stages[-(max(map(len, rows), default=1) - 1) :]], rows)


def best_plans(run: SharingResults, tasks: Sequence[str]) -> Table:
    """List the best plans, with what each does to each task."""
    reference = {task: mean(errors) for task, errors in run.result.reference.items()}
    complete = [trial for trial in run.result.plans.by_number if trial.state == "complete" and trial.plan]
    rows = []
    for trial in sorted(complete, key=lambda trial: trial.value or 0.0)[:12]:
        row = [plain(trial.number), trial.plan.describe() if trial.plan else NOTHING]
        for task in tasks:
            ours, direct = mean([seed[task] for seed in trial.by_task]), reference.get(task)
            row.append(percent(ours / direct - 1, sign=True) if ours is not None and direct else NOTHING)
        rows.append(row)
    return Table(["trial", "plan", *tasks], rows)


def mean(errors: Sequence[float | None]) -> float | None:
    """The geometric mean of errors, the arithmetic one where some are 0; None if one is missing."""
    known = [error for error in errors if error is not None]
    return sum(known) / len(known) if 0 in known and len(known) == len(errors) else geometric_mean(errors)


def importance(run: SharingResults) -> Figures:
    """Draw what mattered in the search of all tasks together, and of each alone."""
    alone = {phase: f"{phase.removeprefix('baseline-')} alone" for phase in run.result.searches if phase != "plans"}
    shares = run.result.importance
    return (
        {"importance": races.importance(shares, {"plans": "All tasks together"} | alone)}
        if any(shares.values())
        else {}
    )
