"""Seeing in layers: near the ground alike everywhere, higher up as the structure function of its footprints says."""

import numpy as np
import pytest

from graft.simulators.solar.anisoplanatic import DAYTIME, Layer, blend, frame, middle, phases
from graft.simulators.solar.screens import screens, structure
from graft.simulators.solar.seeing import ARCSEC, TELESCOPES, Optics, seen
from graft.spaces.errors import InputError

OPTICS = Optics(TELESCOPES["sst"], 557.6e-9, 0.16, 32)


def test_turbulence_at_the_ground_blurs_all_of_a_field_alike() -> None:
    image = 1 + 0.05 * np.random.default_rng(0).standard_normal((32, 32))
    points = len(OPTICS.pupil())
    phase = screens(1, points, OPTICS.spacing, 0.1, np.random.default_rng(7))[0]
    found = frame(image, OPTICS, 0.1, np.random.default_rng(7), [Layer(0.0, 1.0)])
    assert found == pytest.approx(seen(image, OPTICS.transfer(phase)), abs=1e-12)


def test_phases_towards_two_directions_differ_as_the_structure_function_of_their_footprints() -> None:
    height, rng, far, near = 20_000.0, np.random.default_rng(1), [], []
    for _ in range(150):
        found = dict(phases(OPTICS, 0.1, rng, [Layer(height, 1.0)], 4))
        far.append(np.mean((found[0, 0] - found[3, 0]) ** 2))
        near.append(np.mean((found[1, 1] - found[1, 2]) ** 2))
    apart = (middle(32, 4)[1:] - middle(32, 4)[0]) * 0.16 * ARCSEC * height
    for measured, distance in ((near, apart[0]), (far, apart[2])):
        footprint = np.rint(distance / OPTICS.spacing) * OPTICS.spacing
        assert np.mean(measured) == pytest.approx(structure(footprint, 0.1), rel=0.12)


def test_shares_of_layers_make_up_one_r0() -> None:
    rng, found = np.random.default_rng(2), []
    for _ in range(150):
        phase = dict(phases(OPTICS, 0.1, rng, DAYTIME, 1))[0, 0]
        found.append(np.mean((phase[:, 10:] - phase[:, :-10]) ** 2))
    assert np.mean(found) == pytest.approx(structure(10 * OPTICS.spacing, 0.1), rel=0.12)


def test_the_higher_the_turbulence_the_less_alike_are_parts_of_a_field() -> None:
    def difference(height: float) -> float:
        rng, off = np.random.default_rng(3), []
        for _ in range(20):
            found = dict(phases(OPTICS, 0.1, rng, [Layer(height, 1.0)], 4))
            first, last = (np.abs(OPTICS.transfer(found[place])) for place in ((0, 0), (3, 3)))
            off.append(np.abs(first - last).mean())
        return float(np.mean(off))

    low, middle_, high = map(difference, (0.0, 4_000.0, 40_000.0))
    assert low == 0 and 0 < middle_ < high


def test_patches_blend_and_the_mean_of_an_image_is_kept() -> None:
    assert blend(32, 4).sum(0) == pytest.approx(1) and blend(32, 1).tolist() == [[1.0] * 32]
    flat = frame(np.full((32, 32), 0.8), OPTICS, 0.05, np.random.default_rng(4))
    assert flat == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("layers", "patches", "named"),
    [
        ([Layer(0.0, 0.6)], 2, r"shares of layers are \[0.6\]; allowed: those that add up to 1"),
        ([Layer(-1.0, 1.0)], 2, "height of a layer is -1"),
        ([Layer(0.0, 1.0)], 0, "patches is 0"),
    ],
)
def test_what_is_no_atmosphere_is_refused(layers: list[Layer], patches: int, named: str) -> None:
    with pytest.raises(InputError, match=named):
        frame(np.ones((32, 32)), OPTICS, 0.1, np.random.default_rng(0), layers, patches)
