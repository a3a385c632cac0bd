"""A study of transfer between sequence models from beginning to end, in one folder."""

from typing import Any

from search.means import Means
from search.records.record import Run
from search.transfer.runs import carry_out as carried_out
from search.tuning.progress import Progress
from search.watchers.pipeline import WatcherPipeline


def carry_out(run: Run, means: Means, progress: Progress, tracker: Any) -> dict[str, Any]:
    """Run a study, or what is left of it, and return its certificate; as `search.runs.complete`."""
    return carried_out(run, means, progress, tracker, WatcherPipeline)
