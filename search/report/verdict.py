"""The first section of the page: the verdict, what it means and how it was proved."""

import html

from search.records.leaderboard import trials
from search.records.results import Picture, Record, Results
from search.report.words import between, blocks, percent, plain, probability, table


def verdict(run: Results, picture: Picture) -> str:
    """The certificate's sentence, its numbers, how it was proved, and every seed of every arm."""
    if not run.certificate:
        return unfinished(run) + confirmation(run, picture)
    decision = run.certificate["decision"]
    badge = "transfer" if run.proved else "direct learning"
    sentence = html.escape(str(run.certificate["sentence"])).replace(" %", "&nbsp;%")
    facts = "".join(numbers(run, comparison) for comparison in run.comparisons)
    card = f'<section class="verdict {"transfer" if run.proved else "direct"}"><span class="badge">{badge}</span>'
    card += f'<p class="sentence">{sentence}</p>{facts}</section>'
    return card + proof(run, decision) + confirmation(run, picture)


def unfinished(run: Results) -> str:
    """Banner of a run without a certificate."""
    done = [f"{len(trials(run.result, phase))} trials of the {name}" for phase, name in
            (("baseline", "baseline search"), ("plans", "plan search")) if trials(run.result, phase)]  # fmt: skip
    done += [f"a map of {len(run.map['cells'])} spans"] if run.map else []
    words = f"Recorded so far: {', '.join(done)}." if done else "Nothing is recorded yet but the study."
    return (
        '<section class="verdict"><span class="badge">no verdict</span><p class="sentence">This run is not finished: '
        f"it has no certificate, and nothing below is a proof.</p><p>{words} Run it again to go on.</p></section>"
    )


def numbers(run: Results, comparison: Record) -> str:
    """The numbers of one comparison."""
    facts = []
    if comparison.get("relative_reduction") is not None:
        level = percent(1 - run.certificate.get("alpha", 0.05))
        interval = f"<small>{level} interval: {between(comparison.get('interval'))}</small>"
        name = "Error reduced by" if run.proved else "Error reduced by (not proved)"
        facts.append((name, percent(comparison["relative_reduction"]) + interval))
        direct, candidate = (comparison.get(arm) or {} for arm in ("direct", "candidate"))
        means = f"{percent(direct.get('mean'), 2)} → {percent(candidate.get('mean'), 2)}"
        seeds = f"<small>direct → candidate, {plain(run.certificate.get('seeds'))} seeds</small>"
        facts.append(("Mean error", means.replace("&nbsp;%", "", 1).replace(" ", "&nbsp;") + seeds))
        tests = "<small>largest of three paired tests, Holm over candidates</small>"
        facts.append(("p-value", probability(comparison.get("p_value")) + tests))
    kept = run.certificate.get("handed_over")
    if kept and "error" in kept:
        words = f"<small>learned from all {plain(kept['rows'])} unlocked examples</small>"
        facts.append(("Network handed over", percent(kept["error"], 2) + words))
    curve = run.certificate.get("examples") or run.result.get("examples")
    if curve and run.proved:
        facts.append(("Gain in examples", gain(curve)))
    items = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts)
    task = f"<h3>{plain(comparison.get('task'))}</h3>" if len(run.comparisons) > 1 else ""
    return f'{task}<dl class="facts">{items}</dl>'


def gain(curve: Record) -> str:
    """How many examples direct learning would need to do as well."""
    rows, equal = curve["rows"], curve.get("equivalent_rows")
    if curve.get("beyond") or not equal:
        words = f"direct learning would need more than {rows[-1]} examples instead of {rows[0]} to do as well"
        return f"&gt;&nbsp;{rows[-1] / rows[0]:.1f}&nbsp;×<small>{words}</small>"
    words = f"direct learning would need about {round(equal):d} examples instead of {rows[0]} to do as well"
    return f"{equal / rows[0]:.1f}&nbsp;×<small>{words}</small>"


def proof(run: Results, decision: str) -> str:
    """What the verdict means and how it was reached, in a few plain lines."""
    certificate = run.certificate
    margin, count = percent(certificate.get("margin")), plain(certificate.get("seeds"))
    meaning = (
        "Starting from this knowledge lowers the error on examples that no search saw, by more than chance explains."
        if decision == "transfer"
        else "No plan was proved better, so the safe answer is to learn directly. That none could help is not proved."
    )
    scored = (
        f"Four arms were trained anew on the same {count} fresh seeds (same split, initial weights and batch order) "
        f"and scored on {plain(certificate.get('test_examples'))} test examples that no search had read."
    )
    if certificate.get("mode") == "small":
        scored = (
            f"Four arms were trained anew on the same {count} redrawn splits of the unlocked examples and scored on "
            f"{plain(certificate.get('test_examples'))} that were locked away before anything else. Refits and locked "
            "examples both count as samples; with so few the p-value is approximate."
        )
    budget = run.comparisons[0].get("rival_budget") if run.comparisons else None
    rival = "as many trainings" if budget is None else f"{plain(budget)} trainings, those after the plans' included"
    lines = [
        meaning,
        scored,
        f"The candidate must beat by more than {margin} both <b>tuned direct learning</b>, whose search got {rival}, "
        "and <b>direct learning with the candidate’s own recipe</b>: a better recipe is not transfer.",
        "It must also beat itself with the <b>copied weights shuffled</b> entry by entry: a better initial scale is "
        "not transfer either.",
        "Candidates, seeds and margin were fixed before the confirmation began; the claim is about the source networks "
        "named below.",
    ]
    items = "".join(f"<li>{line}</li>" for line in lines)
    return f"<h3>What this means and how it was proved</h3><ul>{items}</ul>"


def confirmation(run: Results, picture: Picture) -> str:
    """Per-seed errors of all arms, and the tests of each candidate."""
    caption = (
        "Error of every arm on every fresh seed. A grey line follows one seed through the four arms; bars are means. "
        "Transfer is real where the candidate’s seeds lie below all three others."
    )
    text = picture("arms", "Errors of the four arms of the proof for each fresh seed and each candidate", caption)
    text += left_out(run)
    if not run.comparisons or not run.candidates:
        return text
    rows = []
    for index, candidate in enumerate(run.candidates, 1):
        p = candidate.get("p_values") or {}
        reduction = f"{percent(candidate.get('relative_reduction'))} ({between(candidate.get('interval'))})"
        tests = [probability(p.get(arm)) for arm in ("direct", "direct_same_recipe", "shuffled")]
        tests += [probability(candidate.get("p_value")), probability(candidate.get("sign_p_value"))]
        name = f"{index}: {blocks(candidate['plan'])}"
        rows.append([name, plain(candidate.get("decision")), reduction, *tests, plain(candidate.get("reason") or "")])
    head = ["candidate", "decision", "error reduced by", "p: direct", "p: same recipe", "p: shuffled", "p, all (Holm)"]
    return text + table([*head, "sign test", "reason"], rows)


def left_out(run: Results) -> str:
    """The plans that the search showed to be clearly behind, which were therefore not confirmed."""
    dropped = run.comparisons[0].get("not_confirmed") if run.comparisons else None
    if not dropped:
        return ""
    items = "; ".join(
        f"{blocks(one['plan'])}, trial {plain(one['trial'])}, {percent(one['by'])} behind {plain(one['behind'])}"
        for one in dropped
    )
    return f'<p class="note">Not confirmed, for the search had shown it on the same seeds: {items}.</p>'
