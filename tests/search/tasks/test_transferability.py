"""Cheap scores of transferability against slow literal versions of themselves, and where the answer is known."""

import math

import numpy as np
import pytest
import torch
from phases import phase
from scipy import optimize, stats

from graft.models.losses import relative_error
from graft.models.networks.mlp import MLP
from graft.models.networks.network import Network, Shape
from graft.models.probe import features, gradient_ratios
from graft.models.scaling import Scaling
from graft.models.weights import pack
from graft.search.proof.agreement import PRIORS, Agreement, agreement
from graft.search.run.seeds import Role
from graft.search.tasks.base import Examples, Phase
from graft.search.tasks.transferability import favourites, log_evidence, probe_error, scores
from graft.spaces.plan import Recipe, Span

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 5)) @ np.diag([3, 1, 1, 0.3, 0.1])
Y = 5 + X @ RNG.normal(size=(5, 3)) + 0.3 * RNG.normal(size=(30, 3))


def test_leaving_one_out_is_what_refitting_without_each_example_gives() -> None:
    centred = X - X.mean(axis=0)
    best = math.inf
    for strength in np.linalg.norm(centred, 2) ** 2 * np.logspace(-10, 0, 21):
        predicted = np.empty_like(Y)
        for i in range(len(X)):
            kept = np.arange(len(X)) != i
            # The intercept, as a feature of its own, is not shrunk.
            design, penalty = np.c_[centred[kept], np.ones(kept.sum())], np.diag([strength] * 5 + [0.0])
            weights = np.linalg.solve(design.T @ design + penalty, design.T @ Y[kept])
            predicted[i] = np.r_[centred[i], 1.0] @ weights
        best = min(best, relative_error(predicted, Y))
    assert probe_error(X, Y) == pytest.approx(best, rel=1e-9)


def test_log_evidence_is_the_largest_gaussian_likelihood() -> None:
    x, y = X - X.mean(axis=0), Y - Y.mean(axis=0)

    def literal(column: np.ndarray, logs: np.ndarray) -> float:
        alpha, beta = np.exp(logs)
        covariance = np.eye(len(x)) / beta + x @ x.T / alpha
        return float(stats.multivariate_normal(np.zeros(len(x)), covariance).logpdf(column))

    best = []
    for column in y.T:
        found = optimize.minimize(lambda logs, c=column: -literal(c, logs), [0.0, 0.0], method="Nelder-Mead")
        best.append(-found.fun)
    assert log_evidence(X, Y) == pytest.approx(np.mean(best) / len(x), rel=1e-4)


def test_features_that_explain_the_outputs_score_above_noise_and_more_of_them_need_not() -> None:
    noise = RNG.normal(size=(30, 5))
    assert log_evidence(X, Y) > log_evidence(noise, Y) + 0.1
    assert probe_error(X, Y) < 0.5 * probe_error(noise, Y)
    many = RNG.normal(size=(30, 80))  # more features than examples: no explosion, no perfect fit
    assert probe_error(many, Y) > probe_error(X, Y) and math.isfinite(log_evidence(many, Y))


@pytest.mark.parametrize("dead", [np.zeros((30, 4)), np.ones((30, 1)), np.c_[X, X]])
def test_features_that_say_nothing_or_repeat_themselves_are_no_trouble(dead: np.ndarray) -> None:
    assert math.isfinite(probe_error(dead, Y)) and math.isfinite(log_evidence(dead, Y))


def network() -> MLP:
    torch.manual_seed(0)
    return MLP(3, 4, depth=2, width=6, activation="gelu")


def test_features_are_the_outputs_of_each_hidden_block() -> None:
    model, inputs = network(), torch.randn(7, 3)
    first = model.blocks[0](inputs)
    seen = features(model, inputs)
    assert [f.shape for f in seen] == [(7, 6), (7, 6)] and seen[0].dtype == np.float64
    np.testing.assert_allclose(seen[1], model.blocks[1](first).detach().numpy(), rtol=1e-6)


def test_gradient_ratios_are_those_of_finite_differences_and_leave_the_network_alone() -> None:
    model = network().double()
    model.blocks[0].requires_grad_(False)
    inputs, outputs = torch.randn(9, 3).double(), 1 + torch.rand(9, 4).double()
    before = [p.clone() for p in model.parameters()]
    found = gradient_ratios(model, inputs, outputs, "mse")
    for block, ratio in zip(model.blocks, found, strict=True):
        squares = 0.0
        for parameter in block.parameters():
            flat = parameter.data.view(-1)
            for i in range(flat.numel()):
                losses = []
                for step in (1e-5, -2e-5):
                    flat[i] += step
                    losses.append(torch.nn.functional.mse_loss(model(inputs), outputs).item())
                flat[i] += 1e-5
                squares += ((losses[0] - losses[1]) / 2e-5) ** 2
        size = sum(p.square().sum().item() for p in block.parameters())
        assert ratio == pytest.approx(math.sqrt(squares / size), rel=1e-5)
    assert all(torch.allclose(p, q, rtol=1e-12) for p, q in zip(model.parameters(), before, strict=True))
    assert [p.requires_grad for p in model.blocks[0].parameters()] == [False, False]


def copying(inputs: int) -> Phase:
    shape = Shape(inputs, 4, Network(2, 6), "gelu")
    rng = np.random.default_rng(1)
    pool = Examples(rng.normal(size=(40, 3)).astype(np.float32), (1 + rng.random((40, 4))).astype(np.float32))
    torch.manual_seed(1)
    data = pack(shape.build(), shape, Scaling(torch.zeros(inputs), torch.ones(inputs)))
    return phase(0, Role.PLANS, pool, 8, Network(2, 6), {"film-5": data, "film-6": data})


@pytest.mark.parametrize("inputs", [2, 3, 5])
def test_every_prior_scores_spans_of_every_source_also_of_other_widths(inputs: int) -> None:
    found = scores(copying(inputs), Recipe(activation="gelu"))
    assert found == scores(copying(inputs), Recipe(activation="gelu"))
    assert list(found) == list(PRIORS)
    assert set(found["gradient to weight"]["film-5"]) == {f"{s.first}-{s.last}" for s in Span.every(3)}
    assert set(found["LogME"]["film-6"]) == set(found["linear probe"]["film-6"]) == {"1-1", "1-2"}
    named = favourites(found)
    assert 1 <= len(named) <= 3 and all(source in ("film-5", "film-6") for source, _ in named)


def test_agreement_is_kendalls_tau_and_the_price_of_following_the_prior() -> None:
    told = {"1-1": 1.0, "1-2": 3.0, "1-3": 2.0, "2-2": 9.0}
    found = agreement(told, {"1-1": 0.05, "1-2": 0.03, "1-3": 0.02, "3-3": 0.01})
    assert found == Agreement(pytest.approx(1 / 3), 3, "1-2", "1-3", pytest.approx(0.5))  # type: ignore[arg-type]
    assert agreement(told, {"1-1": 0.05, "1-2": 0.03}) is None
