"""From what was measured in a DCL run to its result and certificate."""

from collections.abc import Sequence

from graft.search.kinds.dcl.sentence import sentence
from graft.search.proof.confirmation import overall
from graft.search.run.certificate import Certificate, Comparison, Source
from graft.search.run.results import Cost, DclResult, Ranking
from graft.search.run.trials import Trial
from graft.search.tasks.distilled.scores import rank_correlation
from graft.search.tasks.distilled.study import DclStudy
from graft.spaces.dcl import Watch

METRIC = (
    "root mean squared error of energies in J over all energy levels of the lattice, every level counted alike; "
    "learned and exact energies less their means over the same uniformly random states"
)
SCORES = ("score", "likelihood", "symmetry", "agreement")


def rankings(trials: Sequence[Trial]) -> dict[str, Ranking]:
    """How well each label-free score ranks the trials of a search against their exact RMSE.

    Args:
        trials: Records of a search, with the parts of each rung as ``by_task``.

    Returns:
        Of each score: trials compared, Spearman's rank correlation, and the pairs. Every trial counts with its last
        report, ``agreement`` with the student's exact RMSE; where students are part of the score, only trials that
        taught one are compared.
    """
    found = {}
    for name in SCORES:
        pairs = []
        for trial in trials:
            last = trial.by_task[-1] if trial.by_task else {}
            value = trial.errors[-1] if name == "score" and trial.state == "complete" else last.get(name)
            exact = last.get("student" if name == "agreement" else "exact")
            if value is not None and exact is not None and isinstance(trial.plan, Watch):
                pairs.append((value, exact, trial.plan.kind, len(trial.errors)))
        correlation = rank_correlation([pair[0] for pair in pairs], [pair[1] for pair in pairs])
        found[name] = Ranking(trials=len(pairs), spearman=correlation, pairs=tuple(pairs))
    return found


def certificate(study: DclStudy, result: DclResult, found: Sequence[Comparison], spent: Cost) -> Certificate:
    """The certificate: one comparison for each claim."""
    fixed = result.confirmation
    assert fixed is not None
    looked = {"protocol": result.protocol} | {name: getattr(fixed, name) for name in ("looks", "more", "levels")}
    return Certificate.read(
        {
            "study": study.name,
            "decision": overall([one.decision for one in found]),
            "sentence": sentence(found, study, fixed.plan),
            "metric": METRIC,
            "mode": "fresh",
            "alpha": fixed.alpha,
            "margin": fixed.margin,
            "seeds": fixed.seeds,
            "test_examples": result.test_states,
            "sources": [
                Source(name=f"{name}{part}", sha256=sha256)
                for name, told in result.finals.items()
                for part, sha256 in (("", told.sha256), ("-student", told.student_sha256))
            ],
            "comparisons": found,
            **(looked if fixed.looks else {}),
            **spent.summary(),
        }
    )
