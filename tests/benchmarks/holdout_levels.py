"""Level and power of the tests that were tried for holdout mode: ``python tests/benchmarks/holdout_levels.py DIR``.

Errors are simulated, not learned: an arm's error on a row is the row's size times what the arm makes of that row, of
that refit and of both together, all lognormal where nothing else is said. Under the null both arms err alike in the
mean but for the margin, in every case exactly. What is kept in DIR is not simulated again; the tables are printed.

Tests: ``rows``: ratio of mean errors, crossed random effects of repeats and locked rows (holdout mode before);
``groups``: the same over groups of rows; ``flips``: signs of the log-ratios of groups, means over repeats, flipped at
random (1999 draws); ``both``: groups and flips; ``winsorised``: the t-test of these log-ratios, a tenth at each end
drawn in; ``guarded``: groups, and what few rows or refits may hide (`graft.search.proof.influence`).
"""

import argparse
import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from graft.search.proof import influence
from graft.search.proof.crossed import Crossed
from graft.search.tasks.crossfit import Folds
from graft.search.tasks.tables import locked_of

Array = NDArray[np.float64]
MARGIN, ALPHA, COUNT, REPEATS = 0.02, 0.05, 5, 12
EACH = 5
"""Rows of a group, where there are groups."""
TESTS = ("rows", "groups", "flips", "both", "winsorised", "guarded")
CASES = {
    "lognormal": "rows scatter by 0.3 in each arm",
    "t3": "rows scatter by 0.3 times Student's t of 3 degrees",
    "sizes": "rows differ in size by a factor of 2.7 (heteroscedastic)",
    "half-normal": "rows are one number each, off by a normal law",
    "grouped": "groups of 5 rows that belong together",
    "outliers": "the candidate is ten times worse on 3 % of rows",
    "grouped outliers": "the same of groups of 5",
    "both arms' outliers": "either arm is ten times worse on 3 % of rows, each on its own",
    "failing refits": "the candidate is six times worse in 5 % of its refits",
    "both": "outliers and failing refits",
}
FILMS = {"row": 0.13, "refit": 0.06, "cell": 0.15}
"""Scatter that gives the deviation which tables of 40 films had, half of them locked (.042)."""


@dataclass(frozen=True)
class Scatter:
    """Standard deviations of logarithms: of what an arm makes of a row, of a refit, of a row in one refit."""

    row: float = 0.3
    refit: float = 0.12
    cell: float = 0.2


def simulated(
    case: str, rows: int, gain: float, scatter: Scatter, rng: np.random.Generator, locked: int = 0
) -> list[float]:
    """P-values of all tests, for one table; as many rows ``locked`` as in a user's study, if 0."""
    groups = np.arange(rows) // (EACH if "grouped" in case else 1)
    locked = locked or locked_of(rows)
    locked = rows - int(np.flatnonzero(groups == groups[rows - locked])[0])
    folds = Folds(
        int(rng.integers(2**31)), min(COUNT, len(np.unique(groups[-locked:]))), groups[-locked:], groups[:-locked]
    )
    repeats = math.ceil(REPEATS * COUNT / folds.count)
    count = int(groups[-1]) + 1
    order = np.concatenate([folds.locked, folds.unlocked])
    fits = np.stack([folds.count * r + np.concatenate(folds.of(r)) for r in range(repeats)])
    size = np.exp((1.0 if case == "sizes" else 0.4) * rng.normal(size=rows))

    def errors() -> Array:
        made = np.exp(scatter.row * rng.normal(size=count))
        if case == "t3":
            made = np.maximum(0.05, 1 + scatter.row * rng.standard_t(3, size=count))
        elif case == "half-normal":
            made = np.abs(rng.normal(size=count)) + 0.01
        refit = np.exp(scatter.refit * rng.normal(size=repeats * folds.count))
        return size * made[order] * refit[fits] * np.exp(scatter.cell * rng.normal(size=fits.shape))

    arm, candidate = errors(), errors() * (1 - gain if gain else 1 / (1 + MARGIN))
    bad_rows, bad_fits = rng.random((2, count)) < 0.03, rng.random(repeats * folds.count) < 0.05
    if case in ("outliers", "grouped outliers", "both", "both arms' outliers"):
        candidate = candidate * np.where(bad_rows[0][order], 10, 1)
        if case == "both arms' outliers":
            arm = arm * np.where(bad_rows[1][order], 10, 1)
        else:
            candidate = candidate / (1 + 0.03 * 9)
    if case in ("failing refits", "both"):
        candidate = candidate * np.where(bad_fits[fits], 6, 1) / (1 + 0.05 * 5)
    return p_values(arm, candidate, fits, folds, rng)


def p_values(
    arm: Array, candidate: Array, fits: NDArray[np.int64], folds: Folds, rng: np.random.Generator
) -> list[float]:
    """Of every test in `TESTS`, from errors (repeats, rows), locked rows first."""
    held = len(folds.locked)
    locked, unlocked = (np.flatnonzero(np.diff(g, prepend=-1)) for g in (folds.locked, folds.unlocked))
    theirs, ours = (np.add.reduceat(t, np.concatenate([locked, held + unlocked]), 1) for t in (arm, candidate))
    deciding = len(locked)
    grouped = Crossed.of(theirs[:, :deciding], ours[:, :deciding])
    ratios = np.log(theirs.mean(0) / ours.mean(0))[:deciding] - math.log1p(MARGIN)
    signs = 2 * rng.integers(0, 2, (1999, deciding)) - 1
    flips = (1 + int(((signs * ratios).mean(1) >= ratios.mean() - 1e-12).sum())) / 2000
    drawn_in = np.clip(ratios, *np.quantile(ratios, [0.1, 0.9]))
    effective = 0.8 * math.sqrt(deciding) * drawn_in.mean() / drawn_in.std(ddof=1)
    doubts = influence.doubt_of_rows(theirs.mean(0), ours.mean(0), deciding), influence.doubt_of_refits(candidate, fits)
    guarded = (1 + MARGIN) * math.exp(sum(doubt.allowance for doubt in doubts)) - 1
    together = grouped.p_value(MARGIN)
    return [
        Crossed.of(arm[:, :held], candidate[:, :held]).p_value(MARGIN),
        together,
        flips,
        max(together, flips),
        float(stats.t.sf(effective, max(1, 0.8 * deciding - 1))),
        grouped.p_value(guarded),
    ]


def rates(folder: Path, case: str, rows: int, gain: float, films: bool, tables: int, locked: int = 0) -> list[float]:
    """How often each test rejects; from the folder if it is there."""
    name = f"{case}-{rows}-{gain:g}{'-films' if films else ''}{f'-{locked}' if locked else ''}.json"
    path = folder / name.replace(" ", "-").replace("'", "")
    if not path.exists():
        scatter = Scatter(**FILMS) if films else Scatter()
        rng = np.random.default_rng([rows, int(100 * gain), list(CASES).index(case)])
        found = np.array([simulated(case, rows, gain, scatter, rng, locked) for _ in range(tables)])
        path.write_text(json.dumps({"tables": tables, "rates": (found <= ALPHA).mean(0).tolist()}))
    told = json.loads(path.read_text())
    if told["tables"] != tables:
        raise SystemExit(f"{path} holds {told['tables']} tables; allowed: the same number, or another folder")
    return list(told["rates"])


def shown(title: str, found: list[float], only: tuple[str, ...] = TESTS) -> None:
    """One line of a table."""
    print(f"| {title} | " + " | ".join(f"{found[TESTS.index(name)]:.3f}" for name in only) + " |", flush=True)


def main() -> None:
    """Simulate what is missing and print the tables."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folder", type=Path)
    options.add_argument("--tables", type=int, default=2000)
    asked = options.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    print(f"| level: rows of the table, case | {' | '.join(TESTS)} |\n|---|{'---|' * len(TESTS)}")
    for case, words in CASES.items():
        for rows in (20, 40, 60, 100):
            if "grouped" in case and rows < 40:
                continue  # fewer than 8 groups are refused
            shown(f"{rows}, {words}", rates(asked.folder, case, rows, 0.0, False, asked.tables))
    for case in ("outliers", "failing refits"):
        shown(f"100, films' scatter, {CASES[case]}", rates(asked.folder, case, 100, 0.0, True, asked.tables))
    print(f"\n| power, films' scatter: rows, gain | {' | '.join(TESTS)} |\n|---|{'---|' * len(TESTS)}")
    for rows in (40, 60, 98, 100, 150, 200, 400):
        for gain in (0.1, 0.2, 0.3, 0.4) if rows < 99 else (0.1,):
            shown(f"{rows}, {gain:.0%}", rates(asked.folder, "lognormal", rows, gain, True, asked.tables))
    shown("200, 40 of them locked, 10%", rates(asked.folder, "lognormal", 200, 0.1, True, asked.tables, locked=40))
    print(
        f"\n| power at 20 %, scatter as for the level: rows, case | {' | '.join(TESTS)} |\n|---|{'---|' * len(TESTS)}"
    )
    for case in ("lognormal", "t3", "sizes", "half-normal"):
        shown(f"100, {CASES[case]}", rates(asked.folder, case, 100, 0.2, False, asked.tables))


if __name__ == "__main__":
    main()
