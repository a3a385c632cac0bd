"""Numbers and ranges as a reader wants them, as plain text."""

import math
from collections.abc import Mapping, Sequence

from graft.search.run.certificate import Candidate, Comparison

SETTINGS = {
    "rate": "learning rate",
    "decay": "weight decay",
    "batch": "batch",
    "epochs": "epochs",
    "activation": "activation",
    "linear": "linear part",
    "initial_scale": "initial scale",
    "loss": "loss",
    "optimiser": "optimiser",
    "schedule": "schedule",
    "warmup": "warm-up steps",
    "copied_rate": "rate of copied blocks (factor)",
    "fresh_rate": "rate of fresh blocks (factor)",
    "scale": "scale of copied weights",
    "copied_scale": "scale of copied weights",
    "pull": "pull to the source",
    "prior": "how the pull is shared among weights",
    "thaw": "unfreezing of the first layer (share of the steps)",
    "source_rows": "examples that the source learned from",
    "source_epochs": "epochs of the source",
}
RECORDS = {
    "baseline": "search: direct learning",
    "plans": "search: plans",
    "reference": "direct learning on the plans’ seeds",
    "regressors": "reference regressors",
}
NOTHING = "–"
SPACE = "\u00a0"
"""Keeps a number and its unit on one line."""
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def plain(value: object) -> str:
    """Write any value: numbers with three digits, nothing as a dash."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return NOTHING
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value)


def short(number: float, digits: int = 2) -> str:
    """Write a number with so many digits that count, and never fewer than two behind the point from 1 on."""
    return f"{number:.2f}" if abs(number) >= 1 else f"{number:.{digits}g}"


def percent(fraction: float | None, digits: int = 0, *, sign: bool = False) -> str:
    """Write a fraction in per cent, with a true minus."""
    if fraction is None or not math.isfinite(fraction):
        return NOTHING
    return f"{100 * fraction:{'+' if sign else ''}.{digits}f}{SPACE}%".replace("-", "−")


def between(interval: Sequence[float] | None) -> str:
    """Write an interval of fractions in per cent."""
    low, high = interval or (None, None)
    return NOTHING if low is None or high is None else f"{percent(low).removesuffix(f'{SPACE}%')} to {percent(high)}"


def reduction(found: Comparison | Candidate) -> str:
    """Write by how much an error is reduced, with its interval."""
    return f"{percent(found.relative_reduction)} ({between(found.interval)})"


def probability(p: float | None) -> str:
    """Write a p-value."""
    if p is None or not math.isfinite(p):
        return NOTHING
    if p >= 0.001:
        return f"{p:.3f}"
    if p < 1e-99:
        return f"< 10{'-99'.translate(RAISED)}"
    digits, power = f"{p:.1e}".split("e")
    return f"{digits} × 10{str(int(power)).translate(RAISED)}".replace(" ", SPACE)


def duration(seconds: float | None) -> str:
    """Write a time in its two largest units."""
    if seconds is None:
        return NOTHING
    if seconds < 100:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def recorded_under(name: str) -> str:
    """Say what a run recorded under a name: a search, or trainings of a phase."""
    if task := name.removeprefix("baseline-").removeprefix(name):
        return f"search: {task} alone"
    return RECORDS.get(name, name.replace("-", " "))


def signed(text: str) -> str:
    """Write numbers with a true minus."""
    return text.replace("-", "−")


def searched(allowed: object) -> str:
    """Write a range of the search, whichever way the study has it."""
    if isinstance(allowed, Mapping) and {"low", "high"} <= allowed.keys():
        return f"{plain(allowed['low'])} to {plain(allowed['high'])}"
    if isinstance(allowed, Mapping):
        return ", ".join(f"{plain(key)} {searched(value)}" for key, value in allowed.items())
    if isinstance(allowed, Sequence) and not isinstance(allowed, str):
        numbers = len(allowed) == 2 and all(isinstance(value, int | float) for value in allowed)
        return (" to " if numbers else ", ").join(map(plain, allowed))
    return plain(allowed)
