"""Pages of runs as readers meet them: on a phone, a laptop, a wide screen, in the dark, on paper."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from looked_at import CUT_OFF, PAPER, SCROLLING, UNNAMED, opened
from report_example import build, results

from graft.search import report
from graft.search.report.section import Page
from graft.search.report.sections import TRANSFER
from graft.search.run.results import TransferResults

if TYPE_CHECKING:
    from playwright.sync_api import Browser

KINDS = ("transfer", "sharing", "dcl")
WIDTHS = (390, 1285, 1920)


def address(folder: Path) -> str:
    return (folder / "report" / "index.html").as_uri()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_cut_off_unreadable_unnamed_or_missing(
    kind: str, width: int, scheme: str, runs: dict[str, Path], browser: "Browser", screenshots: Path
) -> None:
    with opened(browser, address(runs[kind]), width, scheme) as looked:
        looked.page.screenshot(path=screenshots / f"{kind}-{width}-{scheme}.png", full_page=True)
        assert looked.asked(CUT_OFF) == []
        assert looked.unreadable() == []
        assert looked.asked(UNNAMED) == [] and looked.asked("document.images.length") > 3
        assert width < 1000 or looked.asked(SCROLLING) == []  # only a phone has to be moved sideways
        assert looked.complaints == []


@pytest.mark.parametrize("kind", KINDS)
def test_the_dark_is_dark(kind: str, runs: dict[str, Path], browser: "Browser") -> None:
    with opened(browser, address(runs[kind]), 1285, "dark") as looked:
        assert looked.asked("getComputedStyle(document.body).backgroundColor") == "rgb(21, 25, 29)"


@pytest.mark.parametrize("kind", KINDS)
def test_all_of_it_is_on_paper_in_black_and_white(
    kind: str, runs: dict[str, Path], browser: "Browser", screenshots: Path
) -> None:
    with opened(browser, address(runs[kind]), PAPER, "dark") as looked:
        looked.page.emulate_media(media="print")
        looked.page.add_style_tag(content="html { filter: grayscale(1) }")
        looked.page.screenshot(path=screenshots / f"{kind}-print.png", full_page=True)
        assert looked.asked(CUT_OFF) == looked.asked(SCROLLING) == []
        assert looked.unreadable(paper=True) == []


@pytest.mark.parametrize("width", WIDTHS)
def test_names_without_a_blank_widen_no_page(width: int, tmp_path: Path, browser: "Browser") -> None:
    files, long = results(), "a_title_without_a_blank_" * 8
    files["study"] = files["study"] | {"title": long}
    files["certificate"]["sentence"] = long
    words = ["graft", "run", f"{long}.toml"]
    folder = build(tmp_path / "run", files | {"command": {"words": words}})
    report.write(
        folder, Page(TransferResults, [one for one in TRANSFER.sections if one.name in ("verdict", "provenance")])
    )
    with opened(browser, address(folder), width) as looked:
        assert long in looked.page.inner_text("h1") and looked.asked(CUT_OFF) == []
