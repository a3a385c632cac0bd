"""Chains: a network taught by several sources one after the other is one more source of a run."""

from pathlib import Path

import numpy as np
import pytest

from graft.search.engine.executor import LocalExecutor
from graft.search.engine.progress import Progress
from graft.search.kinds.transfer.kind import decided
from graft.search.kinds.transfer.pipeline import Pipeline
from graft.search.kinds.transfer.sources import Link, train_source
from graft.search.kinds.transfer.standins import NETWORKS, PLACEBOS
from graft.search.kinds.transfer.study import Study
from graft.search.run.folder import Run
from graft.search.run.resources import Resources
from graft.search.run.seeds import Role, stream
from graft.search.tasks.base import Examples
from graft.spaces.errors import InputError
from graft.spaces.plan import Plan, Recipe, Span

CHAIN = "film-6~film-4"
TINY = {
    "name": "tiny",
    "sources": ["film-4"],
    "chains": [["film-6", "film-4"]],
    "target": "film-5",
    "rows": {"source": 200, "pool": 60, "locked": 10, "validation": 10, "test": 100},
    "network": {"depth": 1, "width": 8},
    "source_training": {"rate": 5e-3, "epochs": 3, "batch": 40, "head": "constant"},
    "start": {"rate": 5e-3, "epochs": 3, "head": "constant"},
    "ranges": {"epochs": [2, 4], "activation": ["relu"]},
    "budget": {"trainings": 9, "seeds": 2, "steps": 20, "curve": 1},
    "proof": {"placebos": 4},
}


class Drawn(Pipeline):
    """A run whose rows are drawn on the spot."""

    def examples(self, name: str, role: Role, rows: int) -> Examples:
        return self.task.sample(name, rows, stream(self.study.seed, role))


@pytest.fixture
def line(tmp_path: Path) -> Drawn:
    run, study = Run(tmp_path), Study.from_dict(TINY)
    run.begin(study)
    line = Drawn(study, run, Resources(1), Progress(quiet=True), executor=LocalExecutor())
    line.prepare()
    return line


def test_a_chain_is_a_source_network_beside_those_of_its_links(line: Drawn) -> None:
    assert line.study.taught == ("film-4", "film-6") and list(line.sources) == ["film-4", "film-6"]
    found = line.source_networks(Recipe(activation="relu"))
    assert list(found) == ["film-4", CHAIN]
    recipe = found["film-4"].recipe
    assert recipe is not None
    links = [Link(name, line.sources[name]) for name in ("film-6", "film-4")]
    assert found[CHAIN].data == train_source(CHAIN, links, line.task, recipe, 0).data != found["film-4"].data


def test_what_stands_in_for_a_chain_has_learned_all_its_links(line: Drawn, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = line.source_networks(Recipe(activation="relu"))
    asked: list[list[Link]] = []

    def watched(name: str, links: list[Link], *others: object) -> object:
        asked.append(links)
        return train_source(name, links, *others)  # type: ignore[arg-type]

    monkeypatch.setattr("graft.search.kinds.transfer.pipeline.train_source", watched)
    plan = Plan.span(Recipe(), 2, CHAIN, Span(1, 1))
    assert list(line.stand_ins(PLACEBOS, [plan], 1, sources)) == [f"{CHAIN}-placebo-1"]
    assert list(line.stand_ins(NETWORKS, [plan], 1, sources)) == [f"{CHAIN}-network-1"]
    for links, same in zip(asked, (False, True), strict=True):
        assert [link.source for link in links] == ["film-6", "film-4"]
        for link in links:
            assert np.array_equal(link.examples.inputs, line.sources[link.source].inputs)
            assert np.array_equal(link.examples.outputs, line.sources[link.source].outputs) == same
    orders = [np.argsort(link.examples.outputs[:, 0]).tolist() for link in asked[0]]
    assert orders[0] != orders[1]  # each link is permuted by itself


def test_a_run_ends_with_a_verdict_and_has_tried_the_chain(line: Drawn) -> None:
    with line.run.held():
        found = decided(line)
    tried = {
        source for trial in line.plans_search.records() if isinstance(trial.plan, Plan) for source in trial.plan.sources
    }
    assert tried == {"film-4", CHAIN} and found.confirmed.comparison.decision in ("transfer", "direct", "undecided")


@pytest.mark.parametrize(
    ("chains", "message"),
    [
        ([["film-6", "flim-4"]], "unknown simulator 'flim-4'"),
        ([["film-6"]], "chains has \\['film-6'\\]; allowed: lists of two sources or more"),
        ([["nano-6", "film-4"], ["nano-6", "film-4"]], "chains is .*; allowed: each once"),
        ("film-6", "chains is 'film-6'; allowed: a list, each a list, each text"),
    ],
)
def test_chains_that_cannot_be_taught_are_refused(chains: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Study.from_dict(TINY | {"chains": chains})
