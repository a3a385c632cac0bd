"""What a trial costs beyond its trainings, as a search grows: sampler, race, journal, Tune and MLflow, trial by trial.

Trainings are no-ops. Printed are the milliseconds of the driver's processor around trials 100, 500, 1,000, 2,000, by
part; ``--tune`` runs them through Tune (one worker), else they are asked and told one after another. ``--beside``
grows a search first and then goes on with it and with a young one in turn, trial by trial: on a machine that others use
too only their ratio means something.

    python tests/benchmarks/trials.py --trials 2000 --tune
    python tests/benchmarks/trials.py --trials 2000 --beside
    python tests/benchmarks/trials.py --trials 10000 --no-mlflow
"""

import argparse
import cProfile
import math
import pstats
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from graft.cluster.connect import quiet

quiet()

import numpy as np  # noqa: E402
from optuna.samplers import RandomSampler  # noqa: E402

from graft.search.engine.executor import Executor, LocalExecutor  # noqa: E402
from graft.search.engine.journal import storage  # noqa: E402
from graft.search.engine.progress import Progress  # noqa: E402
from graft.search.engine.ray import RayExecutor  # noqa: E402
from graft.search.engine.search import Search  # noqa: E402
from graft.search.kinds.transfer.phases import plans_search  # noqa: E402
from graft.search.run.folder import Run  # noqa: E402
from graft.search.run.seeds import number  # noqa: E402
from graft.search.study import resolve  # noqa: E402
from graft.search.tasks.base import Request  # noqa: E402
from graft.search.tracking.view import Tracker  # noqa: E402
from graft.spaces.plan import Plan  # noqa: E402

NEAR = 50
"""Trials averaged on either side."""


@dataclass(frozen=True)
class Nothing:
    """A task whose trainings take no time; the error falls toward one plan, with noise that each seed repeats."""

    def training(self, plan: Plan, index: int) -> Request:
        """What a search asks for."""
        return Request(plan, index)

    def errors(self, training: Request) -> tuple[float, dict[str, Any]]:
        """A bowl in the logarithm of the rate and the number of copied blocks."""
        recipe = training.plan.recipe
        copied = sum(block.source is not None for block in training.plan.blocks)
        noise = np.random.default_rng([training.index, recipe.batch]).normal(0, 0.05)
        return 0.03 * math.exp(abs(math.log(recipe.rate / 4e-3)) / 2 + 0.05 * abs(copied - 5) + noise), {}


class Clock:
    """Processor time of this process in each part of each trial."""

    def __init__(self) -> None:
        self.spent: dict[str, list[float]] = defaultdict(list)
        self.ends: list[tuple[float, float]] = []

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, its time added to the trial that is going on."""

        def timed(*arguments: Any, **named: Any) -> Any:
            began = time.process_time()
            try:
                return function(*arguments, **named)
            finally:
                entries = self.spent[part]
                entries.extend([0.0] * (len(self.ends) + 1 - len(entries)))
                entries[-1] += time.process_time() - began

        return timed

    def end(self) -> None:
        """A trial ended."""
        self.ends.append((time.process_time(), time.perf_counter()))

    def around(self, trial: int) -> dict[str, float]:
        """Milliseconds a trial, by part and in all (processor, wall), averaged around one."""
        low, high = max(1, trial - NEAR), min(len(self.ends) - 1, trial + NEAR)
        found = {part: 1000 * float(np.mean(entries[low:high])) for part, entries in self.spent.items()}
        (cpu0, wall0), (cpu1, wall1) = self.ends[low], self.ends[high]
        return found | {
            "all, processor": 1000 * (cpu1 - cpu0) / (high - low),
            "all, wall": 1000 * (wall1 - wall0) / (high - low),
        }


class Timed:
    """A search as a run does it: the plan search of a study of the paper's scale, ended after so many trials."""

    def __init__(self, folder: Path, trials: int, mlflow: bool) -> None:
        study = resolve("film10-film8", "paper")
        self.run, self.clock, self.trials = Run(folder), Clock(), trials
        self.run.begin(study)
        self.progress = Progress(quiet=False)
        self.tracker = Tracker(folder, study.to_dict()) if mlflow else None
        self.show = self.clock.timed("MLflow", self.tracker.trial) if self.tracker else lambda *_: None
        journal = storage(self.run.path("optuna.journal"))
        search = plans_search(study, journal, math.inf, self.closed, study.start, study.ranges, 10**7)
        search.budget = replace(search.budget, finalists=0)  # so that the search can be ended after any trial
        self.search: Search = search
        self.progress.phase("no-op trials", trials)
        self.progress.begin(search)
        self.progress.live = True  # what a terminal costs: the line is composed at each trial
        for part, name in (("ask (sampler)", "ask"), ("tell (race)", "tell"), ("close, all", "close")):
            setattr(search, name, self.clock.timed(part, getattr(search, name)))
        if self.tracker:
            self.tracker.start()

    def closed(self, trial: dict[str, Any], seconds: float) -> None:
        """What a run does with each trial that ends."""
        self.clock.timed("progress", lambda: (self.progress.closed(), self.progress.note()))()
        self.show("plans", trial, seconds)
        self.clock.end()
        if len(self.clock.ends) >= self.trials:
            self.search.budget = replace(self.search.budget, trainings=0)

    def go(self, executor: Executor, more: int = 0) -> float:
        """Go on to the end, or ``more`` trials beyond it; milliseconds of the processor."""
        self.trials += more
        if more:
            self.search.budget = replace(self.search.budget, trainings=10**7)
        began = time.process_time()
        executor.explore(self.search, Nothing())
        if self.tracker:
            assert not self.tracker.warning, self.tracker.warning
        return 1000 * (time.process_time() - began)


def beside(place: Path, trials: int, mlflow: bool) -> None:
    """Print what a trial costs in a search that is old and in one that is young."""
    old, young = Timed(place / "old", trials - NEAR, mlflow), Timed(place / "young", NEAR, mlflow)
    for each in (old, young):
        sampling = each.search.sampling
        each.search.sampling = replace(sampling, sampler=lambda root, common: RandomSampler(seed=number(root)))
        each.go(LocalExecutor())  # which trials it grew by makes no difference to what the next one costs
        each.search.sampling = sampling
        each.clock.spent.clear()
        each.clock.ends.clear()
        each.trials = 0
    spent = [(old.go(LocalExecutor(), 1), young.go(LocalExecutor(), 1)) for _ in range(2 * NEAR)]
    for part in old.clock.spent:
        tell(part, *(1000 * sum(each.clock.spent[part]) / len(spent) for each in (old, young)), trials)
    tell("all", *(float(np.mean(times)) for times in zip(*spent, strict=True)), trials)


def tell(part: str, old: float, young: float, trials: int) -> None:
    """Print milliseconds around a late and an early trial, and their ratio."""
    print(f"{part:15} trial {trials:,}: {old:6.1f} ms, trial {2 * NEAR}: {young:6.1f} ms; ratio {old / young:.2f}")


def main() -> None:
    """Print the table, and the ratio of the last to the one at 100."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--trials", type=int, default=2000)
    options.add_argument("--tune", action="store_true")
    options.add_argument("--beside", action="store_true")
    options.add_argument("--no-mlflow", action="store_true")
    options.add_argument("--profile", action="store_true")
    asked = options.parse_args()
    if asked.tune:
        import ray

        ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    if asked.beside:
        with tempfile.TemporaryDirectory() as folder:
            beside(Path(folder), asked.trials, not asked.no_mlflow)
        return
    profile = cProfile.Profile()
    with tempfile.TemporaryDirectory() as place:
        if asked.profile:
            profile.enable()
        grown = Timed(Path(place) / "run", asked.trials, not asked.no_mlflow)
        grown.go(RayExecutor(1, grown.run.path("tune")) if asked.tune else LocalExecutor())
        clock = grown.clock
        profile.disable()
        sizes = {file: (Path(place) / "run" / file) for file in ("optuna.journal", "mlflow.db")}
        sizes = {file: path.stat().st_size / asked.trials / 1000 for file, path in sizes.items() if path.exists()}
        began = time.process_time()
        storage(Path(place) / "run" / "optuna.journal").get_all_studies()
        reopened = time.process_time() - began
    if asked.profile:
        pstats.Stats(profile).sort_stats("cumulative").print_stats(70)
    told = ", ".join(f"{file} {size:.1f} kB a trial" for file, size in sizes.items())
    print(f"{told}; the journal is read again in {reopened:.1f} s of processor time\n")
    at = [trial for trial in (100, 500, 1000, 2000, 5000, 10_000, 20_000) if trial <= asked.trials]
    rows = {trial: clock.around(trial) for trial in at}
    print("| ms a trial | " + " | ".join(f"trial {trial:,}" for trial in at) + " | last / first |")
    print("|---" * (len(at) + 2) + "|")
    for part in rows[at[0]]:
        values = [rows[trial].get(part, 0.0) for trial in at]
        print(f"| {part} | " + " | ".join(f"{value:.1f}" for value in values) + f" | {values[-1] / values[0]:.1f} |")


if __name__ == "__main__":
    main()
