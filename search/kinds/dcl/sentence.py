"""The verdict of a DCL run in words."""

from collections.abc import Sequence

from graft.search.run.certificate import Comparison
from graft.search.tasks.distilled.study import DclStudy
from graft.spaces.dcl import Watch

GAUGE = "gauge: minus the mean over uniformly random states"


def sentence(comparisons: Sequence[Comparison], study: DclStudy, plan: Watch) -> str:
    """What was learned from what, how well, and which of the three claims are proved."""
    plain, *symmetric, paper = comparisons
    seeds = len(plain.measured["candidate"].per_seed)
    text = (
        f"Watched at T = {study.temperature:g} only, {study.system} is learned by a {plan.describe()}, and from "
        f"that by an extensive network ({plan.student.describe()}), which errs by {_mean(plain, 'candidate')} over all "
        f"energy levels ({GAUGE}; {seeds} seeds, fresh states). "
    )
    text += f"Its teacher errs by {_mean(plain, 'direct')}: {_verdict(plain)}. "
    for one in symmetric:
        text += f"Both symmetrised, {_mean(one, 'candidate')} against {_mean(one, 'direct')}: {_verdict(one)}. "
    return text + f"The paper's recipe at equal compute errs by {_mean(paper, 'direct')}: {_verdict(paper)}."


def _mean(one: Comparison, arm: str) -> str:
    mean = one.mean(arm)
    return "more than can be told" if mean is None else f"{mean:.3g} J"


def _verdict(one: Comparison) -> str:
    if not one.helped or one.interval is None or one.relative_reduction is None:
        return f"undecided, {one.reason}" if one.decision == "undecided" else one.reason
    low, high = (f"{100 * end:.0f}" for end in one.interval)
    return f"better by {100 * one.relative_reduction:.0f} % ({low} to {high} %, p = {one.p_value:.1g})"
