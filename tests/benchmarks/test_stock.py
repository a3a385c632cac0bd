"""The stock search that graft's time is held against goes through from end to end."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

TINY = (
    "budget.trainings=3", "budget.rival=1", "rows.source=300", "rows.test=100", "source_training.epochs=2",
    "start.epochs=3", "ranges.epochs=[2,4]",
)  # fmt: skip


@pytest.mark.slow
def test_a_tiny_stock_search_ends_with_errors_of_every_arm_and_spends_what_it_may() -> None:
    script = Path(__file__).with_name("stock.py")
    settings = [word for one in TINY for word in ("--set", one)]
    done = subprocess.run(
        [sys.executable, "-P", str(script), *settings], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for arm in ("direct", "direct, same recipe", "weights shuffled", "transfer"):
        assert re.search(rf"^{arm}: [\d.]+ %", done.stdout, re.M), done.stdout
    assert "trainings: 3 direct, 1 source network, 3 spans, 32 to confirm" in done.stdout
    assert re.search(r"^blocks copied: \d to \d", done.stdout, re.M)
