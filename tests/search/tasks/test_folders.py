"""Images of a user's own as source and target: whole studies of tiny files, and what is refused before they begin."""

import json
import re
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from test_images import held

from graft.search.cli import main
from graft.search.study import resolve
from graft.search.tasks.folders import is_folder
from graft.simulators.solar.scenes import SolarClasses
from graft.spaces.errors import InputError

pytest.importorskip("astropy")
sys.path.insert(0, str(Path(__file__).parents[2] / "simulators" / "solar"))
from pictures import fits, png, sun  # noqa: E402

SMALL = """
rows = { source = 60 }
network = { depth = 2, width = 4 }
source_training = { epochs = 2, batch = 15 }
start = { epochs = 2, batch = 10 }
ranges = { epochs = [2, 3], batch = [10, 20], activation = ["relu"] }
budget = { trainings = 4, seeds = 2, steps = 6, map = 2, curve = 1 }
"""
CLASSES = 'extends = "_images"\nsource = "solar-continuum"\ntarget = "mine/"\ntile = 16\n[demo]' + SMALL
SEEING = 'extends = "solar-seeing"\nsource = "seeing-granulation"\ntarget = "mine/"\ntile = 16\n[demo]' + SMALL


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulated images of 16 x 16 pixels, drawn in this process, in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("graft.simulators.registry.SolarClasses", partial(SolarClasses, side=16, pixel=3.2))


def spots(folder: Path, images: int = 8, side: int = 32) -> None:
    """Images ten minutes apart: half of them bright with fine structure, half of them dark with coarse one."""
    for number in range(images):
        when = {"DATE_OBS": f"2011-10-08T1{number // 6}:{number % 6}0:00"}
        data = sun(number, side).astype(np.int32)
        dark = np.int32(1000 - 600 * np.exp(-(np.hypot(*np.mgrid[-2 : 2 : side * 1j, -2 : 2 : side * 1j]) ** 2)))
        if number % 2:
            data = data + dark - 1000
        fits(folder / ("sunspot" if number % 2 else "quiet Sun") / f"{number}.fits", data.astype(np.int16), when)


def study(text: str, **settings: object) -> object:
    Path("mine.toml").write_text(text)
    return resolve("mine.toml", settings=settings)


def graft(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as stopped:
        main(words)
    said = capsys.readouterr()
    assert stopped.value.code == 0, said.err
    return said.out + (said.err if words[0] == "run" else "")


@pytest.mark.usefixtures("in_this_process")
def test_a_folder_of_images_is_learned_verified_and_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("graft.search.tasks.images.generate", held)
    spots(Path("mine"), 8, 48)
    Path("mine.toml").write_text(CLASSES)
    assert "ok      mine: 8 images at 8 times" in graft(capsys, "doctor", "mine.toml")
    said = graft(capsys, "run", "mine.toml", "--workers", "1", "--out", "out")
    assert "mine: 8 images at 8 times (those within 60 s are one), 72 tiles of 16 x 16 pixels; 4 of quiet Sun" in said
    assert "on 36 locked examples of mine" in said
    told = json.loads(Path("out/result.json").read_text())["classes"]
    assert told["names"] == ["filament", "prominence", "flare ribbon", "sunspot", "quiet Sun"]
    assert all(line.startswith("ok") for line in graft(capsys, "verify", "out").splitlines())
    head, *rows = graft(capsys, "predict", "out", "mine/sunspot/1.fits").strip().splitlines()
    assert head.split(",")[3] == "logit of sunspot" and len(rows) == 9
    assert graft(capsys, "predict", "out", "mine").strip().splitlines()[37:46] == rows  # images in order of their names
    spots(Path("more/mine"), 9)
    Path("mine").rename("before")
    Path("more/mine").rename("mine")
    with pytest.raises(SystemExit) as stopped:
        main(["run", "mine.toml", "--workers", "1", "--out", "out"])
    assert stopped.value.code == 2 and "the run of another study" in capsys.readouterr().err


@pytest.mark.usefixtures("in_this_process")
def test_a_folder_of_true_images_is_seen_through_seeing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("graft.search.tasks.restoration.generate", held)
    monkeypatch.setattr("graft.search.tasks.restoration.FIELDS", 6)
    spots(Path("mine"), 4, 40)
    Path("mine.toml").write_text(SEEING)
    rows = "--set=rows={pool=30, locked=3, validation=6, test=12, source=60}"
    said = graft(capsys, "run", "mine.toml", rows, "--workers", "1", "--out", "out")
    judged = "on 12 frames under fresh seeing, of images of another time than those that taught, of mine"
    assert "mine: 4 images at 4 times" in said and judged in said
    assert "these images, which show 2 times, under fresh seeing" in said
    assert all(line.startswith("ok") for line in graft(capsys, "verify", "out").splitlines())
    found = json.loads(Path("out/result.json").read_text())["restoration"]
    assert found["pixel_arcsec"] == 0.16 and np.array(found["images"]["true"]).shape == (2, 16, 16)
    assert len(graft(capsys, "predict", "out", "mine/sunspot/1.fits").strip().splitlines()) == 1 + 4


def test_what_judges_was_taken_later_than_what_teaches_and_each_tile_stays_with_its_time() -> None:
    spots(Path("mine"), 4, 40)
    task = study(SEEING).learned
    early, late = (system.draw(6, np.random.default_rng(0))["image"] for system in both(task.system("mine")))
    images = {n: set(np.round(values, 5).ravel()) for n, values in enumerate(true("mine"))}
    for drawn, mine in ((early, (0, 1)), (late, (2, 3))):
        for image in drawn:
            found = {n for n, values in images.items() if set(np.round(image, 5).ravel()) <= values}
            assert found and found <= {*mine}
    spots(Path("other"), 8)
    whole = study(CLASSES.replace("mine/", "other/"))
    assert whole.mode == "holdout" and (whole.rows.pool, whole.rows.locked) == (32, 16)
    assert whole.tables[0].groups == tuple(tuple(range(4 * n, 4 * n + 4)) for n in range(8))


def both(system):
    return system, system.judging()


def true(name: str) -> list[np.ndarray]:
    from graft.simulators.solar.folder import survey

    folder = survey(Path(name), 32)
    return [folder.image(one).astype(np.float64) for one in folder.images]


def mixed(folder: Path) -> None:
    for band in ("171", "halpha"):
        png(folder / band / "a.png", sun(0, 40).astype(np.uint16))


def single(folder: Path) -> None:
    labels("image,class\na.png,spot\n")(folder)
    png(folder / "a.png", sun(0, 160).astype(np.uint16))


def labels(text: str):
    def written(folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "labels.csv").write_text(text)
        for name in "ab":
            png(folder / f"{name}.png", sun(ord(name), 64).astype(np.uint16))

    return written


def once(folder: Path) -> None:
    spots(folder, 8)
    for number in range(9, 12):
        png(folder / "plage" / "a_20150801_120000.png", sun(number, 64).astype(np.uint16))


def few(folder: Path) -> None:
    spots(folder, 10)
    png(folder / "plage" / "a.png", sun(0, 16).astype(np.uint16))


def as_one(folder: Path) -> None:
    for number in range(9):
        fits(folder / ("a" if number % 2 else "b") / f"{number}.fits", sun(number, 32))


def plain(folder: Path) -> None:
    for number in range(3):
        png(folder / f"{number}.png", sun(number, 40).astype(np.uint16))


def coarse(folder: Path) -> None:
    for number, pixel in enumerate((0.16, 0.5)):
        fits(folder / f"{number}.fits", sun(number, 40), {"CDELT1": pixel})


@pytest.mark.parametrize(
    ("text", "write", "changed", "named"),
    [
        (CLASSES, mixed, {}, r"mine mixes wavebands: 171 \(1 images\), halpha \(1 images\); allowed: one, or labels"),
        (CLASSES, plain, {}, "mine tells no classes; allowed: at least two classes, by a subfolder for each or by"),
        (CLASSES, labels("image,class\na.png,spot\nb.png,spot\n"), {}, "mine tells only 'spot'; allowed: at least two"),
        (CLASSES, labels("image,class\na.png,spot\nb.png,quiet\nc.png,spot\n"), {}, "unknown image in .* 'c.png'"),
        (CLASSES, labels("image,class\na.png,spot\nb.png,quiet\n"), {}, "mine has images of 2 times, too few to judge"),
        (CLASSES, as_one, {}, "mine has images of one time, so that none could judge what it taught"),
        (CLASSES, few, {}, "mine has 1 of plage; allowed: at least 5 tiles of each class"),
        (CLASSES, once, {}, "'plage' is seen at one time only, so that none could judge"),
        (CLASSES, spots, {"mode": "fresh"}, "mode is 'fresh', but mine is a folder; allowed: 'holdout'"),
        (CLASSES, spots, {"rows.locked": 2}, "rows.locked is 2 of 32 tiles of mine"),
        (CLASSES, spots, {"rows.pool": 40}, "mine has 32 tiles, rows.pool is 40"),
        (CLASSES, spots, {"rows.validation": 14}, "4 of them are of one time; allowed: fewer"),
        (CLASSES, spots, {"tile": 4}, "tile is 4; allowed: a whole number of at least 8"),
        (CLASSES, spots, {"tile": 40}, "has 32 x 32 pixels; allowed: at least 40 x 40, the side of a tile"),
        (CLASSES, spots, {"source": "mine/"}, "mine/ is source and target"),
        (CLASSES, spots, {"source": "mine/sunspot/"}, "sunspot tells no classes"),
        (CLASSES, spots, {"source": "copy/"}, "is an image of mine too; allowed: images of the target alone"),
        (CLASSES, spots, {"source": "solar-171", "target": "strange/"}, "allowed: sources and target of equal classes"),
        (CLASSES, spots, {"target": "mine"}, "mine is a folder; allowed: 'mine/'"),
        (CLASSES, spots, {"target": "yours/"}, "yours is no folder; allowed: a folder of images"),
        (CLASSES, spots, {"target": "solar-304"}, "tile is told, but neither source nor target is a folder"),
        (CLASSES, spots, {"task": "regression"}, "mine is a folder; allowed with this task: simulators and files"),
        (SEEING, mixed, {}, "mine mixes wavebands"),
        (SEEING, plain, {}, "its pixel scale is not told; allowed: one for all images"),
        (SEEING, coarse, {}, "its pixel scale is 0.5 arc seconds; allowed: one for all images"),
        (SEEING, as_one, {}, "mine has images of one time, so that none could judge what it taught"),
        (SEEING, partial(spots, side=24), {}, "has 24 x 24 pixels; allowed: at least 32 x 32"),
    ],
)
def test_folders_that_cannot_be_learned_are_refused_in_one_line(
    text: str, write, changed: dict[str, object], named: str
) -> None:
    write(Path("mine"))
    if "copy/" in changed.values():
        spots(Path("copy"))
    if "strange/" in changed.values():
        for number in range(8):
            png(Path("strange") / "ab"[number % 2] / f"{number}.png", sun(number, 32).astype(np.uint16))
    with pytest.raises(InputError, match=named) as refused:
        study(text, **changed)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "said"),
    [("mine/", True), ("a/mine", True), ("2011.10.08/", True), ("a/b.csv", False), ("film-8", False), ("x:Y", False)],
)
def test_a_folder_is_known_by_its_slash(name: str, said: bool) -> None:
    assert is_folder(name) == said


def test_one_image_alone_is_no_target() -> None:
    for name in "ab":
        png(Path("mine") / name / "same_20150801_120000.png", sun(ord(name), 64).astype(np.uint16))
    with pytest.raises(InputError, match="mine has images of one time"):
        study(CLASSES)
    spots(Path("one"), 1, 40)
    with pytest.raises(InputError, match="one has images of one time, so that none could judge"):
        study(SEEING.replace("mine/", "one/"))


def test_images_may_be_the_source_too_and_their_classes_are_matched_by_name() -> None:
    spots(Path("mine"), 8)
    for number, name in enumerate(("sunspot", "quiet Sun", "plage")):
        png(Path("others") / name / f"{number}.png", sun(100 + number, 80).astype(np.uint16))
    found = study(CLASSES, source="others/", **{"rows.source": 5000})
    assert found.sources == ("others",) and found.rows.source == 75
    task = found.learned
    assert task.classes() == ("plage", "quiet Sun", "sunspot") and task.shapes == ((16, 16), (3,))
    mine, theirs = task.sample("mine", 8, np.random.default_rng(0)), task.sample("others", 26, np.random.default_rng(0))
    assert mine.outputs.tolist() == [[0, 1, 0]] * 4 + [[0, 0, 1]] * 4
    assert theirs.outputs.sum(0).tolist() == [25, 1, 0] or theirs.outputs.sum(0).tolist() == [1, 25, 0]
    task.admit(task.sample("mine", 32, np.random.default_rng(0)), "mine")


def test_the_guide_s_study_of_images_is_one() -> None:
    text = (Path(__file__).parents[3] / "docs" / "guides" / "own.md").read_text()
    spots(Path("spots"), 8, 128)
    found = study(re.findall(r"```toml\n# spots.toml[^\n]*\n(.*?)```", text, re.DOTALL)[0])
    assert (found.target, found.tables[0].shape, found.mode) == ("spots", (64, 64), "holdout")
