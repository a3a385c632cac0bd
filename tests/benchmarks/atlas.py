"""Is a network of many wavebands worth more than one of the best band? ``python -P tests/benchmarks/atlas.py OUT``.

The last layer's question of Armstrong's talk, a "solar ImageNet", on simulated images: networks taught by each of six
wavebands and by mixtures of two, three and six, all with as many images, are copied whole for a seventh band and
fine-tuned with one recipe, a quarter of direct learning's rate and a fifth of its decay. New images judge.
"""

import argparse
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from graft.models.train import prepare_process
from graft.search.engine.executor import LocalExecutor
from graft.search.engine.processes import carried_out
from graft.search.engine.progress import Progress
from graft.search.kinds.transfer.pipeline import Pipeline
from graft.search.run.folder import Run, write_json
from graft.search.run.resources import Resources
from graft.search.run.seeds import Role, stream
from graft.search.study import resolve
from graft.search.tasks.base import Examples, Request
from graft.spaces.plan import Plan, Span

BANDS = ("171", "halpha", "193", "1600", "xray", "continuum")
ATLASES = ("171+halpha", "171+halpha+193", "+".join(BANDS))
TARGETS = (50, 100, 200)
"""Images of the target to learn from."""
SLOWER, LOOSER = 4.0, 5.0


class Drawn(Pipeline):
    """A run whose images are drawn on the spot."""

    def examples(self, name: str, role: Role, rows: int) -> Examples:
        """As of `Pipeline`; every source has images of its own."""
        path = (self.study.sources.index(name),) if role == Role.SOURCE else ()
        return self.task.sample(name, rows, stream(self.study.seed, role, *path))


def measured(target: str, rows: int, seed: int, seeds: int, folder: Path) -> dict[str, list[float | None]]:
    """Errors of direct learning and of every source's whole copy, with a pool and source networks of their own."""
    prepare_process()
    sources = [f"solar-{name}" for name in (*BANDS, *ATLASES)]
    sizes = {"rows.pool": rows + 24, "rows.locked": 12, "rows.validation": 12, "seed": seed, "target": target}
    study = resolve("solar-atlas", "demo", {**sizes, "sources": sources})
    run = Run(folder)
    run.begin(study)
    line = Drawn(study, run, Resources(1), Progress(quiet=True), executor=LocalExecutor())
    line.prepare()
    own = study.start.within(study.rows.training, study.budget.steps)
    theirs = replace(own, rate=own.rate / SLOWER, decay=own.decay / LOOSER)
    networks = line.source_networks(own)
    plans = {"direct": Plan(own), "direct, gentle": Plan(theirs)}
    plans |= {name: Plan.span(theirs, study.blocks, name, Span(1, study.blocks)) for name in networks}
    phase = line.shared(Role.TRUTH, networks, line.test())
    asked = {f"{name}/{i}": (phase, Request(plan, i)) for i in range(seeds) for name, plan in plans.items()}
    errors = line.measure("atlas", asked)
    told = {name: [errors[f"{name}/{i}"] for i in range(seeds)] for name in plans}
    write_json(folder / "atlas.json", told)
    return told


def main() -> None:
    """Carry out what is missing, and print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("out", type=Path)
    options.add_argument("--target", default="solar-304")
    options.add_argument("--pools", type=int, default=2)
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--workers", type=int, default=2)
    asked = options.parse_args()
    jobs: dict[tuple[int, int], tuple[Any, ...]] = {
        (rows, pool): (asked.target, rows, pool, asked.seeds, asked.out / f"{rows}-{pool}")
        for pool in range(asked.pools)
        for rows in TARGETS
    }
    missing = {key: job for key, job in jobs.items() if not (job[-1] / "atlas.json").exists()}
    for key, _ in carried_out(measured, missing, asked.workers):
        print(*key, flush=True)
    found = {key: json.loads((job[-1] / "atlas.json").read_text()) for key, job in jobs.items()}
    print("| taught by | " + " | ".join(f"{rows} images of {asked.target}" for rows in TARGETS) + " |")
    print("|---|" + "---|" * len(TARGETS))
    for arm in next(iter(found.values())):
        cells = []
        for rows in TARGETS:
            mine = [np.mean(found[rows, pool][arm]) for pool in range(asked.pools)]
            off = [a - np.mean(found[rows, pool]["direct"]) for pool, a in enumerate(mine)]
            spread = np.std(off, ddof=1) / math.sqrt(len(off)) if len(off) > 1 else math.nan
            cells.append(f"{np.mean(mine):.1%} ({100 * np.mean(off):+.1f} +- {100 * spread:.1f})")
        print(f"| {arm} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
