"""Trials as a run records them, and what MLflow was shown of them."""

import json

from graft.search.run.trials import Trial
from graft.spaces.plan import Plan, Recipe, Span

DIRECT = Plan(Recipe(rate=0.002))
MOVED = Plan.span(Recipe(rate=0.0012345678), 7, "film-10", Span(1, 6), copied_rate=0.3)


def trial(number, plan=DIRECT, state="complete", errors=(0.02, 0.03), reason=""):
    value = 0.02 if errors else None
    told = {"number": number, "state": state, "params": {"rate": 0.002}, "plan": plan, "errors": errors}
    return Trial.read(told | {"value": value, "reason": reason})


BASELINE = [trial(n) for n in range(3)]
PLANS = [
    trial(0, MOVED),
    trial(1, MOVED, "pruned", errors=(0.04,)),
    trial(2, MOVED, "failed", errors=(), reason="loss is nan"),
    trial(3, None, "interrupted", errors=()),
]


def folder_name(folder):
    return json.loads((folder / "study.json").read_text())["name"]


def runs_of(client, folder, only="", deleted=False):
    from mlflow.entities import ViewType

    experiment = client.get_experiment_by_name(folder_name(folder))
    view = ViewType.ALL if deleted else ViewType.ACTIVE_ONLY
    return list(client.search_runs([experiment.experiment_id], only, view))
