"""A sharing plan and the verdict of a run on several tasks, in words."""

from collections.abc import Mapping, Sequence

from graft.search.run.certificate import BehindAlone, Comparison, Kept
from graft.spaces.sharing import Sharing
from graft.spaces.words import join_names


def sentence(
    comparisons: Sequence[Comparison],
    rows: int,
    words: str,
    handed_over: Mapping[str, Kept] | None = None,
    not_confirmed: BehindAlone | None = None,
) -> str:
    """What to learn together and how, how much it helps each task, and on what that was measured.

    Args:
        comparisons: Of the certificate, one for each task.
        rows: Newly simulated examples of each task.
        words: What is measured, as of `graft.models.losses.Metric`.
        handed_over: The network that the folder keeps of each task; None in runs of protocol 1.
        not_confirmed: The best plan, if the search showed it to be clearly behind direct learning in every task.
    """
    kept = "" if handed_over is None else _handed_over(handed_over)
    names, helped = [one.task for one in comparisons], [one for one in comparisons if one.helped]
    plan = helped[0].plan if helped else None
    if plan is None or not isinstance(plan, Sharing):
        open_ = any(one.decision == "undecided" for one in comparisons)
        advice = "Undecided: until more is known, learn" if open_ else "Direct learning: learn"
        text = f"{advice} {join_names(names)} each alone; no sharing is proved to help"
        tried = [one for one in comparisons if one.candidates]
        return f"{text}: {_failures(tried) if tried else _none(not_confirmed)}.".replace("%", " %") + kept
    counts = sorted({len(one.measured["candidate"].per_seed) for one in helped})
    seeds = " to ".join(str(count) for count in dict.fromkeys((counts[0], counts[-1])))
    why = "the recipe alone does not explain it"
    if all(one.shuffled is not None for one in helped):
        why = "neither the recipe nor training together with the others' labels shuffled explains it"
    gains = "; ".join(
        f"{one.task} from {one.mean('direct'):.2%} to {one.mean('candidate'):.2%}, by "
        f"{one.relative_reduction:.0%} ({one.interval[0]:.0%} to {one.interval[1]:.0%})"
        for one in helped
        if one.interval
    )
    worst = max(one.p_value or 0.0 for one in helped)
    text = (
        f"Sharing: learn {join_names(plan.tasks)} together and {plan.describe()}. On {rows:,} newly simulated examples "
        f"of each the {words} falls against tuned direct learning of {gains} (p at most {worst:.1g}, "
        f"{seeds} fresh seeds); {why}."
    )
    left = [one for one in comparisons if not one.helped]
    if left:
        text += f" Learn {join_names([one.task for one in left])} alone ({_failures(left)})."
    return text.replace("%", " %") + kept


def _none(not_confirmed: BehindAlone | None) -> str:
    """Why nothing was confirmed."""
    if not_confirmed is None:
        return "no plan survived the search"
    by = ", ".join(f"{task} by {ratio:.0%}" for task, ratio in not_confirmed.behind.items())
    return f"the best plan found was clearly behind direct learning already in the search ({by})"


def _handed_over(networks: Mapping[str, Kept]) -> str:
    """What the folder's own networks have learned from, and how they err."""
    rows = next(iter(networks.values())).rows
    errors = ", ".join(f"{task} {one.error:.2%}" for task, one in networks.items())
    return f" The networks handed over learned from all {rows:,} unlocked examples; errors: {errors}.".replace(
        "%", " %"
    )


def _failures(comparisons: Sequence[Comparison]) -> str:
    """Why tasks are learned alone, those of one reason together; which of them are open, where not all are."""
    reasons: dict[str, list[str]] = {}
    several = len({one.decision for one in comparisons}) > 1
    for one in comparisons:
        still = "undecided, " if several and one.decision == "undecided" else ""
        reasons.setdefault(still + one.candidates[0].reason, []).append(one.task)
    if len(reasons) == 1:
        return next(iter(reasons))
    return "; ".join(f"{join_names(tasks)}: {reason}" for reason, tasks in reasons.items())
