"""What the calibrations of all kinds have in common: whole runs, many times over, where the truth is known.

Each kind says which cases there are and carries out one repeat of one; that folders go on where they stopped, that what
is certified is false only where the truth refutes it, and how rates are told, is written here, once.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from graft.search.engine.executor import LocalExecutor
from graft.search.engine.processes import carried_out
from graft.search.engine.progress import Progress
from graft.search.engine.searched import NothingFinished
from graft.search.proof.claims import RivalDiverged
from graft.search.proof.statistics import clopper_pearson
from graft.search.run.evidence import Evidence
from graft.search.run.folder import Run
from graft.search.run.record import strict
from graft.search.run.resources import Resources
from graft.search.settings import StudySettings

LEVEL = 0.95
ERRORS = 2.0
"""Standard errors of the truth by which it must lie below the margin for a certificate to be false."""
ALL = "all nulls"
Line = TypeVar("Line", bound="OfCase")
Told = dict[str, Any]
"""What a repeat has come to, or a row of the table, as files hold it."""
Studies = Callable[[str, int], StudySettings]
"""From a case and the number of a repeat to the study that is carried out."""


class OfCase(Protocol):
    """What carries out the phases of a case's study."""

    case: str


class Case(Protocol):
    """A study of which the truth is known: in words, and whether there is a gain to be had."""

    @property
    def words(self) -> str:
        """What is known of it."""

    @property
    def helps(self) -> bool:
        """Whether there is something worth certifying in it."""


def calibrate(
    studies: Studies,
    repeat: Callable[[Any, str, Path], object],
    cases: Sequence[str],
    folder: Path,
    repeats: int,
    workers: int,
) -> Iterator[tuple[str, int]]:
    """Carry out what is missing of ``repeats`` of each of these cases.

    Args:
        studies: Of each case and repeat.
        repeat: Carries out one in its folder, and leaves ``verdict.json``.
        cases: By name.
        folder: Of all repeats.
        repeats: Of each case.
        workers: At a time.

    Yields:
        (case, repeat) as each ends. Interrupted, it goes on where it stopped.

    Raises:
        InputError: If a folder holds a repeat of another study, before anything is carried out.
    """
    check(studies, cases, folder)
    asked = {}
    for i in range(repeats):
        for case in cases:
            place = folder / case / f"{i:03}"
            if not (place / "verdict.json").exists():
                asked[case, i] = (studies(case, i), case, place)
    for done, _ in carried_out(repeat, asked, workers):
        yield done


def check(studies: Studies, cases: Sequence[str], folder: Path) -> None:
    """Refuse a folder with repeats of another study: they would be counted as this one's.

    Raises:
        InputError: Naming the first such repeat.
    """
    for case in cases:
        for place in sorted((folder / case).glob("[0-9]*")):
            Run(place).fits(studies(case, int(place.name)))


def carry_out(
    work: Callable[..., Line], study: StudySettings, case: str, folder: Path, told: Callable[[Line], Told]
) -> Told:
    """Carry out one repeat in this process; its folder keeps the journal, what was fixed beforehand, the verdict.

    A run without a verdict, for every trial or a baseline diverged, has certified nothing and says why.

    Args:
        work: Carries out the phases of a study, with the case as its ``case``.
        study: Of this repeat.
        case: By name.
        folder: Of this repeat.
        told: Carries the phases out, and says what came of them.
    """
    run = Run(folder)
    with run.held():
        run.begin(study)
        line = work(study, run, Resources(1), Progress(quiet=True), executor=LocalExecutor())
        line.case = case
        try:
            found = told(line)
        except (NothingFinished, RivalDiverged) as problem:
            found = {"decision": "failed", "reason": str(problem), "relative_reduction": None}
            found |= {"truth": [], "false": False}
        run.write("verdict.json", strict(found))
    return found


def refuted(ratios: Sequence[float], margin: float) -> bool:
    """Whether true log-ratios lie below the margin by more than `ERRORS` standard errors."""
    mean, error = float(np.mean(ratios)), float(np.std(ratios, ddof=1)) / math.sqrt(len(ratios))
    return mean + ERRORS * error < math.log1p(margin)


def table(cases: Mapping[str, Case], folder: Path, level: float = LEVEL) -> list[Told]:
    """Rates of ``transfer`` by case with one-sided Clopper-Pearson bounds, from the folders that are done.

    The rate of a null, and of all nulls together in a row of its own, is that of false verdicts. Cost is the median
    over repeats: trainings that confirmed, and seconds in all on one core.
    """
    rows, done = [], {name: sorted((folder / name).glob("*/verdict.json")) for name in cases}
    told = {name: [json.loads(path.read_text()) for path in paths] for name, paths in done.items()}
    nulls = [name for name, case in cases.items() if not case.helps]
    done[ALL], told[ALL] = (sum((of[name] for name in nulls), []) for of in (done, told))
    for name in (*nulls, ALL, *(name for name in cases if name not in nulls)):
        found, helps = told[name], name in cases and cases[name].helps
        seconds = [sum(Run(path.parent).read("spent.json").values()) for path in done[name]]
        confirmed = [_confirmed(path.parent) for path in done[name]]
        said = [entry["decision"] == "transfer" for entry in found]
        counted = said if helps else [entry["false"] for entry in found]
        n = len(found)
        lower, upper = clopper_pearson(sum(counted), n, level)
        gains = [entry["relative_reduction"] for entry in found if entry["relative_reduction"] is not None]
        rows.append(
            {"case": name, "words": cases[name].words if name in cases else ALL, "helps": helps, "repeats": n}
            | {"transfer": sum(said), "false": sum(entry["false"] for entry in found)}
            | {"undecided": sum(entry["decision"] == "undecided" for entry in found)}
            | {"rate": sum(counted) / max(1, n), "lower": lower, "upper": upper}
            | {"median_reduction": float(np.median(gains)) if gains else None}
            | {"failed": sum(entry["decision"] == "failed" for entry in found)}
            | {"seconds": float(np.median(seconds)) if n else None}
            | {"confirmed": int(np.median(confirmed)) if n else None}
        )
    return rows


def _confirmed(folder: Path) -> int:
    """Trainings that confirmed in a repeat, in all rounds."""
    return sum(len(Evidence(file).done) for file in (folder / "evidence").glob("confirmation*.jsonl"))
