"""Many Ising lattices at once, one in each bit of a word: multi-spin coded heat bath.

For up to 64 x 32 lattices a site is 32 words. Sums of the four neighbours are formed by bitwise addition; what remains
random is whether a spin disagrees with the majority of its neighbours: with probability f_m = 1 / (1 + exp(2 K |m|))
where they sum to m = 0, +-2, +-4. A uniform number u is drawn for every spin of every lattice, bit by bit from the
first, and compared with that lattice's own f_m until the first bit where they differ, which for all 2,048 lattices
takes about 12 random words and not 64. So lattices are independent of each other, and probabilities exact to 2^-53.

Random bits come from SFC64 (Doty-Humphrey, PractRand), one generator for each word of a site: it has no linear
recurrence, as shift registers have, whose correlations clusters of spins are known to feel.
"""

import numba
import numpy as np
from numpy.typing import NDArray

from graft.simulators.spins.models import Ising
from graft.spaces.errors import InputError, number

LANES = 32
CHAINS = 64 * LANES
ALL, NONE, ONE = np.uint64(2**64 - 1), np.uint64(0), np.uint64(1)
ORDERED = np.uint64(0xAAAAAAAAAAAAAAAA)  # every other chain
R11, L3, L24, R40 = np.uint64(11), np.uint64(3), np.uint64(24), np.uint64(40)


def thresholds(K: float) -> NDArray[np.uint64]:
    """Bits of f_0, f_2 and f_4, the first bit first, each spread over a whole word; shape (3, 64)."""
    chances = 1 / (1 + np.exp(2 * K * np.array([0.0, 2.0, 4.0])))
    wholes = [min(int(chance * 2.0**64), 2**64 - 1) for chance in chances]
    return np.array([[2**64 - 1 if whole >> (63 - bit) & 1 else 0 for bit in range(64)] for whole in wholes], np.uint64)


@numba.njit(cache=True, nogil=True)
def sweep(words: NDArray[np.uint64], threshold: NDArray[np.uint64], random: NDArray[np.uint64], sweeps: int) -> None:
    """Update every spin ``sweeps`` times, even sites of the checkerboard before odd ones.

    Args:
        words: Spins, shape (rows, columns, LANES), both lengths even; a set bit is a spin up.
        threshold: From `thresholds`.
        random: State of the generators, shape (4, LANES).
        sweeps: How often.
    """
    rows, columns, _ = words.shape
    a, b, c, counter = random[0], random[1], random[2], random[3]
    majority, two, four = np.empty(LANES, np.uint64), np.empty(LANES, np.uint64), np.empty(LANES, np.uint64)
    undecided, against = np.empty(LANES, np.uint64), np.empty(LANES, np.uint64)
    for _ in range(sweeps):
        for colour in range(2):
            for row in range(rows):
                here = words[row]
                above, below = words[row - 1 if row > 0 else rows - 1], words[row + 1 if row < rows - 1 else 0]
                for column in range((row + colour) % 2, columns, 2):
                    north, south = above[column], below[column]
                    west = here[column - 1 if column > 0 else columns - 1]
                    east = here[column + 1 if column < columns - 1 else 0]
                    for lane in range(LANES):
                        n, s, w, e = north[lane], south[lane], west[lane], east[lane]
                        both, other = n & s, w & e
                        odd = n ^ s ^ w ^ e  # one or three neighbours up
                        two[lane] = odd
                        four[lane] = (both & other) | ~(n | s | w | e)
                        majority[lane] = (both & other) | (odd & (both | other))
                        undecided[lane] = ALL
                        against[lane] = NONE
                    for bit in range(64):
                        f0, f2, f4 = threshold[0, bit], threshold[1, bit], threshold[2, bit]
                        left = NONE
                        for lane in range(LANES):
                            u = a[lane] + b[lane] + counter[lane]
                            counter[lane] += ONE
                            a[lane] = b[lane] ^ (b[lane] >> R11)
                            b[lane] = c[lane] + (c[lane] << L3)
                            c[lane] = ((c[lane] << L24) | (c[lane] >> R40)) + u
                            f = (f0 & ~(two[lane] | four[lane])) | (f2 & two[lane]) | (f4 & four[lane])
                            against[lane] |= undecided[lane] & f & ~u
                            undecided[lane] &= ~(f ^ u)
                            left |= undecided[lane]
                        if left == NONE:
                            break
                    for lane in range(LANES):
                        here[column, lane] = majority[lane] ^ against[lane]


class MultiSpin:
    """2,048 independent Ising chains in step, even ones begun at random and odd ones with all spins up.

    Args:
        model: A torus whose sides are even.
        temperature: In the units of J over k_B.
        rng: Where all that is random begins.

    Raises:
        InputError: If the lattice is no such torus.
    """

    name = "multi-spin coded heat bath"

    def __init__(self, model: Ising, temperature: float, rng: np.random.Generator) -> None:
        number("temperature", temperature, 0, above=True)
        if not self.suits(model):
            raise InputError(f"{model.name} cannot be coded in bits here; allowed: Ising tori with two even sides")
        self.model = model
        self.words = rng.integers(2**64, size=(*model.shape, LANES), dtype=np.uint64)
        self.words |= ORDERED
        self._random = rng.integers(2**64, size=(4, LANES), dtype=np.uint64)
        self._threshold = thresholds(model.J / temperature)

    @staticmethod
    def suits(model: object) -> bool:
        """Whether this sampler can be used."""
        if not (isinstance(model, Ising) and model.periodic and len(model.shape) == 2):
            return False
        return all(length % 2 == 0 for length in model.shape)

    @property
    def chains(self) -> int:
        """Number of chains."""
        return CHAINS

    def advance(self, sweeps: int) -> None:
        """Update every spin of every chain so often."""
        sweep(self.words, self._threshold, self._random, sweeps)

    def index(self, chains: int = CHAINS) -> NDArray[np.uint8]:
        """Present states of the first ``chains``, rounded up to whole words, as shape (chains, sites)."""
        words = -(-chains // 64)
        bits = np.unpackbits(self.words[..., :words].view(np.uint8), axis=-1, bitorder="little")
        return np.ascontiguousarray(bits.reshape(self.model.sites, 64 * words).T)
