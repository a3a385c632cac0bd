"""From what was measured of several tasks to the certificate."""

from collections.abc import Sequence

from graft.search.kinds.sharing.sentence import sentence
from graft.search.kinds.sharing.study import SharingStudy
from graft.search.proof.confirmation import overall
from graft.search.run.certificate import Comparison, SharingCertificate
from graft.search.run.results import Cost, SharingResult
from graft.spaces.plan import Plan
from graft.spaces.sharing import Sharing


def best_measured(comparison: Comparison, rival: Plan) -> tuple[str, Plan]:
    """How a task is learned alone: with its tuned recipe, or with the shared plan's if that has erred less.

    Returns:
        The arm (``direct`` or ``direct_same_recipe``), and its plan.
    """
    for last in comparison.candidates:
        direct, same = last.arms["direct"].mean, last.arms["direct_same_recipe"].mean
        if same is not None and direct is not None and same < direct and isinstance(last.plan, Sharing):
            return "direct_same_recipe", last.plan.alone
    return "direct", rival


def certificate(
    study: SharingStudy, result: SharingResult, found: Sequence[Comparison], spent: Cost
) -> SharingCertificate:
    """The certificate: one comparison for each task; of protocol 1 where the result is."""
    metric = study.learned.metric
    rounds, kept, dropped = result.rounds, result.handed_over, result.not_confirmed
    helped = [one.task for one in found if one.helped]
    more: dict[str, object] = {}
    if kept is not None:
        more = {"protocol": result.protocol, "handed_over": kept, "not_confirmed": dropped}
        budgets = {task: told[-1].trainings for task, told in result.direct_by_budget.items()}
        found = [Comparison.read(one.to_dict() | {"rival_budget": budgets[one.task]}) for one in found]
    if rounds and rounds[-1].looks:
        more |= {name: getattr(rounds[-1], name) for name in ("looks", "more", "levels")}
    return SharingCertificate.read(
        {
            "study": study.name,
            "decision": overall([one.decision for one in found]),
            "sentence": sentence(found, study.rows.test, metric.words, kept, dropped),
            "metric": metric.phrase,
            "mode": "fresh",
            "alpha": study.proof.alpha,
            "margin": study.proof.margin,
            "seeds": rounds[-1].seeds if rounds else 0,
            "test_examples": study.rows.test,
            "sources": (),
            "together": helped,
            "comparisons": found,
            **more,
            **spent.summary(),
        }
    )
