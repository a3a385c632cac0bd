"""The card that begins any page, and the verdict on transfer: its numbers, how it was proved, every arm."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from graft.search.report import drawing as draw
from graft.search.report.section import Figures, Table
from graft.search.report.words import SPACE, between, percent, plain, probability, reduction
from graft.search.run.leaderboard import phases, trials
from graft.search.run.results import Record, Results
from graft.spaces.plan import Plan

ARMS = {
    "direct": ("direct,\ntuned", draw.DIRECT),
    "direct_same_recipe": ("direct,\nsame recipe", draw.SAME_RECIPE),
    "shuffled": ("weights\nshuffled", draw.SHUFFLED),
    "candidate": ("candidate", draw.CANDIDATE),
}


@dataclass(frozen=True)
class Card:
    """What was decided, in one sentence, or what a run without a certificate has ``recorded`` so far."""

    decision: str
    badge: str
    sentence: str
    recorded: str = ""


def card(run: Results, badge: str) -> Card:
    """Show the certificate's sentence, or say that there is none."""
    if not run.certificate:
        missing = "This run is not finished: it has no certificate, and nothing below is a proof."
        return Card("", "no verdict", missing, recorded(run))
    sentence = str(run.certificate["sentence"]).replace(" %", f"{SPACE}%")
    return Card("transfer" if run.proved else "direct", badge, sentence)


class Fact(NamedTuple):
    """One number, with what it means."""

    name: str
    value: str
    note: str


@dataclass(frozen=True)
class Protocol:
    """How a verdict was reached; ``rival_budget`` is empty in runs that did not record it."""

    proved: bool
    small: bool
    margin: str
    seeds: str
    test_examples: str
    rival_budget: str


@dataclass(frozen=True)
class Verdict:
    """The verdict on transfer, with its numbers, plans that were not confirmed, and every test."""

    card: Card
    facts: Sequence[Fact]
    protocol: Protocol | None
    left_out: str
    tests: Table


def verdict(run: Results) -> Verdict:
    """Sum up the certificate of a transfer study, or what there is without one."""
    shown = card(run, "transfer" if run.proved else "direct learning")
    if not run.certificate or not run.comparisons:
        return Verdict(shown, (), None, "", Table((), ()))
    comparison = run.comparisons[0]
    dropped = [
        f"{Plan.from_dict(one['plan']).label}, trial {plain(one['trial'])}, {percent(one['by'])} behind {one['behind']}"
        for one in comparison.get("not_confirmed") or ()
    ]
    return Verdict(shown, facts(run, comparison), protocol(run), "; ".join(dropped), tests(run))


def recorded(run: Results) -> str:
    """Say what an unfinished run has so far."""
    found = {phase.removesuffix("s"): len(trials(run.result, phase)) for phase in phases(run.result)}
    done = [f"{count} trials of the {phase} search" for phase, count in found.items() if count]
    done += [f"a map of {len(run.map['cells'])} spans"] if run.map else []
    return f"Recorded so far: {', '.join(done)}." if done else "Nothing is recorded yet but the study."


def facts(run: Results, comparison: Record) -> list[Fact]:
    """List the numbers of the verdict."""
    found = []
    if comparison.get("relative_reduction") is not None:
        name = "Error reduced by" if run.proved else "Error reduced by (not proved)"
        level = percent(1 - run.certificate.get("alpha", 0.05))
        interval = f"{level} interval: {between(comparison.get('interval'))}"
        found.append(Fact(name, percent(comparison["relative_reduction"]), interval))
        direct, ours = (percent((comparison.get(arm) or {}).get("mean"), 2) for arm in ("direct", "candidate"))
        means = f"{direct.removesuffix(f'{SPACE}%')} → {ours}".replace(" ", SPACE)
        found.append(Fact("Mean error", means, f"direct → candidate, {plain(run.certificate.get('seeds'))} seeds"))
        p = probability(comparison.get("p_value"))
        found.append(Fact("p-value", p, "largest of three paired tests, Holm over candidates"))
    kept = run.certificate.get("handed_over")
    if kept and "error" in kept:
        learned = f"learned from all {plain(kept['rows'])} unlocked examples"
        found.append(Fact("Network handed over", percent(kept["error"], 2), learned))
    curve = run.certificate.get("examples") or run.result.get("examples")
    if curve and run.proved:
        found.append(gain(curve))
    return found


def gain(curve: Record) -> Fact:
    """Say how many examples direct learning would need to do as well."""
    rows, equal = curve["rows"], None if curve.get("beyond") else curve.get("equivalent_rows")
    more, need = ("", f"about {round(equal):d}") if equal else ("> ", f"more than {rows[-1]}")
    times = f"{more}{(equal or rows[-1]) / rows[0]:.1f} ×".replace(" ", SPACE)
    note = f"direct learning would need {need} examples instead of {rows[0]} to do as well"
    return Fact("Gain in examples", times, note)


def protocol(run: Results) -> Protocol:
    """Collect what was fixed before the confirmation."""
    told, budget = run.certificate, run.comparisons[0].get("rival_budget")
    return Protocol(
        proved=run.proved,
        small=told.get("mode") == "small",
        margin=percent(told.get("margin")),
        seeds=plain(told.get("seeds")),
        test_examples=plain(told.get("test_examples")),
        rival_budget="" if budget is None else plain(budget),
    )


def tests(run: Results) -> Table:
    """List the paired tests of each candidate."""
    rows = []
    for index, candidate in enumerate(run.candidates, 1):
        p = candidate.get("p_values") or {}
        values = [p.get(arm) for arm in ("direct", "direct_same_recipe", "shuffled")]
        values += [candidate.get("p_value"), candidate.get("sign_p_value")]
        row = [f"{index}: {Plan.from_dict(candidate['plan']).label}", plain(candidate.get("decision"))]
        row += [reduction(candidate), *map(probability, values), candidate.get("reason") or ""]
        rows.append(row)
    head = ["candidate", "decision", "error reduced by", "p: direct", "p: same recipe", "p: shuffled", "p, all (Holm)"]
    return Table([*head, "sign test", "reason"], rows)


def figures(run: Results) -> Figures:
    """Draw each candidate's arms; its title says what it copies and, with a certificate, whether that is proved."""
    proof = run.result.get("confirmation") or {}
    if not proof.get("arms"):
        return {}
    panels = {}
    for index, candidate in enumerate(proof.get("candidates") or ()):
        decision = run.candidates[index].get("decision") if index < len(run.candidates) else None
        said = {"transfer": ": proved", "direct": ": not proved"}.get(str(decision), "")
        title = f"Candidate {index + 1}, {Plan.from_dict(candidate['plan']).label}{said}"
        panels[title] = [
            draw.Arm(label, colour, draw.percents(proof["arms"][arm if arm == "direct" else f"{index}/{arm}"]))
            for arm, (label, colour) in ARMS.items()
        ]
    label = "error on examples that no search saw (%)"
    return {"arms": draw.arms(panels, label, sharey=True)} if panels else {}
