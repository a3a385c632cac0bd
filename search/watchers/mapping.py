"""The map of a study of transfer between sequence models: every span of every source and none."""

from typing import Any

from search.means import Means
from search.records.record import Run
from search.transfer.mapping import draw_map as drawn
from search.tuning.progress import Progress
from search.watchers.pipeline import WatcherPipeline


def draw_map(run: Run, means: Means, progress: Progress) -> dict[str, Any]:
    """Measure all spans of a study and write ``map.json``; as `search.transfer.mapping.draw_map`."""
    return drawn(run, means, progress, WatcherPipeline)
