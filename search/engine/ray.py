"""Trainings on Ray: single ones on a pool of actors, the trials of a search through Tune.

Tune asks `TuneSearcher` for trials and tells `TuneScheduler` what came of them; both hand on to the search.
"""

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypedDict

from ray import tune
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from graft.cluster import times
from graft.cluster.pool import IDLE, TRIES, Failed, Job, Result, carry_out
from graft.models.train import prepare_process
from graft.search.engine.budget import RangesOf
from graft.search.engine.executor import Key
from graft.search.engine.fused import side_by_side
from graft.search.engine.outcome import Made, Outcome, Shared, measure
from graft.search.engine.search import PlanOf, Search

FAILURES = TRIES - 1
"""How often a trial is tried again after its worker died."""


@dataclass(frozen=True)
class RayExecutor:
    """Trainings on the cluster that this process is connected to.

    Attributes:
        workers: Trainings at a time, one CPU each.
        folder: Where Tune may keep its own state while it runs; removed afterwards, for nothing in it is needed.
        gpus: Share of a GPU for each training.
    """

    workers: int
    folder: Path
    gpus: float = 0.0

    def run(
        self, jobs: Mapping[Key, Job[Result]], shares: Sequence[Sequence[Key]] = ()
    ) -> Iterator[tuple[Key, Result]]:
        """Carry out jobs on a pool of actors, as of `Executor`."""
        try:
            yield from carry_out(
                jobs, self.workers, prepare=prepare_process, gpus=self.gpus, shares=shares, together=side_by_side
            )
        except Failed as problem:
            raise problem.cause or problem from None  # what a worker refuses is one line here as well

    def explore(self, search: Search[PlanOf, RangesOf], task: Shared[PlanOf, Made]) -> None:
        """Run the trials of a search until its budget is spent."""
        if search.used >= search.budget.trainings and not search.interrupted:
            return
        IDLE.dismiss()  # Tune's own actors need their CPUs
        shutil.rmtree(self.folder, ignore_errors=True)
        searcher = TuneSearcher(search, self.workers, FAILURES)
        trainable = tune.with_resources(
            tune.with_parameters(SeedBySeed, task=task, plans=search.space.plans, seeds=search.budget.seeds),
            {"cpu": 1, "gpu": self.gpus},
        )
        tuner = tune.Tuner(
            trainable,
            tune_config=tune.TuneConfig(
                num_samples=-1, search_alg=searcher, scheduler=TuneScheduler(searcher), reuse_actors=True
            ),
            run_config=tune.RunConfig(
                name=search.phase,
                storage_path=str(self.folder),
                verbose=0,
                progress_reporter=tune.CLIReporter(),  # that of notebooks wipes what stands there
                failure_config=tune.FailureConfig(max_failures=FAILURES),
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            ),
        )
        try:
            tuner.fit()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


class Config(TypedDict):
    """What Tune hands to the process of a trial: its number, its plan, the seed with which it goes on."""

    number: int
    plan: dict[str, object]
    first: int


class SeedBySeed(tune.Trainable, Generic[PlanOf, Made]):
    """A trial: one plan, one training for each seed, reported as it comes. Its process serves many trials."""

    task: Shared[PlanOf, Made]
    plans: type[PlanOf]
    plan: PlanOf

    def setup(  # type: ignore[override]
        self, config: "Config", task: Shared[PlanOf, Made], plans: type[PlanOf], seeds: int
    ) -> None:
        """Once in each process: the data arrive here."""
        prepare_process()
        self.task, self.plans, self.seeds = task, plans, seeds
        self.reset_config(config)

    def reset_config(self, new_config: "Config") -> bool:  # type: ignore[override]
        """Take on another trial."""
        self.plan, self.index = self.plans.from_dict(new_config["plan"]), new_config["first"]
        return True

    def step(self) -> dict[str, object]:
        """Train with the next seed."""
        outcome = measure(self.task, self.task.training(self.plan, self.index))
        self.index += 1
        last = self.index >= self.seeds or bool(outcome.reason)
        by_task = list(outcome.by_task.items())  # a dictionary would be taken apart by Tune
        return vars(outcome) | {"by_task": by_task, "index": self.index - 1, "done": last}


class TuneSearcher(Searcher):
    """Hands trials of a `Search` to Tune.

    Stock OptunaSearch loses what this keeps: the study lives in the run's folder and not in a pickle, trials stopped
    by the pruner are told as pruned, failed ones as failed, and resuming needs nothing of Tune.

    Args:
        search: Asked for trials.
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

    def suggest(self, trial_id: str) -> Config | str | None:  # type: ignore[override]
        """The next trial as Tune's config, or ``FINISHED``."""
        if len(self.search.live) >= self.workers:
            return None
        asked = self.search.ask()
        if asked is None:  # of those under way one may come back
            return None if self.search.live else Searcher.FINISHED
        number, plan = asked
        self.numbers[trial_id] = number
        return {"number": number, "plan": plan.to_dict(), "first": self.search.begins(number)}

    def on_trial_complete(self, trial_id: str, result: dict[str, object] | None = None, error: bool = False) -> None:
        """Tune is done with a trial, for whichever reason; the search knows which."""
        number = self.numbers[trial_id]
        if error and self.failed[number] <= self.failures:
            self.search.release(number)
        else:
            self.search.close(number, self.problems.get(trial_id, "the trial failed") if error else "")

    def __getstate__(self) -> dict[str, object]:
        """Nothing: Tune pickles its searcher to restore it, which is never done here; the journal is the record."""
        return {}

    def save(self, checkpoint_path: str) -> None:
        """Nothing to save: the search is on disk already."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing to restore."""


class TuneScheduler(FIFOScheduler):
    """Stops what the search stops.

    Tune tells a scheduler of every result but the last, and its searcher of no result that ended a trial; telling
    the search from here, both times, is what carries a stop across.

    Args:
        searcher: Knows which of Tune's trials is which.
    """

    def __init__(self, searcher: TuneSearcher) -> None:
        super().__init__()
        self.searcher = searcher

    def on_trial_result(self, tune_controller: object, trial: Trial, result: dict[str, object]) -> str:
        """One seed's outcome."""
        return TrialScheduler.STOP if self._tell(trial, result) else TrialScheduler.CONTINUE

    def on_trial_complete(self, tune_controller: object, trial: Trial, result: dict[str, object]) -> None:
        """The last seed's outcome."""
        self._tell(trial, result)

    def on_trial_error(self, tune_controller: object, trial: Trial) -> None:
        """Keep the last line of what went wrong, and how often it did."""
        self.searcher.failed[trial.config["number"]] += max(1, trial.num_failures)
        lines = str(trial.get_error() or "the worker died").strip().splitlines()
        self.searcher.problems[trial.trial_id] = lines[-1][:300]

    def _tell(self, trial: Trial, result: dict[str, Any]) -> bool:
        if "index" not in result:
            return False
        times.add("training", result["seconds"])
        outcome = Outcome(result["error"], result["seconds"], result["reason"], dict(result["by_task"]))
        return self.searcher.search.tell(trial.config["number"], result["index"], outcome)
