"""The verdict in words that a physicist understands."""

from collections.abc import Mapping
from typing import Any

from spaces.plan import Plan


def sentence(comparison: Mapping[str, Any], examples: Mapping[str, Any] | None, study: Mapping[str, Any]) -> str:
    """What to do, how much it helps, how sure that is, and on what it was measured.

    Args:
        comparison: From `certificate.verdict`.
        examples: Learning curve of direct learning, if it was measured.
        study: The resolved study.
    """
    test = f"{study['rows']['test']:,} newly simulated examples of {comparison['task']}"
    direct = comparison["direct"]["mean"]
    if comparison["decision"] == "direct":
        return _direct(comparison, direct, test)
    plan = Plan.from_dict(comparison["plan"])
    reduction, (low, high) = comparison["relative_reduction"], comparison["interval"]
    text = (
        f"Transfer: {what(plan)}. On {test} the mean spectrum error falls from {direct:.2%} (tuned direct learning) to "
        f"{comparison['candidate']['mean']:.2%}, that is by {reduction:.0%} (interval {low:.0%} to {high:.0%}, "
        f"p = {comparison['p_value']:.1g}, {len(comparison['direct']['per_seed'])} fresh seeds); "
        "neither the recipe nor the scale of the copied weights alone explains it."
    )
    if examples:
        rows, have = examples["equivalent_rows"], examples["rows"][0]
        if rows is None:
            text += (
                f" Direct learning would need more than {examples['rows'][-1]:,} training examples instead of {have:,}."
            )
        else:
            text += f" Direct learning would need about {round(rows, -1):,.0f} training examples instead of {have:,}."
    return text.replace("%", " %")


def what(plan: Plan) -> str:
    """A plan in words, as in "copy layers 1 to 6 of 7 from film-10, then fine-tune all"."""
    span = plan.transferred
    if span is None:
        return "copy nothing"
    last = len(plan.blocks)
    block = plan.blocks[span.first - 1]
    layers = f"layer {span.first}" if len(span) == 1 else f"layers {span.first} to {span.last}"
    head = ", the head included," if span.last == last else ""
    them = "it" if len(span) == 1 else "them"
    how = f"keep {them} frozen and train the rest" if block.rate == 0 else "then fine-tune the whole network"
    return f"copy {layers} of {last}{head} from the network trained on {block.source}, {how}"


def _direct(comparison: Mapping[str, Any], direct: float, test: str) -> str:
    text = (
        f"Direct learning: do not transfer. Tuned direct learning has a mean spectrum error of {direct:.2%} on {test}"
    )
    if not comparison["candidates"]:
        return (text + "; no plan survived the search.").replace("%", " %")
    best = comparison["candidates"][0]
    text += f"; the best plan found ({what(Plan.from_dict(best['plan']))}) "
    if best["relative_reduction"] is not None:
        low, high = best["interval"]
        text += f"changes it by {-best['relative_reduction']:+.0%} (interval {-high:+.0%} to {-low:+.0%}) and "
    verb = "" if "diverged" in best["reason"] else "is "
    return (text + f"{verb}{best['reason']}.").replace("%", " %").replace("-0 %", "0 %")
