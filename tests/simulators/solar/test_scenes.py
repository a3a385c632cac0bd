"""Scenes of the Sun: what a class is in a band, and that granulation has the spectrum that was measured."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from graft.simulators.registry import find
from graft.simulators.solar.bands import BANDS, band
from graft.simulators.solar.fields import MEASURED, granulation, spectrum, streaks
from graft.simulators.solar.scenes import CLASSES, SolarClasses, observed, scene, shown
from graft.spaces.errors import InputError

SIDE, PIXEL = 48, 1.0


def drawn(kind: str, seed: int, name: str):
    found = scene(kind, SIDE, PIXEL, np.random.default_rng(seed))
    return found, shown(found, band(name))


def inside(image: np.ndarray, weight: np.ndarray, away: np.ndarray) -> float:
    """How bright what carries weight is, in units of what lies elsewhere on the same side of the limb."""
    there, elsewhere = weight > 0.6 * weight.max(), away & (weight < 0.05)
    return float(np.median(image[there]) / np.median(image[elsewhere]))


def test_granulation_has_the_measured_spectrum_and_the_shape_of_cells() -> None:
    side, pixel = 128, 0.16
    fields = [granulation(side, pixel, np.random.default_rng(seed)) for seed in range(4)]
    one = np.fft.fftfreq(side, pixel)
    frequency = np.hypot(one[:, None], one)
    power = np.mean([np.abs(np.fft.fft2(field)) ** 2 for field in fields], 0) * (pixel / side) ** 2
    for f, told in MEASURED[3:-2]:
        ring = np.abs(frequency - f) < 0.03
        assert power[ring].mean() == pytest.approx(spectrum(frequency[ring]).mean(), rel=0.15)
        assert spectrum(np.array(f)) == pytest.approx(told)
    assert 0.85 < np.mean([field.std() for field in fields]) < 1.1
    # The same filters find a skewness of 0.25 to 0.34 in Hinode's images, and 0 in noise of the same spectrum.
    narrow = [gaussian_filter(field, 1.2) - gaussian_filter(field, 4) for field in fields]
    assert 0.2 < np.mean([np.mean(one**3) / one.std() ** 3 for one in narrow]) < 0.5


def test_granules_that_pixels_do_not_resolve_deviate_less() -> None:
    coarse, fine = (granulation(64, pixel, np.random.default_rng(0)).std() for pixel in (1.6, 0.4))
    assert coarse < 0.8 * fine


def test_streaks_follow_their_directions() -> None:
    found = streaks(np.full((40, 40), 0.0), 12, np.random.default_rng(0))
    along, across = np.diff(found, axis=0).std(), np.diff(found, axis=1).std()
    assert along < across / 3 and found.std() == pytest.approx(1)


@pytest.mark.parametrize(
    ("kind", "part", "band_name", "low", "high"),
    [
        ("filament", "filament", "halpha", 0.3, 0.85),
        ("filament", "filament", "304", 0.2, 0.85),
        ("filament", "filament", "171", 0.2, 0.85),
        ("filament", "filament", "continuum", 0.97, 1.03),
        ("filament", "filament", "1600", 0.8, 1.1),
        ("prominence", "prominence", "halpha", 3.0, np.inf),
        ("prominence", "prominence", "304", 2.0, np.inf),
        ("prominence", "prominence", "171", 0.2, 0.95),
        ("prominence", "prominence", "193", 0.2, 0.95),
        ("flare ribbon", "ribbons", "halpha", 1.2, np.inf),
        ("flare ribbon", "ribbons", "1600", 2.0, np.inf),
        ("flare ribbon", "ribbons", "continuum", 0.95, 1.06),
        ("flare ribbon", "arcade", "xray", 4.0, np.inf),
        ("sunspot", "umbra", "continuum", 0.35, 0.6),
        ("sunspot", "umbra", "1600", 0.2, 0.6),
        ("sunspot", "penumbra", "continuum", 0.75, 0.95),
        ("sunspot", "umbra", "xray", 0.6, np.inf),
        ("sunspot", "loops", "171", 1.5, np.inf),
    ],
)
def test_what_is_bright_and_dark_in_a_band(kind: str, part: str, band_name: str, low: float, high: float) -> None:
    ratios = []
    for seed in range(5):
        found, image = drawn(kind, seed, band_name)
        weight = getattr(found, part)
        # Above the limb, what lies at the same height; on the disc, all of it.
        at = found.height[weight > 0.6 * weight.max()] if part == "prominence" else np.array([-1e4, 0.0])
        away = (found.height >= at.min()) & (found.height <= at.max())
        ratios.append(inside(image, weight, away))
    assert low < np.median(ratios) < high


def test_the_continuum_ends_at_the_limb_and_coronal_bands_do_not() -> None:
    for name in BANDS:
        found, image = drawn("prominence", 0, name)
        sky = np.median(image[(found.height > 5) & (found.prominence < 0.01)])
        assert (sky < 0.12) if name in ("continuum", "halpha", "1600") else (sky > 0.05)


@pytest.mark.parametrize("name", BANDS)
def test_images_of_every_band_are_drawn_with_their_classes(name: str) -> None:
    rows = SolarClasses(name, 32, 1.6).draw(12, np.random.default_rng(1))
    assert (rows["class"].sum(1) == 1).all() and rows["class"].any(0).sum() >= 3
    assert (rows["image"] >= 0).all() and (rows["image"].std((1, 2)) > 0).all()


def test_an_atlas_shows_every_band_as_often_and_all_on_one_scale() -> None:
    atlas = SolarClasses("halpha+continuum+xray", 32, 1.6)
    assert [look.logarithmic for look in atlas.bands] == [True] * 3 and band("halpha").logarithmic is False
    rng, literal, seen = np.random.default_rng(3), np.random.default_rng(3), []
    drawn = atlas.draw(40, rng)["image"]
    for image in drawn:  # literal: the band first, then what one band alone would draw
        place = int(literal.integers(3))
        kind = CLASSES[int(literal.integers(len(CLASSES)))]
        look = replace(band(("halpha", "continuum", "xray")[place]), logarithmic=True)
        assert np.array_equal(image, observed(shown(scene(kind, 32, 1.6, literal), look), look, 1.6, literal))
        seen.append(place)
    assert min(np.bincount(seen)) > 5
    assert find("solar-halpha+171").name == "solar-halpha.171"
    unit = SolarClasses("halpha+continuum").schema.field("image").metadata[b"unit"]
    assert unit == b"intensity of the quiet Sun"
    with pytest.raises(InputError, match=r"unknown waveband 'halfa' \(did you mean 'halpha'\?\)"):
        find("solar-171+halfa")
    with pytest.raises(InputError, match=r"^solar-171\+171 names a waveband twice; allowed: each once"):
        find("solar-171+171")


def test_every_class_is_as_frequent() -> None:
    told = np.array([int(np.random.default_rng(seed).integers(len(CLASSES))) for seed in range(500)])
    assert np.bincount(told).min() > 70


def test_they_are_found_by_name_and_an_unknown_band_is_told_with_the_nearest() -> None:
    assert find("solar-304").schema.field("image").type.shape == [64, 64]
    with pytest.raises(InputError, match=r"unknown waveband 'halfa' \(did you mean 'halpha'\?\)"):
        find("solar-halfa")
    with pytest.raises(InputError, match="side is 8"):
        SolarClasses("304", 8)
    with pytest.raises(InputError, match="pixel is 0"):
        SolarClasses("304", 32, 0)
