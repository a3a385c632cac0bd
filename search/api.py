"""graft from Python: `graft.run`, `graft.load`, `graft.studies`, `graft.study`.

import graft

result = graft.run("film10-film8")                     # as of the command line; goes on where it stopped
result.decision, result.sentence, result.comparisons   # a page in a notebook, a table of arms
result.predict([[50, 45, 60, 35, 55, 40, 65, 30]])

graft.run(source=(X, Y), target=(x, y), network=MyNet)  # arrays and a torch module of one's own
"""

import base64
import html
import math
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from graft.search import study as registered
from graft.search.catalogue import registry
from graft.search.engine.progress import Progress
from graft.search.kinds.registry import kind_of
from graft.search.run.certificate import Certificate
from graft.search.run.folder import Run
from graft.search.session import Machines, begin, carried_out, place, within
from graft.search.settings import StudySettings
from graft.spaces.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from graft.models.ensemble import Intervals

Values = Mapping[str, object]
Arrays = tuple[ArrayLike, ArrayLike]
"""Inputs (examples, inputs) and outputs (examples, outputs)."""
Table = tuple[NDArray[np.float64], NDArray[np.float64]]
GIVEN = "given"
"""What the folder is called that keeps the arrays a run was given, after the run's own."""


@dataclass(frozen=True)
class Result:
    """A finished run.

    Attributes:
        folder: Where everything of it lies.
        study: What was asked.
        certificate: What was decided, with every number behind it.
    """

    folder: Path
    study: StudySettings
    certificate: Certificate

    @property
    def decision(self) -> str:
        """``transfer``, ``direct`` or ``undecided``."""
        return self.certificate.decision

    @property
    def sentence(self) -> str:
        """The verdict in words, with its numbers."""
        return self.certificate.sentence

    @property
    def comparisons(self) -> "pd.DataFrame":
        """Every arm of every comparison: task, decision, arm, mean error, deviation and number of seeds."""
        import pandas as pd

        def deviation(errors: Sequence[float | None]) -> float:
            told = [error for error in errors if error is not None and math.isfinite(error)]
            return float(np.std(told, ddof=1)) if len(told) > 1 else math.nan

        rows = [
            {
                "task": one.task,
                "claim": one.claim,
                "decision": one.decision,
                "arm": arm,
                "mean": held.mean,
                "deviation": deviation(held.per_seed),
                "seeds": len(held.per_seed),
            }
            for one in self.certificate.comparisons
            for arm, held in one.measured.items()
        ]
        return pd.DataFrame(rows, columns=["task", "claim", "decision", "arm", "mean", "deviation", "seeds"])

    @property
    def figures(self) -> dict[str, Path]:
        """The figures of its page, by name."""
        return {path.stem: path for path in sorted((self.folder / "report").glob("*.png"))}

    @property
    def page(self) -> Path:
        """Its page."""
        return self.folder / "report" / "index.html"

    def predict(self, inputs: ArrayLike, task: str = "") -> NDArray[np.float64]:
        """Outputs (examples, outputs) of the network that was handed over.

        Args:
            inputs: (examples, inputs), in the units of its card.
            task: Which of its networks, if it learned several tasks.

        Raises:
            InputError: If it holds no such network, or inputs do not fit.
        """
        from graft.search.champion import load as champion

        return champion(self.folder, task, kind_of(self.study).opened)(inputs)

    def intervals(self, inputs: ArrayLike, coverage: float = 0.9) -> "Intervals":
        """Outputs with intervals that hold this share of the exact values: ``mean``, ``lower``, ``upper``.

        Args:
            inputs: As of `predict`.
            coverage: Of each output by itself.

        Raises:
            InputError: If it holds nothing to tell them by, or inputs do not fit.
        """
        from graft.search.champion import load_several

        return load_several(self.folder, opened=kind_of(self.study).opened)(inputs, coverage)

    def _repr_html_(self) -> str:
        """What a notebook shows: the verdict, and the arms seed by seed."""
        shown = f"<p><b>{html.escape(self.decision)}</b>: {html.escape(self.sentence)}</p>"
        for name in ("arms", "verdict"):
            if name in self.figures:
                data = base64.b64encode(self.figures[name].read_bytes()).decode()
                return shown + f'<img alt="errors of each arm, seed by seed" src="data:image/png;base64,{data}">'
        return shown


def studies() -> dict[str, str]:
    """The titles of all registered studies, by name."""
    return {name: str(values.get("title", "")) for name, values in registry().items()}


def study(
    named: "str | Path | Values | StudySettings", scale: str = "demo", settings: Values | None = None
) -> StudySettings:
    """The settings of a study.

    Args:
        named: A registered name, the path of a TOML file, or what such a file would say.
        scale: ``demo`` or ``paper``.
        settings: Dotted keys such as ``network.width``; they win.

    Raises:
        InputError: With one line that names what is wrong and what is allowed.
    """
    if isinstance(named, StudySettings):
        if settings:
            raise InputError("settings beside a study that is made already; allowed: its name, file or values")
        return named
    return registered.resolve(named if isinstance(named, Mapping) else str(named), scale, settings)


def load(folder: str | Path) -> Result:
    """A finished run.

    Raises:
        InputError: If the folder holds none.
    """
    run = Run(Path(folder).resolve())
    if not run.has("certificate.json"):
        raise InputError(f"{folder} holds no finished run; allowed: the folder of a run with its certificate")
    return Result(run.folder, registered.study_in(run), run.record(Certificate, "certificate.json"))


def run(
    named: "str | Path | Values | StudySettings | None" = None,
    *,
    source: Arrays | str | None = None,
    target: Arrays | str | None = None,
    network: type | None = None,
    scale: str = "demo",
    seed: int | None = None,
    settings: Values | None = None,
    out: str | Path | None = None,
    minutes: float | None = None,
    workers: int | None = None,
    device: str = "cpu",
    quiet: bool = False,
) -> Result:
    """Search, confirm, certify, show; go on with a run that was interrupted.

    Args:
        named: As of `study`; or source and target, below.
        source: Arrays of the cheap task, or the name of a simulator.
        target: Arrays of the task that matters, or the name of a simulator.
        network: A class of torch modules with ordered ``blocks``, in a file that can be imported.
        scale: ``demo`` or ``paper``.
        seed: Of everything random.
        settings: Dotted keys such as ``budget.trainings``; they win.
        out: Folder of the run; below ``runs`` if None.
        minutes: Wall time in which the searches must end.
        workers: Trainings at a time; all CPUs if None.
        device: ``cpu`` or ``cuda``.
        quiet: Whether nothing is printed on the way.

    Raises:
        InputError: With one line that names what is wrong and what is allowed, before anything was written.
    """
    told = dict(settings or {}) | ({} if seed is None else {"seed": seed})
    if network is not None:
        told["network.module"] = importable(network)
    if (named is None) == (source is None and target is None):
        raise InputError("graft.run got both a study and source or target, or neither; allowed: one of them")
    kept: list[Path] = []
    if named is None:
        if source is None or target is None:
            raise InputError("graft.run got one of source and target; allowed: both")
        out = Path(out or "runs/arrays").resolve()
        tables = {"source": _checked(source, "source"), "target": _checked(target, "target")}
        named = {"name": out.name} | {key: _kept(table, out, key, kept) for key, table in tables.items()}
    try:
        kind = kind_of(study(named, scale, told))
        folder = place(out, kind.study)
        progress = Progress(quiet=quiet)
        found, resources = begin(kind, folder, Machines(workers, device), progress.say)
        resources, expected = within(kind, resources, minutes, "minutes")
    except InputError:
        for path in kept:  # nothing stays of a run that was refused
            path.unlink()
        raise
    certified = carried_out(kind, found, resources, expected, progress)
    return Result(folder, kind.study, certified)


def importable(network: type) -> str:
    """``module:Class`` of a class, its folder on the path of the workers.

    Raises:
        InputError: If no other process could import it.
    """
    module, name = sys.modules[network.__module__], network.__qualname__
    file = getattr(module, "__file__", None)
    if network.__module__ == "__main__" or file is None or "." in name:
        raise InputError(
            f"network is {name} of {network.__module__}, which workers cannot import; allowed: a class at the top of a "
            "file of its own, such as my_network.py"
        )
    root = Path(file).resolve().parents[network.__module__.count(".")]
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if str(root) not in paths:
        os.environ["PYTHONPATH"] = os.pathsep.join([str(root), *filter(None, paths)])
    return f"{network.__module__}:{name}"


def _checked(given: Arrays | str, name: str) -> Table | str:
    """The arrays of a task, or the name of a simulator."""
    if isinstance(given, str):
        return given
    try:
        inputs, outputs = (np.asarray(part, np.float64) for part in given)
    except (TypeError, ValueError):
        raise InputError(f"{name} is no pair of arrays; allowed: (inputs, outputs), each (examples, columns)") from None
    if inputs.ndim != 2 or outputs.ndim != 2 or len(inputs) != len(outputs):
        shapes = f"{inputs.shape} and {outputs.shape}"
        raise InputError(f"{name} has shapes {shapes}; allowed: (examples, inputs) and (examples, outputs)")
    return inputs, outputs


def _kept(given: Table | str, folder: Path, name: str, written: list[Path]) -> str:
    """The file beside a run's folder that keeps its arrays, noted if it had to be written; a simulator has none."""
    if isinstance(given, str):
        return given
    inputs, outputs = given
    path = folder.with_name(f"{folder.name}-{GIVEN}") / f"{name}.npz"  # a run begins in an empty folder
    if path.exists():
        with np.load(path, allow_pickle=False) as held:
            if np.array_equal(held["inputs"], inputs) and np.array_equal(held["outputs"], outputs):
                return str(path)
        raise InputError(f"{path} holds other arrays, of another run; allowed: another folder (out=...)")
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, inputs=inputs, outputs=outputs)
    written.append(path)
    return str(path)
