"""Folders that were finished before direct learning got all that a run spends still verify, predict and draw."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graft.search.champion import load
from graft.search.kinds.registry import kind_of
from graft.search.run.folder import Run
from graft.search.study import reopened, resolve
from graft.spaces.errors import InputError

KEPT = Path(__file__).parents[2] / "reference" / "protocol-1"


@pytest.fixture(params=["transfer", "sharing"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def folder(kind: str, tmp_path: Path) -> Path:
    return Path(shutil.copytree(KEPT / kind, tmp_path / kind))


def certificate(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "certificate.json").read_text()))


def test_its_certificate_follows_from_what_it_holds(folder: Path, kind: str) -> None:
    run = Run(folder)
    asked = kind_of(reopened(run.read("study.json")))
    assert [problem for _, problem in asked.verify(run)] == [""] * {"transfer": 6, "sharing": 5}[kind]
    held = certificate(folder)
    assert "protocol" not in held and "handed_over" not in held
    assert "handed over" not in held["sentence"] and "uned direct learning" in held["sentence"] or kind == "sharing"
    # A changed number is found in old folders too.
    held["comparisons"][0]["p_value"] = 0.01
    (folder / "certificate.json").write_text(json.dumps(held))
    assert [name for name, problem in asked.verify(run) if problem] == ["certificate"]


def test_its_study_is_read_as_what_it_was(folder: Path, kind: str) -> None:
    study = reopened(Run(folder).read("study.json"))
    assert study.budget.rival == 1 and study.start.head == "random"
    if kind == "transfer":
        assert study.source_training.head == "random"
    # A search of today's does not go on in it: what both found would be mixed.
    with pytest.raises(InputError, match=r"another study \(budget.rival = 1 there, 2 asked\)"):
        Run(folder).fits(replace(study, budget=replace(study.budget, rival=2)))
    assert resolve("calibration").budget.rival == 2


def test_its_network_predicts(folder: Path, kind: str) -> None:
    task = () if kind == "transfer" else ("film-3",)
    champion = load(folder, *task)
    rows = 5 if kind == "transfer" else 3
    found = champion([[50.0] * rows])
    assert found.shape == (1, 200) and np.isfinite(found).all()


def test_its_page_is_drawn_and_speaks_of_its_own_protocol(folder: Path, kind: str) -> None:
    run = Run(folder)
    page = kind_of(reopened(run.read("study.json"))).report(run).read_text()
    assert "as many trainings" in page
    assert "those after the plans" not in page and "Network handed over" not in page
    assert "tuned: best" not in page and "How long the rival" not in page
