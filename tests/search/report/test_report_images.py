"""The sections of images on the page of a run: what is counted, drawn and said."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from report_example import build, results
from scipy.ndimage import gaussian_filter

from graft.models.fidelity import image_error, psnr, spectral, ssim
from graft.search import report
from graft.search.report import drawing, images
from graft.search.report.page import render
from graft.search.report.section import Page
from graft.search.report.sections import TRANSFER
from graft.search.report.words import NOTHING
from graft.search.run.results import TransferResults
from graft.search.run.shown import Quality

NAMES = ["filament", "prominence", "flare ribbon", "sunspot", "quiet Sun"]
WAYS = ("seen", "wiener", "richardson-lucy", "direct", "transfer")


def sorting(rng: np.random.Generator, sure: float) -> dict[str, Any]:
    """A network that sorts 1,000 images, and says how sure it is of each."""
    exact = rng.integers(0, 4, 1000)  # never a quiet Sun
    told = rng.uniform(0.4, 1, 1000)
    guessed = np.where(rng.random(1000) < told * sure, exact, (exact + 1) % 4)
    confusion = np.zeros((5, 5), int)
    np.add.at(confusion, (exact, guessed), 1)
    parts = [(told >= low) & (told < low + 0.1) for low in np.arange(0.4, 1, 0.1)]
    bins = [
        {"told": float(told[p].mean()), "right": float((guessed == exact)[p].mean()), "images": int(p.sum())}
        for p in parts
    ]
    return {"confusion": confusion.tolist(), "error_rate": float((guessed != exact).mean()), "reliability": bins}


def restored(rng: np.random.Generator) -> dict[str, Any]:
    """Granules, blurred more or less."""
    true = 1 + 0.4 * gaussian_filter(rng.standard_normal((12, 32, 32)), (0, 1.5, 1.5))
    made = {"true": true} | {
        way: gaussian_filter(true, (0, width, width)) + rng.normal(0, 0.003, true.shape)
        for way, width in zip(WAYS, (3, 1.5, 1.6, 1.2, 0.8), strict=True)
    }
    quality = {}
    for way in WAYS:
        power, incoherent = spectral(made[way], true)
        told = {"error": image_error, "psnr_db": psnr, "ssim": ssim}
        quality[way] = {name: float(measure(made[way], true).mean()) for name, measure in told.items()}
        quality[way] |= {"power": power.tolist(), "incoherent": incoherent.tolist()}
    shown = {way: made[way][:2].tolist() for way in (*WAYS, "true")}
    return {"quality": quality, "images": shown, "pixel_arcsec": 0.16, "iterations": 7}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TransferResults:
    """A finished run with both, its figures drawn small."""
    monkeypatch.setitem(drawing.STYLE, "savefig.dpi", 40)
    files, rng = results(), np.random.default_rng(3)
    files["result"]["classes"] = {
        "names": NAMES,
        "networks": {"direct": sorting(rng, 0.8), "transfer": sorting(rng, 0.95)},
    }
    files["result"]["restoration"] = restored(rng)
    return TransferResults.open(build(tmp_path / "run", files))


def test_the_page_tells_of_classes_and_of_restored_images(run: TransferResults, tmp_path: Path) -> None:
    sections = tuple(one for one in TRANSFER.sections if one.name in ("classes", "restoration"))
    page = report.write(tmp_path / "run", Page(TransferResults, sections)).read_text(encoding="utf-8")
    assert {"confusion", "reliability", "restored", "power"} == report.figures(tmp_path / "run").keys()
    heads = re.findall("<h2>(.*)</h2>", page)
    assert "Which classes are taken for which" in heads and "Images, before and after" in heads
    assert "1000 test images that no network saw" in page and "7 iterations" in page
    row = re.search(r"Richardson-Lucy</th>(.*?)</tr>", page, re.DOTALL)
    quality = run.result.restoration.quality["richardson-lucy"]
    assert row and f"{quality.psnr_db:.2f}" in row[1] and f"{quality.ssim:.3f}" in row[1]


def test_without_richardson_lucy_the_page_says_how_to_have_it(run: TransferResults, tmp_path: Path) -> None:
    files = results()
    files["result"]["restoration"] = restored(np.random.default_rng(0)) | {"iterations": 0}
    page = render(TransferResults.open(build(tmp_path / "other", files)), {}, TRANSFER)
    assert "pip install" in page and "iterations, the number" not in page and "Which classes" not in page


def test_confusion_matrices_hold_every_count_and_leave_out_what_never_came_up(run: TransferResults) -> None:
    with drawing.style():
        figure = images.classes_figures(run)["confusion"]
    for panel, name in zip(figure.axes, ("direct", "transfer"), strict=True):
        counts = [int(text.get_text().replace(",", "")) for text in panel.texts]
        expected = np.array(run.result.classes.networks[name].confusion)[:4, :4]
        assert counts == expected.ravel().tolist() and sum(counts) == 1000
        assert [text.get_text() for text in panel.get_xticklabels()] == NAMES[:4]
    assert "transfer" in figure.axes[1].get_title("left")


def test_reliability_is_drawn_where_it_was_told_with_how_many_images(run: TransferResults) -> None:
    with drawing.style():
        figure = images.classes_figures(run)["reliability"]
    for panel, name in zip(figure.axes, ("direct", "transfer"), strict=True):
        held = run.result.classes.networks[name].reliability
        (line,) = (one for one in panel.get_lines() if one.get_marker() == "o")
        assert line.get_xdata() == pytest.approx([100 * one.told for one in held])
        assert line.get_ydata() == pytest.approx([100 * one.right for one in held])
        assert [text.get_text() for text in panel.texts] == [str(one.images) for one in held]


def test_restored_images_have_the_scale_of_the_sky_and_their_residuals_below(run: TransferResults) -> None:
    with drawing.style():
        figure = images.restoration_figures(run)["restored"]
    pictures = [panel for panel in figure.axes if panel.get_images() and panel.get_images()[0].origin == "lower"]
    assert len(pictures) == 2 * (6 + 5)
    for panel in pictures:
        assert panel.get_images()[0].get_extent() == pytest.approx([0, 32 * 0.16, 0, 32 * 0.16])
    held = run.result.restoration.images
    shown = [np.asarray(panel.get_images()[0].get_array()) for panel in pictures]
    true = np.array(held["true"][0])
    assert any(np.allclose(one, true) for one in shown)
    assert any(np.allclose(one, np.array(held["transfer"][0]) - true) for one in shown)


def test_spectra_are_drawn_in_cycles_per_arc_second(run: TransferResults) -> None:
    with drawing.style():
        figure = images.restoration_figures(run)["power"]
    left, right = figure.axes
    quality = run.result.restoration.quality
    lines = {str(line.get_label()): line for line in left.get_lines()}
    assert lines["transfer"].get_ydata() == pytest.approx(quality["transfer"].power)
    assert lines["transfer"].get_xdata()[[0, -1]] == pytest.approx([1 / (32 * 0.16), 0.5 / 0.16])
    incoherent = {str(line.get_label()): line for line in right.get_lines()}["as seen"].get_ydata()
    assert incoherent == pytest.approx(100 * np.array(quality["seen"].incoherent))
    figure.canvas.draw()
    assert "mathdefault" not in "".join(text.get_text() for text in left.get_yticklabels())


def test_a_scale_is_resolved_while_half_of_its_power_goes_with_the_truth() -> None:
    told = {"error": 0.25, "psnr_db": 26.0, "ssim": 0.8, "power": (1.0, 0.9, 0.5, 0.2)}
    cells = images._worth(Quality(**told, incoherent=(0.1, 0.4, 0.6, 0.2)), 0.16)
    assert cells == [
        "25.0 %".replace(" ", "\u00a0"),
        "26.00",
        "0.800",
        "35\u00a0%",
        "0.64″",
    ]  # two rings of a field of 1.28″
    assert images._worth(Quality(**told, incoherent=(0.6, 0.4, 0.6, 0.2)), 0.16)[-1] == NOTHING
    assert images._worth(Quality(**told, incoherent=(0.1, 0.4, 0.5, 0.2)), 0.16)[-1] == "0.32″"


def test_the_page_tells_what_each_way_of_using_a_source_is_worth(tmp_path: Path) -> None:
    files = results()
    plan = {"recipe": {"rate": 0.01}}
    files["result"]["ways"] = {
        "neither": {"plan": plan, "errors": [0.3, 0.32], "mean": 0.31},
        "loss alone": {"plan": plan, "errors": [0.28, 0.3], "mean": 0.29, "change": -0.07, "interval": [-0.09, -0.03]},
    }
    page = render(TransferResults.open(build(tmp_path / "other", files)), {}, TRANSFER)
    rows = re.findall(r'<tr><th scope="row">(neither|loss alone)</th>(.*?)</tr>', page)
    assert "31.00" in rows[0][1] and "–" in rows[0][1]
    assert "29.00" in rows[1][1] and "−7\u00a0% (−9\u00a0% to −3\u00a0%)" in rows[1][1]
    assert "trained on 2 seeds of its" in page
