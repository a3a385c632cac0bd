"""Classes: how they are learned, where a fresh head begins, and how they are judged, against slow literal versions."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graft.models.initialise import best_constant
from graft.models.losses import LOSS, METRICS

CLASSES = 3
examples = st.lists(
    st.tuples(st.lists(st.floats(-30, 30), min_size=CLASSES, max_size=CLASSES), st.integers(0, CLASSES - 1)),
    min_size=1, max_size=20,
)  # fmt: skip


def arrays(rows: list[tuple[list[float], int]]) -> tuple[np.ndarray, np.ndarray]:
    """Logits and one-hot classes."""
    return np.array([logits for logits, _ in rows]), np.eye(CLASSES)[[which for _, which in rows]]


@given(examples)
def test_the_metrics_are_what_they_say_example_by_example(rows: list[tuple[list[float], int]]) -> None:
    logits, classes = arrays(rows)
    for i, (row, which) in enumerate(rows):
        p = [math.exp(value - max(row)) / sum(math.exp(other - max(row)) for other in row) for value in row]
        assert METRICS["error-rate"].deviations(logits, classes)[i] == (row.index(max(row)) != which)
        told = METRICS["log-loss"].deviations(logits, classes)[i]
        assert told == pytest.approx(-math.log(max(p[which], 1e-300)) / math.log(CLASSES), abs=1e-9)


@given(examples)
def test_the_loss_is_the_log_loss_in_nats(rows: list[tuple[list[float], int]]) -> None:
    logits, classes = arrays(rows)
    told = METRICS["log-loss"].deviations(logits, classes).mean() * math.log(CLASSES)
    assert float(LOSS["cross-entropy"](*map(torch.from_numpy, (logits, classes)))) == pytest.approx(told, abs=1e-9)


def test_knowing_nothing_scores_1_and_knowing_all_exactly_0() -> None:
    classes = np.eye(CLASSES)
    assert METRICS["log-loss"].deviations(np.zeros((3, CLASSES)), classes) == pytest.approx(1)
    for name in ("error-rate", "log-loss"):
        assert (METRICS[name].deviations(1000 * classes, classes) == 0).all() and METRICS[name].scale == "difference"


def test_classes_of_every_point_of_an_image_are_judged_point_by_point() -> None:
    classes = np.moveaxis(np.eye(CLASSES)[np.random.default_rng(0).integers(0, CLASSES, (5, 4, 4))], -1, 1)
    assert METRICS["error-rate"].deviations(classes, classes).shape == (5, 4, 4)


@given(st.lists(st.integers(0, CLASSES - 1), min_size=1, max_size=30), st.integers(0, 99))
def test_a_fresh_head_begins_at_the_frequencies(which: list[int], seed: int) -> None:
    exact = torch.eye(CLASSES, dtype=torch.float64)[which]
    constant = best_constant("cross-entropy", exact)
    counts = [which.count(one) for one in range(CLASSES)]
    assert constant.exp().tolist() == pytest.approx([(count or 0.5) / len(which) for count in counts])
    if all(counts):
        lowest = LOSS["cross-entropy"](constant.expand_as(exact), exact)
        for other in constant + torch.randn((20, CLASSES), generator=torch.Generator().manual_seed(seed)):
            assert LOSS["cross-entropy"](other.expand_as(exact), exact) >= lowest - 1e-9
