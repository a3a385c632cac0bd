"""Fig. 2b, d of Qu et al. 2018: spectrum error when the first n layers are transferred, n = 0 to 7 (7: the head too).

    python tests/benchmarks/figure2.py runs/film10-film8-paper --seeds 3
    python tests/benchmarks/figure2.py runs/film10-film8-relu-paper --seeds 3 --study film10-film8-relu

With the recipes of a finished run; or, given --study, with that study's own recipe in a folder that need not exist yet.
Prints a Markdown table and writes figure2.json into the folder.
"""

import argparse
from pathlib import Path

from graft.cluster.connect import connection
from graft.cluster.preflight import cpus
from graft.search.engine.progress import Progress
from graft.search.kinds.transfer.mapping import recipes
from graft.search.kinds.transfer.pipeline import Pipeline
from graft.search.proof.statistics import log_ratios, reduction
from graft.search.run.folder import Run
from graft.search.run.resources import Resources
from graft.search.run.seeds import Role
from graft.search.study import reopened, resolve
from graft.search.tasks.base import Request
from graft.spaces.plan import Plan, Span


def main() -> None:
    """Measure, write, print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder", type=Path)
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--study")
    asked = options.parse_args()
    run = Run(asked.folder.resolve())
    with run.held():
        if asked.study:
            run.begin(resolve(asked.study, "paper"))
        with connection(cpus(), run.folder):
            study = reopened(run.read("study.json"))
            line = Pipeline(study, run, Resources(cpus()), Progress())
            line.prepare()
            direct, transfer = recipes(run, study)
            sources = line.source_networks(transfer)
            test = line.task.of_test(line.examples(line.study.target, Role.TEST, line.study.rows.test))
            task = line.shared(Role.REGRET, sources, test)
            plans = {0: Plan(direct)} | {
                n: Plan.span(transfer, line.study.blocks, line.study.sources[0], Span(1, n))
                for n in range(1, line.study.blocks + 1)
            }
            with line.phase("figure 2", len(plans) * asked.seeds):
                keys = {f"{n}/{i}": (task, Request(plan, i)) for i in range(asked.seeds) for n, plan in plans.items()}
                found = line.measure("figure2", keys)
    errors = {n: [found[f"{n}/{i}"] for i in range(asked.seeds)] for n in plans}
    run.write("figure2.json", {"direct": direct.to_dict(), "transfer": transfer.to_dict(), "errors": errors})
    print("| first layers transferred | " + " | ".join(map(str, plans)) + " |\n" + "|---" * (len(plans) + 1) + "|")
    print("| error | " + " | ".join(f"{sum(e) / len(e):.2%}" for e in errors.values()) + " |")  # type: ignore[arg-type]
    gains = [reduction(log_ratios(errors[0], errors[n]), 0.05) for n in plans if n]  # type: ignore[arg-type]
    print(
        "| reduction | | "
        + " | ".join(f"{g.value:.0%} ({g.interval[0]:.0%}, {g.interval[1]:.0%})" for g in gains)
        + " |"
    )


if __name__ == "__main__":
    main()
