"""Every random number of a study comes from SeedSequence([study seed, role, i]) with disjoint roles."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import torch
from numpy.typing import NDArray


class Role(IntEnum):
    """What a seed is for. Values are part of the record: never renumber."""

    POOL = 1
    BASELINE = 2
    PLANS = 3
    CONFIRMATION = 4
    TEST = 5
    REGRET = 6
    SOURCE = 7
    SOURCE_NETWORK = 8
    CURVE = 9
    BASELINE_SAMPLER = 10
    PLANS_SAMPLER = 11
    TRUTH = 12
    PLACEBO = 13
    ORDER = 14
    FOLDS = 15
    SEEINGS = 16
    WAYS = 17


def sequence(study: int, role: Role, index: int = 0) -> np.random.SeedSequence:
    """The root of all randomness of one purpose."""
    return np.random.SeedSequence([study, int(role), index])


def entropy(study: int, role: Role) -> tuple[int, int]:
    """Seed of a data set's shards; shard k appends k."""
    return (study, int(role))


@dataclass(frozen=True)
class Draws:
    """What one seed fixes for every arm alike: the split, initial weights, batch order, and the shuffled control."""

    split: np.random.Generator
    weights: torch.Generator
    order: torch.Generator
    shuffle: torch.Generator

    @classmethod
    def of(cls, study: int, role: Role, index: int) -> "Draws":
        """Independent generators for seed ``index`` of ``role``."""
        split, *others = sequence(study, role, index).spawn(4)
        weights, order, shuffle = (torch.Generator().manual_seed(_state(child)) for child in others)
        return cls(np.random.default_rng(split), weights, order, shuffle)

    def rows(self, unlocked: int, validation: int, groups: NDArray[np.int64] | None = None) -> tuple[NDArray, NDArray]:
        """Row numbers for training and for validation, drawn without replacement from ``unlocked`` rows.

        Args:
            unlocked: How many there are.
            validation: How many validate; more where the last of them belong to a group that must not be split.
            groups: Which rows belong together, a number for each (rows,).
        """
        if groups is not None:
            drawn = self.split.permutation(np.unique(groups))
            sizes = np.cumsum([(groups == group).sum() for group in drawn])
            held = np.isin(groups, drawn[: 1 + np.searchsorted(sizes, validation)]) if validation else groups < 0
            return np.flatnonzero(~held), np.flatnonzero(held)
        order = self.split.permutation(unlocked)
        return order[validation:], order[:validation]


def stream(study: int, role: Role, *path: int) -> np.random.Generator:
    """The random numbers of one purpose, and of one part of it: the only maker of generators of a study."""
    return np.random.default_rng(np.random.SeedSequence([study, int(role), *(path or (0,))]))


def glance() -> np.random.Generator:
    """Random numbers that decide nothing: rows at which only shapes are looked."""
    return np.random.default_rng(0)


def looking() -> np.random.Generator:
    """Random numbers from which levels of looks are simulated: the same in every study."""
    return np.random.default_rng([3, 1])


def torch_stream(seed: int) -> torch.Generator:
    """The same for torch, from a whole number."""
    return torch.Generator().manual_seed(seed)


def named(root: Sequence[int], name: str) -> int:
    """A 32-bit seed for a setting of that name."""
    return number(np.random.SeedSequence([*root, *name.encode()]))


def number(sequence: np.random.SeedSequence) -> int:
    """A 32-bit seed for libraries that want a whole number."""
    return int(sequence.generate_state(1)[0])


def _state(sequence: np.random.SeedSequence) -> int:
    return int(sequence.generate_state(2, np.uint64)[0] >> np.uint64(1))
