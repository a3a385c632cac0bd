"""Folders of images: what shows what, when and in which band; which are never split; what is refused in one line."""

from pathlib import Path

import numpy as np
import pytest
from pictures import fits, png, sun

from graft.simulators.data.table import Table
from graft.simulators.solar.album import LINEAR, LOGARITHMIC, Album
from graft.simulators.solar.folder import cut, logarithmic, numbers, reference, survey
from graft.spaces.errors import InputError

pytest.importorskip("astropy")


def at(minute: int, second: int = 0) -> dict[str, str]:
    return {"DATE_OBS": f"2011-10-08T11:{minute:02d}:{second:02d}"}


def labelled(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "labels.csv").write_text(text)
    return folder


def test_subfolders_tell_classes_and_wavebands_in_either_order(tmp_path: Path) -> None:
    for place in ("spot/171", "quiet/171", "spot/H-alpha"):
        png(tmp_path / "one" / place / "a_20150801_120000.png", sun().astype(np.uint16))
        png(tmp_path / "other" / "/".join(reversed(place.split("/"))) / "a.png", sun().astype(np.uint16))
    for name in ("one", "other"):
        found = survey(tmp_path / name, 8)
        assert {(one.shows, one.told.band) for one in found.images} == {
            ("quiet", "171"),
            ("spot", "171"),
            ("spot", "halpha"),
        }
        assert found.classes == ("quiet", "spot") and found.bands == {"171": 2, "halpha": 1}


def test_a_folder_that_is_called_as_a_waveband_is_of_it(tmp_path: Path) -> None:
    png(tmp_path / "halpha" / "a.png", sun().astype(np.uint16))
    assert survey(tmp_path / "halpha", 8).bands == {"halpha": 1}


def test_a_label_file_tells_classes_and_what_headers_do_not(tmp_path: Path) -> None:
    for name in "abc":
        png(tmp_path / f"{name}.png", sun(ord(name)).astype(np.uint16))
    labelled(
        tmp_path,
        "image,class,time,band,pixel\na.png,spot,2015-08-01T12:00,ha,0.5\nb.png,quiet,2015-08-01 13:00:00,6563,0.5\n",
    )
    found = survey(tmp_path, 8)
    assert [(one.file, one.shows, one.told.band, one.told.pixel) for one in found.images] == [
        ("a.png", "spot", "halpha", 0.5),
        ("b.png", "quiet", "halpha", 0.5),
    ]
    assert found.left_out == ("c.png, which labels.csv does not name",)
    before = found.sha256
    labelled(tmp_path, "image,class\na.png,spot\nb.png,spot\n")
    assert survey(tmp_path, 8).sha256 != before


def test_images_within_a_minute_are_of_one_time_and_so_are_those_of_one_file(tmp_path: Path) -> None:
    for name, when in {"d": at(20), "a": at(15, 42), "b": at(15, 44), "c": at(16, 40)}.items():
        fits(tmp_path / f"{name}.fits", sun(ord(name)), when)
    fits(tmp_path / "cube.fits", np.stack([sun(1), sun(2)]), {"DATE_OBS": ""})
    png(tmp_path / "untold.png", sun(9).astype(np.uint16))
    found = survey(tmp_path, 8)
    groups = {(one.file, one.plane): one.group for one in found.images}
    assert groups == {
        ("a.fits", 0): 0, ("b.fits", 0): 0, ("c.fits", 0): 0, ("d.fits", 0): 1,
        ("cube.fits", 0): 2, ("cube.fits", 1): 2, ("untold.png", 0): 3,
    }  # fmt: skip
    assert found.groups == 4 and numbers(found).tolist() == sorted(4 * list(groups.values()))


def test_images_that_follow_one_another_in_a_file_are_as_far_apart_as_its_header_says(tmp_path: Path) -> None:
    cube = np.stack([sun(seed) for seed in range(5)])
    fits(tmp_path / "cube.fits", cube, {"CTYPE3": "Time", "CDELT3": 35.0})
    assert [one.group for one in survey(tmp_path, 8).images] == [0] * 5
    fits(tmp_path / "other" / "slow.fits", cube, {"CTYPE3": "Time", "CDELT3": 70.0})
    found = survey(tmp_path / "other", 8)
    assert [one.group for one in found.images] == list(range(5))
    assert (found.images[4].told.time - found.images[0].told.time).total_seconds() == 280


def test_dark_and_flat_frames_are_left_out_and_told(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(100, 5, (32, 32))
    fits(tmp_path / "sun.fits", sun(0, 32))
    fits(tmp_path / "dark_1.fits", noise)
    fits(tmp_path / "x.fits", noise, {"IMG_TYPE": "FLAT"})
    fits(tmp_path / "y.fits", noise + 1)
    found = survey(tmp_path, 8)
    assert [one.file for one in found.images] == ["sun.fits"]
    assert found.left_out == (
        "dark_1.fits, a dark frame by its header or name",
        "x.fits, a flat frame by its header or name",
        "y.fits, a dark or flat frame: nothing but noise is in it",
    )
    assert "left out: dark_1.fits" in " ".join(found.notes)


def test_tiles_lie_side_by_side_and_masked_ones_are_counted(tmp_path: Path) -> None:
    data = sun(0, 20, 28).astype(np.float32)
    data[2:10, 2:10] = np.nan  # the whole first tile
    data[2, 12] = np.nan  # one pixel of the second
    fits(tmp_path / "a.fits", data)
    found = survey(tmp_path, 8)
    assert (found.images[0].tiles, found.dropped, found.missing, found.saturated) == (5, 1, 65, 0)
    tiles, scale = found.tiles(found.images[0], False), reference(data)
    assert tiles.shape == (5, 8, 8) and np.isfinite(tiles).all()
    expected = data[2:10, 10:18] / scale
    assert tiles[0, 0, 2] == pytest.approx(np.nanmedian(expected))
    assert np.allclose(np.delete(tiles[0], 2, 1), np.delete(expected, 2, 1), rtol=1e-6)
    assert np.allclose(tiles[1], data[2:10, 18:26] / scale, rtol=1e-6)
    assert "65 pixels masked (65 empty, 0 saturated), 1 tiles left out" in " ".join(found.notes)
    assert np.allclose(cut(tmp_path / "a.fits", 8, False), tiles)


def test_intensities_are_counted_from_the_disc_not_from_the_sky_beside_it() -> None:
    disc = np.where(np.hypot(*np.mgrid[-1:1:64j, -1:1:64j]) < 0.8, 100.0, 0.5)
    assert reference(disc) == 100.0 and reference(sun().astype(float)) == pytest.approx(1000, rel=0.05)


def test_the_ultraviolet_is_shown_on_the_scale_of_simulated_images() -> None:
    assert logarithmic("171") and logarithmic("1600") and logarithmic("211") and logarithmic("xray")
    assert not logarithmic("halpha") and not logarithmic("continuum") and not logarithmic("")


def test_an_album_is_the_tiles_of_a_folder_and_refuses_another(tmp_path: Path) -> None:
    for name, seed in {"quiet/a": 0, "spot/b": 1}.items():
        png(tmp_path / f"{name}.png", sun(seed).astype(np.uint16))
    found = survey(tmp_path, 8)
    for unit in (LINEAR, LOGARITHMIC):
        table = Table("mine", found.sha256, 8, (f"image [{unit}]",), found.classes, path=str(tmp_path), shape=(8, 8))
        drawn = Album(table).draw(8, np.random.default_rng(0))
        expected = np.concatenate([found.tiles(one, unit == LOGARITHMIC) for one in found.images])
        assert np.array_equal(drawn["image"], expected)
        assert drawn["class"].tolist() == [[1, 0]] * 4 + [[0, 1]] * 4
        assert np.array_equal(Album(table).draw(3, np.random.default_rng(1))["image"], expected[:3])
    assert expected.max() < 1
    png(tmp_path / "spot" / "b.png", sun(2).astype(np.uint16))
    with pytest.raises(InputError, match="does not hold the images that this study began with"):
        Album(table).draw(8, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("files", "labels", "named"),
    [
        ({}, None, "holds no images; allowed: files that end in .fits"),
        ({"a.png": 6}, None, r"a.png has 6 x 6 pixels; allowed: at least 8 x 8, the side of a tile"),
        ({"171/a.png": 16, "halpa/a.png": 16}, None, r"unknown waveband 'halpa' \(did you mean 'halpha'\?\)"),
        ({"spot/north/a.png": 16}, None, "both 'spot' and 'north' would be its class; allowed: one subfolder"),
        ({"a.png": 16}, "image,class\nb.png,spot\n", r"unknown image in .*labels.csv 'b.png' \(did you mean 'a.png'"),
        ({"a.png": 16}, "picture,class\na.png,spot\n", "unknown column in .*labels.csv 'picture'"),
        ({"a.png": 16}, "class,time\nspot,2015-08-01\n", "allowed: image,class and if need be"),
        ({"a.png": 16}, "image,class\na.png\n", "line 2 has 1 cells; allowed: 2"),
        ({"a.png": 16}, "image,class\na.png,spot\na.png,quiet\n", "line 3 names a.png again"),
        ({"a.png": 16}, "image,class\na.png,\n", "line 2 has no class"),
        ({"a.png": 16}, "image,time\na.png,soon\n", "time is 'soon'; allowed: such as 2011-10-08"),
        ({"a.png": 16}, "image,pixel\na.png,-1\n", "pixel is '-1'; allowed: arc seconds above 0"),
        ({"a.png": 16}, "image,band\na.png,halpa\n", r"line 2: unknown waveband 'halpa' \(did you mean 'halpha'\?\)"),
        ({"a.png": 16}, "", "allowed: image,class and if need be"),
        ({"dark/dark.png": 16}, None, "holds no image of the Sun .dark/dark.png, a dark frame"),
    ],
)
def test_folders_that_cannot_be_used_are_refused_in_one_line(
    tmp_path: Path, files: dict[str, int], labels: str | None, named: str
) -> None:
    for name, side in files.items():
        png(tmp_path / name, sun(0, side).astype(np.uint16))
    if labels is not None:
        labelled(tmp_path, labels)
    with pytest.raises(InputError, match=named) as refused:
        survey(tmp_path, 8)
    assert "\n" not in str(refused.value)


def test_what_is_no_intensity_is_refused(tmp_path: Path) -> None:
    fits(tmp_path / "field.fits", sun().astype(float) - 1000)
    with pytest.raises(InputError, match=r"no image of the Sun \(field.fits, no intensity: \d+% of"):
        survey(tmp_path, 8)
    with pytest.raises(InputError, match="field.fits is no intensity"):
        cut(tmp_path / "field.fits", 8, False)
    cube = np.stack([sun(0), sun(1) - np.int16(2000)])
    fits(tmp_path / "cube.fits", cube)
    found = survey(tmp_path, 8)
    assert [(one.file, one.plane) for one in found.images] == [("cube.fits", 0)] and len(found.left_out) == 2
    with pytest.raises(InputError, match="is no folder"):
        survey(tmp_path / "nowhere", 8)
