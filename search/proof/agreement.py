"""What a cheap prior said beforehand against what was measured afterwards."""

from collections.abc import Mapping
from dataclasses import dataclass

from scipy import stats

PRIORS = {
    "linear probe": "error of ridge regression from the block's outputs, left-one-out",
    "LogME": "evidence of Bayesian linear regression from the block's outputs (You et al. 2021)",
    "gradient to weight": "how little the data want the copied blocks to change",
}


@dataclass(frozen=True)
class Agreement:
    """How a prior's order of spans compares with the measured one.

    Attributes:
        tau: Kendall's; 1: the same order.
        spans: That both have.
        favourite: Which the prior likes best.
        best: Which was measured best.
        regret: How far the error of the favourite lies above the best.
    """

    tau: float
    spans: int
    favourite: str
    best: str
    regret: float


def agreement(scores: Mapping[str, float], measured: Mapping[str, float]) -> Agreement | None:
    """How a prior's order of spans compares with the measured one.

    Args:
        scores: By span, larger is better.
        measured: Errors by span.

    Returns:
        None for fewer than 3 spans.
    """
    both = [span for span in scores if span in measured]
    if len(both) < 3:
        return None
    tau = stats.kendalltau([scores[span] for span in both], [-measured[span] for span in both]).statistic
    favourite, best = max(both, key=lambda span: scores[span]), min(both, key=lambda span: measured[span])
    return Agreement(float(tau), len(both), favourite, best, measured[favourite] / measured[best] - 1)
