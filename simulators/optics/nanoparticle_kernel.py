"""Scattering efficiency of a lossless sphere of two alternating media: the inner loop.

In each layer the radial function of order l is u(z) = A psi(z) + B chi(z), with z = k r and the Riccati-Bessel
functions psi = z j, chi = z y. Continuous across an interface are u and k u' where the electric
field has no radial part (TE), u and u' / k where the magnetic field has none (TM). Eliminating A and B takes (u, u')
from the inner radius of a shell to its outer one, z from a to b, by one real matrix of determinant 1, the same for both
polarizations,

    [[psi(b) chi'(a) - chi(b) psi'(a),   chi(b) psi(a) - psi(b) chi(a)],
     [psi'(b) chi'(a) - chi'(b) psi'(a), chi'(b) psi(a) - psi'(b) chi(a)]],

with no division that could meet a zero of psi. In the host u is alpha psi + gamma chi, and the Mie coefficient enters
the sum of Bohren and Huffman, Absorption and Scattering of Light by Small Particles, Eq. 4.61, by its
|a_l|^2 = gamma^2 / (alpha^2 + gamma^2).

chi is stable upward. psi is computed downward (Miller), from an order so high that the error there has died out. A
factor common to psi and chi of one argument divides out, so the unnormalized sines and cosines of the film's kernel
serve here too. All loops that count run over wavelengths, side by side in vector registers.
"""

import math

import numba
import numpy as np
from numpy.typing import NDArray

from graft.simulators.optics.film_kernel import rotations

Array = NDArray[np.float64]
Field = tuple[Array, Array]  # u and k u', or u and u' / k; each of shape (orders + 1, wavelengths)

TINY = 1e-270  # psi at the order where Miller's recurrence starts, up to a factor
LOST = 1e9  # chi grows by this up to that order, psi falls by it: the error is 1e-18 where psi is wanted


@numba.njit(fastmath=True, error_model="numpy", cache=True, nogil=True)
def _start(z: float, orders: int) -> int:
    """Order from which psi is computed downward, for argument ``z`` and all smaller ones (Olver)."""
    last, here = math.sin(z), -math.cos(z)
    order, wanted = 0, 1.0
    while order <= orders or abs(here) < LOST * wanted:
        last, here = here, (2 * order + 1) / z * here - last
        order += 1
        if order == orders:
            wanted = max(1.0, abs(here))
    return order


@numba.njit(inline="always", fastmath=True)
def _fill(
    inverse: Array, sine: Array, cosine: Array, start: int, orders: int, psi: Array, chi: Array, here: Array,
    last: Array,
) -> None:  # fmt: skip
    """Functions of arguments 1 / ``inverse`` in rows 0 to ``orders``; ``here`` and ``last`` are room to work in."""
    width = inverse.size
    for w in range(width):
        last[w], here[w] = sine[w], -cosine[w]
        chi[0, w] = -cosine[w]
    for order in range(orders):
        for w in range(width):
            new = (2 * order + 1) * inverse[w] * here[w] - last[w]
            last[w] = here[w]
            here[w] = new
            chi[order + 1, w] = new
    for w in range(width):
        last[w], here[w] = 0.0, TINY
    for order in range(start, orders + 1, -1):
        for w in range(width):
            new = (2 * order + 1) * inverse[w] * here[w] - last[w]
            last[w] = here[w]
            here[w] = new
    for order in range(orders + 1, 0, -1):
        for w in range(width):
            new = (2 * order + 1) * inverse[w] * here[w] - last[w]
            last[w] = here[w]
            here[w] = new
            psi[order - 1, w] = new
    for w in range(width):
        # The larger of the first two orders sets the scale: the other may be near a zero.
        low, high = here[w], last[w]
        first = abs(low) > abs(high)
        known = sine[w] if first else sine[w] * inverse[w] - cosine[w]
        here[w] = known / (low if first else high)
    for order in range(orders + 1):
        for w in range(width):
            psi[order, w] *= here[w]


@numba.njit(inline="always", fastmath=True)
def _shell(
    orders: int, k: Array, one_k: Array, inverse_a: Array, psi_a: Array, chi_a: Array, inverse_b: Array, psi_b: Array,
    chi_b: Array, te: Field, tm: Field,
) -> None:  # fmt: skip
    """Take u and its slope for both polarizations through a shell, by the matrix above."""
    (te_u, te_slope), (tm_u, tm_slope) = te, tm
    for order in range(1, orders + 1):
        for w in range(k.size):
            pa, ca, pb, cb = psi_a[order, w], chi_a[order, w], psi_b[order, w], chi_b[order, w]
            a, b = order * inverse_a[w], order * inverse_b[w]
            dpa, dca = psi_a[order - 1, w] - a * pa, chi_a[order - 1, w] - a * ca
            dpb, dcb = psi_b[order - 1, w] - b * pb, chi_b[order - 1, w] - b * cb
            m00, m01 = pb * dca - cb * dpa, cb * pa - pb * ca
            m10, m11 = dpb * dca - dcb * dpa, dcb * pa - dpb * ca
            u, du = te_u[order, w], te_slope[order, w] * one_k[w]
            v, dv = tm_u[order, w], tm_slope[order, w] * k[w]
            te_u[order, w] = m00 * u + m01 * du
            te_slope[order, w] = (m10 * u + m11 * du) * k[w]
            tm_u[order, w] = m00 * v + m01 * dv
            tm_slope[order, w] = (m10 * v + m11 * dv) * one_k[w]


@numba.njit(inline="always", fastmath=True)
def _total(
    orders: int, k: Array, one_k: Array, inverse: Array, psi: Array, chi: Array, te: Field, tm: Field, total: Array
) -> None:
    """Scattering efficiency in a host of wavenumber k, where 1 / ``inverse`` is the size parameter."""
    (te_u, te_slope), (tm_u, tm_slope) = te, tm
    total[:] = 0.0
    for order in range(1, orders + 1):
        for w in range(k.size):
            p, c = psi[order, w], chi[order, w]
            dp, dc = psi[order - 1, w] - order * inverse[w] * p, chi[order - 1, w] - order * inverse[w] * c
            u, du = te_u[order, w], te_slope[order, w] * one_k[w]
            v, dv = tm_u[order, w], tm_slope[order, w] * k[w]
            alpha, gamma = u * dc - du * c, du * p - u * dp
            share = gamma * gamma / (alpha * alpha + gamma * gamma)
            alpha, gamma = v * dc - dv * c, dv * p - v * dp
            share += gamma * gamma / (alpha * alpha + gamma * gamma)
            total[w] += 2 * (2 * order + 1) * share
    for w in range(k.size):
        total[w] *= inverse[w] * inverse[w]


@numba.njit(fastmath=True, error_model="numpy", cache=True, nogil=True)
def scatter(radius: Array, wavenumber: Array, multipoles: NDArray[np.int64]) -> Array:
    """Scattering efficiency, shape (batch, wavelengths), of spheres whose layer j is made of medium j % 2.

    Args:
        radius: Outer radius of each layer, the core first, shape (batch, layers).
        wavenumber: In the two media and in the host, shape (3, wavelengths).
        multipoles: Orders summed for each sphere, shape (batch,).
    """
    batch, layers = radius.shape
    width = wavenumber.shape[1]
    rows = multipoles.max() + 1
    psi_a, psi_b, psi_host = np.empty((rows, width)), np.empty((rows, width)), np.empty((rows, width))
    chi_a, chi_b, chi_host = np.empty((rows, width)), np.empty((rows, width)), np.empty((rows, width))
    te, tm = (np.empty((rows, width)), np.empty((rows, width))), (np.empty((rows, width)), np.empty((rows, width)))
    sine_a, sine_b, cosine_a, cosine_b = np.empty(width), np.empty(width), np.empty(width), np.empty(width)
    inverse_a, inverse_b, k, one_k = np.empty(width), np.empty(width), np.empty(width), np.empty(width)
    here, last, total = np.empty(width), np.empty(width), np.empty(width)
    out = np.empty((batch, width))
    for row in range(batch):
        orders, outermost = multipoles[row], radius[row, layers - 1]
        for j in range(layers):
            # Arguments come in pairs: of the core and in the host, then on the two sides of each shell.
            within, beyond = (j % 2, j % 2) if j else (0, 2)
            a, b = (radius[row, j - 1], radius[row, j]) if j else (radius[row, 0], outermost)
            for w in range(width):
                k_a, k_b = wavenumber[within, w], wavenumber[beyond, w]
                k[w] = k_a
                one_k[w] = 1.0 / k_a
                inverse_a[w] = 1.0 / (k_a * a)
                inverse_b[w] = 1.0 / (k_b * b)
                sa, ca, sb, cb = rotations(k_a * a / math.pi, k_b * b / math.pi)
                sine_a[w] = sa
                sine_b[w] = sb
                cosine_a[w] = ca
                cosine_b[w] = cb
            start_a, start_b = _start(1.0 / inverse_a.min(), orders), _start(1.0 / inverse_b.min(), orders)
            _fill(inverse_a, sine_a, cosine_a, start_a, orders, psi_a, chi_a, here, last)
            if j:
                _fill(inverse_b, sine_b, cosine_b, start_b, orders, psi_b, chi_b, here, last)
                _shell(orders, k, one_k, inverse_a, psi_a, chi_a, inverse_b, psi_b, chi_b, te, tm)
                continue
            _fill(inverse_b, sine_b, cosine_b, start_b, orders, psi_host, chi_host, here, last)
            for order in range(1, orders + 1):
                for w in range(width):
                    slope = psi_a[order - 1, w] - order * inverse_a[w] * psi_a[order, w]
                    te[0][order, w] = psi_a[order, w]
                    tm[0][order, w] = psi_a[order, w]
                    te[1][order, w] = slope * k[w]
                    tm[1][order, w] = slope * one_k[w]
        for w in range(width):
            k[w] = wavenumber[2, w]
            one_k[w] = 1.0 / wavenumber[2, w]
            inverse_b[w] = one_k[w] / outermost
        _total(orders, k, one_k, inverse_b, psi_host, chi_host, te, tm, total)
        out[row] = total
    return out
