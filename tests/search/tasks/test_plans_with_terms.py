"""A plan with a loss term: how it is trained and controlled, and that it counts as transfer wherever that is asked."""

import math
from dataclasses import replace

import pytest
import torch
from test_fit import DIRECT, PHASE, RECIPE, TRANSFER
from torch import Tensor, nn

from graft.models.terms import Feature
from graft.models.train import Training, prepare_process
from graft.search.engine.outcome import measure
from graft.search.kinds.transfer.conclusion import best_measured
from graft.search.kinds.transfer.confirmation import placebo_trainings, protocol, trainings
from graft.search.kinds.transfer.sources import SourceNetwork
from graft.search.run.certificate import Comparison
from graft.search.run.leaderboard import best_by_span, direct_errors, leaderboard
from graft.search.run.results import Result
from graft.search.run.seeds import Draws
from graft.search.run.trials import Trial
from graft.search.study import resolve
from graft.search.tasks.base import Request
from graft.search.tracking.columns import settings, title
from graft.spaces.errors import InputError
from graft.spaces.plan import Plan, Span, Term

TERM = Term("feature", "film", 2, 0.5)
ALONE = Plan(RECIPE, (), (TERM,))
BOTH = Plan(RECIPE, TRANSFER.blocks, (TERM,))


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> None:
    prepare_process()


def prepared(plan: Plan, shuffled: bool = False) -> Training:
    draws = Draws.of(7, PHASE.role, 0)
    return PHASE.task.to_train(plan, PHASE.pool, draws, PHASE.sources, shuffled)[0]


def state(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}


def test_a_term_reads_the_source_and_leaves_the_network_as_direct_learning_starts_it() -> None:
    direct, alone = prepared(DIRECT), prepared(ALONE)
    assert all(torch.equal(tensor, state(direct.network)[name]) for name, tensor in state(alone.network).items())
    ((weight, term),) = alone.terms
    assert weight == 0.5 and isinstance(term, Feature) and term.block == 2
    theirs = state(PHASE.sources["film"])
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in state(term.source).items())
    assert torch.equal(alone.order.get_state(), direct.order.get_state()) and alone.noise == direct.noise


def test_the_control_reads_a_source_with_shuffled_weights_and_copies_what_it_would_without_the_term() -> None:
    ((_, term),) = prepared(ALONE, shuffled=True).terms
    for name, theirs in state(PHASE.sources["film"]).items():
        ours = state(term.source)[name]
        assert not torch.equal(ours, theirs)
        assert torch.equal(ours.flatten().sort().values, theirs.flatten().sort().values)
    plain, both = prepared(TRANSFER, shuffled=True), prepared(BOTH, shuffled=True)
    assert all(torch.equal(tensor, state(plain.network)[name]) for name, tensor in state(both.network).items())


def test_a_term_changes_what_is_learned_and_the_digest_and_measuring_twice_gives_the_same_error() -> None:
    plans = [DIRECT, ALONE, TRANSFER, BOTH]
    outcomes = [measure(PHASE, Request(plan, 0)) for plan in plans]
    assert all(one.reason == "" for one in outcomes) and len({one.error for one in outcomes}) == 4
    assert len({PHASE.digest(Request(plan, 0)) for plan in plans}) == 4
    assert measure(PHASE, Request(ALONE, 0)).error == outcomes[1].error


def test_a_source_that_is_not_there_is_refused() -> None:
    with pytest.raises(InputError, match="^unknown source 'fil'"):
        prepared(Plan(RECIPE, (), (Term("feature", "fil", 1),)))


FILM = Term("feature", "film-10", 3, 0.1)
SPAN = Plan.span(RECIPE, 7, "film-10", Span(1, 2))
PLANS = [Plan(RECIPE), Plan(RECIPE, (), (FILM,)), SPAN, Plan(RECIPE, SPAN.blocks, (FILM,))]


def trial(number: int, plan: Plan, error: float) -> Trial:
    errors = [error * math.exp(0.12 * sign) for sign in ((1, -1, 1, -1), (-1, 1, 1, -1), (1, 1, -1, -1))[number % 3]]
    return Trial(number=number, state="complete", errors=tuple(errors), value=error, plan=plan)


def told(*errors: float) -> list[Trial]:
    return [trial(i, plan, error) for i, (plan, error) in enumerate(zip(PLANS, errors, strict=True))]


def test_a_term_alone_is_a_candidate_with_its_own_control() -> None:
    study = resolve("film10-film8", "paper")
    sources = {"film-10": SourceNetwork("film-10", b"", 0.1, RECIPE)}
    fixed = protocol(told(0.05, 0.030, 0.031, 0.032), study, sources)
    assert [one.trial for one in fixed.candidates] == [1, 2]
    asked = trainings(fixed, PLANS[0], 4)
    placebo = placebo_trainings(fixed, (0,), 4)["0/placebo/1"].plan
    assert placebo.terms == (replace(FILM, source="film-10-placebo-2"),) and placebo.sources == ("film-10-placebo-2",)
    assert asked["0/shuffled/0"] == Request(PLANS[1], 0, True)
    assert asked["0/direct_same_recipe/0"].plan.direct and not asked["0/candidate/0"].plan.direct
    proved = Comparison(task="film-8", decision="transfer", plan=PLANS[1])
    assert best_measured(proved, PLANS[0]) == ("candidate", PLANS[1])
    # The same span with a term and without are two things to take.
    fixed = protocol(told(0.05, 0.060, 0.031, 0.030), study, sources)
    assert [one.trial for one in fixed.candidates] == [3, 2]


def test_a_term_alone_is_no_direct_learning_in_records() -> None:
    result = Result.read({"plans": {"trials": told(0.05, 0.030, 0.031, 0.020), "best": 3}})
    assert direct_errors(result) == told(0.05, 0, 0, 0)[0].errors
    rows = {row.trial: row for row in leaderboard(result)}
    assert [rows[i].source for i in range(4)] == [None, "film-10", "film-10", "film-10"]
    assert [rows[i].terms for i in range(4)] == ["", "feature 3", "", "feature 3"]
    # What a span is worth is not told by a plan that added a term.
    assert {span: row.trial for span, (row, _) in best_by_span(result).items()} == {(1, 2): 2}
    alone = told(0.05, 0.03, 0.031, 0.02)[1]
    assert alone.transfers and title("plans", alone) == "plans 001 feature 3"
    assert settings("plans", alone)["terms"] == "feature 3" and settings("plans", alone)["source"] == "film-10"


def test_a_study_names_terms_and_their_weights() -> None:
    assert resolve("film10-film8", "demo").terms == {}
    study = resolve("film10-film8", "demo", {"terms": {"feature": [0.1, 10.0]}})
    assert type(study).from_dict(study.to_dict()) == study and study.terms == {"feature": (0.1, 10.0)}
    for bad, said in (
        ({"featur": [0.1, 1]}, "unknown term 'featur'"),
        ({"feature": [0, 1]}, r"terms.feature\[0\] is 0"),
        ({"feature": [2, 1]}, r"terms.feature\[1\] is 1"),
        ({"feature": 3}, "terms.*allowed: a table of"),
        (["feature"], "terms is .*allowed: a table of"),
    ):
        with pytest.raises(InputError, match=f"^{said}"):
            resolve("film10-film8", "demo", {"terms": bad})
