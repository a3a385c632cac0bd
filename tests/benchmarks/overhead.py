"""Seconds a trial costs beyond its trainings: this project's search on Tune, and stock Tune with OptunaSearch, in turn.

python tests/benchmarks/overhead.py
"""

import tempfile
import time
from functools import partial
from pathlib import Path

from graft.cluster.connect import quiet
from graft.spaces.plan import Plan

quiet()

import numpy as np  # noqa: E402
import optuna  # noqa: E402
import ray  # noqa: E402
from ray import tune  # noqa: E402
from ray.tune.search.optuna import OptunaSearch  # noqa: E402

from graft.models.networks.network import Network  # noqa: E402
from graft.search.engine.budget import SearchBudget  # noqa: E402
from graft.search.engine.journal import storage  # noqa: E402
from graft.search.engine.ray import RayExecutor  # noqa: E402
from graft.search.engine.sampler import Sampling  # noqa: E402
from graft.search.engine.search import Search, Space  # noqa: E402
from graft.search.run.seeds import Role  # noqa: E402
from graft.search.tasks.base import Examples, Phase  # noqa: E402
from graft.search.tasks.regression import Alone, Regression  # noqa: E402
from graft.spaces import baseline  # noqa: E402
from graft.spaces.plan import Recipe  # noqa: E402
from graft.spaces.ranges import Ranges  # noqa: E402

TRAININGS, STOCK = 300, 12


def ours(folder: Path) -> tuple[int, float, float]:
    """Trials, wall seconds and training seconds of a search whose trainings take milliseconds, one worker."""
    rng = np.random.default_rng(0)
    data = Examples(rng.random((30, 2)).astype(np.float32), rng.random((30, 2)).astype(np.float32) + 1)
    start = Recipe(epochs=1, batch=20, activation="gelu")
    phase = Phase(Regression(Alone("film-2", 0, Network(1, 4), start)), 0, Role.BASELINE, data, 10)
    ranges = Ranges(epochs=(1, 1), batch=(20, 20), activation=("gelu",))
    search = Search(
        storage(folder / "journal"),
        "baseline",
        Space(Plan, partial(baseline.suggest, start=start), ranges, baseline.first_guesses(ranges, start)),
        SearchBudget(TRAININGS, 3),
        Sampling(0, Role.BASELINE_SAMPLER),
    )
    began = time.perf_counter()
    RayExecutor(1, folder / "tune").explore(search, phase)
    took = time.perf_counter() - began
    return len(search.records()), took, sum(search.seconds(trial.number) for trial in search.records())


def stock(folder: Path) -> tuple[int, float]:
    """Trials and wall seconds of stock Tune with OptunaSearch on a function that returns at once."""
    search = OptunaSearch({"x": optuna.distributions.FloatDistribution(0, 1)}, metric="error", mode="min")
    tuner = tune.Tuner(
        lambda config: {"error": config["x"]},
        tune_config=tune.TuneConfig(num_samples=STOCK, search_alg=search, max_concurrent_trials=1),
        run_config=tune.RunConfig(name="stock", storage_path=str(folder), verbose=0),
    )
    began = time.perf_counter()
    tuner.fit()
    return STOCK, time.perf_counter() - began


def main() -> None:
    """Print both."""
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    with tempfile.TemporaryDirectory() as place:
        trials, wall, training = ours(Path(place))
        beyond = (wall - training) / trials
        print(
            f"graft: {trials} trials, {wall:.1f} s, of which {training:.1f} s training: {beyond:.3f} s beyond, a trial"
        )
        trials, wall = stock(Path(place))
        print(f"stock Tune with OptunaSearch: {trials} trials, {wall:.1f} s: {wall / trials:.3f} s a trial")
        print(f"ratio {wall / trials / beyond:.1f}")


if __name__ == "__main__":
    main()
