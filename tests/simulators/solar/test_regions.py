"""Tiles of the surface: their regions by masks, split by time, told by structure alone."""

import numpy as np
import pytest

from graft.simulators.registry import find
from graft.simulators.solar.regions import REGIONS, Regions, regions
from graft.simulators.solar.truths import PIXEL, TIMES, hinode
from graft.spaces.errors import InputError


def test_masks_follow_intensity_and_leave_granules_alone() -> None:
    image = np.ones((90, 90))
    image[:30], image[30:60] = 0.45, 0.85
    found = regions(image, PIXEL)
    assert [REGIONS[found[row, 40]] for row in (10, 45, 80)] == list(REGIONS)
    spotted = regions(hinode()[0], PIXEL)
    shares = np.bincount(spotted.ravel(), minlength=3) / spotted.size
    assert 0.03 < shares[0] < 0.06 and 0.25 < shares[1] < 0.4
    assert (spotted[:, 220:] == 2).mean() > 0.98  # granulation beside the spot


@pytest.mark.parametrize("place", ["scenes", "hinode"])
def test_the_middle_of_a_field_lies_in_the_region_that_it_is_called(place: str) -> None:
    simulator, rng = Regions(place, 16), np.random.default_rng(0)
    for kind in range(3):
        field = simulator.field(kind, rng)
        assert field.shape == (32, 32)
        middle = regions(field, PIXEL)[14:18, 14:18]
        assert (middle == kind).any()


@pytest.mark.parametrize("place", ["scenes", "hinode"])
def test_tiles_are_shown_in_units_of_their_own_mean_and_as_many_of_each(place: str) -> None:
    rows = Regions(place, 16).draw(90, np.random.default_rng(1))
    assert rows["image"].mean((1, 2)) == pytest.approx(1)
    assert (rows["class"].sum(1) == 1).all() and (rows["class"].sum(0) >= 15).all()


def test_what_judges_is_of_the_later_time_alone() -> None:
    simulator = find("regions-hinode")
    assert not simulator.later and simulator.judging().later and "another time" in simulator.judging().judged_on
    for later in (False, True):
        field = Regions("hinode", 16, later).field(1, np.random.default_rng(2))
        mine, others = (hinode()[TIMES:], hinode()[:TIMES]) if later else (hinode()[:TIMES], hinode()[TIMES:])
        assert np.isin(field, mine).all() and not np.isin(field, others).all()
    scenes = find("regions-scenes")
    assert scenes.judging().judged_on == "newly simulated examples of"


def test_an_unknown_place_is_told_with_those_there_are() -> None:
    with pytest.raises(InputError, match=r"did you mean 'hinode'\?"):
        find("regions-hinodes")
    with pytest.raises(InputError, match="side is 8"):
        Regions("hinode", 8)
