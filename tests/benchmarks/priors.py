"""Is a pull by Fisher information better than one alike for all weights? ``python -P tests/benchmarks/priors.py``.

The first span of a network taught on film-10 is copied for film-8, fine-tuned with one recipe and pulled back in either
way, at several strengths; every arm has the same seeds, and new films judge.
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from graft.models.train import prepare_process
from graft.search.engine.executor import LocalExecutor
from graft.search.engine.progress import Progress
from graft.search.kinds.transfer.pipeline import Pipeline
from graft.search.run.folder import Run
from graft.search.run.resources import Resources
from graft.search.run.seeds import Role, stream
from graft.search.study import resolve
from graft.search.tasks.base import Examples, Request
from graft.spaces.plan import Plan, Prior, Span

PRIORS: tuple[Prior, ...] = ("flat", "fisher")


class Drawn(Pipeline):
    """A run whose films are drawn on the spot: too few to be worth shards."""

    def examples(self, name: str, role: Role, rows: int) -> Examples:
        """As of `Pipeline`."""
        return self.task.sample(name, rows, stream(self.study.seed, role))


def main() -> None:
    """Measure, and print a table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seeds", type=int, default=6)
    options.add_argument("--pool", type=int, nargs="+", default=[100, 500])
    options.add_argument("--pulls", type=float, nargs="+", default=[1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0])
    options.add_argument("--slower", type=float, default=4.0, help="by what the rate of direct learning is divided")
    asked = options.parse_args()
    prepare_process()
    for pool in asked.pool:
        rows = {"rows.pool": pool, "rows.locked": pool // 10, "rows.validation": pool // 10}
        study = resolve("film10-film8", "demo", {**rows, "ranges.pull": [1e-3, 1.0], "ranges.prior": [*PRIORS]})
        with tempfile.TemporaryDirectory() as folder:
            run = Run(Path(folder) / "out")
            run.begin(study)
            line = Drawn(study, run, Resources(1), Progress(quiet=True), executor=LocalExecutor())
            line.prepare()
            own = study.start.within(study.rows.training, study.budget.steps)
            theirs = replace(own, rate=own.rate / asked.slower, decay=own.decay / 5)
            phase = line.shared(Role.TRUTH, line.source_networks(theirs), line.test())
            span = Span(1, study.blocks)
            plans = {"direct": Plan(own), "no pull": Plan.span(theirs, study.blocks, "film-10", span)}
            plans |= {
                f"{prior} {pull:g}": Plan.span(theirs, study.blocks, "film-10", span, pull=pull, prior=prior)
                for pull in asked.pulls
                for prior in PRIORS
            }
            found = {
                name: np.array([phase.errors(Request(plan, i))[0] for i in range(asked.seeds)])
                for name, plan in plans.items()
            }
        print(f"{study.rows.training} training rows, {asked.seeds} seeds, {study.rows.test} new films")
        for name, errors in found.items():
            away = np.log(errors / found["no pull"])
            print(f"  {name:12} {np.exp(np.log(errors).mean()):.2%}, beside no pull {_told(away)}", flush=True)
        for pull in asked.pulls:
            flat, fisher = found[f"flat {pull:g}"], found[f"fisher {pull:g}"]
            print(f"  fisher beside flat at {pull:g}: {_told(np.log(fisher / flat))}")


def _told(logs: np.ndarray) -> str:
    """Mean change and its standard error."""
    return f"{np.expm1(logs.mean()):+.1%} (standard error {logs.std(ddof=1) / len(logs) ** 0.5:.1%})"


if __name__ == "__main__":
    main()
