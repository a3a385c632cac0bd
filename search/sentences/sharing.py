"""A sharing plan and the verdict of a run on several tasks, in words."""

from collections.abc import Mapping, Sequence
from typing import Any

from spaces.sharing import Sharing


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
        text = f"Direct learning: learn {listed(names)} each alone; no sharing is proved to help"
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
        f"Sharing: learn {listed(plan.tasks)} together and {what(plan)}. On {rows:,} newly simulated examples of each "
        f"the mean spectrum error falls against tuned direct learning of {gains} (p at most {worst:.1g}, {seeds} fresh "
        "seeds); neither the recipe nor training together with the others' labels shuffled explains it."
    )
    left = [one for one in comparisons if one["decision"] == "direct"]
    if left:
        text += f" Learn {listed([one['task'] for one in left])} alone ({_failures(left)})."
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


def what(plan: Sharing) -> str:
    """How a plan shares, as in "share layers 1 to 2 of 7 among all, ...": blocks, one-hot, weighing."""
    whole = [i for i, groups in enumerate(plan.groups, 1) if len(groups) == 1]
    last, parts = len(plan.groups), []
    if whole:
        parts.append(f"share {layers(whole)} of {last}{' (the head included)' if last in whole else ''} among all")
    partly: dict[tuple[tuple[str, ...], ...], list[int]] = {}
    for number, groups in enumerate(plan.groups, 1):
        if 1 < len(groups) < len(plan.tasks):
            partly.setdefault(groups, []).append(number)
    for groups, numbers in partly.items():
        together = " and among ".join(listed(group) for group in groups if len(group) > 1)
        parts.append(f"share {layers(numbers)} among {together}")
    text = ", ".join(parts) or "share nothing"
    text += ", the network told its task by a one-hot" if plan.one_hot else ""
    weighed = ":".join(f"{weight:.2g}" for weight in plan.weights)
    return (
        text
        + {
            "equal": "",
            "fixed": f", losses weighed {weighed}",
            "uncertainty": ", losses weighed by learned uncertainties",
            "surgery": f", losses weighed {weighed} and conflicting gradients projected",
        }[plan.weighting]
    )


def layers(numbers: Sequence[int]) -> str:
    """Blocks in words: "layer 2", "layers 1, 2 and 7", "layers 1 to 3 and 7"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    words = [
        word
        for low, high in runs
        for word in ([f"{low} to {high}"] if high > low + 1 else map(str, dict.fromkeys((low, high))))
    ]
    return ("layer " if len(numbers) == 1 else "layers ") + listed(words)


def listed(names: Sequence[str]) -> str:
    """Names as people list them: "a, b and c"."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def _failures(comparisons: Sequence[Mapping[str, Any]]) -> str:
    """Why tasks are learned alone, those of one reason together."""
    reasons: dict[str, list[str]] = {}
    for one in comparisons:
        reasons.setdefault(one["candidates"][0]["reason"], []).append(one["task"])
    if len(reasons) == 1:
        return next(iter(reasons))
    return "; ".join(f"{listed(tasks)}: {reason}" for reason, tasks in reasons.items())
