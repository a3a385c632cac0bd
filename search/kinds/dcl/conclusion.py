"""From what was measured in a DCL run to its result and certificate."""

from collections.abc import Mapping, Sequence
from typing import Any

from graft.search.engine.cost import summary
from graft.search.kinds.dcl.sentence import sentence
from graft.search.run.folder import strict
from graft.search.tasks.distilled.scores import rank_correlation
from graft.spaces.dcl import Watch

METRIC = (
    "root mean squared error of energies in J over all energy levels of the lattice, every level counted alike; "
    "learned and exact energies less their means over the same uniformly random states"
)
SCORES = ("score", "likelihood", "symmetry", "agreement")


def rankings(trials: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
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
            last = (trial.get("by_task") or [None])[-1]
            value = trial["errors"][-1] if name == "score" and trial["state"] == "complete" else (last or {}).get(name)
            exact = (last or {}).get("student" if name == "agreement" else "exact")
            if value is not None and exact is not None:
                pairs.append([value, exact, trial["plan"]["kind"], len(trial["errors"])])
        correlation = rank_correlation([pair[0] for pair in pairs], [pair[1] for pair in pairs])
        found[name] = {"trials": len(pairs), "spearman": correlation, "pairs": pairs}
    return found


def certificate(result: Mapping[str, Any], found: Sequence[Any], spent: Mapping[str, Any]) -> dict[str, Any]:
    """The certificate's document: one comparison for each claim."""
    study, fixed = result["study"], result["confirmation"]
    return strict(
        {
            "study": study["name"],
            "decision": "transfer" if any(one["decision"] == "transfer" for one in found) else "direct",
            "sentence": sentence(found, study, Watch.from_dict(fixed["plan"])),
            "metric": METRIC,
            "mode": "fresh",
            "alpha": fixed["alpha"],
            "margin": fixed["margin"],
            "seeds": fixed["seeds"],
            "test_examples": result["test_states"],
            "sources": [
                {"name": f"{name}{part}", "sha256": told[key]}
                for name, told in result["finals"].items()
                for part, key in (("", "sha256"), ("-student", "student_sha256"))
            ],
            "comparisons": list(found),
            **summary(spent),
        }
    )
