"""Optuna made fit for being killed: a journal without stale locks, a sampler that draws the same on resuming."""

from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.storages.journal._file import BaseJournalFileLock
from optuna.trial import FrozenTrial

from search.record import mend_tail
from search.seeds import number


class NumberedTPE(TPESampler):
    """TPE whose every draw depends on the trial's number and the parameter's name, not on how many came before.

    So a search resumed at a trial, or in the middle of drawing its parameters, draws what it would have drawn.
    """

    def __init__(self, root: np.random.SeedSequence) -> None:
        super().__init__(seed=number(root))
        self.entropy = list(root.entropy)  # type: ignore[arg-type]

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Draw one parameter by itself."""
        seed = number(np.random.SeedSequence([*self.entropy, *param_name.encode()]))
        return TPESampler(seed=seed).sample_independent(study, trial, param_name, param_distribution)


class HeldLock(BaseJournalFileLock):
    """No lock: the run's own lock already keeps every other process out, and a killed one leaves nothing stale."""

    def acquire(self) -> bool:
        """Always granted."""
        return True

    def release(self) -> None:
        """Nothing to do."""


def storage(path: Path) -> JournalStorage:
    """Optuna's journal in the run's folder, its last line mended if a killed process left it torn."""
    if path.exists():
        mend_tail(path)
    return JournalStorage(JournalFileBackend(str(path), lock_obj=HeldLock()))
