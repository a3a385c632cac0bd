"""An error of exactly 0 is an error like any other: no logarithm stops a search."""

import math

from graft.search.engine.pruners import behind
from graft.search.run.scale import DIFFERENCE, LEAST, RATIO, geometric_mean, logs


def test_zero_counts_as_the_least_that_can_be_told() -> None:
    assert logs([0.0, 1.0]).tolist() == [math.log(LEAST), 0.0]
    assert math.isfinite(RATIO.of([0.0, 0.1]).mean()) and RATIO.of([0.0]) < RATIO.of([1e-9])
    assert math.isclose(geometric_mean([0.0, 1.0]), math.sqrt(LEAST)) and geometric_mean([]) == math.inf


def test_the_race_goes_on_where_a_seed_was_met_exactly() -> None:
    complete = [[0.0, 0.1], [0.2, 0.1], [0.3, 0.2]]
    assert behind([0.5, 0.5], complete) in (True, False)
    assert not behind([0.0, 0.1], complete)


def test_by_differences_zero_is_as_far_from_a_tenth_as_that_from_a_fifth() -> None:
    complete = [[0.0, 0.1, 0.0], [0.2, 0.31, 0.19], [0.0, 0.09, 0.01]]
    assert behind([0.3, 0.4], complete, scale=DIFFERENCE) and not behind([0.0, 0.1], complete, scale=DIFFERENCE)
    assert not behind([1e-3, 0.1], complete, scale=DIFFERENCE)  # nine decades behind on the other scale
    assert DIFFERENCE.change([0.1, 0.0], [0.0, 0.2]) == -0.5 and DIFFERENCE.change([0.0], [0.0]) == 0
    assert DIFFERENCE.change([0.1], [0.0]) == math.inf
