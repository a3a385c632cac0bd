"""Optuna made fit for being killed: a journal without stale locks, a sampler that draws the same on resuming."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import TPESampler
from optuna.search_space import IntersectionSearchSpace
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.storages.journal._file import BaseJournalFileLock
from optuna.trial import FrozenTrial

from graft.search.run.folder import mend_tail
from graft.search.run.seeds import named, number

HISTORY = 100
"""Trials that TPE weighs as not good. Each makes a draw dearer, and those before them count least anyway."""


class RecentTPE(TPESampler):
    """TPE that sees all of the good trials (25 at most), but only the latest of the others.

    A draw then weighs as many after 100,000 trials as after a hundred. In a search with fewer trials than
    ``HISTORY`` it is plain TPE.
    """

    def _build_parzen_estimator(
        self, study: optuna.Study, search_space: Any, trials: list[FrozenTrial], handle_below: bool
    ) -> Any:
        kept = trials if handle_below else trials[-HISTORY:]  # in the order of their numbers
        return super()._build_parzen_estimator(study, search_space, kept, handle_below)


class NumberedTPE(RecentTPE):
    """TPE whose every draw depends on the trial's number and the parameter's name, not on how many came before.

    So a search resumed at a trial, or in the middle of drawing its parameters, draws what it would have drawn.

    Args:
        root: Seed of this trial.
        common: What all trials of this study have in common, kept from one sampler to the next: to find it anew
            means to read every trial.
    """

    def __init__(self, root: np.random.SeedSequence, common: IntersectionSearchSpace) -> None:
        super().__init__(seed=number(root))
        self.entropy = list(root.entropy)  # type: ignore[arg-type]
        self._search_space = common

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Draw one parameter by itself."""
        return RecentTPE(seed=named(self.entropy, param_name)).sample_independent(
            study, trial, param_name, param_distribution
        )


class HeldLock(BaseJournalFileLock):
    """No lock: the run's own lock already keeps every other process out, and a killed one leaves nothing stale."""

    def acquire(self) -> bool:
        """Always granted."""
        return True

    def release(self) -> None:
        """Nothing to do."""


class _File(JournalFileBackend):
    """A journal on disk that survives a killed process at once, and a power failure from the next `sync` on.

    Optuna's own waits for the disk after each of the twenty lines that a trial writes.
    """

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Add lines; a line that a full disk cuts off is mended when the file is opened again."""
        with open(self._file_path, "ab") as file:
            file.write("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in logs).encode())


class Journal(JournalStorage):
    """Optuna's storage in a file of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(_File(str(path), lock_obj=HeldLock()))

    def sync(self) -> None:
        """Wait until everything is on disk."""
        with self.path.open("rb") as file:
            os.fsync(file.fileno())


def storage(path: Path) -> Journal:
    """The journal in the run's folder, its last line mended if a killed process left it torn."""
    if path.exists():
        mend_tail(path)
    return Journal(path)
