"""From what was measured of several tasks to the certificate."""

from collections.abc import Mapping, Sequence
from typing import Any

from search.records.record import strict
from search.sentences.sharing import sentence
from search.tuning.cost import summary


def certificate(result: Mapping[str, Any], found: Sequence[Any], spent: Mapping[str, Any]) -> dict[str, Any]:
    """The certificate's document: one comparison for each task."""
    study, rounds = result["study"], result["rounds"]
    helped = [one["task"] for one in found if one["decision"] == "transfer"]
    return strict(
        {
            "study": study["name"],
            "decision": "transfer" if helped else "direct",
            "sentence": sentence(found, study),
            "metric": "mean over examples and spectrum points of |predicted - exact| / exact (Qu et al. 2018, Eq. 1)",
            "mode": "fresh",
            "alpha": study["proof"]["alpha"],
            "margin": study["proof"]["margin"],
            "seeds": rounds[-1]["seeds"] if rounds else 0,
            "test_examples": study["rows"]["test"],
            "sources": [],
            "together": helped,
            "comparisons": list(found),
            **summary(spent),
        }
    )
