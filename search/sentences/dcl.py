"""A pipeline and the verdict of a DCL run, in words."""

from collections.abc import Mapping, Sequence
from typing import Any

from spaces.dcl import Watch

GAUGE = "gauge: minus the mean over uniformly random states"
WORDS = {"linear": "linear-logistic model", "made": "MADE", "gru": "GRU", "transformer": "transformer"}


def watcher(plan: Watch) -> str:
    """A sequence model in words: "GRU (1 x 48, snake, with linear term), augmented"."""
    size = [] if plan.kind == "linear" else [f"{plan.depth} x {plan.width}"]
    words = "from a linear-logistic start" if plan.warm else "with linear term"
    term = [words] if plan.linear_term and plan.kind != "linear" else []
    mse = ["squared error"] if plan.loss == "mse" else []
    return f"{WORDS[plan.kind]} ({', '.join([*size, plan.order, *term, *mse])})" + ", augmented" * plan.augmented


def student(plan: Watch) -> str:
    """A student in words: "f = 2, c = 1, 32-64, 3 active rounds"."""
    one = plan.student
    return f"f = {one.focus}, c = {one.context}, {'-'.join(map(str, one.widths))}, {one.rounds} active rounds"


def sentence(comparisons: Sequence[Mapping[str, Any]], study: Mapping[str, Any], plan: Watch) -> str:
    """What was learned from what, how well, and which of the three claims are proved."""
    plain, *symmetric, paper = comparisons
    seeds = len(plain["candidate"]["per_seed"])
    text = (
        f"Watched at T = {study['temperature']:g} only, {study['system']} is learned by a {watcher(plan)}, and from "
        f"that by an extensive network ({student(plan)}), which errs by {_mean(plain['candidate'])} over all energy "
        f"levels ({GAUGE}; {seeds} seeds, fresh states). "
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
