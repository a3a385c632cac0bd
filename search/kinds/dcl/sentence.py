"""The verdict of a DCL run in words."""

from collections.abc import Mapping, Sequence
from typing import Any

from graft.spaces.dcl import Watch

GAUGE = "gauge: minus the mean over uniformly random states"


def sentence(comparisons: Sequence[Mapping[str, Any]], study: Mapping[str, Any], plan: Watch) -> str:
    """What was learned from what, how well, and which of the three claims are proved."""
    plain, *symmetric, paper = comparisons
    seeds = len(plain["candidate"]["per_seed"])
    text = (
        f"Watched at T = {study['temperature']:g} only, {study['system']} is learned by a {plan.describe()}, and from "
        f"that by an extensive network ({plan.student.describe()}), which errs by {_mean(plain['candidate'])} over all "
        f"energy levels ({GAUGE}; {seeds} seeds, fresh states). "
    )
    text += f"Its teacher errs by {_mean(plain['direct'])}: {_verdict(plain)}. "
    for one in symmetric:
        text += f"Both symmetrised, {_mean(one['candidate'])} against {_mean(one['direct'])}: {_verdict(one)}. "
    return text + f"The paper's recipe at equal compute errs by {_mean(paper['direct'])}: {_verdict(paper)}."


def _mean(arm: Mapping[str, Any]) -> str:
    return "more than can be told" if arm["mean"] is None else f"{arm['mean']:.3g} J"


def _verdict(one: Mapping[str, Any]) -> str:
    if one["decision"] == "transfer":
        low, high = (f"{100 * end:.0f}" for end in one["interval"])
        return f"better by {100 * one['relative_reduction']:.0f} % ({low} to {high} %, p = {one['p_value']:.1g})"
    return str(one["reason"])
