"""MLflow's pages as ``graft ui`` opens them: whole runs side by side, and the table of a run's trials."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from looked_at import ELSEWHERE, opened
from report_example import build, results

from graft.search.tracking import ui

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PATIENCE = 60_000
"""Milliseconds for a page of MLflow's, which asks its server many times before it shows anything."""


def finished(folder: Path) -> Path:
    """A run of transfer with a few of its trials; to deliver all of them takes a minute."""
    files = results()
    for phase in ("baseline", "plans"):
        searched = files["result"][phase]
        searched["trials"] = [one for one in searched["trials"] if one["number"] in (0, 1, searched["best"])]
    (build(folder, files) / "run-id").write_text(folder.name)
    return folder


@pytest.fixture(scope="module")
def links(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Addresses of the pages, while they are served."""
    home = tmp_path_factory.mktemp("tracked")
    one, other = finished(home / "one"), finished(home / "other")
    store, base = f"sqlite:///{home / 'mlflow.db'}", f"http://{ui.HOST}:{ui.usable(None)}"
    compared = ui.together([one, other], store, base)
    with ui.serving(store, base):
        yield ui.urls(one, base, store) | {"compare": compared}


@pytest.mark.parametrize(
    ("page", "shown"),
    [
        (
            "compare",
            [
                "Comparing 2 Runs",
                "film10-film8 summary, one",
                "film10-film8 summary, other",
                "relative_reduction",
                "candidate_deviation",
            ],
        ),
        ("table", ["error_percent", "gain_percent", "copied_n1", "plans 000"]),
    ],
)
def test_mlflow_shows_what_was_delivered(
    page: str, shown: list[str], links: dict[str, str], browser: "Browser", screenshots: Path
) -> None:
    with opened(browser, links[page], 1920) as looked:
        try:
            for words in shown:
                looked.page.get_by_text(words).first.wait_for(state="attached", timeout=PATIENCE)
        finally:
            looked.page.screenshot(path=screenshots / f"mlflow-{page}.png")
        assert not [one for one in looked.complaints if one.startswith(ELSEWHERE)]
