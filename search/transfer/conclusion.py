"""From measured errors to what a run leaves behind: result, certificate, champion."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from models.loss import geometric_mean
from models.standard import Standard
from models.train import predict
from models.weights import sha256
from search.proof.statistics import equivalent_rows
from search.records.leaderboard import copied
from search.records.record import Run, strict
from search.sentences.transfer import sentence
from search.transfer.objective import Task, Training, learn, packed
from search.transfer.study import Study
from search.tuning.cost import summary
from simulators.base import Simulator, columns
from simulators.dataset import Dataset
from spaces.plan import Plan

METRIC = {
    "relative-l1": "mean over examples and spectrum points of |predicted - exact| / exact (Qu et al. 2018, Eq. 1)",
    "normalised-l1": "mean over examples and outputs of |predicted - exact| / mean absolute deviation of the output",
    "information-missed": "Kullback-Leibler divergence from the exact distribution, as a share of uniform guessing's",
}
SHOWN = 2
"""Test examples whose spectra are shown: the first ones, not chosen."""


def final_network(task: Task, plan: Plan) -> dict[str, Any]:
    """Train a plan once more with confirmation seed 0, and predict the first test examples.

    Returns:
        ``error``, ``data`` (safetensors) and ``predicted`` (examples, outputs).
    """
    assert task.judge is not None
    error, network, scaling = learn(task, Training(plan, 0))
    inputs, _ = task.judge.tensors(np.arange(SHOWN), task.device)
    predicted = predict(network, scaling(inputs)).cpu().numpy().tolist()
    return {"error": error, "data": packed(task, plan, network, scaling), "predicted": predicted}


def predicted(target: Simulator) -> str:
    """What a network of the target predicts, for an axis of a figure: the names of its output columns."""
    return " and ".join(field.name.replace("_", " ") for field in columns(target.schema, "output"))


def spectra(study: Study, task: Task, networks: Mapping[str, Any], standard: Standard | None = None) -> dict[str, Any]:
    """Exact and predicted spectra of the first test examples."""
    assert task.judge is not None
    target = study.scenario(study.target)
    own = (lambda row: row) if standard is None else (lambda row: standard.undo(row).tolist())
    films = [
        {
            "thickness_nm": task.judge.inputs[i].tolist(),
            "exact": own(task.judge.outputs[i].tolist()),
            **{name: own(network["predicted"][i]) for name, network in networks.items()},
        }
        for i in range(SHOWN)
    ]
    return {
        "output": predicted(target),
        "wavelength_nm": [] if target.grid is None else np.asarray(target.grid.values).tolist(),
        "films": films,
    } | ({} if standard is None else {"deviation": standard.deviation.tolist()})


def examples_gained(curve: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The learning curve with the number of examples at which direct learning does as well."""
    if curve is None:
        return None
    told = [(rows, errors) for rows, errors in zip(curve["rows"], curve["errors"], strict=True) if errors]
    means = [geometric_mean(errors) for _, errors in told]
    reached = equivalent_rows([rows for rows, _ in told], means, curve["candidate_error"])
    return dict(curve) | {"equivalent_rows": reached, "beyond": reached is None}


def best_measured(comparison: Mapping[str, Any], rival: Plan) -> tuple[str, Plan]:
    """What is handed over: the certified plan, or else the direct learning that erred least when all was confirmed.

    That may be the recipe of a candidate without its source, which is as much measured as the tuned baseline.

    Returns:
        The arm (``candidate``, ``direct`` or ``direct_same_recipe``), and its plan.
    """
    if comparison["plan"] is not None:
        return "candidate", Plan.from_dict(comparison["plan"])
    found = [(comparison["direct"]["mean"], "direct", rival)]
    for candidate in comparison["candidates"]:
        mean = candidate["arms"]["direct_same_recipe"]["mean"]
        if mean is not None:
            found.append((mean, "direct_same_recipe", Plan.from_dict(candidate["plan"]).without_source()))
    _, arm, plan = min(found, key=lambda one: one[0])
    return arm, plan


def data_card(run: Run) -> dict[str, Any]:
    """Each data set by name, rows and the digest of its manifest."""
    cards = {}
    for folder in sorted(run.path("data").iterdir()):
        data = Dataset.open(folder)
        cards[folder.name] = {"simulator": data.manifest.simulator, "rows": data.rows, "digest": data.digest}
    return cards


def certificate(result: Mapping[str, Any], comparison: Mapping[str, Any], spent: Mapping[str, Any]) -> dict:
    """The certificate's document; of protocol 1 where the result is."""
    study = result["study"]
    tried = sum(bool(trial["errors"]) and bool(copied(trial["plan"])) for trial in result["plans"]["trials"])
    comparison, more = dict(comparison), {}
    if "handed_over" in result:
        budget = result["direct_by_budget"][-1]["trainings"]
        comparison |= {"rival_budget": budget, "not_confirmed": result["confirmation"]["not_confirmed"]}
        more = {"protocol": result["protocol"], "handed_over": result["handed_over"]}
    return strict(
        {
            "study": study["name"],
            "decision": comparison["decision"],
            "sentence": sentence(comparison, result["examples"], study, tried, result.get("handed_over")),
            "metric": METRIC[study["metric"]],
            "mode": study["mode"],
            "alpha": study["proof"]["alpha"],
            "margin": study["proof"]["margin"],
            "seeds": result["confirmation"]["seeds"],
            "test_examples": study["rows"]["locked" if study["mode"] == "small" else "test"],
            "sources": [{"name": base["name"], "sha256": base["sha256"]} for base in result["bases"]],
            "comparisons": [comparison],
            "examples": result["examples"],
            **more,
            **summary(spent),
        }
    )


def champion_card(
    study: Study,
    certified: Mapping[str, Any],
    network: Mapping[str, Any],
    plan: Plan,
    standard: Standard | None = None,
) -> dict[str, Any]:
    """What a user of the champion needs to know."""
    return {
        "study": study.name,
        "task": study.target,
        "decision": certified["decision"],
        "sentence": certified["sentence"],
        "plan": plan.to_dict(),
        "error": network["error"],
        "sha256": sha256(network["data"]),
        **interface(study.scenario(study.target)),
    } | (
        {}
        if standard is None
        else {"standard": {"mean": standard.mean.tolist(), "deviation": standard.deviation.tolist()}}
    )


def interface(simulator: Simulator) -> dict[str, Any]:
    """Inputs, outputs and grid of a task, for the card of a network that predicts it."""
    grid, fields = simulator.grid, {field.name: _metadata(field) for field in simulator.schema}
    table = getattr(simulator, "table", None)
    lengths = all(told.get("unit") == "nm" for told in fields.values() if told.get("role") == "input")
    return {
        "positive": lengths if simulator.positive is None and table is None else bool(simulator.positive),
        "columns": None if table is None else {"inputs": list(table.inputs), "outputs": list(table.outputs)},
        "inputs": [dict(name=name, **told) for name, told in fields.items() if told.get("role") == "input"],
        "outputs": [dict(name=name, **told) for name, told in fields.items() if told.get("role") == "output"],
        "grid": None
        if grid is None
        else {"name": grid.name, "unit": grid.unit, "values": np.asarray(grid.values).tolist()},
    }


def _metadata(field: Any) -> dict[str, str]:
    return {
        key.decode(): value.decode() for key, value in (field.metadata or {}).items() if not key.startswith(b"ARROW")
    }
