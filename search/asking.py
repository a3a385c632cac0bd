"""Asking a finished run: outputs for new inputs, or what a learned energy predicts of states and lattices."""

from pathlib import Path

from search.dcl.study import DclStudy
from search.records.record import Run
from search.watchers.study import WatcherStudy
from spaces.refusal import Refusal


def ask(folder: Path, what: str, task: str, temperatures: str, sweeps: int, quiet: bool = False) -> str:
    """What a run's champion says, as CSV.

    Args:
        folder: Of a finished run.
        what: A CSV file of inputs; for learned energies a .npy of states or the name of a lattice.
        task: Which of several tasks.
        temperatures: Of a lattice, separated by commas.
        sweeps: Of a lattice, at each temperature.
        quiet: Whether nothing is told on the way.

    Raises:
        Refusal: If the folder holds no champion, or it cannot be asked this.
    """
    run = Run(folder)
    study = run.study if run.has("study.json") else None
    if isinstance(study, WatcherStudy):
        raise Refusal(
            f"{folder} holds an energy learned from watched states by a sequence model alone, which predicts nothing; "
            "allowed: a run of a transfer, of several tasks, or one like dcl-ising"
        )
    if isinstance(study, DclStudy):
        from search.dcl.champion import predict

        if task:
            raise Refusal(f"--task is {task!r}; allowed: nothing, for {folder} learned one energy")
        return predict(folder, what, _numbers(temperatures), sweeps, quiet)
    if temperatures or sweeps:
        raise Refusal(f"--temperatures and --sweeps are of learned energies, and {folder} holds none; allowed: neither")
    from search.champion import predict_csv

    return predict_csv(folder, Path(what), task)


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")] if text else []
    except ValueError:
        raise Refusal(f"--temperatures is {text!r}; allowed: numbers separated by commas, such as 1.5,2.27,4") from None
