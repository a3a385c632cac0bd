"""One test of claims, whatever a study is of: a candidate beats its rivals on the same seeds, each by a margin.

A claim holds if every one-sided paired test does; its p-value is the largest of them, adjusted over all claims (Holm).
Where errors come in several looks, also over these (`graft.search.proof.looks`), and what is neither proved nor refuted
stays open.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np

from graft.search.proof.looks import Look
from graft.search.proof.statistics import Differences, Paired, Reduction, drawn_p_value, holm, log_ratios
from graft.search.run.certificate import Measured
from graft.search.run.scale import DIFFERENCE, RATIO, Scale

REFUTED = 0.95
"""P-value from which on a claim is given up: the opposite would be proved at a level of 0.05."""
Errors = Sequence[float | None]
"""Errors seed by seed; None where a training diverged."""


class Doubted(NamedTuple):
    """A p-value that allows for what may not have been seen, and what that is, in words."""

    p_value: float
    why: str


class Comparison(Protocol):
    """What measured errors say of a rival and a candidate."""

    def p_value(self, margin: float) -> float:
        """One-sided p-value of the rival erring by no more than ``margin``, a fraction, above the candidate."""

    def sign_p_value(self, margin: float) -> float:
        """The same by the sign test."""

    def reduction(self, alpha: float, family: int = 1) -> Reduction:
        """Relative reduction of the error."""


class RivalDiverged(RuntimeError):
    """A rival without which nothing can be certified gave no finite error on a confirmation seed."""


@dataclass(frozen=True)
class Rival:
    """What a candidate must beat.

    Attributes:
        errors: Seed by seed.
        margin: By how much, as a fraction of the candidate's error.
        missed: What is said if it is not proved to be beaten.
        called: What is said to have diverged if it did.
        key: Where its errors stand in the evidence.
        needed: Whether nothing can be said without it.
        networks: How many source networks take turns over its seeds, if it must be beaten by more than these differ.
    """

    errors: Errors
    margin: float
    missed: str
    called: str
    key: str = ""
    needed: bool = False
    networks: int = 0


@dataclass(frozen=True)
class Claim:
    """A candidate and its rivals, by the names of their arms; the error is said to be reduced against the first."""

    task: str
    candidate: Errors
    rivals: Mapping[str, Rival]
    called: str = "its training"
    key: str = ""


@dataclass(frozen=True)
class Finding:
    """What came of a claim; it holds unless there is a reason why it does not.

    Attributes:
        reason: Why it does not hold; empty if it does.
        relative_reduction: Of the error, against the first rival; None if a training diverged.
        interval: Two-sided, of that, simultaneous over the family.
        lower_bound: One-sided.
        p_value: The largest over the rivals, adjusted over all claims.
        p_values: By rival, as they are.
        sign_p_value: The largest over the rivals, by the sign test.
        open: Whether more seeds might still prove it.
        doubted: As of `Compare`, the largest over the rivals; None where nothing is.
    """

    reason: str
    relative_reduction: float | None
    interval: tuple[float, float] | None
    lower_bound: float
    p_value: float
    p_values: Mapping[str, float]
    sign_p_value: float
    open: bool = False
    doubted: Doubted | None = None

    @property
    def decision(self) -> str:
        """``transfer`` if the claim holds, ``undecided`` if it is open, else ``direct``."""
        return ("undecided" if self.open else "direct") if self.reason else "transfer"

    def told(self, *names: str) -> dict[str, object]:
        """The named entries as plain values, the decision among them."""
        held = asdict(self) | {"decision": self.decision, "p_values": dict(self.p_values)}
        return {name: list(held[name]) if isinstance(held[name], tuple) else held[name] for name in names}


@dataclass(frozen=True)
class Compare:
    """How a rival is compared with a candidate.

    Attributes:
        scale: Tells which errors can be.
        of: From both to what their errors say.
        doubted: What a proof has to outweigh beyond that: the p-value if it does not count as seen, and why; None:
            nothing.
    """

    scale: Scale
    of: Callable[[Rival, Claim], Comparison]
    doubted: Callable[[Rival, Claim], Doubted] | None = None


def _ratios(rival: Rival, claim: Claim) -> Comparison:
    return Paired(log_ratios(rival.errors, claim.candidate))  # type: ignore[arg-type]


def _differences(rival: Rival, claim: Claim) -> Comparison:
    return Differences(*(np.asarray(errors, np.float64) for errors in (rival.errors, claim.candidate)))


paired = Compare(RATIO, _ratios)
"""Seed by seed, where each seed has thousands of examples to be judged by."""
SEED_BY_SEED = {"ratio": paired, "difference": Compare(DIFFERENCE, _differences)}
"""The same on every scale."""


def by_network(compare: Compare, networks: int) -> Compare:
    """Compare by the means over the seeds of each source network, where so many take turns over the seeds.

    Seeds and networks are both drawn from many. With d = mu + b_network + e_seed and equally many seeds of every
    network, the means by network are independent draws of one normal law whose variance holds both components, so the
    paired t-test over networks is exact (one-way random effects, Searle, Casella and McCulloch 1992, ch. 3): it speaks
    of any network of the source, where a test over seeds speaks of those at hand.

    Args:
        compare: How arms are compared otherwise.
        networks: How many take turns; 1 or fewer: as otherwise.
    """
    if networks <= 1:
        return compare

    def means(errors: Errors) -> list[float]:
        return [compare.scale.mean([float(error or 0.0) for error in errors[k::networks]]) for k in range(networks)]

    def of(rival: Rival, claim: Claim) -> Comparison:
        return compare.of(replace(rival, errors=means(rival.errors)), replace(claim, candidate=means(claim.candidate)))

    return Compare(compare.scale, of)


def tested(
    claims: Sequence[Claim],
    alpha: float,
    family: int | None = None,
    compare: Compare = paired,
    look: Look | None = None,
    given_up: int = 0,
) -> list[Finding]:
    """What comes of each claim.

    Args:
        claims: Fixed before any of their errors were measured.
        alpha: Level, for all claims together.
        family: Over how many claims the intervals hold together; over all if None.
        compare: How a rival is compared with a candidate.
        look: The look at which this is, where there are several; None: nothing comes after.
        given_up: Further claims of the family, which were given up at an earlier look.

    Raises:
        RivalDiverged: If a needed rival has no finite error on a seed.
    """
    family = family or max(1, len(claims))
    wide, limit = (alpha, alpha) if look is None else (look.wide(alpha, family), look.limit)
    found = [_tested(claim, wide, family, compare) for claim in claims]
    adjust, lost = holm if look is None else look.adjusted, [1.0] * given_up
    adjusted = adjust([*(one.p_value for one in found), *lost])
    doubted = adjust([*(one.doubted.p_value if one.doubted else one.p_value for one in found), *lost])
    return [
        replace(
            one,
            p_value=p,
            reason=one.reason or _missed(claim, one.p_values, p, limit) or _doubted(one, sure, limit),
            open=look is not None and not one.reason and max(one.p_values.values()) < REFUTED,
        )
        for claim, one, p, sure in zip(claims, found, adjusted, doubted, strict=False)
    ]


def _tested(claim: Claim, alpha: float, family: int, compare: Compare) -> Finding:
    """One claim by itself."""
    ones = dict.fromkeys(claim.rivals, 1.0)
    nothing = Finding("", None, None, -math.inf, 1.0, ones, 1.0)
    unusable = compare.scale.unusable
    if problem := unusable(claim.candidate):  # nothing is proved of it, whatever its rivals do
        return replace(nothing, reason=f"{claim.called} {problem} on a confirmation seed")
    demand(claim.task, [rival for rival in claim.rivals.values() if rival.needed], compare.scale)
    for rival in claim.rivals.values():
        if problem := unusable(rival.errors):
            return replace(nothing, reason=f"{rival.called} {problem} on a confirmation seed")
    comparisons = {name: compare.of(rival, claim) for name, rival in claim.rivals.items()}
    p_values = {name: one.p_value(claim.rivals[name].margin) for name, one in comparisons.items()}
    for name, rival in claim.rivals.items():
        if rival.networks:
            theirs, ours = (compare.scale.of(np.asarray(e, np.float64)) for e in (rival.errors, claim.candidate))
            p_values[name] = max(p_values[name], drawn_p_value(theirs - ours, rival.networks))
    estimate = next(iter(comparisons.values())).reduction(alpha, family)
    signs = [one.sign_p_value(claim.rivals[name].margin) for name, one in comparisons.items()]
    largest = max(p_values.values())
    doubted = None
    if compare.doubted is not None:
        doubted = max(compare.doubted(rival, claim) for rival in claim.rivals.values())
        doubted = doubted._replace(p_value=max(largest, doubted.p_value))
    found = Finding("", estimate.value, estimate.interval, estimate.lower, largest, p_values, max(signs))
    return replace(found, doubted=doubted)


def demand(task: str, rivals: Sequence[Rival], scale: Scale = RATIO) -> None:
    """Refuse to go on without errors that can be compared.

    Raises:
        RivalDiverged: Naming the first rival that has none on a seed.
    """
    for rival in rivals:
        if problem := scale.unusable(rival.errors):
            raise RivalDiverged(
                f"{task}: {rival.called} {problem} on a confirmation seed; its errors: {list(rival.errors)}"
            )


def summary(errors: Errors, scale: Scale = RATIO) -> Measured:
    """Mean (None if it cannot be compared) and every seed."""
    mean = None if scale.unusable(errors) else sum(errors) / len(errors)  # type: ignore[arg-type]
    return Measured(mean=mean, per_seed=tuple(errors))


def _missed(claim: Claim, p_values: Mapping[str, float], adjusted: float, limit: float) -> str:
    """Which rival was not beaten, in words; '' if all were."""
    if adjusted <= limit:
        return ""
    return claim.rivals[max(claim.rivals, key=lambda name: p_values[name])].missed


def _doubted(found: Finding, adjusted: float, limit: float) -> str:
    """Why a proof does not count, in words; '' if it does."""
    return "" if found.doubted is None or adjusted <= limit else found.doubted.why
