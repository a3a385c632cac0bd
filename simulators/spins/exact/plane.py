"""A model of spins as rows that follow one another: what every transfer matrix needs.

A row is a number whose digits in base q, the first column most significant, are the indices of its spins. On a torus
Z is a trace over first rows; rows that a symmetry of the row transfer matrix maps to each other contribute equally, so
one of each class is enough, counted as often as the class has members.
"""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graft.simulators.spins.lattice import SpinModel
from graft.spaces.errors import InputError

MOST_NUMBERS = 2**24
ALL_PERMUTATIONS = 5  # colours up to which all permutations are tried, not only shifts and reversals


@dataclass(frozen=True, eq=False)
class Plane:
    """Rows and columns of a model; columns are the shorter side.

    Attributes:
        rows: Number of rows.
        columns: Number of columns.
        q: Values of a spin.
        horizontal: Coupling of (r, c) with (r, c + 1), 0 where there is no bond, shape (rows, columns).
        vertical: Coupling of (r, c) with (r + 1, c), likewise.
        interaction: Shape (q, q).
        turned: Whether rows and columns of the model were exchanged.
        uniform: Whether all rows are alike, under translations too.
    """

    rows: int
    columns: int
    q: int
    horizontal: NDArray[np.float64]
    vertical: NDArray[np.float64]
    interaction: NDArray[np.float64]
    turned: bool
    uniform: bool

    @classmethod
    def of(cls, model: SpinModel) -> "Plane":
        """The rows of a chain or of a plane.

        Raises:
            InputError: If the lattice has three dimensions.
        """
        if len(model.shape) > 2:
            raise InputError(
                f"{model.name} has {len(model.shape)} dimensions; allowed: 1 or 2 for exact solutions, "
                "or estimates by graft.simulators.spins.sampling.sample"
            )
        couplings = [coupling.copy() for coupling in model.couplings]
        for axis, coupling in enumerate(couplings):
            if not model.periodic:
                coupling[(slice(None),) * axis + (-1,)] = 0.0
        if len(model.shape) == 1:
            down, across = couplings[0][:, None], np.zeros((model.sites, 1))
        else:
            down, across = couplings
        turned = down.shape[1] > down.shape[0]
        if turned:
            down, across = across.T, down.T
        even = model.uniform and model.periodic
        rows, columns = down.shape
        return cls(rows, columns, model.q, across, down, model.interaction, turned, even)

    @property
    def sites(self) -> int:
        """Number of spins."""
        return self.rows * self.columns

    @property
    def free(self) -> bool:
        """Whether the last row is not bound to the first."""
        return not self.vertical[-1].any()

    def rows_of(self, codes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Digits of row numbers, shape (..., columns)."""
        return codes[..., None] // self.q ** np.arange(self.columns - 1, -1, -1) % self.q

    def codes_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Numbers of rows of digits, shape (...)."""
        return rows @ self.q ** np.arange(self.columns - 1, -1, -1)

    def within(self, row: int) -> NDArray[np.float64]:
        """Sum over the bonds inside ``row`` of J * interaction, for each of the q^columns rows there are."""
        digits = self.rows_of(np.arange(self.q**self.columns))
        total = np.zeros(len(digits))
        for column, J in enumerate(self.horizontal[row]):
            if J != 0:
                total += J * self.interaction[digits[:, column], digits[:, (column + 1) % self.columns]]
        return total

    def starts(self, numbers: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """First rows that must be followed, and how many each stands for.

        Args:
            numbers: How many are kept for each pair of a first and a present row.

        Raises:
            InputError: If that would be too many.
        """
        size, colours = self.q**self.columns, self._colours() if self.uniform else []
        members = size if self.free else 2 * self.columns * len(colours) if self.uniform else 1  # of a class, at most
        if size * max(size // members, 1) * numbers <= MOST_NUMBERS:
            codes = np.arange(size)
            found, sizes = codes, np.ones_like(codes)
            if self.free:
                found, sizes = codes[:1], sizes[:1]
            elif self.uniform:
                found, sizes = np.unique(self._classes(codes, colours), return_counts=True)
            if len(found) * size * numbers <= MOST_NUMBERS:
                return found, sizes
        most = int(np.log(MOST_NUMBERS / numbers) / np.log(self.q) / 2)
        raise InputError(
            f"{self.rows} x {self.columns} spins of {self.q} values are too many to be solved exactly; allowed: "
            f"{most} columns of any couplings, a few more of equal ones or with open edges; thermodynamics of an "
            "Ising torus of any size; else estimates by graft.simulators.spins.sampling.sample"
        )

    def _colours(self) -> list[NDArray[np.int64]]:
        """Permutations of the values of a spin that leave the interaction as it is."""
        turns = np.arange(self.q)
        candidates = (
            itertools.permutations(range(self.q))
            if self.q <= ALL_PERMUTATIONS
            else ((sign * turns + shift) % self.q for shift in turns for sign in (1, -1))
        )
        pairs = self.interaction
        return [colour for colour in map(np.array, candidates) if np.allclose(pairs[np.ix_(colour, colour)], pairs)]

    def _classes(self, codes: NDArray[np.int64], colours: list[NDArray[np.int64]]) -> NDArray[np.int64]:
        """For each row the least number among its images under translation, reflection and change of colours."""
        rows, least = self.rows_of(codes), codes
        for colour, shift in itertools.product(colours, range(self.columns)):
            image = np.roll(colour[rows], shift, -1)
            least = np.minimum(least, np.minimum(self.codes_of(image), self.codes_of(image[..., ::-1])))
        return least
