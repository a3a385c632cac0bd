"""The verdict of transfer: `transfer` only if a candidate beats every arm it must beat.

`direct` if no candidate can do so any more, and `undecided` if the last look leaves it open.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from graft.search.proof.claims import Claim, Compare, Errors, Finding, Rival, demand, paired, summary, tested
from graft.search.proof.confirmation import overall
from graft.search.proof.looks import Look
from graft.search.run import certificate
from graft.search.run.scale import Scale
from graft.search.settings import Proof
from graft.spaces.plan import Plan

ARMS = ("direct", "direct_same_recipe", "shuffled", "placebo")
"""What a candidate must beat: the tuned baseline, direct learning with its own recipe, its shuffled weights, and the
same from source networks that were taught permuted outputs. The last is measured where all others are beaten."""
CONTROLS = ARMS[1:-1]
"""Arms of each candidate that are measured in any case."""


@dataclass(frozen=True)
class Candidate:
    """A plan fixed before confirmation, and its errors with those of its controls, all on the same seeds.

    ``placebos`` says how many placebo networks take turns.
    """

    trial: int
    plan: Plan
    errors: Mapping[str, Errors]
    placebos: int = 0


def verdict(
    direct: Errors,
    candidates: Sequence[Candidate],
    proof: Proof,
    task: str,
    compare: Compare = paired,
    look: Look | None = None,
) -> certificate.Comparison:
    """Compare candidates with direct learning: one entry of the certificate's ``comparisons``.

    The baseline and the same recipe must be beaten by a margin, shuffled weights and placebo by none. Of several
    accepted candidates the one with the highest simultaneous lower bound is chosen.

    Args:
        direct: Errors of the tuned baseline, seed by seed.
        candidates: At most two.
        proof: Level and margin.
        task: Name of the target.
        compare: How an arm is compared with a candidate.
        look: At which this is. None in runs of protocol 2, which look once and know no third verdict.

    Raises:
        RivalDiverged: If any baseline seed has no finite error.
    """
    demand(task, [_baseline(direct, proof)], compare.scale)
    claims = [_claim(i, direct, candidate, proof, task) for i, candidate in enumerate(candidates)]
    found = tested(claims, proof.alpha, compare=compare, look=look)
    judged = [_entry(candidate, one, compare.scale) for candidate, one in zip(candidates, found, strict=True)]
    accepted = [i for i, one in enumerate(found) if one.decision == "transfer"]
    chosen = max(accepted, key=lambda i: (found[i].lower_bound, -i)) if accepted else None
    entry = judged[chosen or 0] if judged else None
    return certificate.Comparison.read(
        {
            "task": task,
            "decision": overall({one.decision for one in found}),
            "plan": None if chosen is None else judged[chosen].plan,
            "chosen": chosen,
            "direct": summary(direct, compare.scale),
            **{name: None for name in (*(CONTROLS if look is None else ARMS[1:]), "candidate")},
            **(entry.arms if entry else {}),
            "relative_reduction": entry.relative_reduction if entry else 0.0,
            "interval": entry.interval if entry else None,
            "p_value": entry.p_value if entry else 1.0,
            "candidates": tuple(judged),
        }
    )


def _baseline(direct: Errors, proof: Proof) -> Rival:
    missed = f"not proved to beat direct learning by more than {proof.margin:.0%}"
    return Rival(direct, proof.margin, missed, "the direct baseline", "direct", needed=True)


def _claim(number: int, direct: Errors, candidate: Candidate, proof: Proof, task: str) -> Claim:
    """What has to be shown of a candidate."""
    same = f"not proved to beat direct learning with its own recipe by more than {proof.margin:.0%}"
    scale = "not proved to beat its own weights shuffled: a luckier scale of initial weights would do as well"
    if not candidate.plan.copied:
        scale = "not proved to beat its own terms with the source's weights shuffled: any source would do as well"
    learned = "not proved to beat sources taught permuted outputs by more than these differ: luck would do as well"
    errors = candidate.errors
    rivals = {
        "direct": _baseline(direct, proof),
        "direct_same_recipe": Rival(
            errors["direct_same_recipe"], proof.margin, same, "direct learning with its recipe",
            f"{number}/direct_same_recipe",
        ),
        "shuffled": Rival(errors["shuffled"], 0.0, scale, "its control with shuffled weights", f"{number}/shuffled"),
    }  # fmt: skip
    if "placebo" in errors:
        rivals["placebo"] = Rival(
            errors["placebo"], 0.0, learned, "its placebo", f"{number}/placebo", networks=candidate.placebos
        )
    return Claim(task, errors["candidate"], rivals, key=f"{number}/candidate")


def _entry(candidate: Candidate, found: Finding, scale: Scale) -> certificate.Candidate:
    """What the certificate tells of a candidate."""
    span = candidate.plan.transferred
    return certificate.Candidate.read(
        {
            "trial": candidate.trial,
            "plan": candidate.plan,
            "span": [span.first, span.last] if span else None,
            **found.told("decision", "reason", "relative_reduction", "interval", "lower_bound"),
            **found.told("p_value", "p_values", "sign_p_value"),
            "arms": {name: summary(errors, scale) for name, errors in candidate.errors.items()},
        }
    )
