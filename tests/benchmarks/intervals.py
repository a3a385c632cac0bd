"""How often the intervals of `graft predict --intervals` hold the truth: ``python tests/benchmarks/intervals.py``.

For each pool of films the networks that would be handed over are trained as a run trains them, with the calibration's
recipe and no source; then 2,000 new films are asked. In fresh mode the pool's locked rows say how far the mean of four
networks is off, in holdout mode the folds' networks take turns.
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from graft.models.ensemble import Averaged, intervals
from graft.models.train import predict
from graft.search.engine.executor import LocalExecutor
from graft.search.engine.progress import Progress
from graft.search.kinds.transfer.calibration import Repeat, of_mode
from graft.search.kinds.transfer.ensemble import ensemble, trained
from graft.search.kinds.transfer.study import Study
from graft.search.run.folder import Run
from graft.search.run.resources import Resources
from graft.search.run.results import Confirmation
from graft.search.run.seeds import Role
from graft.search.study import resolve
from graft.spaces.plan import Plan


def covered(study: Study, coverage: float, new: int) -> tuple[float, float, float, float]:
    """Share of exact values inside; half the mean width, the mean's error, and that of one network, each in outputs."""
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder) / "run")
        with run.held():
            run.begin(study)
            if study.mode == "holdout":
                run.write("confirmation.json", Confirmation(candidates=(), folds=study.folds))
            line = Repeat(study, run, Resources(1), Progress(quiet=True), executor=LocalExecutor())
            line.prepare()
            phase, plan = line.handing_over({}), Plan(study.start)
            one = trained(phase, plan, 0)
            assert one is not None
            found = ensemble(line, phase, [(plan, one)])
            assert found is not None and found.held is not None
            asked = line.task.of_test(line.examples(study.target, Role.TRUTH, new))
            members = [line.task.unpack(data) for data in found.networks]
    inputs = asked.tensors()[0]
    each = np.stack([predict(one.network, one.seen(inputs)).numpy() for one in members]).astype(np.float64)
    told = intervals(each, found.held, coverage)
    inside = (told.lower <= asked.outputs) & (asked.outputs <= told.upper)
    together = Averaged([(one.network, one.scaling) for one in members])
    assert np.allclose(predict(together, inputs).numpy(), told.mean, atol=1e-5)
    off = line.task.metric.deviations
    alone = np.mean([off(one, asked.outputs).mean() for one in each])
    return inside.mean(), (told.upper - told.lower).mean() / 2, off(told.mean, asked.outputs).mean(), float(alone)


def main() -> None:
    """Print coverage pool by pool, and its mean."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--pools", type=int, default=20)
    options.add_argument("--coverage", type=float, default=0.9)
    options.add_argument("--new", type=int, default=2000)
    asked = options.parse_args()
    study = resolve("calibration")
    assert isinstance(study, Study)
    for mode in ("fresh", "holdout"):
        each = [covered(replace(of_mode(study, mode), seed=i), asked.coverage, asked.new) for i in range(asked.pools)]
        inside, width, mean, alone = np.array(each).T
        error = inside.std(ddof=1) / np.sqrt(len(inside))
        told = f"{inside.mean():.1%} +- {error:.1%} inside, {inside.min():.1%} to {inside.max():.1%} by pool"
        print(f"{mode}: {told}; half width {width.mean():.4f}; ", end="")
        print(f"error of the mean {mean.mean():.2%}, of one network {alone.mean():.2%}")


if __name__ == "__main__":
    main()
