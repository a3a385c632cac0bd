"""The Ising model on a torus of any size: Kaufman's formula (Phys. Rev. 76, 1232 (1949), eq. 44).

In the form of Ferdinand and Fisher, Phys. Rev. 185, 832 (1969), with K = J / T for m rows and n columns:
Z = 1/2 (2 sinh 2K)^(mn/2) (Z1 + Z2 + Z3 + Z4), products over r = 0 ... n - 1 of 2 cosh(m g/2) and 2 sinh(m g/2) with
g = g_(2r+1) for Z1 and Z2, g_2r for Z3 and Z4, where cosh g_l = cosh^2 2K / sinh 2K - cos(pi l / n) and
g_0 = 2K + log tanh K, which changes sign at the critical point and Z4 with it.
"""

import numpy as np
from numpy.typing import NDArray

Jet = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


def log_partition_jet(rows: int, columns: int, K: float) -> tuple[float, float, float]:
    """Log Z of an Ising torus and its first and second derivative in K = J / T > 0."""
    sinh, cosh = np.sinh(2 * K), np.cosh(2 * K)
    odd, even = _gammas(2 * np.arange(columns) + 1, columns, K), _gammas(2 * np.arange(1, columns), columns, K)
    g0: Jet = (
        np.array([2 * K + np.log(np.tanh(K))]),
        np.array([2 + 2 / sinh]),
        np.array([-4 * cosh / sinh**2]),
    )
    parts = [
        _product(odd, rows, 1.0),
        _product(odd, rows, -1.0),
        _product(tuple(np.append(a, b) for a, b in zip(g0, even, strict=True)), rows, 1.0),  # type: ignore[arg-type]
        _with_vanishing_factor(g0, _product(even, rows, -1.0), rows),
    ]
    top = max(log for log, _, _, _ in parts)
    z, dz, ddz = np.sum([np.exp(log - top) * np.array(jet) for log, *jet in parts], 0)
    half = rows * columns / 2
    value = -np.log(2) + half * np.log(2 * sinh) + top + np.log(z)
    return float(value), float(half * 2 * cosh / sinh + dz / z), float(-half * 4 / sinh**2 + ddz / z - (dz / z) ** 2)


def _gammas(order: NDArray[np.int64], columns: int, K: float) -> Jet:
    """g_l and its two derivatives in K, from cosh g - 1 = (S - 1)^2 / S + 2 sin^2(pi l / 2n), S = sinh 2K."""
    S, dS = np.sinh(2 * K), 2 * np.cosh(2 * K)
    above = (S - 1) ** 2 / S + 2 * np.sin(np.pi * order / (2 * columns)) ** 2
    g = 2 * np.arcsinh(np.sqrt(above / 2))
    sinh = np.sqrt(above * (above + 2))
    first = dS * (1 - 1 / S**2)  # of cosh g = S + 1/S - cos
    second = 4 * S * (1 - 1 / S**2) + 2 * dS**2 / S**3
    dg = first / sinh
    return g, dg, (second - (1 + above) * dg**2) / sinh


def _product(g: Jet, rows: int, sign: float) -> tuple[float, float, float, float]:
    """Product of 2 cosh (``sign`` 1) or 2 sinh (-1) of rows * g / 2: its logarithm, and its jet divided by it."""
    x, dx, ddx = (rows / 2 * part for part in g)
    small = np.exp(-2 * np.abs(x))
    log = np.sum(np.abs(x) + np.log1p(sign * small))
    slope = np.sign(x) * ((1 - small) / (1 + small)) ** sign  # tanh, or coth
    d = np.sum(slope * dx)
    dd = np.sum(slope * ddx + (1 - slope**2) * dx**2)
    return float(log), 1.0, float(d), float(d**2 + dd)


def _with_vanishing_factor(
    g0: Jet, rest: tuple[float, float, float, float], rows: int
) -> tuple[float, float, float, float]:
    """``rest`` times 2 sinh(rows g_0 / 2), which may be zero, so that derivatives of its logarithm are of no use."""
    x, dx, ddx = (float(rows / 2 * part[0]) for part in g0)
    log, _, d, dd = rest
    small = np.exp(-2 * abs(x))
    sinh, cosh = np.sign(x) * (1 - small), 1 + small  # both over exp |x|, and twice
    f, df, ddf = sinh, cosh * dx, cosh * ddx + sinh * dx**2
    return log + abs(x), f, df + f * d, ddf + 2 * df * d + f * dd
