"""An energy that is a sum over tiles of a lattice, each read from a table: local, whatever the size of the lattice.

Tile (i, j) of focus f and context c covers rows f i - c ... f i + f + c - 1 and columns likewise, wrapped around the
torus; tiles stand f apart. With k counting the spins of a tile in raster order, its top left being k = 0, its code is
sum_k index_k q^k, and the energy of the lattice is the sum of ``table[code]``.
"""

from dataclasses import dataclass
from functools import cached_property

import numba
import numpy as np
from numpy.typing import NDArray

from graft.spaces.errors import InputError, number, whole


@dataclass(frozen=True, eq=False)
class Tiles:
    """A table of energies laid over a lattice.

    Attributes:
        table: Energy of each code, shape (q^((f + 2 c)^2),); or (tiles, codes) where every tile, counted in raster
            order, has its own.
        shape: Rows and columns, multiples of the focus, at least f + 2 c.
        focus: f.
        context: c.
        q: Values of a spin.
    """

    table: NDArray[np.float64]
    shape: tuple[int, int]
    focus: int
    context: int
    q: int

    def __post_init__(self) -> None:
        whole("q", self.q, 2)
        whole("focus", self.focus, 1)
        whole("context", self.context, 0)
        if len(self.shape) != 2:
            raise InputError(f"shape is {self.shape!r}; allowed: (rows, columns)")
        for length in self.shape:
            whole("length of the lattice", length, 1)
            if length % self.focus or length < self.side:
                raise InputError(
                    f"a lattice of {self.shape[0]} x {self.shape[1]} cannot be covered by tiles of focus {self.focus} "
                    f"and context {self.context}; allowed: multiples of {self.focus}, at least {self.side}"
                )
        table = np.atleast_2d(np.ascontiguousarray(self.table, dtype=np.float64))
        codes = self.q ** (self.side**2)
        if table.ndim != 2 or table.shape[1] != codes or len(table) not in (1, self.count):
            raise InputError(
                f"the table of tiles has shape {np.shape(self.table)}; allowed: ({codes},), or ({self.count}, {codes})"
            )
        if not np.isfinite(table).all():
            raise InputError("the table of tiles holds a value that is not finite; allowed: finite energies")
        object.__setattr__(self, "table", table)

    @property
    def side(self) -> int:
        """Spins along a tile, f + 2 c."""
        return self.focus + 2 * self.context

    @property
    def sites(self) -> int:
        """Number of spins of the lattice."""
        return self.shape[0] * self.shape[1]

    @property
    def count(self) -> int:
        """Number of tiles."""
        return self.sites // self.focus**2

    @cached_property
    def places(self) -> NDArray[np.int64]:
        """Site, in raster order, of each spin of each tile, shape (tiles, (f + 2 c)^2)."""
        corners = [np.arange(0, length, self.focus) - self.context for length in self.shape]
        rows, columns = (
            (start[:, None] + np.arange(self.side)) % n for start, n in zip(corners, self.shape, strict=True)
        )
        sites = rows[:, None, :, None] * self.shape[1] + columns[None, :, None, :]
        return np.ascontiguousarray(sites.reshape(self.count, -1))

    @cached_property
    def containing(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Tiles that contain each site and the power of q by which it enters their code, shape (sites, most) each.

        Where a site is in fewer tiles than others, the rest are tile 0 with power 0.
        """
        tile, k = np.indices(self.places.shape)
        order = np.argsort(self.places.ravel(), kind="stable")
        site = self.places.ravel()[order]
        counts = np.bincount(site, minlength=self.sites)
        rank = np.arange(len(site)) - np.repeat(np.cumsum(counts) - counts, counts)
        tiles, powers = np.zeros((2, self.sites, counts.max()), np.int64)
        tiles[site, rank] = tile.ravel()[order]
        powers[site, rank] = self.q ** k.ravel()[order]
        return tiles, powers

    def codes(self, index: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Code of each tile, shape (batch, tiles), of configurations (batch, sites)."""
        return index[:, self.places].astype(np.int64) @ self.q ** np.arange(self.side**2)

    def energy(self, index: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Energy of configurations (batch, sites) or (batch, rows, columns), shape (batch,)."""
        codes = self.codes(index.reshape(-1, self.sites))
        return self.table[np.arange(self.count) % len(self.table), codes].sum(1)


@numba.njit(cache=True, nogil=True)
def heat_bath(
    index: NDArray[np.uint8],
    codes: NDArray[np.int64],
    beta: NDArray[np.float64],
    table: NDArray[np.float64],
    tiles: NDArray[np.int64],
    powers: NDArray[np.int64],
    q: int,
    sweeps: int,
    rng: np.random.Generator,
) -> None:
    """Draw every spin of every chain anew given all others, in raster order, ``sweeps`` times.

    Args:
        index: Shape (chains, sites).
        codes: Of the tiles, shape (chains, tiles), kept up to date.
        beta: Inverse temperature of each chain, of any sign.
        table: Shape (1 or tiles, codes).
        tiles: Tiles that contain each site.
        powers: What a step of the site's index adds to their codes.
        q: Values of a spin.
        sweeps: How often.
        rng: The only source of randomness.
    """
    own = len(table) > 1
    weight = np.empty(q)
    for chain in range(len(index)):
        state, code = index[chain], codes[chain]
        for _ in range(sweeps):
            for site in range(len(state)):
                old = np.int64(state[site])
                for value in range(q):
                    weight[value] = 0.0
                for d in range(tiles.shape[1]):
                    tile, power = tiles[site, d], powers[site, d]
                    energies = table[tile] if own else table[0]
                    first = code[tile] - old * power
                    for value in range(q):
                        weight[value] -= beta[chain] * energies[first + value * power]
                if q == 2:
                    new = np.int64(rng.random() * (1.0 + np.exp(weight[0] - weight[1])) < 1.0)
                else:
                    top, total = weight.max(), 0.0
                    for value in range(q):
                        total += np.exp(weight[value] - top)
                        weight[value] = total
                    u, new = rng.random() * total, np.int64(0)
                    while new < q - 1 and u >= weight[new]:
                        new += 1
                if new != old:
                    state[site] = new
                    for d in range(tiles.shape[1]):
                        code[tiles[site, d]] += (new - old) * powers[site, d]


class TileWalkers:
    """Chains under a `Tiles` energy: even ones begin at random, odd ones with all spins alike.

    Args:
        tiles: The energy.
        beta: Inverse temperature of each chain, of any sign: below 0 high energies are sought.
        rng: The only source of randomness.
        start: States to begin with instead, index of shape (chains, sites).

    Raises:
        InputError: If an inverse temperature is not finite.
    """

    def __init__(
        self, tiles: Tiles, beta: NDArray[np.float64], rng: np.random.Generator, start: NDArray[np.uint8] | None = None
    ) -> None:
        for value in beta:
            number("beta", float(value), -1e300)
        self.tiles, self.beta, self._rng = tiles, np.array(beta, dtype=np.float64), rng
        self.state = begin(len(beta), tiles.sites, tiles.q, rng) if start is None else np.array(start, dtype=np.uint8)
        self._codes = tiles.codes(self.state)

    def advance(self, sweeps: int) -> None:
        """Update every chain by so many sweeps."""
        tiles, powers = self.tiles.containing
        heat_bath(self.state, self._codes, self.beta, self.tiles.table, tiles, powers, self.tiles.q, sweeps, self._rng)

    def energies(self) -> NDArray[np.float64]:
        """Present energy of each chain."""
        return self.tiles.table[np.arange(self.tiles.count) % len(self.tiles.table), self._codes].sum(1)


def begin(chains: int, sites: int, q: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Even chains at random, odd ones with all spins of the first value, shape (chains, sites)."""
    state = rng.integers(q, size=(chains, sites), dtype=np.uint8)
    state[1::2] = 0
    return state
