"""The champions of a run of transfer between sequence models, and the energies that they have learned."""

from typing import Any

from models.sequence.chain import Autoregressive
from models.shaped import pack
from search.dcl.data import judge_of
from search.dcl.final import account
from search.dcl.watcher import Energies
from search.seeds import Role
from search.transfer.objective import Training
from search.watchers.bases import linear
from search.watchers.objective import WatcherTask, learn, missed
from simulators.registry import find
from simulators.watched import Watched
from spaces.plan import Plan

LEVEL = 60
"""States of each exact level of energy on which the champions' energies are shown."""
REFERENCE = 4000
"""Random states that set their gauge."""


def final_network(task: WatcherTask, plan: Plan) -> dict[str, Any]:
    """Train a plan once more with confirmation seed 0, and hold its energies against exact ones.

    Returns:
        ``error``, ``data`` (safetensors) and ``energies``.
    """
    model, _ = learn(task, Training(plan, 0))
    return judged(task, model) | {"data": pack(model, task.shape)}


def linear_network(task: WatcherTask) -> dict[str, Any]:
    """The same of the linear-logistic baseline, which every network has to beat; without ``data``."""
    return judged(task, linear(task, 0)[0])


def judged(task: WatcherTask, model: Autoregressive) -> dict[str, Any]:
    """The information that a model misses, and its energies against exact ones."""
    system = find(task.system)
    assert task.judge is not None and isinstance(system, Watched)
    judge = judge_of(system.model, LEVEL, REFERENCE, (task.seed, Role.TEST, 1))
    told = account(judge, Energies(model, system.temperature), system.model)
    return {"error": missed(model, task.judge), "energies": told}
