"""The card that begins any page, and the verdict on transfer: its numbers, how it was proved, every arm."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from graft.search.report import drawing as draw
from graft.search.report.section import Figures, Table
from graft.search.report.words import NOTHING, SPACE, between, percent, plain, probability, reduction
from graft.search.run.certificate import Comparison, Curve, Prospects, TransferCertificate
from graft.search.run.results import Results, TransferResults

ARMS = {
    "direct": ("direct,\ntuned", draw.DIRECT),
    "direct_same_recipe": ("direct,\nsame recipe", draw.SAME_RECIPE),
    "shuffled": ("weights\nshuffled", draw.SHUFFLED),
    "placebo": ("placebo\nsource", draw.PLACEBO),
    "candidate": ("candidate", draw.CANDIDATE),
}


@dataclass(frozen=True)
class Card:
    """What was decided: what to do, and the ``numbers`` that say so; a run without a certificate has ``recorded``."""

    decision: str
    badge: str
    sentence: str
    numbers: str = ""
    recorded: str = ""


def card(run: Results, badge: str) -> Card:
    """Show the certificate's sentence, or say that there is none."""
    if not run.certificate:
        missing = "This run is not finished: it has no certificate, and nothing below is a proof."
        return Card("", "no verdict", missing, recorded=recorded(run))
    sentence, stop, numbers = run.certificate.sentence.replace(" %", f"{SPACE}%").partition(". ")
    decision = run.certificate.decision
    return Card(decision, "undecided" if decision == "undecided" else badge, sentence + stop.strip(), numbers)


class Fact(NamedTuple):
    """One number, with what it means."""

    name: str
    value: str
    note: str


@dataclass(frozen=True)
class Protocol:
    """How a verdict was reached; ``rival_budget`` is empty in runs that did not record it."""

    proved: bool
    undecided: bool
    holdout: bool
    folds: int
    looks: str
    placebo: bool
    margin: str
    seeds: str
    test_examples: str
    rival_budget: str
    networks: str


@dataclass(frozen=True)
class Verdict:
    """The verdict on transfer, with its numbers, plans that were not confirmed, and every test."""

    card: Card
    facts: Sequence[Fact]
    protocol: Protocol | None
    left_out: str
    tests: Table
    regressors: Table
    prospects: Sequence[str]


def verdict(run: TransferResults) -> Verdict:
    """Sum up the certificate of a transfer study, or what there is without one."""
    shown = card(run, "transfer" if run.proved else "direct learning")
    if not run.certificate or not run.comparisons:
        return Verdict(shown, (), None, "", Table((), ()), Table((), ()), ())
    (comparison,) = run.comparisons
    dropped = [
        f"{one.plan.label}, trial {plain(one.trial)}, {percent(one.by)} behind {one.behind}"
        for one in comparison.not_confirmed
    ]
    told = facts(run, run.certificate, comparison)
    fixed = run.result.confirmation
    how = protocol(run.certificate, comparison, *((fixed.networks, fixed.folds) if fixed else (0, 0)))
    beside = regressors(run.certificate)
    ahead = prospects(comparison.prospects)
    return Verdict(shown, told, how, "; ".join(dropped), tests(comparison), beside, ahead)


def prospects(found: Prospects | None) -> list[str]:
    """Say what a user has to decide by."""
    if found is None:
        return []
    lines = [
        f"One training of the candidate errs less than one of direct learning in {percent(found.outperforms)} of all "
        f"pairs of the {plain(found.trainings)} trainings measured of each."
    ]
    best = [one for one in found.best_of if one.relative_reduction is not None]
    if len(best) > 1:
        each = ", ".join(f"{percent(one.relative_reduction)} with {plain(one.networks)}" for one in best)
        lines.append(f"The gain for who trains several networks and keeps the one that validates best: {each}.")
    for one in found.in_units:
        unit = "" if one.unit == "1" else f"{SPACE}{one.unit}"
        both = [f"{plain(error)}{unit}" for error in (one.candidate, one.direct, abs(one.gain))]
        words = "{} is off by {} on average with the candidate and by {} with direct learning, so by {} {}."
        lines.append(words.format(one.output, *both, "less" if one.gain >= 0 else "more"))
    return lines


def regressors(told: TransferCertificate) -> Table:
    """List the reference regressors beside the networks."""
    (comparison,) = told.comparisons
    networks = [(name, held) for name, held in comparison.measured.items() if name in ("direct", "candidate")]
    rows = [[f"network, {name}", percent(held.mean, 2), NOTHING, NOTHING] for name, held in networks]
    for one in told.regressors:
        chosen = ", ".join(f"{name} {_brief(value)}" for name, value in one.chosen.items())
        rows.append([one.label, percent(one.mean, 2), percent(one.cross_validated, 2), chosen])
    head = ["what learned", "error", "in cross-validation of the unlocked rows", "chosen there"]
    return Table(head, rows if told.regressors else ())


def _brief(value: object) -> str:
    """Write what was chosen; of many numbers the first and how many."""
    if isinstance(value, list | tuple):
        return plain(value[0]) + (f", ... ({len(value)})" if len(value) > 1 else "")
    return plain(value)


def recorded(run: Results) -> str:
    """Say what an unfinished run has so far."""
    found = {phase.removesuffix("s"): len(held.trials) for phase, held in run.result.searches.items()}
    done = [f"{count} trials of the {phase} search" for phase, count in found.items() if count]
    done += [f"a map of {len(run.map.cells)} spans"] if run.map else []
    return f"Recorded so far: {', '.join(done)}." if done else "Nothing is recorded yet but the study."


def facts(run: TransferResults, told: TransferCertificate, comparison: Comparison) -> list[Fact]:
    """List the numbers of the verdict."""
    found = []
    if comparison.relative_reduction is not None:
        name = "Error reduced by" if told.proved else "Error reduced by (not proved)"
        interval = f"{percent(1 - told.alpha)} interval: {between(comparison.interval)}"
        found.append(Fact(name, percent(comparison.relative_reduction), interval))
        direct, ours = (percent(comparison.mean(arm), 2) for arm in ("direct", "candidate"))
        means = f"{direct.removesuffix(f'{SPACE}%')} → {ours}".replace(" ", SPACE)
        most = f" of at most {plain(told.looks[-1])}" if len(told.looks) > 1 else ""
        found.append(Fact("Mean error", means, f"direct → candidate, {plain(told.seeds)}{most} seeds"))
        p = probability(comparison.p_value)
        found.append(Fact("p-value", p, "largest of the paired tests, for all candidates and looks"))
    if kept := told.handed_over:
        learned = f"learned from all {plain(kept.rows)} unlocked examples"
        found.append(Fact("Network handed over", percent(kept.error, 2), learned))
        if (several := kept.ensemble) and several.error is not None:
            name = f"Mean of {plain(len(several.sha256))} such networks"
            beside = "" if several.direct is None else f"of as many of direct learning: {percent(several.direct, 2)}"
            found.append(Fact(name, percent(several.error, 2), beside))
    curve = told.examples or run.result.examples
    if curve and told.proved:
        found.append(gain(curve))
    return found


def gain(curve: Curve) -> Fact:
    """Say how many examples direct learning would need to do as well."""
    rows, equal = curve.rows, None if curve.beyond else curve.equivalent_rows
    more, need = ("", f"about {round(equal):d}") if equal else ("> ", f"more than {rows[-1]}")
    times = f"{more}{(equal or rows[-1]) / rows[0]:.1f} ×".replace(" ", SPACE)
    note = f"direct learning would need {need} examples instead of {rows[0]} to do as well"
    return Fact("Gain in examples", times, note)


def protocol(told: TransferCertificate, comparison: Comparison, networks: int, folds: int) -> Protocol:
    """Collect what was fixed: ``networks`` of each source took turns, or ``folds`` of the rows in judging."""
    return Protocol(
        proved=told.proved,
        undecided=told.decision == "undecided",
        looks=", ".join(map(plain, told.looks)),
        placebo=any("placebo" in one.p_values for one in comparison.candidates),
        holdout=told.mode != "fresh",
        folds=folds,
        margin=percent(told.margin),
        seeds=plain(told.seeds),
        test_examples=plain(told.test_examples),
        rival_budget="" if comparison.rival_budget is None else plain(comparison.rival_budget),
        networks=plain(networks) if networks > 1 else "",
    )


def tests(comparison: Comparison) -> Table:
    """List the paired tests of each candidate."""
    rows = []
    for index, candidate in enumerate(comparison.candidates, 1):
        values = [candidate.p_values.get(arm) for arm in ("direct", "direct_same_recipe", "shuffled", "placebo")]
        values += [candidate.p_value, candidate.sign_p_value]
        row = [f"{index}: {candidate.plan.label}", candidate.decision]
        row += [reduction(candidate), *map(probability, values), candidate.reason]
        rows.append(row)
    head = ["candidate", "decision", "error reduced by", "p: direct", "p: same recipe", "p: shuffled", "p: placebo"]
    return Table([*head, "p, all", "sign test", "reason"], rows)


def figures(run: TransferResults) -> Figures:
    """Draw each candidate's arms; its title says what it copies and, with a certificate, whether that is proved."""
    proof = run.result.confirmation
    if proof is None or not proof.arms:
        return {}
    panels = {}
    judged = run.comparisons[0].candidates if run.comparisons else ()
    for index, candidate in enumerate(proof.candidates):
        decision = judged[index].decision if index < len(judged) else ""
        said = {"transfer": ": proved", "direct": ": not better", "undecided": ": undecided"}.get(decision, "")
        keys = {arm: arm if arm == "direct" else f"{index}/{arm}" for arm in ARMS}
        arms = {arm: proof.arms[key] for arm, key in keys.items() if key in proof.arms}
        panels[f"Candidate {index + 1}, {candidate.plan.label}{said}"] = [
            draw.Arm(*ARMS[arm], draw.percents(errors)) for arm, errors in arms.items()
        ]
    label = "error on examples that no search saw (%)"
    beside = {one.label: 100 * one.mean for one in run.result.regressors if one.mean is not None}
    return {"arms": draw.arms(panels, label, beside=beside, sharey=True)} if panels else {}
