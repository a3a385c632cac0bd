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
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from graft.search.engine.executor import LocalExecutor
from graft.search.engine.processes import carried_out
from graft.search.engine.progress import Progress
from graft.search.engine.searched import NothingFinished
from graft.search.kinds.transfer.kind import Decided, decided
from graft.search.kinds.transfer.pipeline import Pipeline
from graft.search.kinds.transfer.strangers import CASES
from graft.search.kinds.transfer.study import FOLDS, MODES, Mode, Study
from graft.search.proof.claims import RivalDiverged
from graft.search.proof.statistics import clopper_pearson
from graft.search.run.folder import Evidence, Run, strict
from graft.search.run.resources import Resources
from graft.search.run.seeds import Role, stream
from graft.search.tasks.base import Examples, Request
from graft.search.tasks.tables import locked_of, validation_of
from graft.spaces.plan import Plan

LEVEL = 0.95
TRUTH = {"gain": 4, "certified": 24}
"""Further seeds that measure the true gain: of every repeat that has one, and of every repeat that was certified."""
ERRORS = 2.0
"""Standard errors of the truth by which it must lie below the margin for a certificate to be false."""
ALL = "all nulls"


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
        fixed, chosen = found.confirmed.fixed["candidates"], found.confirmed.comparison.plan
        seeds = TRUTH["certified"] if isinstance(chosen, Plan) else TRUTH["gain"] if CASES[self.case].helps else 0
        if not (seeds and fixed):
            return []
        plan = chosen if isinstance(chosen, Plan) else Plan.from_dict(fixed[0]["plan"])
        test = self.examples(self.study.target, Role.TRUTH, self.study.rows.test)
        phase = replace(self.shared(Role.REGRET, found.bases, test), crossed=False)
        if self.study.mode == "holdout":  # there too newly simulated examples say it, of fits from as many rows
            pool = phase.pool.followed_by(self.test())
            phase = replace(phase, pool=pool, validation=len(pool) // FOLDS)
        plans = {"direct": found.rival.plan, "candidate": plan}
        asked = {f"{name}/{i}": (phase, Request(one, i)) for i in range(seeds) for name, one in plans.items()}
        errors = self.measure("truth-on-fresh-examples", asked)
        pairs = [(errors[f"direct/{i}"], errors[f"candidate/{i}"]) for i in range(seeds)]
        return [float(np.log(a / b)) for a, b in pairs if a is not None and b is not None]


def repeat(study: Study, case: str, folder: Path) -> dict[str, Any]:
    """One whole run; its folder keeps the journal, what was fixed before confirmation, and the verdict.

    A run without one, for every trial or a baseline diverged, has certified nothing and says why.
    """
    run = Run(folder)
    with run.held():
        run.begin(study)
        line = Repeat(study, run, Resources(1), Progress(quiet=True), executor=LocalExecutor())
        line.case = case
        try:
            line.prepare()
            ended = decided(line)
            found, ratios = ended.confirmed.comparison.to_dict(), line.true_ratios(ended)
        except (NothingFinished, RivalDiverged) as problem:
            found, ratios = {"decision": "failed", "reason": str(problem), "relative_reduction": None}, []
        false = found["decision"] == "transfer" and refuted(ratios, study.proof.margin)
        found |= {"truth": ratios, "false": false}
        run.write("verdict.json", strict(found))
    return found


def refuted(ratios: Sequence[float], margin: float) -> bool:
    """Whether true log-ratios lie below the margin by more than `ERRORS` standard errors."""
    mean, error = float(np.mean(ratios)), float(np.std(ratios, ddof=1)) / math.sqrt(len(ratios))
    return mean + ERRORS * error < math.log1p(margin)


def calibrate(
    study: Study, folder: Path, repeats: int, workers: int, cases: Sequence[str] = tuple(CASES)
) -> Iterator[tuple[str, int]]:
    """Carry out what is missing of ``repeats`` of each of these cases; repeat i has study seed i.

    Yields:
        (case, repeat) as each ends. Interrupted, it goes on where it stopped.

    Raises:
        InputError: If a folder holds a repeat of another study, before anything is carried out.
    """
    check(study, folder)
    asked = {}
    for i in range(repeats):
        for case in cases:
            place = folder / case / f"{i:03}"
            if not (place / "verdict.json").exists():
                asked[case, i] = (replace(CASES[case].of(study), seed=i), case, place)
    for done, _ in carried_out(repeat, asked, workers):
        yield done


def check(study: Study, folder: Path) -> None:
    """Refuse a folder with repeats of another study: they would be counted as this one's.

    Raises:
        InputError: Naming the first such repeat.
    """
    for name, case in CASES.items():
        for place in sorted((folder / name).glob("[0-9]*")):
            Run(place).fits(replace(case.of(study), seed=int(place.name)))


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


def table(folder: Path, level: float = LEVEL) -> list[dict[str, Any]]:
    """Rates of ``transfer`` by case with one-sided Clopper-Pearson bounds, from the folders that are done.

    The rate of a null, and of all nulls together in a row of its own, is that of false verdicts. Cost is the median
    over repeats: trainings that confirmed, and seconds in all on one core.
    """
    rows, ended = [], {name: sorted((folder / name).glob("*/verdict.json")) for name in CASES}
    told = {name: [json.loads(path.read_text()) for path in paths] for name, paths in ended.items()}
    nulls = [name for name, case in CASES.items() if not case.helps]
    ended[ALL], told[ALL] = (sum((of[name] for name in nulls), []) for of in (ended, told))
    for name in (*nulls, ALL, *(name for name in CASES if name not in nulls)):
        found, helps = told[name], name in CASES and CASES[name].helps
        seconds = [sum(Run(path.parent).read("spent.json").values()) for path in ended[name]]
        confirmed = [len(Evidence(path.parent / "evidence" / "confirmation.jsonl").done) for path in ended[name]]
        said = [entry["decision"] == "transfer" for entry in found]
        counted = said if helps else [entry["false"] for entry in found]
        n = len(found)
        lower, upper = clopper_pearson(sum(counted), n, level)
        gains = [entry["relative_reduction"] for entry in found if entry["relative_reduction"] is not None]
        rows.append(
            {"case": name, "words": CASES[name].words if name in CASES else ALL, "helps": helps, "repeats": n}
            | {"transfer": sum(said), "false": sum(entry["false"] for entry in found)}
            | {"undecided": sum(entry["decision"] == "undecided" for entry in found)}
            | {"rate": sum(counted) / max(1, n), "lower": lower, "upper": upper}
            | {"median_reduction": float(np.median(gains)) if gains else None}
            | {"failed": sum(entry["decision"] == "failed" for entry in found)}
            | {"seconds": float(np.median(seconds)) if n else None}
            | {"confirmed": int(np.median(confirmed)) if n else None}
        )
    return rows


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
