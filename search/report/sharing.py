"""The page of a run on several tasks: each task's proof, Table I beside ours, error by number of blocks shared."""

import html
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from search.records.leaderboard import geometric_mean, phases, trials
from search.records.results import Picture, Record, Results
from search.report import drawing as draw
from search.report import races
from search.report.page import price, provenance
from search.report.words import between, percent, plain, probability, table
from search.sentences.sharing import what
from spaces.sharing import Sharing

# Table I of Qu et al. 2018 (arXiv:1809.00972v1): direct and multi-task error, in %.
PAPER = {"film-8": (7.7, 6.9), "film-10": (3.4, 2.8), "film-12": (7.0, 5.4), "film-14": (11.1, 9.4)}
ARMS = ("direct", "direct_same_recipe", "shuffled", "candidate")
LABELS = ("alone,\ntuned", "alone, same\nrecipe", "others'\nshuffled", "together")
LINES = {False: (draw.SHUFFLED, "not told its task"), True: (draw.CANDIDATE, "told by a one-hot")}
COLOURS = (draw.DIRECT, draw.SAME_RECIPE, draw.SHUFFLED, draw.CANDIDATE)


def pictures(run: Results) -> dict[str, Callable[[], draw.Figure]]:
    """The figures for which something is recorded."""
    found: dict[str, Callable[[], draw.Figure]] = {}
    if any(one.get("candidate") for one in run.comparisons):
        found["arms"] = lambda: arms(run)
    if run.map:
        found["blocks"] = lambda: blocks(run.map)
    if any((run.result.get("importance") or {}).values()):
        found["importance"] = lambda: races.importance(run.result["importance"], titles(run))
    if run.cost.get("timeline"):
        found["timeline"] = lambda: races.timeline(run.cost["timeline"])
    return found


def titles(run: Results) -> dict[str, str]:
    """Each search in words: of all tasks together, and of each alone."""
    alone = {phase: f"{phase.removeprefix('baseline-')} alone" for phase in phases(run.result) if phase != "plans"}
    return {"plans": "All tasks together"} | alone


def arms(run: Results) -> draw.Figure:
    """Errors of the four arms on fresh seeds, one panel for each task; grey lines join the arms of one seed."""
    told = [one for one in run.comparisons if one.get("candidate")]
    columns = min(2, len(told))
    rows = -(-len(told) // columns)
    figure, axes = draw.canvas(rows, columns, 3.6 * rows)
    for panel in axes.flat[len(told) :]:
        panel.set_axis_off()
    for panel, one in zip(axes.flat, told, strict=False):
        values = np.array([draw.percents(one[arm]["per_seed"]) for arm in ARMS])
        panel.plot(range(4), values, color="#c4c8cd", linewidth=0.9, zorder=1)
        for place, colour in enumerate(COLOURS):
            errors = values[place][np.isfinite(values[place])]
            panel.plot(np.full(errors.size, place), errors, "o", color=colour, markersize=5, alpha=0.75, zorder=2)
            if errors.size:
                panel.hlines(errors.mean(), place - 0.3, place + 0.3, color=colour, linewidth=2.5, zorder=3)
        panel.set(xticks=range(4), xticklabels=LABELS, xlim=(-0.5, 3.5), ylabel="error (%)")
        panel.set_ylim(bottom=0)
        panel.set_title(f"{one['task']}: {'together' if one['decision'] == 'transfer' else 'alone'}")
        panel.grid(visible=False, axis="x")
    return figure


def blocks(chart: Mapping[str, Any]) -> draw.Figure:
    """Error of each task by number of first blocks shared, as Fig. S2 of Qu et al. is described; told and not told."""
    tasks, last = list(chart["direct"]), chart["blocks"]
    columns = min(2, len(tasks))
    rows = -(-len(tasks) // columns)
    figure, axes = draw.canvas(rows, columns, 3.6 * rows, sharex=True)
    for panel in axes.flat[len(tasks) :]:
        panel.set_axis_off()
    for panel, task in zip(axes.flat, tasks, strict=False):
        seen = list(draw.percents(chart["direct"][task]))
        direct = geometric_mean(chart["direct"][task])
        if direct:
            panel.axhline(100 * direct, color=draw.DIRECT, linestyle="--", linewidth=1.5, label="alone, tuned")
        for told, colour, label in (
            (False, draw.SHUFFLED, "not told its task"),
            (True, draw.CANDIDATE, "told by a one-hot"),
        ):
            cells = {cell["first"]: cell["errors"][task] for cell in chart["cells"] if cell["one_hot"] == told}
            means = [100 * (geometric_mean(cells[n]) or np.nan) for n in sorted(cells)]
            panel.plot(sorted(cells), means, "o-", color=colour, markersize=6, label=label)
            for n, errors in cells.items():
                panel.plot(np.full(len(errors), n), draw.percents(errors), ".", color=colour, alpha=0.4)
                seen += list(draw.percents(errors))
        known = [error for error in seen if np.isfinite(error)] or [1.0]
        draw.log_percent(panel.yaxis, min(known), max(known))
        panel.set_title(task)
        panel.set(xticks=range(last + 1), ylabel="error (%)")
    for panel in axes[-1]:
        panel.set_xlabel(f"first blocks shared ({last}: the head too)")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper left", ncols=3)
    return figure


def verdict(run: Results, picture: Picture) -> str:
    """The certificate's sentence, and each task's arms."""
    if not run.certificate:
        return (
            '<section class="verdict"><span class="badge">no verdict</span><p class="sentence">This run is not '
            "finished: it has no certificate, and nothing below is a proof.</p></section>"
        )
    badge = "sharing" if run.proved else "direct learning"
    sentence = html.escape(str(run.certificate["sentence"])).replace(" %", "&nbsp;%")
    card = f'<section class="verdict {"transfer" if run.proved else "direct"}"><span class="badge">{badge}</span>'
    caption = (
        "Error of every arm on every fresh seed, task by task; a grey line follows one seed. Sharing is real where the "
        "last column lies below all three others."
    )
    figure = picture("arms", "Errors of the four arms of the proof for each task", caption)
    return f'{card}<p class="sentence">{sentence}</p></section>{proof(run)}{figure}{tests(run)}{table_one(run)}'


def proof(run: Results) -> str:
    """How it was proved, in a few plain lines."""
    margin = percent(run.certificate.get("margin"))
    budgets = [one["rival_budget"] for one in run.comparisons if "rival_budget" in one]
    rival = f"{min(budgets)} trainings or more, some of them after the plans" if budgets else "as many trainings"
    lines = [
        f"Each task was learned anew on {plain(run.certificate.get('seeds'))} fresh seeds in four ways, and scored on "
        f"{plain(run.certificate.get('test_examples'))} examples that no search had read.",
        f"Learning together must beat by more than {margin} the task <b>alone with its own tuned recipe</b>, whose "
        f"search got {rival}, and <b>alone with the shared recipe</b>.",
        "It must also beat itself with the <b>other tasks’ labels shuffled</b> among their examples: then nothing is "
        "left to be learned from them, and all else is the same.",
        "A task that fails leaves the group; the others are confirmed again without it, on seeds of their own.",
    ]
    return "<h3>How it was proved</h3><ul>" + "".join(f"<li>{line}</li>" for line in lines) + "</ul>"


def tests(run: Results) -> str:
    """Each task's numbers."""
    rows = []
    for one in run.comparisons:
        found: Record = next(iter(one["candidates"]), {})
        p = found.get("p_values") or {}
        means = [percent((one.get(arm) or {}).get("mean"), 2) for arm in ARMS]
        change = f"{percent(one.get('relative_reduction'))} ({between(one.get('interval'))})"
        values = [probability(p.get(arm)) for arm in ARMS[:3]] + [probability(one.get("p_value"))]
        said = [plain(one["decision"]), plain(found.get("reason") or "")]
        rows.append([plain(one["task"]), *means, change, *said, *values])
    head = ["task", "alone", "same recipe", "shuffled", "together", "error reduced by", "decision", "reason"]
    return table([*head, "p: alone", "p: same recipe", "p: shuffled", "p, all (Holm over tasks)"], rows)


def table_one(run: Results) -> str:
    """Table I of the paper beside this run."""
    rows = []
    for one in run.comparisons:
        direct, together = ((one.get(arm) or {}).get("mean") for arm in ("direct", "candidate"))
        words = ["–"] * 3
        if one["task"] in PAPER:
            theirs = [error / 100 for error in PAPER[one["task"]]]
            words = [percent(theirs[0], 1), percent(theirs[1], 1), percent(1 - theirs[1] / theirs[0], 1)]
        ours = [percent(direct, 2), percent(together, 2), percent(one.get("relative_reduction"), 1)]
        rows.append([plain(one["task"]), *words, *ours])
    if not any(one["task"] in PAPER for one in run.comparisons):
        return ""
    head = ["task", "paper: direct", "paper: multi-task", "reduction", "here: direct", "here: together", "reduction"]
    return (
        f"<h3>Table I of Qu et al. 2018, and this run</h3>{table(head, rows)}<p class=note>Compare the reductions, not "
        "the errors: the paper’s 10-layer error lies below its 8-layer one, which was not found here.</p>"
    )


def shared(run: Results, picture: Picture) -> str:
    """Error by number of first blocks shared."""
    caption = (
        f"Every n trained on {plain(run.map.get('seeds'))} seeds with one recipe. The paper (Fig. S2) finds 2 blocks "
        "best for 8, 10 and 12 layers, 3 for 14, and a collapse where nearly all are shared; its networks are not told "
        "their task."
    )
    found = picture("blocks", "Error of each task against the number of first blocks shared", caption)
    return f"<h2>How many blocks to share</h2>{found}" if found else ""


def searches(run: Results, picture: Picture) -> str:
    """The recipes found for each task alone, the best plans with what each does to each task, and what mattered."""
    tasks = list(run.study.get("tasks") or [])
    recipes = run.result.get("recipes") or {}
    names = ("rate", "decay", "batch", "epochs", "initial_scale", "activation")
    text = ""
    if recipes:
        rows = [[plain(task), *(plain(recipes[task][name]) for name in names)] for task in tasks]
        text += "<h3>Recipes found for each task alone</h3>" + table(["task", *names], rows)
    budgets = run.result.get("direct_by_budget") or {}
    if budgets:
        rows = [
            [plain(task), *(f"{percent(one['error'], 2)} <small>({one['trainings']})</small>" for one in told[-3:])]
            for task, told in budgets.items()
        ]
        stages = ["half of the plans’ budget", "all of it", "all that the run spent"][-(max(map(len, rows)) - 1) :]
        text += "<h3>How long each task alone was tuned: best validation error (trainings) after</h3>"
        text += table(["task", *stages], rows)
    reference = {task: geometric_mean(errors) for task, errors in (run.result.get("reference") or {}).items()}
    complete = [trial for trial in trials(run.result, "plans") if trial["state"] == "complete"]
    rows = []
    for trial in sorted(complete, key=lambda trial: trial["value"])[:12]:
        means = {task: geometric_mean([seed[task] for seed in trial["by_task"]]) for task in tasks}
        changes = [percent(a / b - 1, sign=True) if (a := means[task]) and (b := reference.get(task)) else "–"
                   for task in tasks]  # fmt: skip
        rows.append([plain(trial["number"]), plain(what(Sharing.from_dict(trial["plan"]))), *changes])
    if rows:
        text += "<h3>The best plans, and what each does to each task’s validation error</h3>"
        text += table(["trial", "plan", *map(plain, tasks)], rows)
    caption = (
        "Share of the variance of the error among trials that each setting explains. Settings that not every trial has "
        "(how many blocks are shared, or which) are left out."
    )
    bars = picture("importance", "Bars of the importance of each setting in each search", caption)
    text += f"<h3>What mattered</h3>{bars}" if bars else ""
    return f"<h2>The searches</h2>{text}" if text else ""


SECTIONS = (verdict, shared, searches, price, provenance)
