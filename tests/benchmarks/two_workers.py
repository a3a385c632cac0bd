"""A plan search with one worker and with two: wall time of equally many trainings of equal length.

Starting the workers is part of it. Each of ``--times`` rounds runs both, so that what else the machine does meets both.

    python tests/benchmarks/two_workers.py --trainings 120 --times 3
"""

import argparse
import math
import statistics
import tempfile
import time
from pathlib import Path

from graft.cluster.connect import quiet

quiet()

import ray  # noqa: E402

from graft.search.engine.journal import storage  # noqa: E402
from graft.search.engine.progress import Progress  # noqa: E402
from graft.search.engine.ray import RayExecutor  # noqa: E402
from graft.search.kinds.transfer.phases import plans_search  # noqa: E402
from graft.search.kinds.transfer.pipeline import Pipeline  # noqa: E402
from graft.search.run.folder import Run  # noqa: E402
from graft.search.run.resources import Resources  # noqa: E402
from graft.search.run.seeds import Role  # noqa: E402
from graft.search.study import resolve  # noqa: E402
from graft.spaces.ranges import Ranges  # noqa: E402


def searched(line: Pipeline, workers: int, trainings: int, place: Path) -> float:
    """Trainings a second of a plan search from the study's own recipe, of which epochs and batch are not searched."""
    study = line.study
    start = study.start
    ranges = Ranges(epochs=(start.epochs, start.epochs), batch=(start.batch, start.batch))
    place.mkdir()
    search = plans_search(study, storage(place / "journal"), math.inf, lambda *_: None, start, ranges, trainings)
    task = line.shared(Role.PLANS, line.source_networks(start))
    began = time.perf_counter()
    RayExecutor(workers, place / "tune").explore(search, task)
    return search.spent / (time.perf_counter() - began)


def main(study: str, trainings: int, times: int) -> None:
    """Print trainings a second and their ratio, for each round."""
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder) / "run")
        asked = resolve(study)
        run.begin(asked)
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
        line = Pipeline(asked, run, Resources(2), Progress(quiet=True))
        line.prepare()
        start = asked.start
        line.source_networks(start)  # trained here, found there
        print(f"{study}: {trainings} trainings of {start.epochs} epochs, batches of {start.batch}")
        for number in range(times):
            one, two = (searched(line, n, trainings, Path(folder) / f"{number}-{n}") for n in (1, 2))
            ratios.append(two / one)
            print(f"one worker {one:.2f}/s, two {two:.2f}/s: {two / one:.2f} times as fast", flush=True)
        ray.shutdown()
    print(f"median of {times}: {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("study", nargs="?", default="film10-film8")
    asked.add_argument("--trainings", type=int, default=120)
    asked.add_argument("--times", type=int, default=3)
    options = asked.parse_args()
    main(options.study, options.trainings, options.times)
