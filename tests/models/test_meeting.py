"""Calls that train meet, go on with their own results, and end as they would alone."""

import time
from dataclasses import replace

import pytest
import torch
from greenlet import getcurrent

from graft.models.losses import NonFiniteLoss
from graft.models.meeting import Member, clock, meet
from graft.models.networks.mlp import MLP
from graft.models.replicas import train_together
from graft.models.train import Training, train
from graft.spaces.plan import Recipe


def training(seed: int, epochs: int = 3, rate: float = 1e-3) -> Training:
    x = torch.rand(12, 3, generator=torch.Generator().manual_seed(seed))
    torch.manual_seed(seed)
    recipe = Recipe(rate=rate, epochs=epochs, batch=6, activation="gelu", warmup=0)
    return Training(MLP(3, 2, 1, 5, "gelu"), x, x[:, :2] + 1, recipe, torch.Generator().manual_seed(seed))


def losses(seed: int, *epochs: int) -> list[float]:
    """Train several times, one after the other."""
    return [train(training(seed, count)) for count in epochs]


def test_calls_that_train_unlike_often_and_unlike_each_other_all_end_as_alone() -> None:
    asked = [(losses, (1, 3, 2)), (losses, (2, 2)), (losses, (3, 3, 3, 3)), (abs, (-4,))]
    met = list[int]()

    def together(alike: list[Training]) -> list[float | ArithmeticError]:
        met.append(len(alike))
        return train_together(alike)

    found = meet(asked, together)
    assert met == [2, 2, 1, 1]  # 1 and 3 at first; then 1 with 2; then what only 3 asks for
    for mine, (function, arguments) in zip(found, asked, strict=True):
        assert mine == pytest.approx(function(*arguments), rel=1e-4)


def test_a_training_that_diverged_says_so_in_its_own_call() -> None:
    def told(seed: int, rate: float) -> str:
        try:
            return f"{train(training(seed, 4, rate)):.6f}"
        except NonFiniteLoss as problem:
            return str(problem)

    found = meet([(told, (1, 1e-3)), (told, (2, 1e38))], train_together)
    assert float(found[0]) > 0 and found[1].startswith("the loss is")


def test_what_a_call_raises_is_raised() -> None:
    def fails(seed: int) -> float:
        train(training(seed))
        raise ValueError("mine")

    with pytest.raises(ValueError, match="^mine$"):
        meet([(losses, (1, 3)), (fails, (2,))], train_together)
    assert not isinstance(getcurrent(), Member) and train(training(1)) > 0


def test_a_clock_stands_still_while_a_call_waits_for_others() -> None:
    def timed(seconds: float) -> float:
        began = clock()
        time.sleep(seconds)
        train(replace(training(1), step=lambda network, batch: batch.inputs.sum()))
        return clock() - began

    def together(alike: list[Training]) -> list[float | ArithmeticError]:
        time.sleep(0.05)
        return [0.0] * len(alike)

    first, second = meet([(timed, (0.3,)), (timed, (0.0,))], together)
    assert 0.3 <= first < 0.45 and second < 0.2
