"""Rows per second of generating shards with one and two actors, starting the actors and checking the files included.

python tests/benchmarks/shards_speed.py 400000 nano-8
"""

import argparse
import os
import tempfile
import time

os.environ |= {"RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "RAY_USAGE_STATS_ENABLED": "0"}

import ray  # noqa: E402

from graft.simulators.data.dataset import Dataset  # noqa: E402
from graft.simulators.data.shards import generate  # noqa: E402
from graft.simulators.registry import find  # noqa: E402


def main(rows: int, name: str) -> None:
    """Print a table."""
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    simulator = find(name)
    with tempfile.TemporaryDirectory() as folder:
        generate(simulator, [0], 1000, f"{folder}/warm", shard_rows=500)  # compiles, starts workers
        found = {}
        for actors in (1, 2):
            start = time.perf_counter()
            generate(simulator, [1], rows, f"{folder}/{actors}", actors=actors)
            found[actors] = seconds = time.perf_counter() - start
            print(f"{actors} actors: {rows / seconds:10,.0f} rows/s ({seconds:.2f} s)", flush=True)
        print(f"two actors: {found[1] / found[2]:.2f} times as fast as one")
        start = time.perf_counter()
        Dataset.open(f"{folder}/2").outputs()
        seconds = time.perf_counter() - start
        print(f"open, check and join: {rows / seconds:10,.0f} rows/s ({seconds:.3f} s)")
    ray.shutdown()


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("rows", type=int, nargs="?", default=200_000)
    asked.add_argument("simulator", nargs="?", default="film-8")
    options = asked.parse_args()
    main(options.rows, options.simulator)
