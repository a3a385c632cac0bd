"""The map of a study of transfer between sequence models: every span of every source and none."""

from typing import Any

from search.mapping import draw_map as drawn
from search.means import Means
from search.progress import Progress
from search.record import Run
from search.watchers.pipeline import WatcherPipeline


def draw_map(run: Run, means: Means, progress: Progress) -> dict[str, Any]:
    """Measure all spans of a study and write ``map.json``; as `search.mapping.draw_map`."""
    return drawn(run, means, progress, WatcherPipeline)
