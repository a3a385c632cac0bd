"""Can the certificate be fooled? Tiny studies by the command line, with sources that know nothing and sources that do.

    python tests/benchmarks/fooled.py OUT --workers 2         # goes on where it stopped; ends with the table

Every study is a user's: a TOML file, sources by ``module:Class`` in a folder on PYTHONPATH, ``graft run`` as a process
with one worker. The pool has 100 examples (20 where the source has the target's own physics), each search 18
trainings. What may say ``transfer`` is told beside what did.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from graft.search.engine.processes import carried_out

MODULE = """
import numpy as np

from graft.simulators.optics.film import Film


class Constant(Film):
    def __init__(self):
        super().__init__(6)
        self.name = "constant"

    def sample(self, n, rng):
        drawn = super().sample(n, rng)
        return drawn | {"transmittance": rng.normal(0.5, 0.05, drawn["transmittance"].shape)}


class Teacher(Film):
    def __init__(self):
        super().__init__(6)
        self.name = "teacher"
        rng = np.random.default_rng(SEED)
        self.first, self.bias = rng.normal(0, 1, (6, 16)), rng.normal(0, 1, 16)
        self.second = rng.normal(0, 0.25, (16, 200))

    def sample(self, n, rng):
        drawn = super().sample(n, rng)
        hidden = np.tanh((drawn["thickness"] - 50) / 11.5 @ self.first + self.bias)
        return drawn | {"transmittance": 0.5 + 0.2 * np.tanh(hidden @ self.second)}


class Poisoned(Film):
    def __init__(self):
        super().__init__(5)
        self.name = "poisoned"

    def sample(self, n, rng):
        drawn = super().sample(n, rng)
        spectra = drawn["transmittance"]
        return drawn | {"transmittance": rng.permuted(spectra.reshape(-1)).reshape(spectra.shape)}
"""
"""A user's simulators: a constant with noise, a random network of one hidden layer, spectra permuted by entry."""
STUDY = """
sources = {sources}
target = "film-5"
rows = {{ source = 1000, pool = {pool}, locked = {locked}, validation = {validation}, test = 2000 }}
network = {{ depth = 1, width = 48 }}
source_training = {{ rate = 1e-2, decay = 0.05, batch = 50, epochs = 15 }}
start = {{ rate = 2e-2, decay = 0.1, batch = 60, epochs = 80, activation = "gelu", warmup = 10 }}
ranges = {{ rate = [4e-3, 5e-2], epochs = [40, 80], batch = [60, 60], activation = ["gelu"] }}
budget = {{ trainings = 18, seeds = 3, steps = 80, curve = 1, map = 2 }}
"""
FULL, SCARCE = (100, 10, 30), (20, 2, 5)
CASES: dict[str, tuple[list[str], tuple[int, int, int], int, str]] = {
    "constant and noise": (["strangers:Constant"], FULL, 20, "at most 1"),
    "unrelated teacher": (["strangers:Teacher"], FULL, 20, "at most 2"),
    "own physics, 20 rows": (["film-5"], SCARCE, 20, "at least 19"),
    "own physics among two poisoned": (["film-5", "strangers:Poisoned", "strangers:Teacher"], SCARCE, 10, "at least 9"),
}
"""Sources, sizes (pool, locked, validation), repeats, and how many of these may or must be certified."""


def run(case: str, seed: int, folder: Path) -> None:
    """One study by the command line; its certificate stays in the folder."""
    sources, (pool, locked, validation), _, _ = CASES[case]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "strangers.py").write_text(MODULE.replace("SEED", str(seed)))
    sized = {"pool": pool, "locked": locked, "validation": validation}
    (folder / "mine.toml").write_text(STUDY.format(sources=json.dumps(sources), **sized))
    settings = ["--seed", str(seed), "--out", str(folder / "out"), "--workers", "1", "--json"]
    paths = os.pathsep.join([str(folder), str(Path(__file__).parents[2])])
    environment = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"} | {
        "PYTHONPATH": paths
    }
    command = [sys.executable, "-P", "-m", "graft", "run", str(folder / "mine.toml"), *settings]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{case} {seed}: {done.stderr[-500:]}")


def main() -> None:
    """Carry out what is missing, and print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("out", type=Path)
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--first", type=int, default=0, help="first seed")
    options.add_argument("--only", default="", help="part of a case's name")
    asked = options.parse_args()
    places = {
        (case, seed): asked.out.resolve() / case.replace(" ", "-").replace(",", "") / str(seed)
        for seed in range(asked.first, asked.first + max(repeats for _, _, repeats, _ in CASES.values()))
        for case, (_, _, repeats, _) in CASES.items()
        if asked.only in case and seed < asked.first + repeats
    }
    missing = {key: (*key, place) for key, place in places.items() if not (place / "out" / "certificate.json").exists()}
    for key, _ in carried_out(run, missing, asked.workers):
        print(*key, flush=True)
    print("| source | certified | asked | gain claimed (median) |")
    print("|---|---|---|---|")
    for case, (_, _, repeats, wanted) in CASES.items():
        if asked.only not in case:
            continue
        paths = [place / "out" / "certificate.json" for key, place in places.items() if key[0] == case]
        told = [json.loads(path.read_text()) for path in paths]
        gains = sorted(one["comparisons"][0]["relative_reduction"] for one in told if one["decision"] == "transfer")
        middle = f"{gains[len(gains) // 2]:.0%}" if gains else "-"
        print(f"| {case} | {len(gains)} of {repeats} | {wanted} | {middle} |")


if __name__ == "__main__":
    main()
