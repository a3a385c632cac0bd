"""An MLflow store, and a run that ended."""

import json

import pytest
from tracked import BASELINE, PLANS

from graft.search.run.record import strict


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """One database for all tests: to create one takes seconds."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"


@pytest.fixture
def client(store):
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=store)


@pytest.fixture
def folder(tmp_path, request):
    """A run's folder that ended, of a study named after the test."""
    name = request.node.name.replace("_", "-")
    study = {"name": name, "title": "A test", "seed": 0, "budget": {"trainings": 12}}
    data = {"pool": {"simulator": "film-8", "rows": 500, "digest": "ab" * 32}}
    arms = {arm: {"mean": 0.02, "per_seed": [0.02]} for arm in ("direct", "candidate")}
    verdict = {
        "task": "film-8",
        "decision": "transfer",
        "plan": None,
        "relative_reduction": 0.3,
        "interval": [0.2, 0.4],
        "p_value": 0.001,
    } | arms
    piece = {"phase": "plans", "number": 0, "start": 0.0, "end": 5.0, "train_seconds": 4.0}
    records = {
        "study": study,
        "result": {
            "format": 1,
            "study": study,
            "data": data,
            "baseline": {"trials": BASELINE, "best": 0},
            "plans": {"trials": PLANS, "best": 0},
        },
        "cost": {"wall_seconds": 9.0, "timeline": [piece]},
        "certificate": {"study": name, "decision": "transfer", "sentence": "It helps.", "comparisons": [verdict]},
    }
    for record, value in records.items():
        (tmp_path / f"{record}.json").write_text(json.dumps(strict(value)))
    (tmp_path / "run-id").write_text(f"id-{name}")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "network.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    (tmp_path / "model" / "card.json").write_text("{}")
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "index.html").write_text("<p>report</p>")
    return tmp_path
