"""A browser of the system, and finished runs of every kind: made up, or tiny ones in this process."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

TESTS = Path(__file__).parents[1]
for room in ("search", "search/report", "search/sharing", "search/dcl"):  # where those runs are made
    sys.path.insert(0, str(TESTS / room))

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
WANTED = "pages are looked at by Chromium: pip install 'graft[browser]', and apt-get install chromium"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever lies here needs a browser."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("browser")


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """Chromium without a window."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    api = pytest.importorskip("playwright.sync_api", reason=WANTED)
    with api.sync_playwright() as play:
        if path is None and not Path(play.chromium.executable_path).exists():
            pytest.skip(WANTED)
        found = play.chromium.launch(executable_path=path)
        yield found
        found.close()


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures of the pages stay: ``GRAFT_SCREENSHOTS``, or a temporary folder."""
    folder = Path(os.environ.get("GRAFT_SCREENSHOTS") or tmp_path_factory.mktemp("screenshots")).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of runs that ended, one of each kind; that of tasks learned together has a map."""
    from report_example import build
    from test_dcl_run import carried_out as watch
    from test_sharing_run import TINY, kind_in
    from test_sharing_run import carried_out as share

    from graft.search import report
    from graft.search.engine.progress import Progress
    from graft.search.report.sections import TRANSFER
    from graft.search.run.folder import Run
    from graft.search.run.resources import Resources
    from graft.search.study import resolve

    home = tmp_path_factory.mktemp("runs")
    found = {kind: home / kind for kind in ("transfer", "sharing", "dcl")}
    report.write(build(found["transfer"]), TRANSFER)
    with pytest.MonkeyPatch.context() as patch:
        watch(found["dcl"], patch)
        found["sharing"].mkdir()
        Run(found["sharing"]).begin(resolve("films-8-10-12-14", "demo", TINY))
        share(found["sharing"], patch)
        kind_in(found["sharing"]).map(Run(found["sharing"]), Resources(1), Progress(quiet=True))
    return found
