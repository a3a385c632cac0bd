"""The verdict in words that a physicist understands."""

import math
from collections.abc import Sequence

from graft.search.kinds.transfer.regressors import better
from graft.search.kinds.transfer.study import Study
from graft.search.proof.statistics import MOST
from graft.search.run.certificate import Comparison, Curve, Kept, Reference
from graft.search.run.trials import AnyPlan
from graft.search.tasks.judged import said_of
from graft.spaces.plan import Plan
from graft.spaces.words import describe_source


def sentence(
    comparison: Comparison,
    examples: Curve | None,
    study: Study,
    tried: int,
    handed_over: Kept | None = None,
    networks: int = 0,
    references: Sequence[Reference] = (),
) -> str:
    """What to do, how much it helps, how sure that is, and on what it was measured.

    Args:
        comparison: From `verdict`, with what `graft.search.kinds.transfer.conclusion.certificate` adds.
        examples: Learning curve of direct learning, if it was measured.
        study: The study.
        tried: Plans of transfer that the search trained at all.
        handed_over: The network that the folder keeps; None in runs of protocol 1, which trained it on fewer rows.
        networks: Of each source, how many took turns in the confirmation; 0 where that is not recorded.
        references: Regressors that need no network.
    """
    told = _of_networks(comparison, examples, study, tried, handed_over, networks)
    errors = [mean for arm in ("direct", "candidate") if (mean := comparison.mean(arm)) is not None]
    best = better(references, errors, study.proof.margin)
    told += said_of(study.learned, study.target).reservation
    if best is None or best.mean is None:
        return told
    return f"Neither network: on the same rows {best.words} errs by {best.mean:.2%}".replace("%", " %") + f". {told}"


def _of_networks(
    comparison: Comparison, examples: Curve | None, study: Study, tried: int, handed_over: Kept | None, networks: int
) -> str:
    """The verdict on the networks."""
    holdout = study.mode == "holdout"
    judged_on = said_of(study.learned, comparison.task).judged_on
    locked = f"{study.rows.pool - study.unlocked:,} locked examples of"
    test = f"{locked if holdout else f'{study.rows.test:,} {judged_on}'} {describe_source(comparison.task)}"
    metric = study.learned.metric
    measured = metric.words
    if metric.name == "relative-l1" and study.table(comparison.task) is not None:
        measured = "mean relative error"
    kept = "" if handed_over is None else _handed_over(handed_over, study)
    if not (comparison.helped and comparison.plan and comparison.interval):
        return _direct(comparison, test, measured, tried) + kept
    taken = isinstance(comparison.plan, Plan) and comparison.plan.copied
    control = "the scale of the copied weights" if taken else "a source with shuffled weights"
    text = (
        f"Transfer: {comparison.plan.describe()}. On {test} the {measured} falls from {comparison.mean('direct'):.2%} "
        f"({_tuned(comparison)}) to {comparison.mean('candidate'):.2%}, that is by "
        f"{comparison.relative_reduction:.0%} ({_interval(*comparison.interval)}, "
        f"{'approximate ' * holdout}p = {comparison.p_value:.1g}, {len(comparison.measured['direct'].per_seed)} "
        f"{'refits' if holdout else 'fresh seeds'}); "
        f"neither the recipe nor {control} alone explains it."
    )
    if (needed := comparison.needs_knowledge) is not None:
        text += f" With sources taught permuted outputs instead it is {comparison.mean('placebo'):.2%}: "
        text += f"{'all' if needed >= 0.995 else f'{needed:.0%}'} of the gain is what the source knows."
    elif study.proof.placebos:
        text += " Its source came trained, so no placebo could be taught."
    text += _said_of(networks, comparison.plan)
    if examples:
        rows, have = examples.equivalent_rows, examples.rows[0]
        need = f"more than {examples.rows[-1]:,}" if rows is None else f"about {round(rows, -1):,.0f}"
        text += f" Direct learning would need {need} training examples instead of {have:,}"
        if times := comparison.times_trainings:
            about = "more than" if times >= MOST else "about"
            text += f", or {about} {round(times, 1 if times < 10 else None):g} times the trainings of its search"
        text += "."
    return text.replace("%", " %") + kept


def _said_of(networks: int, plan: AnyPlan) -> str:
    """Whether this network is spoken of, or any of its source."""
    if networks > 1:
        return f" It holds for any network taught so: {networks} that no search has seen took turns."
    one = not isinstance(plan, Plan) or len(plan.sources) == 1
    return f" This is said of {'that source network' if one else 'those source networks'} alone." if networks else ""


def _interval(low: float, high: float) -> str:
    """Between which ends a reduction lies; the lower one is missing where the rival hardly erred."""
    return f"interval {low:.0%} to {high:.0%}" if math.isfinite(low) else f"interval up to {high:.0%}"


def _tuned(comparison: Comparison) -> str:
    """The rival, with what its search has cost where that is known."""
    budget = comparison.rival_budget
    return "tuned direct learning" if budget is None else f"direct learning tuned with {budget} trainings"


def _handed_over(network: Kept, study: Study) -> str:
    """What the folder's own network has learned from, and how it errs."""
    how = {"direct_same_recipe": " directly, with the recipe of a plan that was confirmed,", "direct": " directly"}
    text = f" The network handed over learned{how.get(network.arm, '')} from all {network.rows:,} "
    if study.mode == "holdout" and network.rows == study.rows.pool:
        text += f"examples of the pool; fits that learned from four fifths of them err by {network.error:.2%} there."
    else:
        text += f"unlocked examples and errs by {network.error:.2%} there."
    return text.replace("%", " %")


def _direct(comparison: Comparison, test: str, measured: str, tried: int) -> str:
    tuned, undecided = _tuned(comparison), comparison.decision == "undecided"
    advice = "Undecided: until more is known, learn directly." if undecided else "Direct learning: do not transfer."
    article = "an" if measured[0] in "aeiou" else "a"
    text = (
        f"{advice} {tuned[0].upper()}{tuned[1:]} has {article} {measured} of {comparison.mean('direct'):.2%} on {test}"
    )
    behind = [one for one in comparison.not_confirmed if one.behind == "direct learning"]
    if not comparison.candidates and behind:
        plan, by = behind[0].plan.describe(), behind[0].by
        why = f"the best plan found ({plan}) was behind direct learning already in the search, by {by:.0%}"
        return f"{text}; {why}.".replace("%", " %")
    if not comparison.candidates:
        why = f"none of the {tried} plans of transfer that were tried came near it"
        if not tried:
            why = "the search was cut too short to try a plan of transfer, so whether one would help is not known"
        return f"{text}; {why}.".replace("%", " %")
    best = comparison.candidates[0]
    text += f"; the best plan found ({best.plan.describe()}) "
    if best.interval is not None and math.isfinite(best.relative_reduction or 0.0):
        low, high = best.interval
        ends = f"{-high:+.0%} to {-low:+.0%}" if math.isfinite(low) else f"{-high:+.0%} or more"
        text += f"changes it by {-(best.relative_reduction or 0.0):+.0%} (interval {ends}) and "
    verb = "" if "diverged" in best.reason else "is "
    text += f"{verb}{best.reason}."
    if undecided and comparison.would_decide:
        text += f" About {comparison.would_decide} seeds would decide, if it goes on so."
    return text.replace("%", " %").replace("-0 %", "0 %")
