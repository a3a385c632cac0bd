"""Tune's scheduler: every result goes to the search, whose race decides whether the trial goes on."""

from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from graft.search.engine.outcome import Outcome
from graft.search.engine.tune import TuneSearcher


class TuneScheduler(FIFOScheduler):
    """Stops what the race stops.

    Tune tells a scheduler of every result but the last, and its searcher of no result that ended a trial; telling
    the search from here, both times, is what carries a stop across.

    Args:
        searcher: Knows which of Tune's trials is which.
    """

    def __init__(self, searcher: TuneSearcher) -> None:
        super().__init__()
        self.searcher = searcher

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """One seed's outcome."""
        return TrialScheduler.STOP if self._tell(trial, result) else TrialScheduler.CONTINUE

    def on_trial_complete(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> None:
        """The last seed's outcome."""
        self._tell(trial, result)

    def on_trial_error(self, tune_controller: Any, trial: Trial) -> None:
        """Keep the last line of what went wrong, and how often it did."""
        self.searcher.failed[trial.config["number"]] += max(1, trial.num_failures)
        lines = str(trial.get_error() or "the worker died").strip().splitlines()
        self.searcher.problems[trial.trial_id] = lines[-1][:300]

    def _tell(self, trial: Trial, result: dict[str, Any]) -> bool:
        if "index" not in result:
            return False
        outcome = Outcome(result["error"], result["seconds"], result["reason"], dict(result["by_task"]))
        return self.searcher.search.tell(trial.config["number"], result["index"], outcome)
