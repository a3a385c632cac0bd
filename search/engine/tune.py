"""Tune's searcher: Tune asks it for trials, it asks the search."""

from collections import Counter
from typing import Any

from ray.tune.search import Searcher

from graft.search.engine.search import Search


class TuneSearcher(Searcher):
    """Hands trials of a `Search` to Tune.

    Stock OptunaSearch loses what this keeps: the study lives in the run's folder and not in a pickle, trials stopped
    by the race are told as pruned, failed ones as failed, and resuming needs nothing of Tune.

    Args:
        search: Of this search.
        workers: Trials at a time. Tune asks one ahead of what it can run; answering then would let the sampler
            miss results that are about to arrive, so it is kept waiting instead.
        failures: How often a trial is tried again. Tune tries again too, but of a machine that is gone it may hear
            twice, and takes what it hears while a trial waits for its next worker for that trial's end.
    """

    def __init__(self, search: Search, workers: int, failures: int) -> None:
        super().__init__()
        self.search, self.workers, self.failures = search, workers, failures
        self.failed = Counter[int]()
        self.numbers: dict[str, int] = {}
        self.problems: dict[str, str] = {}

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:  # type: ignore[override]
        """The next trial as Tune's config, or ``FINISHED``."""
        if len(self.search.live) >= self.workers:
            return None
        asked = self.search.ask()
        if asked is None:  # of those under way one may come back
            return None if self.search.live else Searcher.FINISHED
        number, plan = asked
        self.numbers[trial_id] = number
        return {"number": number, "plan": plan.to_dict(), "first": self.search.begins(number)}

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Tune is done with a trial, for whichever reason; the search knows which."""
        number = self.numbers[trial_id]
        if error and self.failed[number] <= self.failures:
            self.search.release(number)
        else:
            self.search.close(number, self.problems.get(trial_id, "the trial failed") if error else "")

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Tune pickles its searcher to restore it, which is never done here; the journal is the record."""
        return {}

    def save(self, checkpoint_path: str) -> None:
        """Nothing to save: the search is on disk already."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing to restore."""
