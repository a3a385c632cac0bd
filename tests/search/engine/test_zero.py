"""An error of exactly 0 is an error like any other: no logarithm stops a search."""

import math

from graft.search.engine.pruners import behind
from graft.search.engine.trials import mean_log
from graft.search.run.scale import LEAST, geometric_mean, logs


def test_zero_counts_as_the_least_that_can_be_told() -> None:
    assert logs([0.0, 1.0]).tolist() == [math.log(LEAST), 0.0]
    assert math.isfinite(mean_log([0.0, 0.1])) and mean_log([0.0]) < mean_log([1e-9])
    assert math.isclose(geometric_mean([0.0, 1.0]), math.sqrt(LEAST)) and geometric_mean([]) == math.inf


def test_the_race_goes_on_where_a_seed_was_met_exactly() -> None:
    complete = [[0.0, 0.1], [0.2, 0.1], [0.3, 0.2]]
    assert behind([0.5, 0.5], complete) in (True, False)
    assert not behind([0.0, 0.1], complete)
