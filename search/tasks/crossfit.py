"""Cross-fitting: every row of a pool judged by fits that did not learn from it, several times over.

In each repeat locked and unlocked rows, whole groups of them, are cut anew into folds; fit k of a repeat learns from
all other folds and judges fold k. The locked rows alone decide: no search has seen them. What the fits say of the
unlocked ones tells only how often a row is off by far (`graft.search.proof.influence`).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graft.search.run.seeds import Role, stream

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Folds:
    """How a pool is cut.

    Attributes:
        seed: The study's.
        count: Folds of each repeat, at most as many as there are locked groups.
        locked: Group of each locked row.
        unlocked: Group of each other row.
    """

    seed: int
    count: int
    locked: Rows
    unlocked: Rows

    def of(self, repeat: int) -> tuple[Rows, Rows]:
        """The fold of each locked and of each unlocked row."""
        rng = stream(self.seed, Role.FOLDS, repeat)
        locked, unlocked = (_dealt(groups, self.count, rng) for groups in (self.locked, self.unlocked))
        return locked, unlocked

    def judged(self, fit: int) -> tuple[Rows, Rows]:
        """Which locked rows and which unlocked ones a fit judges, increasing; fits are numbered through all repeats."""
        repeat, fold = divmod(fit, self.count)
        locked, unlocked = (np.flatnonzero(found == fold) for found in self.of(repeat))
        return locked, unlocked


def _dealt(groups: Rows, count: int, rng: np.random.Generator) -> Rows:
    """A fold for each row, dealt to groups in turn, in a random order: folds have near-equally many groups."""
    names, codes = np.unique(groups, return_inverse=True)
    folds = np.empty(len(names), np.int64)
    folds[rng.permutation(len(names))] = np.arange(len(names)) % count
    return folds[codes.reshape(-1)]
