"""Numbers, plans and ranges as a reader wants them: short pieces of HTML, escaped."""

import html
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from search.records.leaderboard import copied, span
from search.sentences.transfer import layers, taught

SETTINGS = {
    "rate": "learning rate",
    "decay": "weight decay",
    "batch": "batch",
    "epochs": "epochs",
    "activation": "activation",
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
    "source_rows": "examples that the source learned from",
    "source_epochs": "epochs of the source",
}


def plain(value: Any) -> str:
    """Any value, escaped: numbers to three digits, nothing as a dash."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "–"
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return html.escape(str(value))


def short(number: float, digits: int = 2) -> str:
    """A number with so many digits that count, and never fewer than two behind the point from 1 on."""
    return f"{number:.2f}" if abs(number) >= 1 else f"{number:.{digits}g}"


def percent(fraction: float | None, digits: int = 0, *, sign: bool = False) -> str:
    """A fraction in per cent, with a true minus."""
    if fraction is None or not math.isfinite(fraction):
        return "–"
    text = f"{100 * fraction:{'+' if sign else ''}.{digits}f} %"
    return text.replace("-", "−").replace(" ", "&nbsp;")


def between(interval: Sequence[float] | None) -> str:
    """An interval of fractions, in per cent."""
    low, high = interval or (None, None)
    return "–" if low is None or high is None else f"{percent(low).removesuffix('&nbsp;%')} to {percent(high)}"


def probability(p: float | None) -> str:
    """A p-value."""
    if p is None or not math.isfinite(p):
        return "–"
    if p >= 0.001:
        return f"{p:.3f}"
    if p < 1e-99:
        return "&lt; 10<sup>−99</sup>"
    digits, power = f"{p:.1e}".split("e")
    return f"{digits}&nbsp;×&nbsp;10<sup>−{-int(power)}</sup>"


def duration(seconds: float | None) -> str:
    """A time in its two largest units."""
    if seconds is None:
        return "–"
    if seconds < 100:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def searched(allowed: Any) -> str:
    """A range of the search, whichever way the study wrote it."""
    if isinstance(allowed, Mapping) and {"low", "high"} <= allowed.keys():
        return f"{plain(allowed['low'])} to {plain(allowed['high'])}"
    if isinstance(allowed, Mapping):
        return ", ".join(f"{plain(key)} {searched(value)}" for key, value in allowed.items())
    if isinstance(allowed, Sequence) and not isinstance(allowed, str):
        numbers = len(allowed) == 2 and all(isinstance(value, int | float) for value in allowed)
        return (" to " if numbers else ", ").join(map(plain, allowed))
    return plain(allowed)


def blocks(plan: Mapping[str, Any]) -> str:
    """Which blocks a plan copies: ``span (1, 7)``, or a list where they are not one span."""
    found, one = copied(plan), span(plan)
    if one:
        return f"span ({one[0]}, {one[1]})"
    return "direct" if not found else "blocks " + ", ".join(map(str, found))


def knowledge(plan: Mapping[str, Any]) -> str:
    """What a plan moves, in one sentence."""
    found = copied(plan)
    if not found:
        return "Direct learning: nothing is copied."
    every = plan["blocks"]
    block = next((every[i - 1] for i in found if every[i - 1].get("rate")), every[found[0] - 1])
    fresh = [other for other in every if not other.get("source")]
    sources = " and ".join(html.escape(taught(name)) for name in dict.fromkeys(every[i - 1]["source"] for i in found))
    head = "the head included" if len(every) in found else "the head left fresh"
    text = f"Copy {layers(found).replace('layer', 'block')} of {len(every)} from {sources} ({head}); "
    rates = {rate: [i for i in found if every[i - 1].get("rate", 1.0) == rate] for rate in _rates(every, found)}
    ways = ["stay frozen" if rate == 0 else f"train at {plain(float(rate))} times the rate" for rate in rates]
    if len(rates) == 1:
        text += f"copied blocks {ways[0]}"
    else:
        named = (layers(numbers).replace("layer", "block") for numbers in rates.values())
        text += " and ".join(f"{who} {way}" for who, way in zip(named, ways, strict=True))
    text += f", weights scaled by {plain(float(block['scale']))}" if block.get("scale", 1.0) != 1 else ""
    text += f", pulled to the source with strength {plain(float(block['pull']))}" if block.get("pull") else ""
    if fresh and fresh[0].get("rate", 1.0) != 1:
        text += f"; fresh blocks train at {plain(float(fresh[0]['rate']))} times the rate"
    return text + "."


def _rates(every: Sequence[Mapping[str, Any]], found: Sequence[int]) -> list[float]:
    """The rates of the copied blocks, each once, in order."""
    return list(dict.fromkeys(every[i - 1].get("rate", 1.0) for i in found))


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: bool = True) -> str:
    """An HTML table of cells already escaped; the first column names the row."""
    columns = "".join(f'<th scope="col">{cell}</th>' for cell in head)
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>' + "".join(f"<td>{cell}</td>" for cell in row[1:]) + "</tr>" for row in rows
    )
    kind = ' class="numbers"' if numbers else ""
    return f'<div class="wide"><table{kind}><thead><tr>{columns}</tr></thead><tbody>{body}</tbody></table></div>'
