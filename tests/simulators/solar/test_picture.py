"""Files of images: each format read alike, what is no measurement masked and counted, the rest refused in one line."""

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from pictures import fits, png, sun
from PIL import Image

from graft.simulators.solar.picture import read
from graft.spaces.errors import InputError

pytest.importorskip("astropy")


@pytest.mark.parametrize("name", ["a.fits", "a.fits.gz", "compressed.fits", "a.npz", "a.png", "a.jp2"])
def test_every_format_gives_the_same_numbers(tmp_path: Path, name: str) -> None:
    path, data = tmp_path / name, sun()
    if name == "a.npz":
        np.savez(path, image=data, pixel=0.16, time="2011-10-08T11:15:42.585", band="continuum")
    elif "fits" in name:
        fits(path, data, compressed=name.startswith("compressed"))
    else:
        png(path, data.astype(np.uint16))
    (found,) = read(path)
    assert np.array_equal(found.values, data) and found.missing == found.saturated == 0
    if path.suffix in (".fits", ".npz"):
        assert (found.told.band, found.told.pixel) == ("continuum", 0.16)
        assert found.told.time == datetime(2011, 10, 8, 11, 15, 42, 585000)


def test_a_png_of_16_bits_keeps_them_and_one_of_8_is_read_too(tmp_path: Path) -> None:
    deep = np.arange(256, dtype=np.uint16).reshape(16, 16) * 255
    assert np.array_equal(read(png(tmp_path / "deep.png", deep))[0].values, deep)
    flat = np.arange(225, dtype=np.uint8).reshape(15, 15)
    assert np.array_equal(read(png(tmp_path / "flat.png", flat))[0].values, flat)


def test_colours_are_refused_and_grey_in_three_channels_is_grey(tmp_path: Path) -> None:
    grey = np.repeat(np.arange(64, dtype=np.uint8).reshape(8, 8, 1), 3, 2)
    assert np.array_equal(read(png(tmp_path / "grey.png", grey))[0].values, grey[..., 0])
    grey[0, 0, 1] = 200
    with pytest.raises(InputError, match=r"colour.png is in colour \(RGB\).*allowed: one channel"):
        read(png(tmp_path / "colour.png", grey))


def test_pixels_that_were_not_measured_are_masked_and_counted(tmp_path: Path) -> None:
    data = sun().astype(np.float32)
    data[2, 3:5] = np.nan
    (found,) = read(fits(tmp_path / "nan.fits", data, {"SATURATE": 1180.0}))
    bright = int((data >= 1180).sum())
    assert bright and (found.missing, found.saturated) == (2, bright)
    assert np.isnan(found.values).sum() == 2 + bright
    counts = sun()
    counts[0, :3], counts[1, 1] = 32767, -32768
    (found,) = read(fits(tmp_path / "blank.fits", counts, {"BLANK": -32768}))
    assert (found.missing, found.saturated) == (1, 3)
    (found,) = read(fits(tmp_path / "scaled.fits", counts, {"BLANK": -32768, "BSCALE": 0.5, "BZERO": 10.0}))
    assert (found.missing, found.saturated) == (1, 3) and np.nanmin(found.values) > 200
    slit = np.where(counts < 900, -200, counts).astype(np.float32)
    (found,) = read(fits(tmp_path / "iris.fits", slit, {"INSTRUME": "SJI", "TWAVE1": 1400.0, "WAVE": ""}))
    assert found.missing == (counts < 900).sum()


def test_what_is_see_through_is_masked(tmp_path: Path) -> None:
    both = np.stack([np.arange(64).reshape(8, 8), np.full((8, 8), 255)], 2).astype(np.uint8)
    both[0, 0, 1] = 0
    path = tmp_path / "clear.png"
    Image.fromarray(both).save(path)
    (found,) = read(path)
    assert found.missing == 1 and np.isnan(found.values[0, 0]) and found.values[7, 7] == 63


def test_images_that_follow_one_another_are_read_one_by_one_and_empty_ones_left_out(tmp_path: Path) -> None:
    cube = np.stack([sun(0), np.zeros((16, 16), np.int16), sun(1)])
    assert [one.values[0, 0] for one in read(fits(tmp_path / "cube.fits", cube))] == [cube[0, 0, 0], cube[2, 0, 0]]


def test_the_first_image_of_several_extensions_is_taken(tmp_path: Path) -> None:
    from astropy.io import fits as astropy

    table = astropy.BinTableHDU.from_columns([astropy.Column("x", "E", array=np.ones(3))])
    images = [astropy.ImageHDU(sun(1)), astropy.ImageHDU(sun(2))]
    astropy.HDUList([astropy.PrimaryHDU(), table, *images]).writeto(tmp_path / "many.fits")
    assert np.array_equal(read(tmp_path / "many.fits")[0].values, sun(1))
    astropy.HDUList([astropy.PrimaryHDU(), table]).writeto(tmp_path / "table.fits")
    with pytest.raises(InputError, match=r"table.fits has no image in its 2 extensions \(PRIMARY, BinTableHDU\)"):
        read(tmp_path / "table.fits")


def test_helioviewer_s_keywords_in_a_jpeg_2000_are_read(tmp_path: Path) -> None:
    path = png(tmp_path / "aia.jp2", sun().astype(np.uint16))
    text = b"<meta><fits><INSTRUME>AIA_2</INSTRUME><WAVELNTH>193</WAVELNTH><CDELT1 comment='x'>0.6</CDELT1>"
    text += b"<DATE-OBS>2013-06-24T17:31:30.84</DATE-OBS></fits></meta>"
    box = (8 + len(text)).to_bytes(4, "big") + b"xml " + text
    path.write_bytes(path.read_bytes() + box)
    told = read(path)[0].told
    assert (told.band, told.pixel, told.time) == ("193", 0.6, datetime(2013, 6, 24, 17, 31, 30, 840000))


def cut_short(path: Path) -> Path:
    whole = fits(path, sun())
    whole.write_bytes(whole.read_bytes()[:3000])
    return whole


def garbage(path: Path) -> Path:
    path.write_bytes(b"no image at all" * 40)
    return path


def text(path: Path) -> Path:
    path.write_text("x")
    return path


def spectra(path: Path) -> Path:
    return fits(path, sun(), {"CTYPE1": "WAVE"})


def far(path: Path) -> Path:
    return fits(path, sun(), {"INSTRUME": "AIA_3", "WAVELNTH": 181})


def arrays(path: Path) -> Path:
    np.savez(path, vx=sun(), vy=sun())
    return path


def pickled(path: Path) -> Path:
    np.savez(path, image=np.array([[None]]))
    return path


@pytest.mark.parametrize(
    ("name", "write", "named"),
    [
        ("short.fits", cut_short, "allowed: a FITS file that is whole"),
        ("garbage.fits", garbage, "allowed: a FITS file that is whole"),
        ("garbage.png", garbage, "allowed: an image that is whole"),
        ("garbage.jp2", garbage, "allowed: an image that is whole"),
        ("garbage.npz", garbage, "allowed: an .npz of plain arrays"),
        ("notes.txt", text, "is no image; allowed: a file that ends in .fits"),
        ("nan.fits", lambda path: fits(path, np.full((16, 16), np.nan)), "holds no number but NaN"),
        ("even.fits", lambda path: fits(path, np.full((16, 16), 7, np.int16)), "is the same everywhere"),
        ("line.fits", lambda path: fits(path, np.arange(16.0)), "has no image in its 1 extensions"),
        ("spectra.fits", spectra, "holds spectra"),
        ("far.fits", far, "far.fits: unknown waveband '181'"),
        ("two.npz", arrays, "two.npz holds vx, vy; allowed: one array, image or images"),
        ("pickled.npz", pickled, "allowed: an .npz of plain arrays"),
    ],
)
def test_what_is_no_image_is_refused_in_one_line(tmp_path: Path, name: str, write, named: str) -> None:
    path = write(tmp_path / name)
    with pytest.raises(InputError, match=named) as refused:
        read(path)
    assert "\n" not in str(refused.value) and str(path) in str(refused.value)
