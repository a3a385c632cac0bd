"""The textbook's formulas, one homogeneous sphere and one wavelength at a time.

Bohren and Huffman, Absorption and Scattering of Light by Small Particles: Eqs. 4.53, 4.61 and 4.62 with spherical
Bessel functions as scipy has them, and for coated spheres far smaller than the wavelength section 5.1 with the
polarizability of Eq. 5.36. Slow on purpose.
"""

import numpy as np
from scipy.special import spherical_jn, spherical_yn


def homogeneous(index: complex, radius: float, wavelength: float, host: float) -> tuple[float, float, float]:
    """Scattering, absorption and extinction efficiencies."""
    x, m = 2 * np.pi * host * radius / wavelength, index / host
    orders = np.arange(1, int(x + 4.05 * np.cbrt(x) + 2) + 8)

    def both(function, z):
        return z * function(orders, z), function(orders, z) + z * function(orders, z, derivative=True)

    psi, dpsi = both(spherical_jn, x)
    chi, dchi = both(spherical_yn, x)
    inside, dinside = both(spherical_jn, m * x)
    xi, dxi = psi + 1j * chi, dpsi + 1j * dchi
    a = (m * inside * dpsi - psi * dinside) / (m * inside * dxi - xi * dinside)
    b = (inside * dpsi - m * psi * dinside) / (inside * dxi - m * xi * dinside)
    share = 2 / x**2 * (2 * orders + 1)
    scattering = float((share * (np.abs(a) ** 2 + np.abs(b) ** 2)).sum())
    extinction = float((share * (a + b).real).sum())
    return scattering, extinction - scattering, extinction


def rayleigh(core: complex, shell: complex, radius: float, outer: float, wavelength: float, host: float):
    """Scattering and absorption efficiencies of a coated sphere in the limit of small size."""
    x = 2 * np.pi * host * outer / wavelength
    e1, e2, em, f = core**2, shell**2, host**2, (radius / outer) ** 3
    above = (e2 - em) * (e1 + 2 * e2) + f * (e1 - e2) * (em + 2 * e2)
    below = (e2 + 2 * em) * (e1 + 2 * e2) + f * (2 * e2 - 2 * em) * (e1 - e2)
    return 8 / 3 * x**4 * abs(above / below) ** 2, 4 * x * (above / below).imag
