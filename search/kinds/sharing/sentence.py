"""A sharing plan and the verdict of a run on several tasks, in words."""

from collections.abc import Mapping, Sequence
from typing import Any

from graft.spaces.sharing import Sharing
from graft.spaces.words import join_names


def sentence(
    comparisons: Sequence[Mapping[str, Any]],
    study: Mapping[str, Any],
    handed_over: Mapping[str, Mapping[str, Any]] | None = None,
    not_confirmed: Mapping[str, Any] | None = None,
) -> str:
    """What to learn together and how, how much it helps each task, and on what that was measured.

    Args:
        comparisons: Of the certificate, one for each task.
        study: The resolved study.
        handed_over: The network that the folder keeps of each task; None in runs of protocol 1.
        not_confirmed: The best plan, if the search showed it to be clearly behind direct learning in every task.
    """
    kept = "" if handed_over is None else _handed_over(handed_over)
    rows, names = study["rows"]["test"], [one["task"] for one in comparisons]
    helped = [one for one in comparisons if one["decision"] == "transfer"]
    if not helped:
        text = f"Direct learning: learn {join_names(names)} each alone; no sharing is proved to help"
        tried = [one for one in comparisons if one["candidates"]]
        return f"{text}: {_failures(tried) if tried else _none(not_confirmed)}.".replace("%", " %") + kept
    plan = Sharing.from_dict(helped[0]["plan"])
    seeds = len(helped[0]["candidate"]["per_seed"])
    gains = "; ".join(
        f"{one['task']} from {one['direct']['mean']:.2%} to {one['candidate']['mean']:.2%}, by "
        f"{one['relative_reduction']:.0%} ({one['interval'][0]:.0%} to {one['interval'][1]:.0%})"
        for one in helped
    )
    worst = max(one["p_value"] for one in helped)
    text = (
        f"Sharing: learn {join_names(plan.tasks)} together and {plan.describe()}. On {rows:,} newly simulated examples "
        f"of each the mean spectrum error falls against tuned direct learning of {gains} (p at most {worst:.1g}, "
        f"{seeds} fresh seeds); neither the recipe nor training together with the others' labels shuffled explains it."
    )
    left = [one for one in comparisons if one["decision"] == "direct"]
    if left:
        text += f" Learn {join_names([one['task'] for one in left])} alone ({_failures(left)})."
    return text.replace("%", " %") + kept


def _none(not_confirmed: Mapping[str, Any] | None) -> str:
    """Why nothing was confirmed."""
    if not_confirmed is None:
        return "no plan survived the search"
    by = ", ".join(f"{task} by {ratio:.0%}" for task, ratio in not_confirmed["behind"].items())
    return f"the best plan found was clearly behind direct learning already in the search ({by})"


def _handed_over(networks: Mapping[str, Mapping[str, Any]]) -> str:
    """What the folder's own networks have learned from, and how they err."""
    rows = next(iter(networks.values()))["rows"]
    errors = ", ".join(f"{task} {one['error']:.2%}" for task, one in networks.items())
    return f" The networks handed over learned from all {rows:,} unlocked examples; errors: {errors}.".replace(
        "%", " %"
    )


def _failures(comparisons: Sequence[Mapping[str, Any]]) -> str:
    """Why tasks are learned alone, those of one reason together."""
    reasons: dict[str, list[str]] = {}
    for one in comparisons:
        reasons.setdefault(one["candidates"][0]["reason"], []).append(one["task"])
    if len(reasons) == 1:
        return next(iter(reasons))
    return "; ".join(f"{join_names(tasks)}: {reason}" for reason, tasks in reasons.items())
