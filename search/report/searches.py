"""The section of the page about the searches: the race, what was found, what mattered."""

from search.proof.agreement import PRIORS, agreement
from search.records.leaderboard import best, copied, geometric_mean, leaderboard, trials
from search.records.results import Picture, Results
from search.report.spans import cells
from search.report.words import SETTINGS, knowledge, percent, plain, searched, table
from search.sentences.transfer import taught


def searches(run: Results, picture: Picture) -> str:
    """Both searches: the race, the recipes found, the best plans, what mattered."""
    earned = (
        "begins with one seed; the best get further ones until they have all (filled) or are clearly behind (hollow)"
        if "direct_by_budget" in run.result
        else "runs seed by seed and is stopped (hollow) when it is clearly behind"
    )
    caption = (
        f"Every trial in the order it was drawn. A trial {earned}; the bars count the seeds that it got. Trials far "
        "above are drawn at the upper edge."
    )
    text = picture("race", "Validation error of each trial of both searches, and number of seeds each got", caption)
    text += rival(run) + recipes(run) + best_plans(run)
    caption = "Share of the variance of the error among trials that each setting explains."
    bars = picture("importance", "Bars of the importance of each setting in both searches", caption)
    text += f"<h3>What mattered</h3>{bars}" if bars else ""
    text += beforehand(run)
    return f"<h2>The searches</h2>{text}" if text else ""


def rival(run: Results) -> str:
    """How far direct learning had come by budget, beside the best plan of transfer; nothing in runs of protocol 1."""
    told = run.result.get("direct_by_budget")
    if not told:
        return ""
    rows = [
        [f"direct learning, {one['trainings']} trainings", percent(one["error"], 2), plain(one["seeds"])]
        for one in told
    ]
    plans = trials(run.result, "plans")
    tried = [trial for trial in plans if trial["errors"] and copied(trial["plan"]) and trial["state"] != "failed"]
    if tried:
        mine = min(tried, key=lambda trial: (trial["state"] != "complete", trial["value"]))
        start = next(one["trainings"] for one in told if one["stage"] == "start")
        spent = sum(len(trial["errors"]) for trial in plans)
        rows.append([f"best plan of transfer, {spent} trainings after {start} of direct learning"])
        rows[-1] += [percent(mine["value"], 2), plain(len(mine["errors"]))]
    note = (
        f"A plan of transfer must beat what direct learning came to in {told[-1]['trainings']} trainings. Errors are "
        "those of the searches, on validation examples, and flatter what won by few seeds."
    )
    head = ["best found by", "validation error", "seeds"]
    return f'<h3>How long the rival was tuned</h3>{table(head, rows)}<p class="note">{note}</p>'


def beforehand(run: Results) -> str:
    """What cheap priors said before any plan was trained, against what was measured afterwards."""
    scored = run.result.get("priors") or {}
    rows = []
    for prior, by_source in scored.items():
        for source, scores in by_source.items():
            found = agreement(scores, measured(run, source))
            if found is not None:
                regret = percent(found["regret"], sign=True) if found["regret"] else "the same"
                rows.append([plain(prior), plain(taught(source)), f"{found['tau']:+.2f}".replace("-", "−")])
                rows[-1] += [plain(found["spans"]), found["favourite"], found["best"], regret]
    if not rows:
        return ""
    what = "; ".join(f"<b>{name}</b>: {PRIORS[name]}" for name in scored if name in PRIORS)
    against = "the map" if run.map else "the best trial of each span that the search tried"
    head = ["prior", "source", "Kendall’s τ", "spans", "its favourite", "measured best", "favourite against best"]
    return (
        f"<h3>Could it have been told beforehand?</h3><p>Cheap priors gave the search its first guesses and filtered "
        f"nothing. {what}. τ = 1 would be the order found by {against}, 0 none.</p>{table(head, rows)}"
    )


def measured(run: Results, source: str) -> dict[str, float]:
    """Errors by span of one source."""
    found = {f"{c.n1}-{c.n2}": geometric_mean(c.errors) for c in cells(run.result, run.map, source)}
    return {span: error for span, error in found.items() if error}


def recipes(run: Results) -> str:
    """The recipes found, their ranges, and which settings ended at an edge."""
    direct = best(run.result, "baseline")
    plans = {"direct learning": direct["plan"]} if direct else {}
    plans |= {f"candidate {i}": candidate["plan"] for i, candidate in enumerate(run.candidates, 1)}
    if not plans:
        return ""
    edges = (run.result.get("baseline") or {}).get("edges") or []
    ranges = run.study.get("ranges") or {}
    rows, fixed = [], []
    known = dict.fromkeys(name for plan in plans.values() for name in plan["recipe"])
    for key in known:
        values = [plain(plan["recipe"].get(key)) for plan in plans.values()]
        if key not in ranges and key not in edges and len(set(values)) == 1:
            fixed.append(f"{SETTINGS.get(key, plain(key))} {values[0]}")
            continue
        if key in edges and direct:
            values[0] += ' <span class="edge">at the edge</span>'
        rows.append([SETTINGS.get(key, plain(key)), *values, searched(ranges[key]) if key in ranges else "–"])
    words = "".join(
        f"<li><b>{name.capitalize()}</b>: {knowledge(plan)}</li>" for name, plan in plans.items() if plan["blocks"]
    )
    notes = f'<p class="note">The same for all: {", ".join(fixed)}.</p>' if fixed else ""
    more = [f"{SETTINGS.get(key, plain(key))} {searched(ends)}" for key, ends in ranges.items() if key not in known]
    notes += f'<p class="note">Searched for transfer alone: {", ".join(more)}.</p>' if more else ""
    if edges:
        names = ", ".join(SETTINGS.get(edge, plain(edge)) for edge in edges)
        notes += f'<p class="edge">The baseline’s optimum lies at the edge of its range: {names}. Widen the range.</p>'
    return f"<h3>What was found</h3><ul>{words}</ul>{table(['setting', *plans, 'searched'], rows)}{notes}"


def best_plans(run: Results) -> str:
    """The ten best plans."""
    board = leaderboard(run.result)[:10]
    if not board:
        return ""
    recipe = [key for key in SETTINGS if key in board[0] and len({str(row.get(key)) for row in board}) > 1]
    several = len({row["source"] for row in board if row["source"]}) > 1
    rows = [
        [
            str(row["rank"]),
            str(row["trial"]),
            "direct" if not row["source"] else f"{row['blocks']}&nbsp;{row['span'] or ''}",
        ]
        + [plain(taught(row["source"] or "–"))] * several
        + [percent(row["change"], sign=True), percent(row["error"], 2), str(row["seeds"]), plain(row["state"])]
        + [plain(row.get(key)) for key in recipe]
        for row in board
    ]
    head = ["rank", "trial", "copied", *["source"] * several, "against direct", "validation error", "seeds", "state"]
    note = "Blocks from the first to the head: · fresh, ● copied, ◐ copied and trained slowly, ❄ copied and frozen."
    listed = table(head + [SETTINGS[key] for key in recipe], rows)
    return f'<h3>The {len(board)} best plans</h3>{listed}<p class="note">{note}</p>'
