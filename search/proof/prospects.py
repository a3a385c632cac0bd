"""What a user has to decide by, beside the test: one training against one, the best of several, in units of the output.

All follow from errors that the confirmation measured; nothing is drawn at random.
"""

import math
from collections.abc import Sequence

import numpy as np

from graft.search.run.certificate import BestOf, InUnits

NETWORKS = (1, 2, 4, 8)
"""How many somebody may train to keep the best."""


def outperforms(direct: Sequence[float], candidate: Sequence[float]) -> float:
    """Probability that one training of the candidate errs less than one of direct learning, whatever their seeds.

    The share of all pairs of measured trainings, ties counted half (Mann and Whitney 1947, Annals of Mathematical
    Statistics 18, 50): who trains once has one seed for one of them, not the same for both.
    """
    theirs, ours = np.asarray(direct, np.float64)[:, None], np.asarray(candidate, np.float64)[None]
    return float(((ours < theirs) + 0.5 * (ours == theirs)).mean())


def best_of(networks: int, validation: Sequence[float], errors: Sequence[float]) -> float:
    """Expected error of the one that validates best among ``networks`` drawn from measured trainings, none twice.

    Of n trainings in the order of their validation errors, number r (from 0) is the best of k drawn ones with
    probability C(n - 1 - r, k - 1) / C(n, k): it is drawn, and the others come from behind it.

    Args:
        networks: k, at most as many as were measured.
        validation: What chooses.
        errors: What then counts, of the same trainings.
    """
    count = len(errors)
    ordered = [errors[i] for i in sorted(range(count), key=lambda i: (validation[i], i))]
    return math.fsum(
        error * math.comb(count - 1 - rank, networks - 1) / math.comb(count, networks)
        for rank, error in enumerate(ordered)
    )


def best_of_each(
    direct: tuple[Sequence[float], Sequence[float]], candidate: tuple[Sequence[float], Sequence[float]]
) -> tuple[BestOf, ...]:
    """The gain for who trains `NETWORKS` of each and keeps the best, as far as twice as many were measured.

    With fewer there are hardly any subsets to average over.

    Args:
        direct: Validation errors and errors of its trainings.
        candidate: Those of the candidate.
    """
    found = []
    for networks in NETWORKS:
        if networks > max(1, min(len(direct[1]), len(candidate[1])) // 2):
            break
        theirs, ours = (best_of(networks, *arm) for arm in (direct, candidate))
        reduction = 1 - ours / theirs if theirs else None
        found.append(BestOf(networks=networks, direct=theirs, candidate=ours, relative_reduction=reduction))
    return tuple(found)


def in_units(
    outputs: Sequence[tuple[str, str]], direct: Sequence[Sequence[float]], candidate: Sequence[Sequence[float]]
) -> tuple[InUnits, ...]:
    """Mean absolute errors of each output in its own unit.

    Args:
        outputs: Names and units.
        direct: Of each training, an error for each output.
        candidate: The same.
    """
    means = (np.asarray(arm, np.float64).mean(0).tolist() for arm in (direct, candidate))
    return tuple(
        InUnits(output=name, unit=unit, direct=theirs, candidate=ours, gain=theirs - ours)
        for (name, unit), theirs, ours in zip(outputs, *means, strict=True)
    )
