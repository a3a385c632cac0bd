"""Chance, and one search that nothing happens to.

A test of row k of the docs' table of faults is called ``test_row_k``. `repeat.py` runs the tests with other draws.
"""

import signal
from pathlib import Path
from random import Random

import pytest
from searches import finish


def pytest_configure() -> None:
    """A shell starts what runs in its background deaf to SIGINT, and its children inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever lies here is a test of faults."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("fault")


@pytest.fixture
def draw(request: pytest.FixtureRequest) -> Random:
    """Decides when to kill and what to damage."""
    return Random(getattr(request, "param", 0))


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """Folder of a search with one worker that was left alone, and the seconds that it took."""
    out = tmp_path_factory.mktemp("whole") / "run"
    return out, finish(out)
