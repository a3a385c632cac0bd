"""Spins on a lattice: Ising, Potts, Edwards-Anderson."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from graft.simulators.spins.lattice import SpinModel, lengths
from graft.spaces.errors import InputError, choice, number, whole

FORMS = ("clock", "delta")


def _strength(J: float) -> str:
    """A coupling other than 1, for a name."""
    return "" if J == 1 else f"-J{float(J)!r}"


@dataclass(frozen=True, eq=False)
class Ising(SpinModel):
    """H = -J sum s s' over neighbours, s = -1 or 1.

    Attributes:
        shape: Lengths of the lattice.
        J: Coupling; below 0 for an antiferromagnet.
        periodic: Whether the edges are joined.
    """

    shape: tuple[int, ...]
    J: float = 1.0
    periodic: bool = True
    alphabet = (-1, 1)
    interaction = np.array([[1.0, -1.0], [-1.0, 1.0]])

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", lengths(self.shape))
        number("J", self.J, -1e6, 1e6)

    @property
    def name(self) -> str:
        """For example ``ising-8x8``."""
        return f"ising{_strength(self.J)}-{self._identity()}"

    @property
    def couplings(self) -> tuple[NDArray[np.float64], ...]:
        """J everywhere."""
        return (np.full(self.shape, float(self.J)),) * len(self.shape)


@dataclass(frozen=True, eq=False)
class Potts(SpinModel):
    """Spins of q colours, 0 to q - 1.

    With ``form="delta"`` H = -J sum delta(s, s'); with ``form="clock"`` H = -J sum cos(2 pi (s - s') / q). For q = 3
    the clock form is 1.5 times the other, plus J / 2 for each bond.

    Attributes:
        shape: Lengths of the lattice.
        q: Number of colours, 2 to 64.
        form: "clock" or "delta".
        J: Coupling.
        periodic: Whether the edges are joined.
    """

    shape: tuple[int, ...]
    q: int = 3
    form: str = "clock"
    J: float = 1.0
    periodic: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", lengths(self.shape))
        whole("q", self.q, 2, 64)
        choice("form", self.form, FORMS)
        number("J", self.J, -1e6, 1e6)

    @property
    def name(self) -> str:
        """For example ``potts3-8x8`` or ``potts3-delta-8x8``."""
        return f"potts{self.q}{'-delta' * (self.form == 'delta')}{_strength(self.J)}-{self._identity()}"

    @property
    def alphabet(self) -> tuple[int, ...]:
        """0 to q - 1."""
        return tuple(range(self.q))

    @property
    def interaction(self) -> NDArray[np.float64]:
        """By the form."""
        if self.form == "delta":
            return np.eye(self.q)
        apart = np.abs(np.subtract.outer(np.arange(self.q), np.arange(self.q)))
        return np.cos(2 * np.pi * np.minimum(apart, self.q - apart) / self.q)  # the same bits for d and q - d

    @property
    def couplings(self) -> tuple[NDArray[np.float64], ...]:
        """J everywhere."""
        return (np.full(self.shape, float(self.J)),) * len(self.shape)


@dataclass(frozen=True, eq=False)
class EdwardsAnderson(SpinModel):
    """H = -sum J_ss' s s' on a square lattice, s = -1 or 1, with a coupling of its own for each bond.

    Attributes:
        horizontal: ``horizontal[r, c]`` couples (r, c) with (r, c + 1).
        vertical: ``vertical[r, c]`` couples (r, c) with (r + 1, c).
        periodic: Whether the edges are joined; if not, the last column and the last row of couplings count for nothing.
        origin: Name of the random couplings that these are, such as ``glass-8x8-0``; empty for any others.
    """

    horizontal: NDArray[np.float64]
    vertical: NDArray[np.float64]
    periodic: bool = True
    origin: str = field(default="", repr=False)
    alphabet = (-1, 1)
    interaction = np.array([[1.0, -1.0], [-1.0, 1.0]])

    def __post_init__(self) -> None:
        for name in ("horizontal", "vertical"):
            try:
                values = np.array(getattr(self, name), dtype=np.float64)
            except (ValueError, TypeError):
                raise InputError(f"{name} couplings are not a rectangle of numbers; allowed: rows x columns") from None
            if values.ndim != 2 or not np.isfinite(values).all():
                raise InputError(
                    f"{name} couplings have shape {values.shape}; allowed: rows x columns of finite numbers"
                )
            values.flags.writeable = False
            object.__setattr__(self, name, values)
        if self.horizontal.shape != self.vertical.shape:
            raise InputError(
                f"horizontal couplings have shape {self.horizontal.shape} and vertical ones {self.vertical.shape}; "
                "allowed: one shape for both"
            )
        lengths(self.horizontal.shape)

    @classmethod
    def gaussian(cls, shape: Sequence[int], seed: int, periodic: bool = True) -> Self:
        """Standard normal couplings: ``default_rng(seed).standard_normal(shape)``, horizontal ones first."""
        sides, rng = _drawn(shape, seed)
        horizontal, vertical = rng.standard_normal(sides), rng.standard_normal(sides)
        return cls(horizontal, vertical, periodic, f"glass-{_times(sides)}-{seed}")

    @classmethod
    def signs(cls, shape: Sequence[int], seed: int, periodic: bool = True) -> Self:
        """Couplings -1 or 1 with equal chances, from ``default_rng(seed).choice``, horizontal ones first."""
        sides, rng = _drawn(shape, seed)
        horizontal, vertical = rng.choice([-1.0, 1.0], sides), rng.choice([-1.0, 1.0], sides)
        return cls(horizontal, vertical, periodic, f"signs-{_times(sides)}-{seed}")

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]
        """(rows, columns)."""
        return self.horizontal.shape

    @property
    def name(self) -> str:
        """For example ``glass-8x8-0``; couplings of your own are named by their checksum."""
        if self.origin:
            return self.origin + "-open" * (not self.periodic)
        digest = hashlib.sha256(self.horizontal.tobytes() + self.vertical.tobytes()).hexdigest()[:12]
        return f"couplings-{self._identity()}-{digest}"

    @property
    def couplings(self) -> tuple[NDArray[np.float64], ...]:
        """Of rows (vertical), then of columns (horizontal)."""
        return self.vertical, self.horizontal

    @property
    def uniform(self) -> bool:
        """Whether all couplings are one number."""
        return bool((self.horizontal == self.horizontal[0, 0]).all() and (self.vertical == self.horizontal[0, 0]).all())


def _times(sides: Sequence[int]) -> str:
    return "x".join(map(str, sides))


def _drawn(shape: Sequence[int], seed: int) -> tuple[tuple[int, ...], np.random.Generator]:
    """Checked rows and columns, and the generator of a seed."""
    sides = lengths(shape)
    if len(sides) != 2:
        raise InputError(f"shape is {shape!r}; allowed: (rows, columns)")
    whole("seed", seed, 0)
    return sides, np.random.default_rng(seed)
