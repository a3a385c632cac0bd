"""What every model of spins on a lattice has: states, their index, energies.

The energy is -sum over bonds of J_bond * interaction(s, s'), with couplings J in units of which energies are given, and
temperatures in the same units over k_B. States are int8 arrays (..., *shape) of values of the model's alphabet;
sequence models see the index, uint8 from 0 to q - 1, of each value.
"""

from abc import ABC, abstractmethod
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from graft.simulators.spins.bonds import Bonds, energies
from graft.spaces.errors import InputError, whole

MOST_SITES = 2**24


class SpinModel(ABC):
    """A lattice of spins with couplings between nearest neighbours. Two models are equal if their names are.

    Attributes:
        shape: Lengths of the lattice, one to three of them.
        periodic: Whether the edges are joined.
        name: What opens it again in `graft.simulators.registry.lattice`; also part of paths.
        alphabet: Values of a spin.
        uniform: Whether couplings are the same everywhere.
        symmetries: What leaves the energy as it is, of "translations", "reflections", "rotations" (of the lattice) and
            "colours" (the flip of all spins, or for Potts shifts and reversal of all colours; with ``form="delta"``
            any permutation of them).
    """

    shape: tuple[int, ...]
    periodic: bool

    @property
    @abstractmethod
    def name(self) -> str:
        """What it is called by."""

    @property
    @abstractmethod
    def alphabet(self) -> tuple[int, ...]:
        """Values of a spin."""

    @property
    @abstractmethod
    def couplings(self) -> tuple[NDArray[np.float64], ...]:
        """J for each axis, of the lattice's shape: entry r couples r with the next site along that axis."""

    @property
    @abstractmethod
    def interaction(self) -> NDArray[np.float64]:
        """What a bond of unit coupling contributes to -E, shape (q, q), by index."""

    @property
    def q(self) -> int:
        """Number of values of a spin."""
        return len(self.alphabet)

    @property
    def sites(self) -> int:
        """Number of spins."""
        return int(np.prod(self.shape))

    @property
    def uniform(self) -> bool:
        """Whether couplings are the same everywhere."""
        return True

    @property
    def symmetries(self) -> tuple[str, ...]:
        """What leaves the energy as it is."""
        of_lattice = ("translations",) * self.periodic + ("reflections",)
        square = len(self.shape) > 1 and len(set(self.shape)) == 1
        return (*of_lattice, *(("rotations",) * square), "colours") if self.uniform else ("colours",)

    @cached_property
    def bonds(self) -> Bonds:
        """All bonds."""
        return Bonds.of(self.couplings, self.periodic)

    def index(self, states: ArrayLike) -> NDArray[np.uint8]:
        """Position of each spin's value in the alphabet, of the shape of ``states``.

        Raises:
            InputError: If the states are of another shape or hold another value; it names the first.
        """
        given = np.asarray(states)
        if given.shape[given.ndim - len(self.shape) :] != self.shape or given.dtype.kind not in "iub":
            raise InputError(
                f"states of {self.name} are {given.dtype} of shape {given.shape}; "
                f"allowed: whole numbers of shape (..., {', '.join(map(str, self.shape))})"
            )
        positions = np.full(256, 255, np.uint8)
        positions[np.asarray(self.alphabet) % 256] = np.arange(self.q)
        index = positions[given.astype(np.uint8, copy=False)]
        low, high = min(self.alphabet), max(self.alphabet)  # another number may have the last byte of an allowed one
        if given.size and (given.min() < low or given.max() > high):
            index = np.where((given < low) | (given > high), np.uint8(255), index)
        if index.size and index.max() == 255:
            place = tuple(int(i) for i in np.argwhere(index == 255)[0])
            raise InputError(
                f"states of {self.name}, entry {list(place)} (counted from 0) is {given[place]}; "
                f"allowed: {', '.join(map(str, self.alphabet))}"
            )
        return index

    def states(self, index: ArrayLike) -> NDArray[np.int8]:
        """The states whose `index` this is.

        Raises:
            InputError: If an index is not below q.
        """
        given = np.asarray(index)
        if given.size and (given.min() < 0 or given.max() >= self.q):
            raise InputError(
                f"indices of {self.name} reach from {given.min()} to {given.max()}; allowed: 0 to {self.q - 1}"
            )
        return np.asarray(self.alphabet, dtype=np.int8)[given]

    def energy(self, states: ArrayLike) -> NDArray[np.float64]:
        """Total energy, shape (...,), in units of the couplings.

        Raises:
            InputError: If these are no states of this model.
        """
        index = self.index(states)
        before = index.shape[: index.ndim - len(self.shape)]
        flat = np.ascontiguousarray(index.reshape(-1, self.sites))
        return energies(flat, self.bonds.left, self.bonds.right, self.bonds.strength, self.interaction).reshape(before)

    def _identity(self) -> str:
        """The end of the name, common to all models."""
        return "x".join(map(str, self.shape)) + "-open" * (not self.periodic)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SpinModel) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)


def lengths(shape: Any) -> tuple[int, ...]:
    """Lengths of a lattice.

    Raises:
        InputError: If they are not 1 to 3 whole numbers of at least 2, or there are too many sites.
    """
    given = tuple(shape) if isinstance(shape, tuple | list) else (shape,)
    if not 1 <= len(given) <= 3:
        raise InputError(f"shape is {shape!r}; allowed: 1 to 3 lengths")
    for length in given:
        whole("length of the lattice", length, 2)
    if np.prod(given, dtype=float) > MOST_SITES:
        raise InputError(f"shape is {shape!r}; allowed: at most {MOST_SITES} sites")
    return given
