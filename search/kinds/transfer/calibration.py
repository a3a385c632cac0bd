"""Can the certificate be trusted? Whole runs, many times over, where the truth is known.

In either mode ten studies whose sources know nothing that is worth moving and two with a true gain
(`graft.search.kinds.transfer.strangers`), each with its own data, networks and seeds in every repeat, through the same
phases as any run: all searches, confirmation fixed in the folder beforehand, placebos, verdict. Holdout mode is
calibrated on simulators too, for of them the truth is known.

A network that knows nothing may still be a lucky one, truly better to start from than a fresh draw of initial weights
(7 and 12 % were measured), and a task of the same kind may help a little. What a run certifies is therefore trained
again on seeds and examples of its own: the verdict is *false* if its true gain lies below the margin by more than two
standard errors.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from graft.search.kinds import calibration
from graft.search.kinds.calibration import LEVEL, Told, carry_out, refuted
from graft.search.kinds.transfer.kind import Decided, decided
from graft.search.kinds.transfer.pipeline import Pipeline
from graft.search.kinds.transfer.strangers import CASES
from graft.search.kinds.transfer.study import FOLDS, MODES, Mode, Study
from graft.search.run.seeds import Role, stream
from graft.search.tasks.base import Examples, Request
from graft.search.tasks.tables import locked_of, validation_of
from graft.spaces.plan import Plan

TRUTH = {"gain": 4, "certified": 24}
"""Further seeds that measure the true gain: of every repeat that has one, and of every repeat that was certified."""


class Repeat(Pipeline):
    """One run of a small study in this process, its sources taught what the case says."""

    case = "gain"

    def examples(self, name: str, role: Role, rows: int) -> Examples:
        """Rows drawn on the spot: too few to be worth shards."""
        return self.task.sample(name, rows, stream(self.study.seed, role))

    def prepare(self) -> None:
        """As of `Pipeline`; sources then learn what the case teaches them."""
        super().prepare()
        rng = stream(self.study.seed, Role.TRUTH, 1)
        self.sources = CASES[self.case].taught(self.sources, self.pool, rng)

    def true_ratios(self, found: Decided) -> list[float]:
        """Log-ratios of direct learning to what was certified, or to the first candidate, on seeds of their own.

        Empty where neither anything was certified nor there is a gain to be had.
        """
        fixed, chosen = found.confirmed.fixed.candidates, found.confirmed.comparison.plan
        seeds = TRUTH["certified"] if isinstance(chosen, Plan) else TRUTH["gain"] if CASES[self.case].helps else 0
        if not (seeds and fixed):
            return []
        plan = chosen if isinstance(chosen, Plan) else fixed[0].plan
        test = self.examples(self.study.target, Role.TRUTH, self.study.rows.test)
        phase = replace(self.shared(Role.REGRET, found.sources, test), crossed=False)
        if self.study.mode == "holdout":  # there too newly simulated examples say it, of fits from as many rows
            pool = phase.pool.followed_by(self.test())
            phase = replace(phase, pool=pool, validation=len(pool) // FOLDS)
        plans = {"direct": found.rival.plan, "candidate": plan}
        asked = {f"{name}/{i}": (phase, Request(one, i)) for i in range(seeds) for name, one in plans.items()}
        errors = self.measure("truth-on-fresh-examples", asked)
        pairs = [(errors[f"direct/{i}"], errors[f"candidate/{i}"]) for i in range(seeds)]
        return [float(np.log(a / b)) for a, b in pairs if a is not None and b is not None]


def repeat(study: Study, case: str, folder: Path) -> Told:
    """One whole run; its folder keeps the journal, what was fixed before confirmation, and the verdict.

    A run without one, for every trial or a baseline diverged, has certified nothing and says why.
    """

    def told(line: Repeat) -> Told:
        line.prepare()
        found = decided(line)
        ratios = line.true_ratios(found)
        false = found.confirmed.comparison.helped and refuted(ratios, study.proof.margin)
        return found.confirmed.comparison.to_dict() | {"truth": ratios, "false": false}

    return carry_out(Repeat, study, case, folder, told)


def calibrate(
    study: Study, folder: Path, repeats: int, workers: int, cases: Sequence[str] = tuple(CASES)
) -> Iterator[tuple[str, int]]:
    """Carry out what is missing of ``repeats`` of each of these cases, as of `calibration.calibrate`."""
    return calibration.calibrate(partial(of_case, study), repeat, cases, folder, repeats, workers)


def of_case(study: Study, case: str, number: int) -> Study:
    """The calibration's study as a case and a repeat carry it out; repeat i has study seed i."""
    return replace(CASES[case].of(study), seed=number)


def check(study: Study, folder: Path) -> None:
    """Refuse a folder with repeats of another study: they would be counted as this one's.

    Raises:
        InputError: Naming the first such repeat.
    """
    calibration.check(partial(of_case, study), tuple(CASES), folder)


def of_mode(study: Study, mode: Mode) -> Study:
    """The calibration's study in a mode: holdout mode locks and validates as a study of files with as many rows."""
    if mode == "fresh":
        return study
    locked = locked_of(study.rows.pool)
    rows = replace(study.rows, locked=locked, validation=validation_of(study.rows.pool - locked))
    return replace(study, mode=mode, rows=rows)


def within(folder: Path, mode: str) -> Path:
    """Where the repeats of a mode lie."""
    return folder if mode == "fresh" else folder / mode


def by_mode(study: Study, folder: Path) -> dict[str, tuple[Study, Path]]:
    """The calibration's study in each mode, and where its repeats lie.

    Raises:
        InputError: If repeats of another study lie there.
    """
    found = {mode: (of_mode(study, mode), within(folder, mode)) for mode in MODES}
    for one, place in found.values():
        check(one, place)
    return found


def table(folder: Path, level: float = LEVEL) -> list[Told]:
    """Rates by case, as of `calibration.table`."""
    return calibration.table(CASES, folder, level)


def truth(folder: Path) -> dict[str, float]:
    """True gain of what the repeats of ``gain`` found over what they found for direct learning.

    Measured in every repeat with seeds that neither search nor confirmation saw, the first of them in all alike.
    """
    found = [json.loads(path.read_text()) for path in sorted((folder / "gain").glob("*/verdict.json"))]
    ratios = [ratio for entry in found for ratio in entry["truth"][: TRUTH["gain"]]]
    if len(ratios) < 2:
        return {"seeds": len(ratios), "gain": float("nan"), "standard_error": float("nan")}
    mean, error = float(np.mean(ratios)), float(np.std(ratios, ddof=1) / np.sqrt(len(ratios)))
    return {"seeds": len(ratios), "gain": 1 - float(np.exp(-mean)), "standard_error": error}
