"""The pages of the documentation, built strictly and served on the loopback."""

import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from looked_at import CUT_OFF, UNNAMED, opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).parents[2]
PAGES = (
    "",
    "quickstart/",
    "concepts/",
    "operations/security/",
    "guides/own/",
    "reference/settings/",
    "reference/python/",
    "results/papers/",
)

CODE = 4.0
"""Contrast at least: that of the colours in which the theme sets code."""


class Quiet(SimpleHTTPRequestHandler):
    """Tells nobody what was asked."""

    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the site, while it is served."""
    mkdocs = shutil.which("mkdocs")
    if mkdocs is None:
        pytest.skip("the site is built by mkdocs: pip install 'graft[docs]'")
    built = tmp_path_factory.mktemp("site")
    command = [mkdocs, "build", "--strict", "--site-dir", str(built)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(built))) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1285, 1920])
def test_the_documentation_can_be_read(
    width: int, scheme: str, site: str, browser: "Browser", screenshots: Path
) -> None:
    for path in PAGES:
        with opened(browser, site + path, width, scheme) as looked:
            name = path.strip("/").replace("/", "-") or "index"
            looked.page.screenshot(path=screenshots / f"docs-{name}-{width}-{scheme}.png")
            assert looked.asked(CUT_OFF) == [], path
            assert looked.asked(UNNAMED) == [], path
            assert looked.complaints == [], path
            assert looked.unreadable(least=CODE) == [], path
