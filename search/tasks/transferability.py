"""Transferability: which span looks worth copying before any plan is trained. They warm-start the search, no more.

The plan search tries what they favour early and is free to find otherwise; the report ranks each of them against what
was measured. Each is a score of spans, larger is better, of one source network on the unlocked pool.
"""

import math
from collections.abc import Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray

from graft.models.initialise import draw_weights
from graft.models.losses import METRICS
from graft.models.probe import features, gradient_ratios
from graft.models.ridge import leaving_one_out
from graft.models.surgery import blocks_of, transplant
from graft.search.run.seeds import Draws
from graft.search.tasks.base import Phase
from graft.spaces.plan import Block, Recipe, Span

NAMES = ("linear probe", "LogME", "gradient to weight")
Array = NDArray[np.float64]
ROUNDS = 50
TINY = 1e-12
"""Keeps ratios finite where features do not vary or explain everything."""


def scores(phase: Phase, recipe: Recipe) -> dict[str, dict[str, dict[str, float]]]:
    """Scores by prior, by source network, by span written as ``"1-3"``.

    Args:
        phase: The plan search's: its pool and source networks.
        recipe: The tuned baseline's: activation and loss.
    """
    rows, exact = phase.pool.tensors()
    outputs = exact.double().numpy()
    found: dict[str, dict[str, dict[str, float]]] = {name: {} for name in NAMES}
    shapes = tuple(rows.shape[1:]), tuple(exact.shape[1:])
    for source in phase.packed:
        network = phase.task.network(recipe, *shapes)
        draws = Draws.of(phase.seed, phase.role, 0)
        draw_weights(network, recipe.initial_scale, draws.weights, partial(phase.task.constructed, recipe, *shapes))
        blocks = len(blocks_of(network))
        transplant(network, phase.sources_for(0), [Block(source)] * blocks)
        scaling = phase.task.scaling(rows, source)
        inputs = rows if scaling is None else scaling(rows)
        ratios = gradient_ratios(network, inputs, exact, recipe.loss)
        seen, metric = features(network, inputs), phase.task.metric.name
        found["linear probe"][source] = {f"1-{n}": -probe_error(f, outputs, metric) for n, f in enumerate(seen, 1)}
        found["LogME"][source] = {f"1-{n}": log_evidence(f, outputs) for n, f in enumerate(seen, 1)}
        found["gradient to weight"][source] = {
            f"{span.first}-{span.last}": -max(ratios[span.first - 1 : span.last]) for span in Span.every(blocks)
        }
    return found


def favourites(found: Mapping[str, Mapping[str, Mapping[str, float]]]) -> list[tuple[str, Span]]:
    """What each prior likes best, as (source network, span), each once."""
    best = []
    for by_source in found.values():
        score, source, span = max(
            (score, source, span) for source, spans in by_source.items() for span, score in spans.items()
        )
        if math.isfinite(score):
            best.append((source, Span(*map(int, span.split("-")))))
    return list(dict.fromkeys(best))


def probe_error(features: Array, outputs: Array, metric: str = "relative-l1") -> float:
    """Error (by default Eq. 1 of Qu et al. 2018) of ridge regression, each example predicted from all others.

    The strength of the ridge is the best of `graft.models.ridge.STRENGTHS`.

    Args:
        features: (examples, features).
        outputs: (examples, outputs).
        metric: Name of one of `graft.models.losses.METRICS`.
    """
    deviations = METRICS[metric].deviations
    return min(float(np.mean(deviations(found, outputs))) for _, found in leaving_one_out(features, outputs))


def log_evidence(features: Array, outputs: Array) -> float:
    """LogME: largest log-evidence of Bayesian linear regression, for each example, mean over outputs.

    You, Liu, Wang and Long, ICML 2021 (arXiv:2102.11005), Algorithm 1: the prior's precision alpha and the noise's
    precision beta are iterated to their fixed point. Features and outputs are centred.

    Args:
        features: (examples, features).
        outputs: (examples, outputs).
    """
    x, y = features - features.mean(axis=0), outputs - outputs.mean(axis=0)
    n, d = x.shape
    left, singular, _ = np.linalg.svd(x, full_matrices=False)
    sigma = singular**2
    z2 = (left.T @ y) ** 2
    beyond = np.maximum((y**2).sum(axis=0) - z2.sum(axis=0), 0.0)
    alpha, beta = np.ones(y.shape[1]), np.ones(y.shape[1])
    for _ in range(ROUNDS):
        gamma, squares, residual = _posterior(alpha / beta, sigma, z2, beyond)
        alpha, beta = (gamma + TINY) / (squares + TINY), (n - gamma) / (residual + TINY)
    _, squares, residual = _posterior(alpha / beta, sigma, z2, beyond)
    logs = np.log(alpha + np.outer(sigma, beta)).sum(axis=0) + (d - len(sigma)) * np.log(alpha)
    evidence = (d * np.log(alpha) + n * np.log(beta / (2 * np.pi)) - logs - beta * residual - alpha * squares) / 2
    return float(evidence.mean() / n)


def _posterior(ratio: Array, sigma: Array, z2: Array, beyond: Array) -> tuple[Array, Array, Array]:
    """Effective number of weights, squared weights and squared residual at alpha / beta = ``ratio``, by output."""
    denominator = sigma[:, None] + ratio[None, :]
    gamma = (sigma[:, None] / denominator).sum(axis=0)
    squares = (sigma[:, None] * z2 / denominator**2).sum(axis=0)
    residual = (ratio[None, :] ** 2 * z2 / denominator**2).sum(axis=0) + beyond
    return gamma, squares, residual
