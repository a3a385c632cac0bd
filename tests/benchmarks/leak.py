"""How much a random split of tiles flatters a classifier. ``python -P tests/benchmarks/leak.py``.

The same networks learn tiles of Hinode's first time (three images within four seconds) and are judged twice: on other
tiles of these images, as a random split would have it, and on tiles of five minutes later, as graft has it.
"""

import argparse
import math

import numpy as np

from graft.models.train import prepare_process
from graft.search.run.seeds import Role, stream
from graft.search.study import resolve
from graft.search.tasks.base import Examples, Phase, Request, fit
from graft.spaces.plan import Plan


def main() -> None:
    """Measure, and print a table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--tiles", type=int, nargs="+", default=[60, 240, 960])
    options.add_argument("--seeds", type=int, default=8)
    options.add_argument("--test", type=int, default=400, help="tiles that judge, new ones for each seed")
    asked = options.parse_args()
    prepare_process()
    study = resolve("solar-classes-simulated-real", "demo", {})
    task = study.learned
    here, later = task.system(study.target), task.system(study.target).judging()
    print("| tiles learned from | other tiles of the same images | tiles of five minutes later | more |")
    print("|---|---|---|---|")
    for tiles in asked.tiles:
        rates = np.empty((asked.seeds, 2))
        for seed in range(asked.seeds):
            pool = task.sample(study.target, tiles + 12, stream(seed, Role.POOL, tiles))
            fitted, _ = fit(Phase(task, seed, Role.TRUTH, pool, 12), Request(Plan(study.start), seed))
            for number, system in enumerate((here, later)):
                drawn = system.draw(asked.test, stream(seed, Role.TRUTH, tiles, number))
                judge = Examples(drawn["image"].astype(np.float32), drawn["class"].astype(np.float32))
                logits = task.predict(fitted, judge.tensors()[0])
                rates[seed, number] = np.mean(logits.argmax(1) != judge.outputs.argmax(1))
        more = rates[:, 1] - rates[:, 0]
        spread = more.std(ddof=1) / math.sqrt(asked.seeds)
        first, second = rates.mean(0)
        print(
            f"| {tiles} | {first:.1%} | {second:.1%} | {100 * more.mean():+.1f} ± {100 * spread:.1f} points |",
            flush=True,
        )


if __name__ == "__main__":
    main()
