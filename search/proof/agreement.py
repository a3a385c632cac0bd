"""What a cheap prior said beforehand against what was measured afterwards."""

from collections.abc import Mapping
from typing import Any

from scipy import stats

PRIORS = {
    "linear probe": "error of ridge regression from the block's outputs, left-one-out",
    "LogME": "evidence of Bayesian linear regression from the block's outputs (You et al. 2021)",
    "gradient to weight": "how little the data want the copied blocks to change",
}


def agreement(scores: Mapping[str, float], measured: Mapping[str, float]) -> dict[str, Any] | None:
    """How a prior's order of spans compares with the measured one.

    Args:
        scores: By span, larger is better.
        measured: Errors by span.

    Returns:
        ``tau`` (Kendall's, 1: the same order), the number of ``spans`` that both have, the span that each likes best,
        and ``regret``, how far the error of the prior's favourite lies above the best; None for fewer than 3 spans.
    """
    both = [span for span in scores if span in measured]
    if len(both) < 3:
        return None
    tau = stats.kendalltau([scores[span] for span in both], [-measured[span] for span in both]).statistic
    favourite, best = max(both, key=lambda span: scores[span]), min(both, key=lambda span: measured[span])
    return {
        "tau": float(tau),
        "spans": len(both),
        "favourite": favourite,
        "best": best,
        "regret": measured[favourite] / measured[best] - 1,
    }
