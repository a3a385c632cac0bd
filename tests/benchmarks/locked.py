"""Power of holdout mode by number of locked examples: ``python tests/benchmarks/locked.py DIR --locked 100``.

Runs of `graft calibrate --mode holdout` where a gain is to be had, with as many examples to learn from as those and
more locked away. Resumable.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from graft.search.kinds.transfer import calibration
from graft.search.study import resolve


def main() -> None:
    """Carry out what is missing and print the rate."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder", type=Path)
    options.add_argument("--locked", type=int, default=100)
    options.add_argument("--repeats", type=int, default=100)
    options.add_argument("--workers", type=int, default=2)
    asked = options.parse_args()
    holdout = calibration.of_mode(resolve("calibration"), "holdout")
    rows = replace(holdout.rows, pool=holdout.rows.pool - holdout.rows.locked + asked.locked, locked=asked.locked)
    study = replace(holdout, rows=rows)
    for done in calibration.calibrate(study, asked.folder, asked.repeats, asked.workers, ("gain",)):
        print(done, flush=True)
    row = next(row for row in calibration.table(asked.folder) if row["case"] == "gain")
    said, true = f"{row['transfer']} of {row['repeats']}", calibration.truth(asked.folder)["gain"]
    print(f"{asked.locked} locked: transfer in {said}, at least {row['lower']:.1%}, at a gain of {true:.1%}")


if __name__ == "__main__":
    main()
