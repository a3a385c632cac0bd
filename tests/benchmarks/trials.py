"""What a trial costs beyond its trainings, as a search grows: sampler, race, journal, Tune and MLflow, trial by trial.

Trainings are no-ops. Printed are the milliseconds of the driver's processor around trials 100, 500, 1,000, 2,000, by
part; ``--tune`` runs them through Tune (one worker), else they are asked and told one after another.

    python tests/benchmarks/trials.py --trials 2000 --tune
    python tests/benchmarks/trials.py --trials 10000 --no-mlflow
"""

import argparse
import cProfile
import math
import pstats
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cluster.connect import quiet

quiet()

import numpy as np  # noqa: E402

from search import serial, tuning  # noqa: E402
from search.journal import storage  # noqa: E402
from search.ledger import Ledger  # noqa: E402
from search.objectives import Training  # noqa: E402
from search.phases import plans_ledger  # noqa: E402
from search.progress import Progress  # noqa: E402
from search.record import Run  # noqa: E402
from search.studies import resolve  # noqa: E402
from search.tracking import Tracker  # noqa: E402
from spaces.plan import Plan  # noqa: E402

NEAR = 50
"""Trials averaged on either side."""


@dataclass(frozen=True)
class Nothing:
    """A task whose trainings take no time; the error falls toward one plan, with noise that each seed repeats."""

    def read(self, plan: Mapping[str, Any]) -> Plan:
        """A plan from plain values."""
        return Plan.from_dict(plan)

    def training(self, plan: Plan, index: int) -> Training:
        """What a search asks for."""
        return Training(plan, index)

    def errors(self, training: Training) -> tuple[float, dict[str, Any]]:
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


def search(folder: Path, trials: int, on_tune: bool, mlflow: bool) -> Clock:
    """Carry out a search of so many trials, as a run does: the plan search of a study of the paper's scale."""
    study = resolve("film10-film8", "paper")
    run, clock = Run(folder), Clock()
    run.begin(study)
    progress = Progress(quiet=False)
    tracker = Tracker(folder, study.to_dict()) if mlflow else None
    show = clock.timed("MLflow", tracker.trial) if tracker else lambda *_: None

    def closed(trial: dict[str, Any], seconds: float) -> None:
        clock.timed("progress", lambda: (progress.closed(), progress.note()))()
        show("plans", trial, seconds)
        clock.end()
        if len(clock.ends) >= trials:
            ledger.rules = replace(ledger.rules, trainings=0)

    journal = storage(run.path("optuna.journal"))
    ledger: Ledger = plans_ledger(study, journal, math.inf, closed, study.start, study.ranges, 10**7)
    progress.phase("no-op trials", trials)
    progress.ledger(ledger)
    progress.live = True  # what a terminal costs: the line is composed at each trial
    for part, name in (("ask (sampler)", "ask"), ("tell (race)", "tell"), ("close, all", "close")):
        setattr(ledger, name, clock.timed(part, getattr(ledger, name)))
    if tracker:
        tracker.start()
    (tuning if on_tune else serial).search(ledger, Nothing(), 1, run.path("tune"))  # type: ignore[arg-type]
    if tracker:
        assert not tracker.warning, tracker.warning
    return clock


def main() -> None:
    """Print the table, and the ratio of the last to the one at 100."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--trials", type=int, default=2000)
    options.add_argument("--tune", action="store_true")
    options.add_argument("--no-mlflow", action="store_true")
    options.add_argument("--profile", action="store_true")
    asked = options.parse_args()
    if asked.tune:
        import ray

        ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    profile = cProfile.Profile()
    with tempfile.TemporaryDirectory() as place:
        if asked.profile:
            profile.enable()
        clock = search(Path(place) / "run", asked.trials, asked.tune, not asked.no_mlflow)
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
