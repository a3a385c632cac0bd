"""Wavebands, pixel scales and times, as headers of real instruments and names tell them."""

from datetime import datetime

import pytest

from graft.simulators.solar.bands import BANDS
from graft.simulators.solar.header import WAVEBANDS, Told, of_header, of_name, time_in, waveband
from graft.spaces.errors import InputError


@pytest.mark.parametrize(
    ("header", "band", "pixel", "time"),
    [
        (
            {"TELESCOP": "SDO/AIA", "INSTRUME": "AIA_3", "WAVELNTH": 171, "WAVEUNIT": "angstrom", "CUNIT1": "arcsec"}
            | {"T_OBS": "2013-03-10T12:00:12.341", "DATE-OBS": "2013-03-10T12:00:11.341", "CDELT1": 0.599488974},
            "171",
            0.599488974,
            "2013-03-10T12:00:11.341",
        ),
        (
            {"TELESCOP": "HINODE", "INSTRUME": "SOT/NB", "WAVE": "TF Fe I 5576", "CDELT1": 0.16}
            | {"DATE_OBS": "2011-10-08T11:15:42.585"},
            "continuum",
            0.16,
            "2011-10-08T11:15:42.585",
        ),
        ({"TELESCOP": "HINODE", "INSTRUME": "SOT/WB", "WAVE": "Ca II H line"}, "cah", 0, ""),
        ({"TELESCOP": "HINODE", "INSTRUME": "SOT/WB", "WAVE": "G band 4305"}, "gband", 0, ""),
        ({"TELESCOP": "HINODE", "INSTRUME": "XRT", "EC_FW1_": "Open", "EC_FW2_": "Al_mesh"}, "xray", 0, ""),
        ({"TELESCOP": "HINODE", "INSTRUME": "XRT", "EC_FW2_": "Gband"}, "gband", 0, ""),
        (
            {"TELESCOP": "SOHO", "INSTRUME": "EIT", "WAVELNTH": 195, "DATE-OBS": "11-DEC-96"}
            | {"DATE_OBS": "1996-12-11T19:00:14.254Z"},
            "193",
            0,
            "1996-12-11T19:00:14.254",
        ),
        (
            {"TELESCOP": "TRACE", "INSTRUME": "TRACE", "WAVE_LEN": "171     ", "DATE_OBS": "1998-05-19T22:21:43.000"},
            "171",
            0,
            "1998-05-19T22:21:43",
        ),
        (
            {"TELESCOP": "SDO/HMI", "INSTRUME": "HMI_FRONT2", "WAVELNTH": 6173.0, "CONTENT": "CONTINUUM INTENSITY"}
            | {"T_OBS": "2014.03.01_00:01:25_TAI"},
            "continuum",
            0,
            "2014-03-01T00:01:25",
        ),
        (
            {"TELESCOP": "NSO-GONG", "WAVELNTH": 6562.808, "IMTYPE": "H-ALPHA", "SOLAR-R": 971.0, "FNDLMBMI": 900.0}
            | {"DATE-OBS": "2024-02-16T00:00:02"},
            "halpha",
            971 / 900,
            "2024-02-16T00:00:02",
        ),
        ({"TELESCOP": "IRIS", "INSTRUME": "SJI", "TWAVE1": 2832.0, "CDELT1": 0.16635}, "2832", 0.16635, ""),
        ({"TELESCOP": "Daniel K. Inouye Solar Telescope", "INSTRUME": "VBI", "WAVELNTH": 450.4}, "continuum", 0, ""),
        ({"INSTRUME": "EUI", "WAVELNTH": 304, "CDELT1": 0.001, "CUNIT1": "deg"}, "304", 3.6, ""),
        ({"INSTRUME": "LASCO", "DATE-OBS": "2002/05/21", "TIME-OBS": "00:18:06.516"}, "", 0, "2002-05-21T00:18:06.516"),
        ({"INSTRUME": "VISP", "CTYPE1": "WAVE", "CDELT1": 0.01}, "", 0, ""),
        ({"DATE-OBS": "2013-13-41T00:00:00"}, "", 0, ""),
    ],
)
def test_headers_of_real_instruments_are_read(header: dict[str, object], band: str, pixel: float, time: str) -> None:
    found = of_header(header)
    assert (found.band, found.pixel) == (band, pytest.approx(pixel))
    assert found.time == (datetime.fromisoformat(time) if time else None)


def test_a_wavelength_of_no_band_is_told_with_the_nearest() -> None:
    with pytest.raises(InputError, match=r"unknown waveband '181' \(did you mean '171'\?\)"):
        of_header({"INSTRUME": "AIA_3", "WAVELNTH": 181})
    with pytest.raises(InputError, match=r"unknown waveband 'halpa' \(did you mean 'halpha'\?\)"):
        waveband("halpa")


@pytest.mark.parametrize(
    ("told", "band"),
    [("H-alpha", "halpha"), ("Hα", "halpha"), ("6563", "halpha"), ("171 A", "171"), ("white light", "continuum")]
    + [("Ca II K", "cak"), ("195", "193"), ("Soft X-ray", "xray"), *((name, name) for name in BANDS)],
)
def test_spellings_of_a_band_mean_the_same(told: str, band: str) -> None:
    assert waveband(told) == band and band in WAVEBANDS


def test_dark_and_flat_frames_are_told_by_header_or_name() -> None:
    assert of_header({"IMG_TYPE": "DARK"}).frame == "dark" and of_header({"IMAGETYP": "Flat Field"}).frame == "flat"
    assert of_header({"IMG_TYPE": "LIGHT"}).frame == of_name("darkness_flatland.fits").frame == ""
    assert of_name("flat_20150801.fits").frame == "flat" and of_name("bias-03.fits").frame == "dark"


@pytest.mark.parametrize(
    ("name", "time"),
    [
        ("bbso_halph_fr_20150801_163212.jpg", "2015-08-01T16:32:12"),
        ("2013_06_24__17_31_30_84__SDO_AIA_AIA_193.jp2", "2013-06-24T17:31:30.84"),
        ("FG20111008_111542.5.fits.gz", "2011-10-08T11:15:42.5"),
        ("efz20040301.000010_s.fits", "2004-03-01T00:00:10"),
        ("spot_20150801.png", ""),
        ("image1234567890123456.png", ""),
    ],
)
def test_names_of_files_tell_a_time_if_they_have_one(name: str, time: str) -> None:
    assert of_name(name).time == (datetime.fromisoformat(time) if time else None)


def test_the_time_between_images_is_that_from_first_to_last_where_it_is_told() -> None:
    axis = {"CTYPE3": "Time", "CDELT3": 37.4, "NAXIS3": 18, "DATE_OBS": "2014-03-29T14:00:00"}
    assert of_header(axis).step == 37.4 and of_header(axis | {"CTYPE3": "WAVE"}).step == 0
    assert of_header(axis | {"DATE_END": "2014-03-29T17:00:00"}).step == 600


def test_a_date_alone_is_its_midnight_where_a_time_is_asked_for() -> None:
    assert time_in("2015-08-01") == datetime(2015, 8, 1) and time_in("soon") is None


def test_what_one_place_does_not_tell_another_may() -> None:
    early, late = datetime(2011, 1, 1), datetime(2012, 1, 1)
    assert Told(pixel=0.5).over(Told("171", 0.6, early, 12.0)) == Told("171", 0.5, early, 12.0)
    assert Told(time=late, step=3.0).over(Told(time=early, step=12.0)) == Told(time=late, step=3.0)
