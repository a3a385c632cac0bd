"""A study of several tasks from beginning to end, in one folder."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from models.network import Network, Shape
from models.weights import pack, sha256
from search.means import Means
from search.records.record import Run, write_bytes
from search.runs import complete
from search.seeds import Role
from search.sharing.conclusion import best_measured, certificate
from search.sharing.objective import SharedTask, SharedTraining, learn
from search.sharing.pipeline import SharingPipeline, baseline_phase
from search.sharing.verdict import comparisons
from search.sharing.verification import checks
from search.tasks.base import Phase, Request, fit
from search.tasks.regression import cards, interface
from search.tuning.cost import cost
from search.tuning.progress import Progress
from search.tuning.searched import Direct, by_budget, searched
from simulators.registry import find
from spaces.plan import Plan
from spaces.sharing import Sharing


def carry_out(run: Run, means: Means, progress: Progress, tracker: Any) -> dict[str, Any]:
    """Run a study of several tasks, or what is left of it; as `search.runs.complete`."""
    return complete(run, means, progress, tracker, SharingPipeline, _phases, checks)


def _phases(line: SharingPipeline) -> Callable[[], dict[str, Any]]:
    """All that is measured; returns what writes the folder."""
    direct = line.baselines()
    reference = line.reference(direct)
    line.plans(direct)
    rivals = line.rivals(direct)
    rounds = line.confirm({task: rival.plan for task, rival in rivals.items()}, reference)
    found = comparisons(line.study.tasks, rounds)
    with line.phase("champions"):
        networks = champions(line, {task: rival.plan for task, rival in rivals.items()}, found)
    return partial(_write, line, direct, rivals, reference, rounds, found, networks)


def champions(
    line: SharingPipeline, rivals: Mapping[str, Plan], found: Sequence[Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """One network for each task, trained with confirmation seed 0 on all unlocked rows.

    It is the task's path through the shared one, or of those that learned it alone the one that erred least.
    """
    judges = line.judges()
    together = [one["task"] for one in found if one["decision"] == "transfer"]
    plan = next((Sharing.from_dict(one["plan"]) for one in found if one["plan"]), None)
    trainer, workers, gpus = line.trainer, line.means.workers, line.means.gpus
    own = {task: replace(one, validation=0) for task, one in line.alone(Role.CONFIRMATION, judges).items()}
    chosen = {one["task"]: best_measured(one, rivals[one["task"]]) for one in found}
    alone = [(task, own[task], *chosen[task]) for task in line.study.tasks if task not in together]
    networks: dict[str, dict[str, Any]] = {}
    if plan is not None:
        shared = replace(line.together(Role.CONFIRMATION, judges), validation=0)
        (networks,) = trainer.calls(shared_networks, [(shared, plan)], 1, gpus)
    if alone:
        networks |= zip((name for name, *_ in alone), trainer.calls(own_network, alone, workers, gpus), strict=True)
    return networks


def own_network(name: str, phase: Phase, arm: str, plan: Plan) -> dict[str, Any]:
    """A task's network learned alone, with its error, plan and the arm of the proof that it is."""
    fitted, off = fit(phase, Request(plan, 0))
    return {"error": off.value, "data": phase.task.pack(fitted), "plan": plan.to_dict(), "arm": arm}


def shared_networks(task: SharedTask, plan: Sharing) -> dict[str, dict[str, Any]]:
    """The path of each task through one shared network, as a network of its own, with its error."""
    learned = learn(task, SharedTraining(plan, 0))
    network = learned.network.cpu()
    found = {}
    for name in plan.tasks:
        built = Network(task.depth, task.width)
        shape = Shape(network.inputs[name], network.outputs, built, plan.recipe.activation)
        data = pack(network.alone(name), shape, learned.scalings[name])
        found[name] = {"error": learned.errors[name], "data": data, "plan": plan.to_dict(), "arm": "candidate"}
    return found


def _write(
    line: SharingPipeline,
    direct: Mapping[str, Direct],
    rivals: Mapping[str, Direct],
    reference: Any,
    rounds: Any,
    found: Any,
    networks: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """Everything the folder says of a finished run; the certificate last, for it vouches for the rest."""
    run, study = line.run, line.study
    result = {
        "format": 1,
        "protocol": 2,
        "study": study.to_dict(),
        "data": cards(run.path("data")),
        **{phase: searched(ledger, study) for phase, ledger in line.ledgers.items()},
        "recipes": {task: rival.plan.recipe.to_dict() for task, rival in rivals.items()},
        "direct_by_budget": {
            task: by_budget(line.ledgers[baseline_phase(task)].records(), direct[task], rival)
            for task, rival in rivals.items()
        },
        "handed_over": {
            task: {key: one[key] for key in ("arm", "plan", "error")} | {"rows": len(line.pools[task])}
            for task, one in networks.items()
        },
        "reference": reference,
        "rounds": rounds,
        "not_confirmed": line.not_confirmed,
        "importance": {phase: ledger.importance() for phase, ledger in line.ledgers.items()},
    }
    run.write("result.json", result)
    spent = cost(run, line.ledgers, line.spent, line.means.workers)
    run.write("cost.json", spent)
    certified = certificate(result, found, spent)
    for one in certified["comparisons"]:
        task, network = one["task"], networks[one["task"]]
        folder = run.path("model", find(task).name)
        write_bytes(folder / "network.safetensors", network["data"])
        card = {"study": study.name, "task": task, "decision": one["decision"], "sentence": certified["sentence"],
                "plan": network["plan"], "error": network["error"], "sha256": sha256(network["data"]),
                **interface(find(task))}  # fmt: skip
        run.write(f"model/{find(task).name}/card.json", card)
    run.write("certificate.json", certified)
    return certified
