"""From what was measured of several tasks to the certificate."""

from collections.abc import Mapping, Sequence
from typing import Any

from graft.search.engine.cost import summary
from graft.search.kinds.sharing.sentence import sentence
from graft.search.run.folder import strict
from graft.spaces.plan import Plan
from graft.spaces.sharing import Sharing


def best_measured(comparison: Mapping[str, Any], rival: Plan) -> tuple[str, Plan]:
    """How a task is learned alone: with its tuned recipe, or with the shared plan's if that has erred less.

    Returns:
        The arm (``direct`` or ``direct_same_recipe``), and its plan.
    """
    if comparison["candidates"]:
        (last,) = comparison["candidates"]
        direct, same = (last["arms"][name]["mean"] for name in ("direct", "direct_same_recipe"))
        if same is not None and same < direct:
            return "direct_same_recipe", Sharing.from_dict(last["plan"]).alone
    return "direct", rival


def certificate(result: Mapping[str, Any], found: Sequence[Any], spent: Mapping[str, Any]) -> dict[str, Any]:
    """The certificate's document: one comparison for each task; of protocol 1 where the result is."""
    study, rounds = result["study"], result["rounds"]
    helped = [one["task"] for one in found if one["decision"] == "transfer"]
    more: dict[str, Any] = {}
    if "handed_over" in result:
        more = {key: result[key] for key in ("protocol", "handed_over", "not_confirmed")}
        budgets = {task: told[-1]["trainings"] for task, told in result["direct_by_budget"].items()}
        found = [dict(one) | {"rival_budget": budgets[one["task"]]} for one in found]
    return strict(
        {
            "study": study["name"],
            "decision": "transfer" if helped else "direct",
            "sentence": sentence(found, study, result.get("handed_over"), result.get("not_confirmed")),
            "metric": "mean over examples and spectrum points of |predicted - exact| / exact (Qu et al. 2018, Eq. 1)",
            "mode": "fresh",
            "alpha": study["proof"]["alpha"],
            "margin": study["proof"]["margin"],
            "seeds": rounds[-1]["seeds"] if rounds else 0,
            "test_examples": study["rows"]["test"],
            "sources": [],
            "together": helped,
            "comparisons": list(found),
            **more,
            **summary(spent),
        }
    )
