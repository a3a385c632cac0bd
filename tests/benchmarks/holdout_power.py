"""Whole runs of holdout mode by number of rows: ``python tests/benchmarks/holdout_power.py DIR --rows 100``.

Runs of `graft calibrate --mode holdout` with so many rows in all, of which as many are locked as in a user's study.
Goes on from its folder.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from graft.search.kinds.transfer import calibration
from graft.search.kinds.transfer.strangers import CASES
from graft.search.study import resolve


def main() -> None:
    """Carry out what is missing and print the rates."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder", type=Path)
    options.add_argument("--rows", type=int, default=100)
    options.add_argument("--case", choices=CASES, default="gain")
    options.add_argument("--repeats", type=int, default=40)
    options.add_argument("--workers", type=int, default=2)
    asked = options.parse_args()
    fresh = resolve("calibration")
    study = calibration.of_mode(replace(fresh, rows=replace(fresh.rows, pool=asked.rows)), "holdout")
    for done in calibration.calibrate(study, asked.folder, asked.repeats, asked.workers, (asked.case,)):
        print(done, flush=True)
    row = next(row for row in calibration.table(asked.folder) if row["case"] == asked.case)
    print(f"{asked.rows} rows, {asked.case}: transfer in {row['transfer']} of {row['repeats']}, false {row['false']}")
    print(f"undecided {row['undecided']}; {row['seconds']:.0f} s, {row['confirmed']} trainings to confirm")
    if row["helps"]:
        print(f"at least {row['lower']:.1%}, at a true gain of {calibration.truth(asked.folder)['gain']:.1%}")


if __name__ == "__main__":
    main()
